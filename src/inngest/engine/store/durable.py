"""The future of a command that was handed to the writer."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from inngest.engine.ports import Listener

from .commands import Command

A = TypeVar("A")


class Durable(asyncio.Future[A]):
    """Resolved after a commit. A command that was handed to the writer is written, also if nobody waits for it any
    more.

    Attributes:
        command: what is to be written.
        written: what writing gave.
        error: why it could not be written.
        was_held: it has waited for the database to work again.
    """

    __slots__ = ("command", "error", "was_held", "written")

    def __init__(self, command: Command[Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.command = command
        self.written: Any = None
        self.error: Exception | None = None
        self.was_held = False

    def cancel(self, msg: Any | None = None) -> bool:
        """Does nothing."""
        return False

    def resolve(self, listener: Listener | None) -> None:
        """It is written."""
        try:
            answer = self.written
            self.set_result(answer if listener is None else listener.on_committed(self.command.payload, answer))
        except Exception as mistake:  # of the listener: those behind it must be answered
            self.set_exception(mistake)
        del self.command  # who keeps the future does not keep what was written, which leads to it

    def refuse(self, error: Exception) -> None:
        """It cannot be written."""
        self.set_exception(error)
        self.exception()  # seen: its caller may have gone
        del self.command
