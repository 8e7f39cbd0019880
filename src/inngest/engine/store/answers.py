"""Answers of the writer: to callers and to the listener of the store, and while the database is in trouble."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from inngest.engine.errors import StoreClosedError, StoreError
from inngest.engine.ports import Listener
from inngest.engine.records import NO_NOTIFICATIONS, Notifications
from inngest.runtime.careful import CarefulLogger

from .context import Outcome
from .pending_write import PendingWrite

LOGGER = CarefulLogger(logging.getLogger(__name__))


class Doubt(NamedTuple):
    """A batch whose COMMIT was not answered. Until it is found out whether it happened, nothing else is written."""

    number: int
    batch: Sequence[PendingWrite[Any]]  # with what writing gave
    outcome: Outcome
    error: StoreError  # why it is not found out


class Answers:
    """Answers commands, on the loop, and knows whether some must wait.

    Attributes:
        listener: is told what is committed.
        trouble: why commands wait; None if none does.
        final: no command is held any more, and trouble is not over.
    """

    def __init__(self) -> None:
        self.listener: Listener | None = None
        self.trouble: StoreError | None = None
        self.final = False
        self._owed = 0  # commands that had to wait and are not answered yet

    def give(
        self,
        answered: Sequence[PendingWrite[Any]],
        waiting: Sequence[PendingWrite[Any]] = (),
        why: StoreError | None = None,
        notifications: Notifications = NO_NOTIFICATIONS,
    ) -> None:
        """Answer commands, then notify the listener; note that others have to wait, and why, if that is news."""
        self.trouble = why or self.trouble
        for one in waiting:
            if not one.was_held and not one.done():  # it was given up meanwhile
                one.hold()
                self._owed += 1
        if self.trouble is not None and answered:
            self._owed -= sum(one.was_held for one in answered)
            if self._owed == 0 and not self.final:
                self.trouble = None
        for one in answered:
            if one.error is None:
                one.resolve(self.listener)
            else:
                one.refuse(one.error, self.listener)
        if notifications is not NO_NOTIFICATIONS and self.listener is not None:
            try:
                self.listener.notify(notifications)
            except Exception:
                LOGGER.exception("the listener of the store has failed")

    @staticmethod
    def close(waiting: Sequence[PendingWrite[Any]]) -> None:
        """Refuse commands that are not written any more. The loop may be closed already."""
        for one in waiting:
            if not one.done() and not one.get_loop().is_closed():  # else nobody waits any more
                one.refuse(StoreClosedError("the engine is stopped"), None)
