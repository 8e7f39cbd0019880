"""`kill -9`, for real: what was recorded is not done again, and nothing that was acknowledged is lost.

Handlers and bodies write into a ledger outside of the engine what they do. A kill counts only if the ledger shows that
the process had begun new work since it was started. A step is recorded when the ledger shows that its body went on from
it. When all has run to its end, the ledger is compared with what the engine recorded. The figures are printed at the
end of the suite.
"""

from __future__ import annotations

from tests.embedded.kills.account import Life
from tests.embedded.kills.functions import ONCE, ONCE_KINDS
from tests.embedded.kills.story import Tell


def test_at_random_moments(tell: Tell) -> None:
    with tell("at random moments") as told:
        while told.counted < 8:
            process = told.start(told.orders())
            lines = told.chance.randint(10, 90)

            def written(life: Life, lines: int = lines) -> bool:
                return life.lines >= lines

            told.until_lives(process, written)
            told.count(told.kill(process))


def test_while_a_handler_runs(tell: Tell) -> None:
    with tell("while a handler runs") as told:
        while told.counted < 6:
            process = told.start(told.orders(), hold=told.chance.randint(1, 15))
            told.until_writes(process, "held")
            life = told.kill(process)
            told.count(life, bool(told.account.running(process.number)))


def test_steps_that_run_at_most_once(tell: Tell) -> None:
    """Killed while a handler of such a step runs; and at random moments, so around the commit of its begin, too."""
    with tell("at most once") as told:
        while told.counted < 6:
            process = told.start(told.orders([*ONCE_KINDS]), hold=told.chance.randint(1, 6))
            told.until_writes(process, "held")
            life = told.kill(process)
            told.count(life, any(step.startswith(ONCE) for _, step in told.account.running(process.number)))
        while told.counted < 12:
            process = told.start(told.orders([*ONCE_KINDS] * 3))
            lines = told.chance.randint(5, 50)

            def written(life: Life, lines: int = lines) -> bool:
                return life.lines >= lines

            told.until_lives(process, written)
            life = told.kill(process)
            told.count(life, any(step.startswith(ONCE) for _, step in life.began))
        told.complete()
        assert told.account.interrupted >= 6


def test_during_recovery(tell: Tell) -> None:
    with tell("during recovery") as told:
        while told.counted < 6:
            process = told.start(told.orders(), hold=8)
            told.until_writes(process, "held")
            told.kill(process)
            process = told.start()
            told.until_writes(process, "starting")
            told.kill(process)
            for hold in (1, None, 3, 2):
                if not told.account.unfinished:
                    break
                process = told.start(hold=hold)
                told.until_writes(process, "begin", "return")
                life = told.kill(process)
                took_over = any(run in life.found for run, _ in life.began)
                told.count(life, took_over, life.returned == 0)
            told.complete()  # a run on which ten workers die in a row, without a step recorded, fails by design


def test_while_events_are_sent(tell: Tell) -> None:
    with tell("while events are sent") as told:
        while told.counted < 6:
            process = told.start(told.orders(["sequential", "plain", "telling"] * 8), batch=told.chance.randint(1, 3))
            events = told.chance.randint(1, 12)

            def acked(life: Life, events: int = events) -> bool:
                return life.acked >= events and bool(life.began)

            told.until_lives(process, acked)
            life = told.kill(process)
            told.count(life, bool(life.sending))


def test_another_process_takes_over_at_once(tell: Tell) -> None:
    with tell("beside another process") as told:
        process = told.start()
        while told.counted < 6:
            other = told.start()
            told.until_writes(other, "started")
            told.send(process, told.orders(), hold=told.chance.randint(1, 8))
            told.until_writes(process, "held")
            life = told.kill(process)
            left = set(told.account.running(process.number))
            told.count(life, bool(left))
            while left:  # nobody is started meanwhile
                begun = told.until_writes(other, "begin")
                left.discard((begun.run, begun.step))
            process = other
