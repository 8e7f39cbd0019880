"""What both halves need from where they run, in their own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Threads(Protocol):
    """Threads for plain functions. A thread is never the event loop's."""

    def start(self, work: Callable[[], None]) -> None:
        """Run `work` in a thread of its own, in a copy of the caller's context."""
        ...

    def mailbox(self) -> Mailbox:
        """A place where a thread waits. Made here, so that a simulator knows when one does."""
        ...

    def send(self, mailbox: Mailbox, message: object) -> None:
        """Hand a message to a thread that waits for its mailbox."""
        ...


class Mailbox(Protocol):
    """Where one thread waits."""

    def put(self, item: object, /) -> None:
        """Never blocks."""
        ...

    def get(self, *, timeout: float | None = None) -> object:
        """Blocks until there is a message.

        Raises:
            queue.Empty: there was none for so many seconds.
        """
        ...
