"""A crash at every commit boundary of every program: before it, after it, and once its callers know."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from .conftest import Farm
from .corpus import CHANGED, DEFERRING, PROGRAMS, REQUESTING, WAITING
from .explore import Figures, crash_again, every_crash, look_into, some_crash
from .faults import AT_COMMIT, Fault

SEED = 0
NAMES = [program.name for program in (*PROGRAMS, *REQUESTING, *DEFERRING)]
OTHERS = [program.name for program in CHANGED]
"""Programs whose code is changed by a crash: it matters where, and hardly how."""

BESIDE = (
    "sequential",
    "sends",
    "payers",
    "deep",
    "sleeps",
    "charge",
    "siblings",
    "hopeless",
    "plain",
    "limited",
    "changed-kind",
    "fetching",
    "defers",
)
"""Programs that two engines share."""

AGAIN = ("payers", "sleeps")
"""Programs whose recovery is crashed as well."""


WAITS = [program.name for program in WAITING]
"""Programs that wait."""

WAITS_BESIDE = ("mixed", "brief", "to-itself", "stopped", "invokes", "orphans", "chain")
"""Programs that wait, and that two engines share; what comes meanwhile comes at other times then."""


def crash_everywhere(name: str, fault: Fault) -> Figures:
    """One engine, and a crash of one kind at each of its commits; a task for each kind, so that none is long."""
    return look_into(every_crash(name, SEED, (fault,)))


def crash_what_waits(name: str) -> Figures:
    """A crash of a drawn kind at each commit, of one engine and perhaps of two."""
    figures = look_into(some_crash(name, SEED))
    if name in WAITS_BESIDE:
        figures.add(look_into(some_crash(f"{name}-2", SEED + 1)))
    return figures


def crash_somehow(name: str) -> Figures:
    """One engine, and a crash of a drawn kind at each of its commits."""
    return look_into(some_crash(name, SEED))


def crash_beside_others(name: str) -> Figures:
    """Two engines on one file, and a crash at each commit."""
    return look_into(some_crash(f"{name}-2", SEED))


def crash_twice(name: str) -> Figures:
    """A crash at each commit, and another one at the next."""
    return look_into(crash_again(name, SEED, 0, 1))


Futures = dict[str, Future[Figures]]


@pytest.fixture(scope="module")
def everywhere(farm: Farm) -> dict[str, list[Future[Figures]]]:
    return {name: [farm.submit(crash_everywhere, name, fault) for fault in AT_COMMIT] for name in NAMES}


@pytest.fixture(scope="module")
def waiting(farm: Farm) -> Futures:
    return {name: farm.submit(crash_what_waits, name) for name in WAITS}


@pytest.fixture(scope="module")
def somehow(farm: Farm) -> Futures:
    return {name: farm.submit(crash_somehow, name) for name in OTHERS}


@pytest.fixture(scope="module")
def beside_others(farm: Farm) -> Futures:
    return {name: farm.submit(crash_beside_others, name) for name in BESIDE}


@pytest.fixture(scope="module")
def twice(farm: Farm) -> Futures:
    return {name: farm.submit(crash_twice, name) for name in AGAIN}


@pytest.mark.parametrize("name", NAMES)
def test_every_crash_leaves_a_program_right(
    name: str, everywhere: dict[str, list[Future[Figures]]], farm: Farm
) -> None:
    figures = Figures()
    for future in everywhere[name]:
        figures.add(farm.count(future.result()))

    assert figures.failures == []
    assert figures.worlds > 3 * 8, "a world with fewer commits than that has not run its program"
    for fault in AT_COMMIT:
        assert figures.fired[fault] * 6 > figures.worlds, f"hardly any {fault.value}"


@pytest.mark.parametrize("name", WAITS)
def test_a_crash_leaves_a_program_right_that_waits(name: str, waiting: Futures, farm: Farm) -> None:
    figures = farm.count(waiting[name].result())

    assert figures.failures == []
    assert figures.worlds > 8, "a world with fewer commits than that has not run its program"
    assert figures.crashes >= figures.worlds - 8


@pytest.mark.parametrize("name", OTHERS)
def test_a_crash_that_changes_the_code_is_noticed_or_does_no_harm(name: str, somehow: Futures, farm: Farm) -> None:
    figures = farm.count(somehow[name].result())

    assert figures.failures == []
    assert figures.crashes >= figures.worlds - 4


@pytest.mark.parametrize("name", BESIDE)
def test_a_crash_beside_another_engine_leaves_a_program_right(name: str, beside_others: Futures, farm: Farm) -> None:
    figures = farm.count(beside_others[name].result())

    assert figures.failures == []
    assert figures.crashes >= figures.worlds - 4


@pytest.mark.parametrize("name", AGAIN)
def test_a_crash_while_recovering_leaves_a_program_right(name: str, twice: Futures, farm: Farm) -> None:
    figures = farm.count(twice[name].result())

    assert figures.failures == []
    assert figures.crashes > figures.worlds
