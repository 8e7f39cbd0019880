"""A loop that is torn down soon after each commit of a program: all its tasks are cancelled at once."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from .conftest import Farm
from .corpus import CATCHING, CHOOSING, ESCAPING, PROGRAMS, WAITING
from .explore import Figures, every_end, look_into
from .faults import Fault

THOROUGH = tuple(program.name for program in CATCHING)
"""Programs that act on their cancellation; torn down with several seeds, each of which draws other moments."""

OTHERS = tuple(program.name for program in (*PROGRAMS, *ESCAPING, *CHOOSING, *WAITING))

MOST, FEW = 20, 4
"""Commits of a program after which its loop ends."""


def torn(name: str, seeds: range, most: int) -> Figures:
    """A loop that ends after each commit, or after so many of them."""
    return look_into(case for seed in seeds for case in every_end(name, seed, most))


@pytest.fixture(scope="module")
def figures(farm: Farm) -> dict[str, Future[Figures]]:
    return {
        **{name: farm.submit(torn, name, range(3), MOST) for name in THOROUGH},
        **{name: farm.submit(torn, name, range(1), FEW) for name in OTHERS},
    }


@pytest.mark.parametrize("name", [*THOROUGH, *OTHERS])
def test_a_loop_that_is_torn_down_decides_nothing(name: str, figures: dict[str, Future[Figures]], farm: Farm) -> None:
    found = farm.count(figures[name].result())

    assert found.failures == []
    assert found.fired[Fault.TORN] * 2 > found.worlds, "hardly any loop ended"
