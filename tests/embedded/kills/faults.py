"""What may happen to a fleet: a list, to which another one is a line and a function.

A fault strikes while work is under way, and returns when the fleet has gone on from it.
"""

from __future__ import annotations

import contextlib
import random
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import psycopg

from tests.clusters import FAST, IMMEDIATE

from .fleet import Fleet
from .world import LOST, RESTS, UNANSWERED


class Fault(NamedTuple):
    """A fault.

    Attributes:
        name: what happens.
        strike: has it happen.
        times: of 50 faults.
        needs: what must be there: an attribute of the place that is not None.
        always: it stands for others, and happens in each run of the tests.
    """

    name: str
    strike: Callable[[Fleet], None]
    times: int
    needs: str = "cluster"
    always: bool = False


def _is_killed(fleet: Fleet, count: int = 1) -> None:
    victims = fleet.some(count)
    for victim in victims:
        fleet.hold(victim)
        fleet.order(victim)
        fleet.until_writes(victim, "held")
    fleet.lose(*victims)


def _two_are_killed(fleet: Fleet) -> None:
    _is_killed(fleet, 2)


def _is_killed_at_random(fleet: Fleet) -> None:
    (victim,) = fleet.some(1)
    fleet.order(*fleet.some(2), victim)
    fleet.go_on(fleet.chance.randint(1, 120))
    fleet.lose(victim)


def _stands_still(fleet: Fleet) -> None:
    (victim,) = fleet.some(1)
    fleet.hold(victim)
    fleet.order(victim)
    fleet.until_writes(victim, "held")
    fleet.stop_still(victim)
    fleet.go_on_with(victim)
    fleet.works(victim)


def _restarts(how: signal.Signals) -> Callable[[Fleet], None]:
    def strike(fleet: Fleet) -> None:
        fleet.order(*fleet.some(2))
        fleet.go_on(fleet.chance.randint(1, 120))
        fleet.place.cluster.stop(how)
        fleet.place.cluster.start()
        fleet.works(*fleet.some(1))

    return strike


def _pooler_restarts(fleet: Fleet) -> None:
    pooler, pooled = fleet.place.pooler, fleet.workers[-1]
    assert pooler is not None
    assert fleet.is_pooled(pooled)
    fleet.order(pooled)
    fleet.go_on(fleet.chance.randint(1, 60))
    pooler.restart()
    fleet.works(pooled)


_END_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'inngest' AND pid <> "
    "pg_backend_pid()"
)


def _connections_end(fleet: Fleet) -> None:
    fleet.order(*fleet.some(2))
    for _ in range(3):
        fleet.go_on(fleet.chance.randint(1, 40))
        fleet.place.execute(_END_ALL)
    fleet.works(*fleet.some(1))


def _meets(what: str) -> Callable[[Fleet], None]:
    def strike(fleet: Fleet) -> None:
        (victim,) = fleet.some(1, direct=True)
        fleet.order(*fleet.some(2))
        fleet.meet(victim, what)
        fleet.works(victim)

    return strike


FAULTS: Sequence[Fault] = (
    Fault("kill -9", _is_killed, 8, always=True),
    Fault("kill -9, at random", _is_killed_at_random, 6),
    Fault("kill -9, of two", _two_are_killed, 4),
    Fault("stands still for longer than its lease", _stands_still, 8, always=True),
    Fault("PostgreSQL restarts", _restarts(FAST), 5),
    Fault("PostgreSQL crashes", _restarts(IMMEDIATE), 5, always=True),
    Fault("PgBouncer restarts", _pooler_restarts, 4, needs="pooler", always=True),
    Fault("connections end", _connections_end, 4),
    Fault(LOST, _meets(LOST), 2),
    Fault(UNANSWERED, _meets(UNANSWERED), 2, always=True),
    Fault(RESTS, _meets(RESTS), 2),
)
"""All that may happen more than once."""


def _primary_is_lost(fleet: Fleet) -> None:
    """The server is gone for good, and its standby takes its place."""
    standby = fleet.place.standby
    assert standby is not None
    fleet.order(*fleet.some(2))
    fleet.go_on(fleet.chance.randint(20, 120))
    fleet.place.cluster.stop(IMMEDIATE)
    standby.promote()
    fleet.place.cluster = standby
    for worker in fleet.workers:
        fleet.works(worker)


def _disk_is_full(fleet: Fleet) -> None:
    """The disk of the database is full, and somebody makes space on it later."""
    ballast = fleet.place.ballast
    assert ballast is not None
    logged = len(fleet.logged)
    ballast.fill()
    for _ in range(3):
        fleet.order(*fleet.workers)
    fleet.until_logged("no space is left for ", logged)
    ballast.empty()
    fleet.until_logged("the engine goes on", logged)
    for worker in fleet.workers:
        fleet.works(worker)


def _log_disk_is_full(fleet: Fleet) -> None:
    """The server ends itself, and is started again when there is space."""
    ballast, cluster = fleet.place.ballast, fleet.place.cluster
    assert ballast is not None
    logged = len(fleet.logged)
    ballast.fill()
    fleet.order(*fleet.workers)
    with contextlib.suppress(psycopg.OperationalError):
        while True:  # until the segments are used up that it has made before
            fleet.place.execute("SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 1000000))")
    fleet.order(*fleet.workers)
    fleet.until_logged("the engine waits", logged)
    ballast.empty()
    cluster.revive()
    for worker in fleet.workers:
        fleet.works(worker)


PRIMARY = Fault("the primary is lost", _primary_is_lost, 1, needs="standby")
DISK = Fault("the disk is full", _disk_is_full, 1, needs="ballast")
LOG_DISK = Fault("the disk of the server's log is full", _log_disk_is_full, 1, needs="ballast")
"""What happens to places of their own."""


def strike(fleet: Fleet, fault: Fault) -> None:
    """One round: a fault, while a function is paused in each second one."""
    sys.stderr.write(f"{fleet.phase}: {fault.name}, after {len(fleet.account.runs)} runs\n")  # for one that fails
    fleet.pause(on=fleet.faults % 2 == 1)
    fault.strike(fleet)
    fleet.faults += 1


def drawn(count: int, chance: random.Random, has: Callable[[str], bool]) -> list[Fault]:
    """So many faults, shuffled: those that stand for the others, or at least one of each, and more in proportion.

    Args:
        count: how many; 0: one of each that stands for others.
        chance: for their order.
        has: whether an attribute of the place is there.
    """
    possible = [fault for fault in FAULTS if has(fault.needs)]
    if count == 0:
        return [fault for fault in possible if fault.always]
    together = sum(fault.times for fault in possible)
    found = [fault for fault in possible for _ in range(max(1, fault.times * count // together))]
    chance.shuffle(found)
    while len(found) < count:
        found.append(chance.choice(possible))
    return found
