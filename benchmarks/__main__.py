"""`python -m benchmarks [A B …]`: measure, and print the tables; all of it, or the parts that are named.

QUICK=1 measures little, to see in a few minutes that everything runs. RECORD=1 measures all, and writes RESULTS.md.
BASE=REV measures ours beside that revision, too (R).
"""

from __future__ import annotations

import datetime
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import (
    crash,
    crons,
    crowd,
    growth,
    intake,
    limits,
    machine,
    profile,
    revision,
    sequential,
    serving,
    sleepers,
    startup_times,
    statements,
    waits,
)
from .figures import Section
from .fleet import lying, peers, together
from .plan import FULL, QUICK, Plan
from .processes import say

RESULTS = Path(__file__).parent / "RESULTS.md"

PARTS: dict[str, Sequence[Callable[[Plan], Section]]] = {
    "A": [sequential.steps_in_a_row, statements.statements],
    "B": [crowd.many_runs],
    "C": [sequential.idle_latency],
    "D": [crash.killed],
    "E": [sleepers.sleeping],
    "F": [startup_times.starting],
    "G": [limits.limited_runs],
    "H": [waits.waiting],
    "I": [intake.events_in],
    "J": [crons.ticking],
    "K": [growth.growing],
    "L": [peers.beside_dbos, together.several, lying.lying],
    "S": [serving.serving],
    "P": [profile.where_time_goes],
}
if os.environ.get("BASE"):
    PARTS["R"] = [revision.beside_base]

HOW = """\
All contenders of a part run in the same run, each in its own process with its own database on the same disk. They take
turns, and the order of the turns is reversed each round; whoever does not have its turn is stopped (SIGSTOP). A figure
is the median of its rounds, with the quartiles in parentheses. A ratio is taken within each round, and then the median
of those: what disturbs a round disturbs both. **Only the ratios say something**: absolute times hold for this machine,
at this load; it is shared with other work, and no one can hold it still. While others sync to the same disk, all
wait alike, and a ratio to the floor says little; below 1 it says nothing but that. Part A tells the engine's own time
as well.

The floor is one `INSERT` and one `COMMIT` for each step, into a table without any index (`floor.sql`), with the
settings of our engine: the least that a durable step can cost here. DBOS is measured as it comes from PyPI, and on a
file that was put into WAL mode before. Nothing fails by a bar that is missed.
"""


def main() -> None:
    """Measure what was asked for."""
    plan = QUICK if os.environ.get("QUICK") else FULL
    record = bool(os.environ.get("RECORD"))
    parts = sys.argv[1:] or list(PARTS)
    if unknown := [part for part in parts if part not in PARTS]:
        sys.exit(f"expected parts of {', '.join(PARTS)}, got {', '.join(unknown)}")
    if record and (plan.quick or parts != list(PARTS)):
        sys.exit("RECORD=1 records a whole run in full: leave out QUICK=1 and the names of parts")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that no process is left behind, stopped
    facts = machine.facts()
    print(f"{facts}\n", flush=True)
    sections = []
    for part in parts:
        for measure in PARTS[part]:
            section = measure(plan)
            print(f"{section.markdown()}\n", flush=True)
            sections.append(section)
    print(_verdict(sections))
    if record:
        RESULTS.write_text(_document(facts, sections), encoding="utf-8")
        say(f"wrote {RESULTS.name}")


def _document(facts: str, sections: Sequence[Section]) -> str:
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    head = f"# Results\n\nMade by `RECORD=1 make bench` on {day}. {_verdict(sections)}"
    load = f"After all of it: load {machine.load()}; write and fsync {machine.syncs()}."
    return "\n\n".join([head, facts, HOW.strip(), *(section.markdown() for section in sections), load]) + "\n"


def _verdict(sections: Sequence[Section]) -> str:
    bars = [bar for section in sections for bar in section.bars]
    missed = [bar.what for bar in bars if not bar.met]
    told = f"; missed: {'; '.join(missed)}" if missed else ""
    return f"{len(bars) - len(missed)} of {len(bars)} bars are met{told}."


if __name__ == "__main__":
    main()
