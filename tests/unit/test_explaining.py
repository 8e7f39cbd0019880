"""Why a run waits: what lasts so short a time that no story can show it."""

from __future__ import annotations

from inngest.engine.domain.explaining import Reason, Rule, explain, text_of
from inngest.engine.domain.model import Run, RunStatus
from inngest.engine.domain.waiting_facts import Facts, Handler, WorkerFact
from inngest.protocol.opcodes import Opcode, OpenStep
from inngest.protocol.steps import StepName

RUN = Run("01M848N7A5621S18S2HGP2V8CF", "shop-import", "1", "01M848N7A5621S18S2HGP2V8CE", RunStatus.RUNNING, 1, 4, 2)
DEAD = WorkerFact("dead", "vm, process 1", serves=True, executing=1)
OTHER = WorkerFact("other", "vm, process 2", serves=True, executing=0)


def facts(*workers: WorkerFact) -> Facts:
    return Facts(
        run=RUN,
        open=(),
        failed=(),
        subscriptions=(),
        children=(),
        due_at=None,
        alone=False,
        owner="dead",
        workers=workers,
        requests=(),
        paused=None,
        recorded=None,
    )


def test_another_worker_takes_over_what_a_dead_one_had() -> None:
    seen = facts(DEAD, OTHER).judged(lambda session: session == "other")
    assert explain(seen, 3) == [Reason(Rule.DUE, "Its worker (vm, process 1) has died: another one takes it over.")]


def test_the_handlers_that_have_run_longest_are_named() -> None:
    running = [Handler(RUN.id, f"part {number}", 0, 1_000 * number) for number in range(12, 0, -1)]
    (reason,) = explain(facts(DEAD._replace(handlers=running)), 3)
    assert reason.text.startswith(
        'It is executing on vm, process 1: step "part 1", since 1970-01-01 00:00:01 UTC; step'
    )
    assert reason.text.endswith("; 7 more.")


def test_a_worker_that_is_not_known_to_be_dead_executes_it() -> None:
    assert explain(facts(DEAD, OTHER), 3) == [
        Reason(Rule.EXECUTING, "It is executing on vm, process 1, and has recorded no step.")
    ]


def test_a_step_that_an_app_has_planned_has_failed_in_no_attempt() -> None:
    planned = OpenStep(StepName("p", 0, "hash"), Opcode.STEP_RUN, 0, 1, 1)
    seen = facts(OTHER)._replace(owner=None, due_at=1, open=[planned])
    assert explain(seen, 3)[-1] == Reason(Rule.DUE, 'Step "p" is there to run: its app is called for it.', None, "p")


def test_what_is_wrong_with_a_row_is_kept_as_a_text_that_a_column_can_hold() -> None:
    assert text_of(ValueError("half of a pair: \ud800")).encode() == rb"ValueError: half of a pair: \ud800"
