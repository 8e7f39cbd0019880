"""A checker that finds no planted bug checks nothing: each one must be caught within the suite's own budget.

A file of its own: it takes long, and is run by itself.
"""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from .conftest import Farm
from .explore import Case, Figures
from .mutations import BY_PROMISE, MUTATIONS, WORLDS, Mutation, hunt

OF_APPS = ("discovered", "outdated", "replied", "spared", "stuck")
"""The promises of runs that are in apps."""

Hunts = dict[str, Future[tuple[Figures, Case | None]]]


@pytest.fixture(scope="module")
def hunts(farm: Farm) -> Hunts:
    return {mutation.name: farm.submit(hunt, mutation.name) for mutation in MUTATIONS}


@pytest.mark.parametrize(
    "promise", [*(f"P{number}" for number in range(11)), "over", "left", "crons", "deferred", *OF_APPS]
)
def test_every_promise_has_a_planted_bug(promise: str) -> None:
    assert BY_PROMISE[promise]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.promise} {mutation.name}")
def test_a_planted_bug_is_caught(mutation: Mutation, hunts: Hunts, farm: Farm) -> None:
    figures, case = hunts[mutation.name].result()

    assert case is not None, f"{WORLDS} worlds, and no checker has seen it"
    farm.tally.caught.append(f"{mutation.promise:<4} {mutation.name}: world {figures.worlds}, {case}")
