"""Looking into worlds: one, all that differ by where it crashes, or as many as there is time for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from .checkers import problems
from .corpus import ALL
from .faults import AT_COMMIT, CRASHES, Fault
from .history import History
from .scenarios import MIXED, world_of
from .surroundings import silence
from .wired import APART, UNSEEN
from .world import World

SIGNS: dict[str, Fault] = {
    **dict(zip(("before", "after", "known"), AT_COMMIT, strict=True)),
    "torn": Fault.TORN,
    "full": Fault.FULL,
    "unanswered": Fault.UNANSWERED,
    "away": Fault.AWAY,
}
"""How crashes and troubles at commits are written in a case."""


NARROW = tuple(name for program in ALL for name in (program.name, f"{program.name}-2", f"{program.name}-3"))
"""Worlds with one program and up to three engines."""


SERVED = tuple(
    f"{program.name}@{engines}" for program in ALL if program.name not in APART | UNSEEN for engines in (1, 2)
)
"""The same, in apps that up to two engines call."""


@dataclass(frozen=True, slots=True)
class Case:
    """One world, in one line: `payers 7`, or `payers 7 12:after 15:before` with crashes at numbered commits."""

    name: str
    seed: int
    crashes: tuple[tuple[int, Fault], ...] = ()

    @classmethod
    def parse(cls, line: str) -> Case:
        """The case of a line.

        Raises:
            ValueError: what is wrong with it.
        """
        name, *rest = line.split() or [""]
        if name not in MIXED and name not in NARROW and name not in SERVED:
            raise ValueError(f"there is no world {name!r}; there are {', '.join((*MIXED, *NARROW, *SERVED))}")
        if not rest or not rest[0].isdecimal():
            raise ValueError(f"the seed of {line!r} must follow the name of the world, as in '{name} 7'")
        return cls(name, int(rest[0]), tuple(_crash(text) for text in rest[1:]))

    def __str__(self) -> str:
        signs = {fault: sign for sign, fault in SIGNS.items()}
        return " ".join((self.name, str(self.seed), *(f"{number}:{signs[fault]}" for number, fault in self.crashes)))


def _crash(text: str) -> tuple[int, Fault]:
    number, _, sign = text.partition(":")
    if not number.isdecimal() or sign not in SIGNS:
        raise ValueError(f"{text!r} must be the number of a commit and one of {', '.join(SIGNS)}, as in '12:after'")
    return int(number), SIGNS[sign]


@dataclass(slots=True)
class Figures:
    """What was looked into."""

    worlds: int = 0
    runs: int = 0
    commits: int = 0
    seconds: float = 0.0  # of the worlds
    fired: Counter[Fault] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)  # cases, with what does not hold

    def add(self, other: Figures) -> None:
        """Count these too."""
        self.worlds += other.worlds
        self.runs += other.runs
        self.commits += other.commits
        self.seconds += other.seconds
        self.fired.update(other.fired)
        self.failures += other.failures

    @property
    def crashes(self) -> int:
        """How many processes ended before their time."""
        return sum(count for fault, count in self.fired.items() if fault in CRASHES)

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"worlds   {self.worlds:,}"
        yield f"runs     {self.runs:,}"
        yield f"commits  {self.commits:,}"
        yield f"crashes  {self.crashes:,}"
        yield f"time     {self.seconds / 3600:,.1f} hours in the worlds"
        for fault in Fault:
            yield f"  {self.fired[fault]:>8,}  {fault.value}"


@dataclass(frozen=True, slots=True)
class Look:
    """One world that was looked into."""

    case: Case
    history: History
    commits: int
    fired: Counter[Fault]
    problems: dict[str, list[str]]  # by checker

    @property
    def figures(self) -> Figures:
        """For the sum."""
        seconds = self.history.entries[-1].at / 1e6
        failures = [f"{self.case}: {self.problems}"] if self.problems else []
        return Figures(1, len(self.history.state.runs), self.commits, seconds, Counter(self.fired), failures)


def look(case: Case, checkers: Collection[str] | None = None) -> Look:
    """Let a world happen, and check it, by all checkers or by some."""
    scenario, plan = world_of(case.name, case.seed)
    world = World(scenario, case.seed, replace(plan, at=dict(case.crashes)) if case.crashes else plan)
    with silence():
        history = world.run()
        found = problems(history, scenario, checkers)
    return Look(case, history, world.boundaries, world.fired_count, found)


def look_into(cases: Iterable[Case]) -> Figures:
    """Let several worlds happen."""
    figures = Figures()
    for case in cases:
        figures.add(look(case).figures)
    return figures


def every_crash(name: str, seed: int, signs: tuple[Fault, ...] = AT_COMMIT) -> Iterator[Case]:
    """A world without a crash, and then with one at each of its commits."""
    plain = Case(name, seed)
    yield plain
    for number in range(look(plain, ()).commits):
        for fault in signs:
            yield Case(name, seed, ((number, fault),))


def some_crash(name: str, seed: int, most: int | None = None) -> Iterator[Case]:
    """A crash of a drawn kind at each commit, or at evenly spread ones, so that there are at most so many."""
    chance = random.Random(f"some {name} {seed}")
    commits = look(Case(name, seed), ()).commits
    count = commits if most is None else min(commits, most)
    for number in (place * commits // count for place in range(count)):
        yield Case(name, seed, ((number, chance.choice(AT_COMMIT)),))


def every_end(name: str, seed: int, most: int) -> Iterator[Case]:
    """A loop that is torn down soon after each commit, or after evenly spread ones; how soon, is drawn."""
    commits = look(Case(name, seed), ()).commits
    for number in {place * commits // most for place in range(most)}:
        yield Case(name, seed, ((number, Fault.TORN),))


def crash_again(name: str, seed: int, first: int, soon: int) -> Iterator[Case]:
    """A second crash at each of the `soon` commits that follow a first one, at each commit from `first` on."""
    chance = random.Random(f"again {name} {seed}")
    for number in range(first, look(Case(name, seed), ()).commits):
        for second in range(number + 1, number + 1 + soon):
            yield Case(name, seed, ((number, chance.choice(AT_COMMIT)), (second, chance.choice(AT_COMMIT))))


WEIGHTS = {
    "killer": 1,
    "outgrown": 1,
    "busy": 1,
    "long": 1,
    "storm": 10,
    "zombies": 3,
    "deaf": 2,
    "crash": 8,
    "torn": 5,
    "outside": 8,
    "crowd": 3,
    "deferring": 2,
    "requests": 2,
    "hosts": 1,
    "timers": 2,
    "gated": 7,
    "clockwork": 3,
    "hours": 3,
    "damaged": 2,
    "on-hold": 3,
    "forsaken": 1,
    "outbox": 5,
    "served": 8,
    "two-servers": 3,
    "checkpointed": 4,
    "app-away": 2,
    "wired": 3,
    "in-turn": 3,
    "kept": 8,
    "endpoints": 6,
}
"""How often worlds of each kind are drawn."""


def by_chance(seed: int) -> Case:
    """The case of a seed: mostly a storm, else something narrower. Each kind comes once before any is drawn."""
    chance = random.Random(f"case {seed}")
    kinds = list(WEIGHTS)
    kind = kinds[seed] if seed < len(kinds) else chance.choices(kinds, list(WEIGHTS.values()))[0]
    if kind != "crash":
        return Case(kind, seed)
    name = chance.choice(NARROW)
    numbers = sorted(chance.sample(range(40), chance.randint(1, 3)))
    return Case(name, seed, tuple((number, chance.choice(AT_COMMIT)) for number in numbers))
