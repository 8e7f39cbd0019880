"""A database in which something happens before the n-th statement of a transaction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import Connection

Before = Callable[[int], None]
"""Called with the number of the statement that comes, from 0."""


class InterruptedDatabase(SqliteDatabase):
    """A file whose statements are counted, BEGIN and COMMIT too, but not ROLLBACK.

    Args:
        path: where it is.
        before: called before each statement.
    """

    def __init__(self, path: Path, before: Before) -> None:
        super().__init__(path)
        self._before = before
        self.statements = 0

    def connect(self) -> Connection:
        return cast("Connection", _Counted(super().connect(), self.count))

    def count(self) -> None:
        """A statement comes."""
        number, self.statements = self.statements, self.statements + 1
        self._before(number)


class _Counted:
    """A driver's connection, or cursor, that tells before it executes."""

    def __init__(self, inner: object, count: Callable[[], None]) -> None:
        self._inner = inner
        self._count = count

    def execute(self, sql: str, *parameters: object) -> Any:
        if sql != "ROLLBACK":
            self._count()
        return cast("Any", self._inner).execute(sql, *parameters)

    def cursor(self, *args: object) -> Any:
        return _Counted(cast("Any", self._inner).cursor(*args), self._count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
