"""Events that are sent in transactions of the user's, on the user's connections (decision 0097)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from inngest.engine.store import outbox
from inngest.engine.store.database import Database
from inngest.engine.store.dialects import database_of
from inngest.protocol.opcodes import SentEvent
from inngest.runtime.clock import wall_clock_ms
from inngest.runtime.ids import SystemIds
from inngest.runtime.ports import Ids
from inngest.sdk.errors import TransactionError
from inngest.sdk.work import Work

from .settings import database_named
from .transactions.guards import causes, is_same
from .transactions.lent import Lent, lent

_MISSING, _FORBIDDEN = ("42P01", "3F000"), "42501"
"""SQLSTATEs: there is no such table, or schema; a right is missing."""


class OutboxOf:
    """The outbox of a database: the `EventOutbox` of clients.

    Args:
        database: which it is in.
        file: of it; None where a server keeps it.
        ids: for events.
        now: unix ms.
        session: the worker that lives in this process, if one does: a connection that does not see it is of another
            database.
    """

    def __init__(
        self,
        database: Database,
        file: Path | None,
        ids: Ids,
        now: Callable[[], int],
        session: Callable[[], str] | None = None,
    ) -> None:
        self._database = database
        self._file = file
        self._ids = ids
        self._now = now
        self._session = session

    def put(self, events: Sequence[SentEvent], connection: object, *, blocking: bool) -> Work[list[str]]:
        """See `EventOutbox.put`."""
        given = lent(connection)
        if blocking and given.is_async:
            raise TransactionError("send_sync: connection: it is an async one: use `await client.send(…)`")
        kind = yield given.begin
        if kind != ("postgresql" if self._file is None else "sqlite"):
            raise self._elsewhere(f"a database of {kind}")
        now = self._now()
        sent = outbox.identified(events, now, self._ids.ulid)
        try:
            yield from self._see(given)
            yield lambda: given.execute(*outbox.stores(self._database, outbox.rows_of(sent, now)))
            if (waking := self._database.waking) is not None:
                yield lambda: given.execute(waking, ())
        except TransactionError:
            raise
        except Exception as error:
            if (refusal := self._refusal(given, error)) is not None:
                raise refusal from error
            raise
        return [event.id for event in sent]

    def _see(self, given: Lent) -> Work[None]:
        """See that the connection is of this database."""
        rows: Any
        found = "another database"
        if self._file is not None:
            rows = yield lambda: given.execute("PRAGMA database_list", ())
            found = next((row[2] for row in rows if row[1] == "main"), "") or "a database in memory"
            if not is_same(found, self._file):
                raise self._elsewhere(found)
        if self._session is not None:
            session = self._session()
            rows = yield lambda: given.execute(*outbox.lives(self._database, session))
            if not rows:
                raise self._elsewhere(found, " (or others have taken this worker for dead just now)")
        elif (name := self._database.dbname) is not None:
            rows = yield lambda: given.execute("SELECT current_database()", ())
            if rows[0][0] != name:
                raise self._elsewhere(f"the database {rows[0][0]!r}")

    def _elsewhere(self, found: str, otherwise: str = "") -> TransactionError:
        return TransactionError(
            f"send: connection: it is of {found}, and the engines' database is {self._database.name}: what commits "
            f"together must be in one database{otherwise}"
        )

    def _refusal(self, given: Lent, error: Exception) -> TransactionError | None:
        """The refusal that an error of the database is for who sends; None if it is the user's."""
        chain = list(causes(error))
        states = [getattr(one, "sqlstate", None) or getattr(one, "pgcode", None) for one in chain]
        if any(state in _MISSING for state in states) or any(map(_lacks_table, chain)):
            return TransactionError(
                f"send: connection: its database has no table {self._database.named('inngest_outbox')}: it is not "
                f"{self._database.name}, or no engine of this version has used that one yet (`inngest db migrate`)"
            )
        if _FORBIDDEN not in states:
            return None
        table, user = self._database.named("inngest_outbox"), given.user or "its user"
        grants = [f"GRANT USAGE ON SCHEMA {table.rpartition('.')[0]} TO {user}", f"GRANT INSERT ON {table} TO {user}"]
        if self._session is not None:
            grants.append(f"GRANT SELECT ON {self._database.named('inngest_sessions')} TO {user}")
        said = str(error).strip().split("\n", 1)[0]
        return TransactionError(f"send: connection: its user lacks a right ({said}): {'; '.join(grants)}")


def _lacks_table(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "no such table: inngest_" in str(error)


class Outbox(OutboxOf):
    """The outbox of engines that run in other processes: give it to the client of a process that only sends.

    ```python
    client = inngest.Inngest(app_id="shop", outbox=inngest.Outbox("postgresql://app@db/shop"))


    def place_order(session: Session) -> None:
        session.add(Order(number=42))
        client.send_sync(inngest.Event(name="shop/order.placed", data={"order": 42}), connection=session)
        session.commit()
    ```

    It connects to nothing: `client.send(…, connection=…)` writes on your connection.

    Args:
        database: the engines': an SQLite file, as a URL or a path, or `postgresql://…`, as `Engine` has it.

    Raises:
        EngineConfigError: it names none.
    """

    def __init__(self, database: str | os.PathLike[str]) -> None:
        named = database_named(database)
        super().__init__(database_of(named.url).database, named.path, SystemIds(), wall_clock_ms)
