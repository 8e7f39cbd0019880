"""A crash at every commit boundary of every program: before it, after it, and once its callers know.

What matters for the promises of steps is crashed at each commit in each of the three ways. Elsewhere the way is drawn;
and of the long programs, whose many events come from outside, the commits are drawn, too.
"""

from __future__ import annotations

import os
from concurrent.futures import Future

import pytest

from .conftest import Farm
from .corpus import CHANGED, CHOOSING, DEFERRING, ESCAPING, GATED, PROGRAMS, REQUESTING, TICKING, WAITING
from .explore import Figures, crash_again, every_crash, look_into, some_crash
from .faults import AT_COMMIT, Fault

SEED = 0

EVERYWHERE = ("sequential", "sends", "payers", "hopeless", "fetching-plainly")
"""Programs that are crashed in all ways: each has what the others have not."""

MORE = 2 if os.environ.get("CRASHES") == "all" else 1
"""As `make full` asks for."""

LONG = 10 * MORE
"""Commits of a long program that are crashed."""

LONGER = 10
"""The same of programs that others crash as well, in worlds by chance and as planted bugs."""

SHARED = 5 * MORE
"""The same of programs that two engines share, and one has been crashed with."""

_LONG = (*PROGRAMS, *ESCAPING, *REQUESTING, *DEFERRING, *WAITING, *CHOOSING)

SOMEHOW = {
    **{one.name: LONG for one in _LONG if one.name not in EVERYWHERE},
    **{one.name: LONGER for one in (*GATED, *TICKING)},
    "momentary": LONGER,
}
"""Programs that are crashed in a drawn way, at so many commits at most."""

OTHERS = [program.name for program in CHANGED]
"""Programs whose code is changed by a crash: it matters where, and hardly how."""

BESIDE = {
    **dict.fromkeys(("sequential", "sends", "payers", "deep", "sleeps", "siblings", "hopeless", "plain"), SHARED),
    **dict.fromkeys(("charge", "limited", "changed-kind", "fetching", "mixed", "brief", "to-itself"), SHARED),
    **dict.fromkeys(("stopped", "invokes", "orphans", "chain", "races", "timely-plainly", "defers"), SHARED),
    **dict.fromkeys(("rated", "batched", "alone-cancel", "hurried", "paused"), SHARED // 2),
}
"""Programs that two engines share; what comes meanwhile comes at other times then."""

SERVED = {
    **dict.fromkeys(("sequential@1", "sends@2", "payers@2", "plain@1", "races@2", "limited@2"), LONGER),
    **dict.fromkeys(("retries@2", "siblings@1", "invokes@2", "nested@2", "defers@1", "fetching@2"), SHARED // 2),
    **dict.fromkeys(("bodiless@1", "called@2", "charge@2", "debounced@2", "renamed@2", "halted@1"), SHARED // 2),
}
"""Programs of apps, whose engines are crashed at so many commits."""

AGAIN = ("payers", "sleeps")
"""Programs whose recovery is crashed as well."""


def crash_everywhere(name: str, fault: Fault) -> Figures:
    """One engine, and a crash of one kind at each of its commits; a task for each kind, so that none is long."""
    return look_into(every_crash(name, SEED, (fault,)))


def crash_somehow(name: str, seed: int, most: int) -> Figures:
    """A crash of a drawn kind at each commit, or at the most of them that there is time for."""
    return look_into(some_crash(name, seed, most))


def crash_twice(name: str) -> Figures:
    """A crash at each commit, and another one at the next."""
    return look_into(crash_again(name, SEED, 0, 1))


Futures = dict[str, Future[Figures]]


@pytest.fixture(scope="module")
def everywhere(farm: Farm) -> dict[str, list[Future[Figures]]]:
    return {name: [farm.submit(crash_everywhere, name, fault) for fault in AT_COMMIT] for name in EVERYWHERE}


@pytest.fixture(scope="module")
def somehow(farm: Farm) -> Futures:
    return {name: farm.submit(crash_somehow, name, SEED, most) for name, most in SOMEHOW.items()}


@pytest.fixture(scope="module")
def changed(farm: Farm) -> Futures:
    return {name: farm.submit(crash_somehow, name, SEED, LONG) for name in OTHERS}


@pytest.fixture(scope="module")
def beside_others(farm: Farm) -> Futures:
    return {name: farm.submit(crash_somehow, f"{name}-2", SEED + 1, most) for name, most in BESIDE.items()}


@pytest.fixture(scope="module")
def served(farm: Farm) -> Futures:
    return {name: farm.submit(crash_somehow, name, SEED + 2, most) for name, most in SERVED.items()}


@pytest.fixture(scope="module")
def twice(farm: Farm) -> Futures:
    return {name: farm.submit(crash_twice, name) for name in AGAIN}


@pytest.mark.parametrize("name", EVERYWHERE)
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


@pytest.mark.parametrize("name", SOMEHOW)
def test_a_crash_leaves_a_program_right(name: str, somehow: Futures, farm: Farm) -> None:
    figures = farm.count(somehow[name].result())

    assert figures.failures == []
    assert figures.worlds > 8, "a world with fewer commits than that has not run its program"
    assert figures.crashes >= figures.worlds - 8


@pytest.mark.parametrize("name", OTHERS)
def test_a_crash_that_changes_the_code_is_noticed_or_does_no_harm(name: str, changed: Futures, farm: Farm) -> None:
    figures = farm.count(changed[name].result())

    assert figures.failures == []
    assert figures.crashes >= figures.worlds - 4


@pytest.mark.parametrize("name", BESIDE)
def test_a_crash_beside_another_engine_leaves_a_program_right(name: str, beside_others: Futures, farm: Farm) -> None:
    figures = farm.count(beside_others[name].result())

    assert figures.failures == []
    assert figures.crashes >= figures.worlds - 4


@pytest.mark.parametrize("name", SERVED)
def test_a_crash_of_an_engine_leaves_a_program_of_an_app_right(name: str, served: Futures, farm: Farm) -> None:
    figures = farm.count(served[name].result())

    assert figures.failures == []
    assert figures.crashes >= figures.worlds - 4


@pytest.mark.parametrize("name", AGAIN)
def test_a_crash_while_recovering_leaves_a_program_right(name: str, twice: Futures, farm: Farm) -> None:
    figures = farm.count(twice[name].result())

    assert figures.failures == []
    assert figures.crashes > figures.worlds
