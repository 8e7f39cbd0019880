"""One transaction of the writer: what all that is written in it shares."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from inngest.engine.domain.effects import Finish
from inngest.engine.domain.model import Policy, Registry
from inngest.engine.records import NO_NOTIFICATIONS, Notifications
from inngest.protocol.opcodes import Arrival
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Ids

from . import locking, owners
from .database import Database
from .registry import RegistryCache
from .statement import Connection, Transaction
from .timers import NextTimer, Timers
from .times import Keeper

LOGGER = CarefulLogger(logging.getLogger(__name__))


COUNTED = 1_000
"""Runs of which is known how large they are."""


class Counted(NamedTuple):
    """The size of a run's results, as far as they were counted: results do not change."""

    place: int  # of the last one
    size: int  # of all up to that, in characters


class Shared(NamedTuple):
    """Things that the transactions of one store share, one after the other."""

    ids: Ids
    policy: Policy
    registry: RegistryCache
    alarm: NextTimer
    time: Keeper
    announce: Callable[[WriteContext], None]  # see `WriteContext.announce`


class Outcome(NamedTuple):
    """The consequences of a committed transaction, apart from the answers to its commands."""

    follows: Sequence[Callable[[], object]] = ()  # in memory
    notifications: Notifications = NO_NOTIFICATIONS

    def happens(self) -> Notifications:
        """It is committed. One that fails here stops neither the others, nor the writer, for which all would wait."""
        for follow in self.follows:
            try:
                follow()
            except Exception:
                LOGGER.exception("what follows from a write has failed")
        return self.notifications


NOTHING_FOLLOWS = Outcome()


class WriteContext(Transaction):
    """A transaction of the writer, with what its commands share.

    Attributes:
        ids: for rows that it makes.
        policy: how takeovers are counted.
        alarm: knows when the first timer falls due.
        timers: those of the database.
        now: the greatest time of its commands (unix ms).
        notifications: what it does to runs other than those that its commands are about.
        finished: runs that end in it.
        cancelled: rows of runs (RUN_COLUMNS) that are cancelled in it, of which nothing is said yet.
        counted: runs about which was reported lately, by their ids.
    """

    def __init__(self, connection: Connection, database: Database, shared: Shared) -> None:
        super().__init__(connection, database)
        self._database = database
        self.ids = shared.ids
        self.policy = shared.policy
        self.alarm = shared.alarm
        self.timers = Timers(self, shared.ids, shared.alarm)
        self.now = 0
        self.notifications = NO_NOTIFICATIONS
        self.finished: list[Finish] = []
        self.cancelled: list[tuple[Any, ...]] = []
        self.counted: dict[str, Counted] = {}
        self._announce = shared.announce
        self._cache = shared.registry
        self._time = shared.time
        self._registry: Registry | None = None

    def begin(self) -> None:
        """A transaction begins: what one before it left behind counts no more."""
        super().begin()
        self.now = 0
        self.notifications = NO_NOTIFICATIONS
        self.finished = []
        self.cancelled = []
        self._registry = None

    def count(self, run_id: str, counted: Counted) -> None:
        """Keep how large a run is; which was longest not reported about is forgotten."""
        self.counted.pop(run_id, None)
        self.counted[run_id] = counted
        while len(self.counted) > COUNTED:
            del self.counted[next(iter(self.counted))]

    @property
    def outcome(self) -> Outcome:
        """Its consequences, once it is committed."""
        return Outcome(self.follows, self.notifications)

    @property
    def registry(self) -> Registry:
        """The functions as this transaction finds them: read when they are needed, and once."""
        registry = self._registry
        if registry is None:
            self.hold(locking.of_functions)
            registry = self._registry = self._cache.read(self)
        return registry

    def registry_changed(self) -> None:
        """This transaction has written functions, or what becomes of them: they are read again."""
        self._registry = None

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """Steps have got what they wait for, and their runs are due if nobody owns them."""
        if arrivals:
            self.notify(Notifications(arrivals, queued=True))

    def notify(self, notifications: Notifications) -> None:
        """Have the store's listener told, after the commit."""
        self.notifications = self.notifications.and_then(notifications)

    def announce(self) -> None:
        """Say which runs ended, or were cancelled, once all commands are written; and tell other workers."""
        if self.finished or self.cancelled:
            self._announce(self)
        wakes = self._database.wakes
        if wakes is not None and self.tidings:
            if not wakes.is_alone:
                owners.address(self)
            tidings = self.tidings
            self.on_commit(lambda: wakes.tell(tidings))

    def at(self, now: int) -> None:
        """A command of this time is written."""
        self.now = max(self.now, now)

    def declares_dead(self, session_id: str) -> bool:
        """Whether a worker that somebody takes for dead is."""
        return self._database.declares_dead(self.connection, session_id)

    def keep_time(self, now: int) -> None:
        """Keep the time of a command with what this transaction writes anyway."""
        self.at(now)
        self._time.keep(self, now)

    def keep_anew(self, now: int) -> None:
        """Keep the time, also if it is less than what was kept: that was not believed."""
        self._time.keep_anew(self, now)
