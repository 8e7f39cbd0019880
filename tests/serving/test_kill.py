"""A server and an app are killed, and lines between them cut, while runs go on: no recorded step runs again, and no run
is lost.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import processes

from .killing.server import BELIEVES, FORGETS
from .killing.story import PRELOADED, Row, Story, story

RUNS = int(os.environ.get("KILL_RUNS", "40"))
"""Runs of all phases together, about."""

PHASES = 7
EACH = max(RUNS // PHASES, 4)

Tell = Callable[..., AbstractContextManager[Story]]


@pytest.fixture
def tell(tmp_path: Path, wire_table: list[Row]) -> Tell:
    """Tells a phase, to its end, and judges it."""
    processes.preload(*PRELOADED)

    @contextmanager
    def tell(phase: str, **options: Any) -> Generator[Story]:
        with story(phase, tmp_path, **options) as told:
            try:
                yield told
                told.complete()
                found = told.judged()
            finally:
                row = told.row()
                wire_table.append(row)
            assert found == []
            assert row.runs >= EACH
            assert (row.again_recorded, row.lost) == (0, 0)

    return tell


def kill_in_turn(told: Story, whom: Callable[[], Sequence[int]]) -> None:
    """Send runs, a few at a time, and kill these after a while."""
    while len(told.acked) < EACH:
        told.send(min(4, EACH - len(told.acked)))
        for _ in range(2):
            told.go_on(told.chance.randint(1, 40))
            for place in whom():
                told.kill(place)
                if told.chance.random() < 0.5:
                    told.start(place)
            for place in (*told.servers, told.app):
                if not told.is_alive(place):
                    told.start(place)


def test_the_server_is_killed(tell: Tell) -> None:
    with tell("server killed") as told:
        kill_in_turn(told, lambda: [0])
        assert told.kills >= EACH / 4


def test_the_app_is_killed(tell: Tell) -> None:
    with tell("app killed") as told:
        kill_in_turn(told, lambda: [told.app])
        assert told.kills >= EACH / 4


def test_both_are_killed(tell: Tell) -> None:
    with tell("both killed") as told:
        kill_in_turn(told, lambda: told.chance.choice([[0, told.app], [told.app, 0]]))
        assert told.kills >= EACH / 4


def test_one_of_two_servers_on_one_database_is_killed(tell: Tell) -> None:
    with tell("two servers, one killed", servers=2) as told:
        kill_in_turn(told, lambda: [told.chance.randrange(2)])
        assert told.kills >= EACH / 4


def test_lines_are_cut_in_both_directions(tell: Tell) -> None:
    with tell("lines cut", share=0.9) as told:
        while len(told.acked) < EACH or min(cuts for lines in told.lines for cuts in lines.cuts) < EACH / 3:
            assert len(told.acked) < 20 * EACH, (
                f"a direction is hardly ever cut: {[lines.cuts for lines in told.lines]}"
            )
            told.send(4)
            told.go_on(60)


def test_lines_are_cut_as_soon_as_a_call_has_arrived(tell: Tell) -> None:
    with tell("cut after requests", after_requests=0.5) as told:
        while len(told.acked) < EACH or told.lines[0].cuts[0] < EACH:
            assert len(told.acked) < 20 * EACH, f"lines are hardly ever cut: {told.lines[0].cuts}"
            told.send(4)
            told.go_on(60)


def test_lines_are_cut_while_anybody_is_killed(tell: Tell) -> None:
    with tell("two servers, all of it", servers=2, share=0.7) as told:
        kill_in_turn(told, lambda: [told.chance.randrange(3)])
        assert told.kills >= EACH / 4


@pytest.mark.parametrize("plant", [FORGETS, BELIEVES])
def test_a_planted_bug_is_found(plant: str, tmp_path: Path) -> None:
    processes.preload(*PRELOADED)
    with story(f"planted: {plant}", tmp_path, plant=plant) as told:

        def spoken() -> bool:
            return any("had recorded it" in found for found in told.judged())

        while not spoken():
            told.send(8)
            told.go_on(30)
            told.kill(0)
            told.start(0)
            told.go_on(10)
