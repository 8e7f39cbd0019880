"""What each contender says to SQLite for a step, and with which settings: asked of the driver itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .figures import Bar, Section, table
from .plan import Plan
from .processes import EVERYONE, FLOOR, OURS, TITLES, Worker, say, workers

KINDS = ("BEGIN", "SELECT", "INSERT", "WITH", "UPDATE", "DELETE", "COMMIT")

Counts = Mapping[int, Mapping[str, int]]


def statements(plan: Plan) -> Section:
    """Counts and settings, as the processes show them that A asks for the same."""
    say("A: counting statements")
    counted: dict[str, Counts] = {}
    settings: dict[str, list[dict[str, object]]] = {}
    with workers(EVERYONE, watched=True) as all_workers:
        for worker in all_workers:
            counted[worker.name] = _count(worker, plan.counted)
            settings[worker.name] = worker.ask_once("settings")
    rows = [
        [TITLES[name], f"{steps:,}", *(_per_step(one[steps], steps, kind) for kind in KINDS), _all(one[steps], steps)]
        for name, one in counted.items()
        for steps in one
    ]
    heads = ["statements a step", "N", *KINDS, "all"]
    names = list(settings[OURS][0])
    in_force = [[TITLES[name], *values.values()] for name, found in settings.items() for values in found]
    text = "\n\n".join(
        [
            "The settings in force, asked of the connections in use (`synchronous` 2 is FULL):",
            table(["", *names], in_force),
            "Statements of one run of N steps, divided by N; of WITH statements, one checks who owns the run and "
            "writes the result. `PRAGMA`s are not counted.",
            table(heads, rows),
        ]
    )
    return Section("What is said to SQLite", text, [_same(counted[OURS])])


def _count(worker: Worker, counted: Sequence[int]) -> Counts:
    found = {}
    with worker.turn() as ask:
        for steps in counted if worker.name in (OURS, FLOOR) else counted[:1]:
            ask("reset")
            ask("sequence", steps=steps, repeats=1)
            found[steps] = ask("seen")["statements"]
    return found


def _same(ours: Counts) -> Bar:
    """Statements of every further step, from the difference of the two runs, to those of the shorter run."""
    few, many = ours
    first = sum(ours[few].values()) / few
    further = (sum(ours[many].values()) - sum(ours[few].values())) / (many - few)
    return Bar(
        f"statements of each step after the {few}th ({further:.2f}) ÷ of each before ({first:.2f})",
        further / first,
        1.0,
        " ×",
    )


def _per_step(counts: Mapping[str, int], steps: int, kind: str) -> str:
    return f"{counts.get(kind, 0) / steps:.2f}"


def _all(counts: Mapping[str, int], steps: int) -> str:
    return f"{sum(counts.values()) / steps:.2f}"
