"""Planted bugs, one or more for each promise: the checkers must find each of them, or they do not check.

Each is applied by patching, and lasts as long as its context. It names the worlds in which it is looked for, and the
checkers that may find it. There is a file for each theme.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tests.simulation.explore import NARROW, Case, Figures, look, some_crash

from . import answering, changing, gating, limits, owning, rerunning, stepping, timing, waiting, wiring, writing
from .planting import MUTATIONS, Mutation

__all__ = [
    "BY_PROMISE",
    "MUTATIONS",
    "WORLDS",
    "Mutation",
    "answering",
    "changing",
    "gating",
    "hunt",
    "limits",
    "owning",
    "rerunning",
    "stepping",
    "timing",
    "waiting",
    "wiring",
    "writing",
]

WORLDS = 120
"""Worlds after which the hunt for a planted bug is given up: it was not found."""


def hunt(name: str) -> tuple[Figures, Case | None]:
    """Look for a planted bug: what was looked into, and the case that shows it."""
    mutation = next(one for one in MUTATIONS if one.name == name)
    figures = Figures()
    with mutation.planted():
        for case in itertools.islice(_cases(mutation), WORLDS):
            found = look(case, mutation.finders)
            figures.add(replace(found.figures, failures=[]))
            if found.problems:
                return figures, case
    return figures, None


def _cases(mutation: Mutation) -> Iterator[Case]:
    """Worlds with drawn casts as they are; those with one program with a crash at each of their commits."""
    for seed in itertools.count(mutation.first):
        for world in mutation.worlds:
            yield Case(world, seed)
            if world in NARROW:
                yield from some_crash(world, seed)


BY_PROMISE: Mapping[str, Sequence[Mutation]] = {
    promise: [one for one in MUTATIONS if one.promise == promise] for promise in {one.promise for one in MUTATIONS}
}
