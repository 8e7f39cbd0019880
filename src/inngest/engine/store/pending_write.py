"""The future of a command that was handed to the writer."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, TypeVar

from inngest.engine.ports import Listener
from inngest.runtime.careful import CarefulLogger

from .commands import Command

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

A = TypeVar("A")


class PendingWrite(asyncio.Future[A]):
    """Resolved after a commit. A command that was handed to the writer is written, also if nobody waits for it any
    more.

    Attributes:
        command: what is to be written.
        written: what writing gave.
        error: why it could not be written.
        was_held: it has waited for the database to work again.
        given_up: its caller was cancelled.
    """

    __slots__ = ("command", "error", "given_up", "was_held", "written")

    def __init__(self, command: Command[Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.command = command
        self.written: Any = None
        self.error: Exception | None = None
        self.was_held = self.given_up = False

    def cancel(self, msg: Any | None = None) -> bool:
        """Let the caller go if it waits for a COMMIT in doubt. Else it does nothing: the answer comes soon."""
        self.given_up = True
        return self.was_held and not self.done() and not self.command.patient and super().cancel(msg)

    def hold(self) -> None:
        """It waits for the database to work again, or to tell what became of it."""
        self.was_held = True
        if self.given_up:
            self.cancel()

    def resolve(self, listener: Listener | None) -> None:
        """It is written."""
        try:
            answer = self.written
            answer = answer if listener is None else listener.on_committed(self.command.payload, answer)
            if not self.done():
                self.set_result(answer)
        except Exception as mistake:  # of the listener: those behind it must be answered
            self._fail(mistake)
        del self.command  # who keeps the future does not keep what was written, which leads to it

    def refuse(self, error: Exception, listener: Listener | None) -> None:
        """It cannot be written."""
        if self.done() and listener is not None:
            try:
                listener.on_refused(self.command.payload)
            except Exception:
                LOGGER.exception("the listener of the store has failed")
        self._fail(error)
        del self.command

    def _fail(self, error: Exception) -> None:
        if not self.done():
            self.set_exception(error)
            self.exception()  # seen: its caller may have gone
