"""What the embedded suite shares: on which databases stories are told, and what it prints when it is over.

A file of its own: pytest looks for it by this name.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from inngest.engine import reaper
from tests import kill_figures
from tests.embedded import databases
from tests.embedded.kills import fleet as fleets
from tests.embedded.kills.fleet import Fleet, FleetRow, Place
from tests.embedded.kills.ledger import ledger
from tests.embedded.kills.story import HEADS, Row, Story, Tell, story
from tests.wall_clock import WallClock

_TABLE = pytest.StashKey[list[Row]]()
_FLEETS = pytest.StashKey[list[FleetRow]]()
_TAKEOVERS = pytest.StashKey[list[str]]()


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    """The wall clock. Ask for it before engines start."""
    return WallClock(monkeypatch)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of the wall clock is over in a twentieth: what is put off for some goes on soon."""
    WallClock(monkeypatch, speed=20)


@pytest.fixture
def declares_dead_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of which there is no sign are declared dead after a moment."""
    monkeypatch.setattr(reaper, "UNKNOWN", 50)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tell the stories of some files on each kind of database."""
    if databases.is_told_on_both(metafunc.definition.path.stem, metafunc.function.__name__):
        metafunc.parametrize("database_kind", databases.KINDS, indirect=True)


@pytest.fixture(autouse=True)
def database_kind(request: pytest.FixtureRequest) -> Generator[str]:
    """The kind of database on which the story is told."""
    kind = getattr(request, "param", "sqlite")
    with databases.used(kind):
        yield kind


@pytest.fixture(scope="session")
def kill_table(pytestconfig: pytest.Config) -> list[Row]:
    """Takes the figures of each phase of the kill test."""
    return pytestconfig.stash.setdefault(_TABLE, [])


@pytest.fixture
def kill_database() -> str | None:
    """The URL of the database of a phase of the kill test; None: a file."""
    return None


@pytest.fixture
def tell(tmp_path: Path, kill_database: str | None, kill_table: list[Row]) -> Tell:
    """Tells a phase of the kill test, to its end, and judges it."""

    @contextmanager
    def tell(phase: str) -> Generator[Story]:
        with story(phase, tmp_path, kill_database) as told:
            try:
                yield told
                told.complete()
                assert told.judge() == []
            finally:
                row = told.row()
                kill_table.append(row)
            assert row.runs > 0
            assert (row.again_recorded, row.lost) == (0, 0)

    return tell


@pytest.fixture
def tell_fleet(tmp_path: Path, pytestconfig: pytest.Config) -> fleets.Tell:
    """Tells a phase of a fleet, to its end, and judges it."""
    rows, takeovers = pytestconfig.stash.setdefault(_FLEETS, []), pytestconfig.stash.setdefault(_TAKEOVERS, [])

    @contextmanager
    def tell(phase: str, place: Place, *, skews: Sequence[int] = (0,) * fleets.WORKERS) -> Generator[Fleet]:
        with ledger(tmp_path / "ledger") as opened:
            told = Fleet(phase, tmp_path, opened, place, skews=skews)
            try:
                told.open()
                yield told
                told.complete()
                assert told.judge() == []
            finally:
                told.clear()
                row = told.figures()
                rows.append(row)
                takeovers.append(told.takeover_times())
            assert (row.again_recorded, row.lost, row.exceeded, row.slots_left) == (0, 0, 0, 0)

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show them, whether the phases passed or not."""
    rows: list[Row] = config.stash.get(_TABLE, [])
    kill_figures.show(terminalreporter, "kill -9", HEADS, rows)
    fleet_rows: list[FleetRow] = config.stash.get(_FLEETS, [])
    kill_figures.show(terminalreporter, "fleets", fleets.HEADS, fleet_rows)
    for line in config.stash.get(_TAKEOVERS, []):
        terminalreporter.write_line(line)
