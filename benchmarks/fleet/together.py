"""L: several processes on one database: how fast together, behind a limit, and how soon one wakes another."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Generator, Sequence

from benchmarks.contenders.members import LIMIT
from benchmarks.contenders.verbs import STEPS_OF_A_RUN
from benchmarks.figures import Bar, Rounds, Section, percentile, table
from benchmarks.plan import Plan
from benchmarks.processes import Worker, in_turns, on_databases, say

from .server import Database, database

COUNTS = (1, 2, 4)
"""Processes that work together."""

ALONE, LIMITED = "crowd", "limited"


def several(plan: Plan) -> Section:
    """Two and four processes to one; a limit over four; a wake-up."""
    with database() as found:
        urls = {f"member:{number}": found.url("inngest") for number in range(max(COUNTS))}
        with on_databases(urls, stops=False) as members:
            rates = _rates(plan, found, members)
            limited = _limited(plan, members)
        # Any member would take the run: there is one.
        pair = {"sender": found.url("inngest"), "member": found.url("inngest")}
        with on_databases(pair, stops=False) as (sender, member):
            wakes = _wakes(plan, sender, member)
    rows = [
        [f"{count}", *(rates.of(f"{count}{what}") for what in ("", "-cpu", "-server")), rates.ratio(f"{count}", "1")]
        for count in COUNTS
    ]
    sent, acknowledged = ([wake[place] for wake in wakes] for place in (0, 1))
    slower = limited.ratio(LIMITED, ALONE)
    text = (
        f"{plan.crowd_runs:,} runs × {STEPS_OF_A_RUN} steps by {plan.crowd_callers} callers in each process, at the "
        f"same time; the database has a core as well as they. Rounds: {plan.fleet_rounds}.\n\n"
    )
    text += table(["processes", "runs/s", "CPU ms a run", "of the server", "÷ one"], rows)
    text += (
        f"\n\nThe same in {max(COUNTS)} processes, where all runs have one key with a limit of {LIMIT}, to the runs "
        f"without a limit: by as many callers as the limit lets through {slower}, by {plan.crowd_callers} in each "
        f"process, whose runs wait for a slot, {limited.ratio(f'{LIMITED}-many', f'{ALONE}-many')}.\n\n"
        f"An event that one process sends, and whose run another begins, {len(wakes)} times, ms from when it is sent, "
        "and from when that is acknowledged:\n\n"
    )
    text += table(
        ["", "p50", "p99"],
        [
            ["sent → begun", percentile(sent, 0.5), percentile(sent, 0.99)],
            ["acknowledged → begun", percentile(acknowledged, 0.5), percentile(acknowledged, 0.99)],
        ],
    )
    bound = limited.ratio(f"{LIMITED}-many", f"{ALONE}-many").median
    bars = [
        Bar("runs/s, 2 processes ÷ 1", rates.ratio("2", "1").median, 1.4, " ×", least=True),
        Bar("runs/s, 4 processes ÷ 1", rates.ratio("4", "1").median, 1, " ×", least=True),
        Bar("runs/s of 4 processes, a limit that binds ÷ without", bound, 0.8, " ×", least=True),
        Bar("acknowledged → begun in another process, p50", percentile(acknowledged, 0.5), 3, " ms"),
    ]
    return Section("L. A fleet: several processes", text, bars)


def _rates(plan: Plan, on: Database, members: Sequence[Worker]) -> Rounds:
    """Runs a second of so many processes, and CPU of a run in them and in the server, ms."""

    def one(count: int) -> dict[str, float]:
        say(f"L: {count} processes")
        working = members[:count]
        runs = count * plan.crowd_runs
        with turns(working):
            _together(working, ALONE, plan.crowd_callers, plan.crowd_callers)
            with on.spent() as spent:
                seconds, cpu = _together(working, ALONE, plan.crowd_runs, plan.crowd_callers)
        return {
            f"{count}": runs / seconds,
            f"{count}-cpu": 1000 * cpu / runs,
            f"{count}-server": 1000 * spent.cpu / runs,
        }

    return Rounds(in_turns(plan.fleet_rounds, COUNTS, one))


def _limited(plan: Plan, members: Sequence[Worker]) -> Rounds:
    """Runs a second of all processes: by callers whom the limit lets through, and by more of them."""

    def one(verb: str) -> dict[str, float]:
        say(f"L: {len(members)} processes, {verb}")
        found = {}
        with turns(members):
            for what, callers in (("", LIMIT // len(members)), ("-many", plan.crowd_callers)):
                _together(members, verb, callers, callers)
                seconds, _ = _together(members, verb, plan.crowd_runs, callers)
                found[verb + what] = len(members) * plan.crowd_runs / seconds
        return found

    return Rounds(in_turns(plan.fleet_rounds, (ALONE, LIMITED), one))


def _together(members: Sequence[Worker], verb: str, runs: int, callers: int) -> tuple[float, float]:
    """Seconds until all have done so many runs each, and CPU seconds of all."""
    began = time.perf_counter()
    for member in members:
        member.begin(verb, runs=runs, callers=callers)
    cpu = sum(member.answer()[1] for member in members)
    return time.perf_counter() - began, cpu


def _wakes(plan: Plan, sender: Worker, member: Worker) -> list[tuple[float, float]]:
    """Milliseconds from sending, and from the acknowledgement, until another process begins the run."""
    say("L: one process wakes another")
    chance = random.Random(1)  # looks at certain times must not meet sends at certain times
    found = []
    with turns([sender, member]):
        for number in range(plan.fleet_samples):
            time.sleep(chance.uniform(0.02, 0.1))
            began, acknowledged = sender.ask("send", number=number)
            entered = member.ask("entered", number=number)
            found.append(((entered - began) / 1e6, (entered - acknowledged) / 1e6))
    return found


@contextlib.contextmanager
def turns(members: Sequence[Worker]) -> Generator[None]:
    """Let several run at the same time."""
    with contextlib.ExitStack() as stack:
        for member in members:
            stack.enter_context(member.turn())
        yield
