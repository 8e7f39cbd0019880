"""Fleets of four workers on PostgreSQL, and what may happen to them and to it: all runs come to their end, what was
recorded is not done again, and no limit is exceeded.

`kills.faults` lists what happens, `kills.limited` and `kills.functions` what the workers do meanwhile. FAULTS says how
often something happens in all, and RUNS how many runs there are to be at least. The figures are printed at the end of
the suite.
"""

from __future__ import annotations

import logging
import os
import random
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

import inngest
from tests import clusters, processes
from tests.clusters import Ballast, Cluster, Pooler
from tests.embedded.kills import faults
from tests.embedded.kills.fleet import Place, Tell

FAULTS = int(os.environ.get("FAULTS", "0"))
"""How much happens to the fleet, in all; 0: what stands for the rest."""

RUNS = int(os.environ.get("RUNS", "100"))
"""Runs, at least, in all."""

FLEETS = -(-FAULTS // 10) or 1
"""Fleets among which they are divided, one after another: so `-k fleet-3` does one of them again, as it was."""

processes.preload("tests.embedded.kills.world")

HOUR = 3_600

CLOCKS = (-HOUR, HOUR, 0, 0)
"""Seconds by which the clocks of four machines are wrong."""

whole = pytest.mark.skipif(FAULTS == 0, reason="it takes long, and another test has the short form: set FAULTS")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server that may be stopped."""
    with clusters.cluster() as made:
        yield made


@pytest.fixture(scope="module")
def pooler(cluster: Cluster) -> Iterator[Pooler]:
    """PgBouncer before it, which may be stopped, too."""
    with clusters.pooler(cluster.server) as made:
        yield made


def place_on(
    cluster: Cluster, *, pooler: Pooler | None = None, standby: Cluster | None = None, ballast: Ballast | None = None
) -> Place:
    """A schema of its own, on a server."""
    return Place(cluster, "s" + uuid.uuid4().hex, pooler, standby, ballast)


@pytest.mark.parametrize("number", range(FLEETS), ids=[f"fleet-{number + 1}" for number in range(FLEETS)])
def test_whatever_happens_all_runs_end_and_nothing_recorded_is_done_again(
    tell_fleet: Tell, cluster: Cluster, pooler: Pooler, number: int
) -> None:
    place = place_on(cluster, pooler=pooler)
    drawn = faults.drawn(FAULTS, random.Random(0), lambda need: getattr(place, need) is not None)
    with tell_fleet(f"all faults, fleet {number + 1}", place, skews=CLOCKS) as told:
        for fault in drawn[number::FLEETS]:
            faults.strike(told, fault)
        while len(told.account.runs) < RUNS / FLEETS:
            told.order(*told.workers)
            told.go_on(100)
    assert told.seen.takeovers
    assert told.seen.most["keyed"] > 1


@whole
def test_clocks_that_are_wrong_by_an_hour_change_nothing(tell_fleet: Tell, cluster: Cluster) -> None:
    """Sleeps end, ticks begin one run each, limits hold over all workers, and nobody is taken for dead but who is."""
    place = place_on(cluster)
    with tell_fleet("clocks", place, skews=CLOCKS) as told:
        told.pause(on=True)
        told.order(*told.workers)
        told.go_on(100)
        told.pause(on=False)
        died = told.workers[1]
        told.hold(died)
        told.order(died)
        told.until_writes(died, "held")
        told.lose(died)
        told.order(*told.workers)
        told.go_on(100)
        ends = told.time()
    assert told.seen.reborn == 0
    assert told.seen.most["keyed"] == 2
    assert not [one for one in told.logged if "clock" in one]
    times = "SELECT min(created_at), max(created_at), max(started_at), max(ended_at) FROM inngest_runs"
    first, *last = place.execute(times)[0]
    assert first >= told.began // 1_000_000
    assert max(last) <= told.time()
    assert ends <= told.time()


def test_a_standby_takes_the_place_of_its_primary_and_lacks_nothing(tell_fleet: Tell) -> None:
    """It has confirmed each commit: `synchronous_standby_names` says so."""
    with clusters.cluster() as primary, clusters.standby(primary) as standby:
        primary.server.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        primary.server.execute("SELECT pg_reload_conf()")
        until_synchronous(primary)
        with tell_fleet("a standby", place_on(primary, standby=standby)) as told:
            faults.strike(told, faults.PRIMARY)
    assert not [one for one in told.logged if "waits for no standby" in one]


@pytest.mark.parametrize("named", [True, False], ids=["named in the URL", "for reading"])
async def test_an_engine_says_that_its_server_waits_for_no_standby(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, named: bool
) -> None:
    caplog.set_level(logging.INFO)
    with clusters.standby(cluster) as standby:
        place = place_on(cluster, standby=standby if named else None)
        async with inngest.Engine([], database=place.url) as engine:
            assert await engine.runs() == []
    (told,) = [one for one in caplog.records if "waits for no standby when it commits" in one.getMessage()]
    assert told.levelname == ("WARNING" if named else "INFO")
    assert "may lack what was acknowledged last" in told.getMessage()


def until_synchronous(primary: Cluster) -> None:
    """The server waits for its standby from now on."""
    while primary.server.execute("SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
        pass


@pytest.fixture
def disk() -> Generator[Path]:
    """A small one."""
    with clusters.small_disk(96) as made:
        if made is None:
            pytest.skip("root alone may mount a disk")
        yield made


def test_a_disk_that_is_full_stops_work_until_there_is_space(tell_fleet: Tell, disk: Path) -> None:
    with (
        clusters.cluster(disk / "data", "--wal-segsize=1") as cluster,
        tell_fleet("a full disk", place_on(cluster, ballast=Ballast(disk))) as told,
    ):
        faults.strike(told, faults.DISK)


@whole
def test_work_goes_on_when_a_server_is_back_that_had_no_space_for_its_log(tell_fleet: Tell, disk: Path) -> None:
    with (
        clusters.cluster(None, "--wal-segsize=1", f"--waldir={disk / 'wal'}") as cluster,
        tell_fleet("a full disk of the log", place_on(cluster, ballast=Ballast(disk))) as told,
    ):
        faults.strike(told, faults.LOG_DISK)
