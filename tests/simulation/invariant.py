"""`python -m tests.simulation.invariant --runs 10000 --keys 50`: concurrency limits, under random crashes.

Several engines share a file on which thousands of runs queue behind limits by key. What each key executes, and which
slots are held, is followed change by change while it happens; nothing else of the history is kept. Exits with 1 if a
limit was exceeded, a slot was counted that nobody holds, or a run has not ended as it should.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from .checkers import ends
from .checkers.p7_limits import Slots
from .corpus.crowding import AT_A_TIME, LIMIT, crowding
from .faults import CRASHES, Fault, Plan, Storm
from .history import Committed, Entry, History, Noticed
from .scenario import APP, Scenario, Send
from .surroundings import silence
from .world import World

BUDGET = f"fn:{APP}-crowded:"

KINDS = (Fault.CRASH_ANYWHERE, Fault.CRASH_ANYWHERE, Fault.ZOMBIE, Fault.PAUSE, Fault.STOP)


class Followed(History):
    """A history that is followed, and forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = Slots()
        self.problems: list[str] = []

    def note(self, entry: Entry) -> None:
        if isinstance(entry, Committed):
            for change in entry.changes:
                self.state.apply(change)
        elif isinstance(entry, Noticed):
            self.problems.append(entry.what)
        self.problems += self.slots.see(entry, self.state)


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen."""

    runs: int
    ended: int
    crashes: int
    zombies: int
    commits: int
    seconds: float  # of the world
    executing: dict[str, int]  # the most handlers at a time, by key
    held: dict[str, int]  # the most slots at a time, by key
    leaked: int  # slots that are counted in the end
    problems: list[str]

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"runs     {self.runs:,}, {self.ended:,} ended"
        yield f"commits  {self.commits:,} in {self.seconds:,.0f} s of the world"
        yield f"crashes  {self.crashes:,}, and {self.zombies:,} workers declared dead while they ran"
        yield f"keys     {len(self.executing)}, each with {LIMIT} slots"
        yield f"  handlers at a time, at most  {_spread(self.executing)}"
        yield f"  slots held, at most          {_spread(self.held)}"
        yield f"slots leaked {self.leaked}"
        yield f"failures {len(self.problems)}"
        yield from self.problems[:10]


def _spread(most: dict[str, int]) -> str:
    """How many keys have which maximum."""
    counts = sorted(most.values(), reverse=True)
    found = ", ".join(f"{count} for {counts.count(count)} keys" for count in dict.fromkeys(counts))
    return found or "none"


def observe(runs: int, keys: int, seed: int) -> Observed:
    """Have so many runs end, whatever happens."""
    program = crowding(keys)
    sends = [Send(program, at=20 * number) for number in range(runs // AT_A_TIME)]
    scenario = Scenario(
        "crowding", [program], sends, engines=3, max_in_flight=60, patience=3_000, transactions=100 * runs
    )
    # Faults for as long as the runs should take by far: all that need a slot for 0.2 s, and the waiting for the dead.
    storm = Storm(lasts=runs / (keys * LIMIT) * 0.3, at_commit=0.02, busy=0.01, deaf=0.1, every=0.3, kinds=KINDS)
    history = Followed()
    world = World(scenario, seed, Plan(storm=storm), history)
    with silence():
        world.run()
    state, slots = history.state, history.slots
    crowd = [run for run in state.runs.values() if run["function_id"] == f"{APP}-crowded"]
    return Observed(
        runs=len(crowd),
        ended=sum(run["status"] == "COMPLETED" for run in crowd),
        crashes=sum(count for fault, count in world.fired_count.items() if fault in CRASHES),
        zombies=world.fired_count[Fault.ZOMBIE],
        commits=world.boundaries,
        seconds=world.now() / 1e6,
        executing={budget: most for budget, most in slots.most_executing.items() if budget.startswith(BUDGET)},
        held={budget: most for budget, most in slots.most_held.items() if budget.startswith(BUDGET)},
        leaked=sum(slots.used.values()),
        problems=[*history.problems, *slots.leaked(), *ends.check(history, scenario)],
    )


def main(arguments: list[str]) -> int:
    """Observe what is asked; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.invariant", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help=f"how many, in hundreds ({AT_A_TIME} start together)")
    parser.add_argument("--keys", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    began = time.monotonic()
    observed = observe(given.runs, given.keys, given.seed)
    for line in observed.lines():
        print(line)
    print(f"took     {time.monotonic() - began:,.0f} s")
    return 1 if observed.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
