"""Whether others have written: asked on the loop, and answered between the transactions of the writer."""

from __future__ import annotations

from .database import Database
from .statement import Connection


class Others:
    """The others, as far as one writer knows.

    Args:
        database: which they share.

    Attributes:
        is_asked: somebody asked while the writer was at work.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_asked = False
        self._have_written = False

    def have_written(self, connection: Connection, *, running: bool) -> bool:
        """Whether they have. While the writer is at work (under load it always is) it finds out, and who asks next is
        told: asking must not block the loop.
        """
        if running:
            self.is_asked = True
        found = self._have_written
        if found:  # what is found from here on is told the next time
            self._have_written = False
        return found or (not running and self._database.changed_by_others(connection))

    def look(self, connection: Connection) -> None:
        """Find out, for whoever has asked. Wherever the writer is, between transactions."""
        self.is_asked = False
        try:
            self._have_written = self._database.changed_by_others(connection) or self._have_written
        except Exception:  # who writes next meets it, too
            self._have_written = True
