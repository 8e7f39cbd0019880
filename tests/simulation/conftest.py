"""Worlds are looked into by all cores at once, and what was looked into is told at the end."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import pytest

from .explore import Figures

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """What was looked into by the tests so far."""

    figures: Figures = field(default_factory=Figures)
    caught: list[str] = field(default_factory=list)  # planted bugs, and where each was found
    observed: list[str] = field(default_factory=list)  # of limits by key


TALLY = pytest.StashKey[Tally]()


class Farm:
    """Processes that look into worlds.

    Args:
        tally: where their figures are added.
    """

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        context = multiprocessing.get_context("spawn")  # the threads of this process are not theirs
        self._pool = ProcessPoolExecutor(os.cpu_count(), mp_context=context)

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have something done in another process."""
        return self._pool.submit(work, *args, **kwargs)

    def count(self, figures: Figures) -> Figures:
        """Add figures to the tally, and hand them on."""
        self.tally.figures.add(figures)
        return figures

    def close(self) -> None:
        """Nothing more is wanted."""
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def farm(pytestconfig: pytest.Config) -> Generator[Farm]:
    """The processes of the whole suite."""
    farm = Farm(pytestconfig.stash.setdefault(TALLY, Tally()))
    yield farm
    farm.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the figures, whatever else is shown."""
    tally = config.stash.get(TALLY, None)
    if tally is None:
        return
    terminalreporter.section("simulation")
    for line in tally.figures.lines():
        terminalreporter.line(line)
    if tally.observed:
        terminalreporter.line("limits by key, under crashes")
    for line in tally.observed:
        terminalreporter.line(f"  {line}")
    terminalreporter.line(f"planted bugs caught {len(tally.caught)}")
    for line in tally.caught:
        terminalreporter.line(f"  {line}")
