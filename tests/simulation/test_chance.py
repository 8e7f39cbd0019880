"""Worlds in which all kinds of faults come by chance: a fixed budget of seeds; `make simulate` takes more."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from .conftest import Farm
from .explore import Figures, by_chance, look_into
from .faults import Fault

SEEDS = range(44)
AT_A_TIME = 5


def some(seeds: range) -> Figures:
    """The worlds of some seeds."""
    return look_into(map(by_chance, seeds))


@pytest.fixture(scope="module")
def drawn(farm: Farm) -> list[Future[Figures]]:
    return [farm.submit(some, SEEDS[first : first + AT_A_TIME]) for first in range(0, len(SEEDS), AT_A_TIME)]


@pytest.fixture(scope="module")
def figures(drawn: list[Future[Figures]], farm: Farm) -> Figures:
    total = Figures()
    for future in drawn:
        total.add(future.result())
    return farm.count(total)


def test_what_is_promised_holds_in_worlds_by_chance(figures: Figures) -> None:
    assert figures.failures == []
    assert figures.worlds == len(SEEDS)


@pytest.mark.parametrize("fault", Fault)
def test_every_kind_of_fault_happens(fault: Fault, figures: Figures) -> None:
    assert figures.fired[fault] > 0, "what never happens is not tested"
