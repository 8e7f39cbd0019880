"""Looking into worlds: one, all that differ by where it crashes, or as many as there is time for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from .checkers import problems
from .corpus import CHANGED, PROGRAMS
from .faults import AT_COMMIT, Fault
from .history import History
from .scenarios import world_of
from .world import World, silence

SIGNS: dict[str, Fault] = dict(zip(("before", "after", "known"), AT_COMMIT, strict=True))
"""How crashes at commits are written in a case."""


NARROW = tuple(
    name for program in (*PROGRAMS, *CHANGED) for name in (program.name, f"{program.name}-2", f"{program.name}-3")
)
"""Worlds with one program and up to three engines."""


@dataclass(frozen=True, slots=True)
class Case:
    """One world, in one line: `payers 7`, or `payers 7 12:after 15:before` with crashes at numbered commits."""

    name: str
    seed: int
    crashes: tuple[tuple[int, Fault], ...] = ()

    @classmethod
    def parse(cls, line: str) -> Case:
        """The case of a line."""
        name, seed, *crashes = line.split()
        pairs = [crash.split(":") for crash in crashes]
        return cls(name, int(seed), tuple((int(number), SIGNS[sign]) for number, sign in pairs))

    def __str__(self) -> str:
        signs = {fault: sign for sign, fault in SIGNS.items()}
        return " ".join((self.name, str(self.seed), *(f"{number}:{signs[fault]}" for number, fault in self.crashes)))


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


def look(case: Case) -> Look:
    """Let a world happen, and check it."""
    scenario, plan = world_of(case.name, case.seed)
    world = World(scenario, case.seed, replace(plan, at=dict(case.crashes)) if case.crashes else plan)
    with silence():
        history = world.run()
        found = problems(history, scenario)
    return Look(case, history, world.boundaries, world.fired_count, found)


def every_crash(name: str, seed: int, signs: tuple[Fault, ...] = AT_COMMIT) -> Iterator[Case]:
    """A world without a crash, and then with one at each of its commits."""
    plain = Case(name, seed)
    yield plain
    for number in range(look(plain).commits):
        for fault in signs:
            yield Case(name, seed, ((number, fault),))


def some_crash(name: str, seed: int) -> Iterator[Case]:
    """A crash of one kind at each commit; the kind is drawn."""
    chance = random.Random(f"some {name} {seed}")
    for number in range(look(Case(name, seed)).commits):
        yield Case(name, seed, ((number, chance.choice(AT_COMMIT)),))


def crash_again(name: str, seed: int, first: int, soon: int) -> Iterator[Case]:
    """A second crash at each of the `soon` commits that follow a first one, at each commit from `first` on."""
    chance = random.Random(f"again {name} {seed}")
    for number in range(first, look(Case(name, seed)).commits):
        for second in range(number + 1, number + 1 + soon):
            yield Case(name, seed, ((number, chance.choice(AT_COMMIT)), (second, chance.choice(AT_COMMIT))))


def by_chance(seed: int) -> Case:
    """The case of a seed: mostly a storm, else something narrower."""
    chance = random.Random(f"case {seed}")
    kind = chance.choices(("storm", "zombies", "deaf", "long", "killer", "crash"), (10, 3, 2, 1, 1, 8))[0]
    if kind != "crash":
        return Case(kind, seed)
    name = chance.choice(NARROW)
    numbers = sorted(chance.sample(range(40), chance.randint(1, 3)))
    return Case(name, seed, tuple((number, chance.choice(AT_COMMIT)) for number in numbers))
