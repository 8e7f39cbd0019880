"""Reading a database without an engine: beside a live one, or where there is none, and writing nothing."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from inngest.engine.domain.model import RunStatus, Transport
from inngest.engine.domain.waiting_facts import Facts
from inngest.engine.queries import explained
from inngest.engine.store import explaining, pausing, reading, run_metadata, schema, times, troubles
from inngest.engine.store.dialects import SCHEME, Found, database_of
from inngest.engine.store.registry import RegistryCache
from inngest.engine.store.statement import Connection, Transaction
from inngest.runtime.clock import wall_clock_ms
from inngest.runtime.steady import TRUSTED

from . import views
from .errors import EngineConfigError, RunNotFoundError
from .explanations import Explanation, Pending, explanation, pending

R = TypeVar("R")

SEARCHED = 10_000
"""Runs whose ids are searched for an end: no index helps there, and a database may have millions."""


class AppAway(NamedTuple):
    """An app that cannot be reached: its runs wait."""

    name: str
    since: datetime.datetime | None  # aware, UTC
    error: str  # what failed when it was called last, for people
    functions: frozenset[str]  # ids of those that it serves


class Reader:
    """Reads runs from a database. Each call sees one moment of it; nothing is written, not even a session.

    Args:
        database: the file; or the URL of a PostgreSQL database; or one that is open, as its engine found it.

    Attributes:
        name: of the database, for people.

    Every method raises a StoreError if it cannot be read: missing, damaged, of another version.

    Raises:
        EngineConfigError: the URL is wrong.
    """

    def __init__(self, database: Path | str | Found) -> None:
        found = database if isinstance(database, Found) else _found(database)
        self._database, self._liveness, self._wall = found.database, found.liveness, found.wall
        self.name = found.database.name

    def run(self, run_id: str) -> views.Run:
        """A run with its steps and attempts.

        Raises:
            RunNotFoundError: there is no such run.
        """
        view = self._look(lambda tx: reading.run(tx, run_id))
        if view is None:
            raise RunNotFoundError(run_id)
        return views.run_in_full(view)

    def said(self, run_id: str) -> list[views.Said]:
        """All that is said about a run and its steps beside their results; nothing if there is no such run."""

        def read(tx: Transaction) -> list[views.Said]:
            view = reading.run(tx, run_id)
            return [] if view is None else views.said_of(view, run_metadata.metadata(tx, run_id))

        return self._look(read)

    def runs(
        self,
        *,
        event_id: str | None = None,
        function_id: str | None = None,
        status: RunStatus | None = None,
        limit: int = 20,
        before: str | None = None,
    ) -> list[views.Run]:
        """Runs without their steps, newest first. See `Engine.runs`."""
        found = self._look(
            lambda tx: reading.runs(
                tx, event_id=event_id, function_id=function_id, status=status, limit=limit, before=before
            )
        )
        return [views.run_of(run) for run in found]

    def ending(self, tail: str, limit: int) -> list[views.Run]:
        """Runs without their steps whose id ends so, in upper case, newest first, among the newest `SEARCHED`."""
        found = self._look(lambda tx: reading.ending(tx, tail, searched=SEARCHED, limit=limit))
        return [views.run_of(run) for run in found]

    def now(self) -> int:
        """The time (unix ms) of the engines of this database: the wall clock's, if that was not set back."""
        return self._look(lambda tx: self._time(times.greatest(tx)))

    def explain(self, run_id: str) -> Explanation:
        """Why a run waits. See `Engine.explain`.

        Raises:
            RunNotFoundError: there is no such run.
        """

        def read(tx: Transaction) -> tuple[int, Facts | None]:
            now = self._time(times.greatest(tx))
            return now, explaining.facts(tx, run_id, now)

        now, facts = self._look(read)
        if facts is None:
            raise RunNotFoundError(run_id)
        return explanation(explained(facts, now, self._liveness))

    def pending(self, event_id: str) -> list[Pending]:
        """The runs that an event is to start, but has not yet."""
        return [pending(one) for one in self._look(lambda tx: explaining.pending(tx, event_id))]

    def apps_away(self) -> list[AppAway]:
        """The apps that cannot be reached, by their names."""

        def read(tx: Transaction) -> list[AppAway]:
            away = troubles.apps_away(tx, self._time(times.greatest(tx)))
            registry = RegistryCache().read(tx) if away else None
            known = () if registry is None else (*registry.functions.values(), *registry.archived.values())
            return [
                AppAway(
                    name,
                    views.optional_time(trouble.since),
                    trouble.error,
                    frozenset(one.id for one in known if one.app_id == name and one.transport is not Transport.LOCAL),
                )
                for name, trouble in away.items()
            ]

        return self._look(read)

    def functions(self) -> list[str]:
        """Ids of the functions that are known."""
        return self._look(reading.functions)

    def paused(self) -> list[str]:
        """Ids of the functions that are paused."""
        return self._look(pausing.paused)

    def _look(self, read: Callable[[Transaction], R]) -> R:
        def look(connection: Connection) -> R:
            schema.check(self._database, connection)
            self._database.look_at_lives(connection)
            return read(Transaction(connection, self._database))

        return self._database.look(look)

    def _time(self, kept: int) -> int:
        """The time of an engine, as far as one can see who has none: a time that is too far ahead is not believed."""
        wall = wall_clock_ms() if self._wall is None else self._wall() // 1_000_000
        return kept if wall < kept <= wall + TRUSTED else wall


def _found(database: Path | str) -> Found:
    try:
        return database_of(database if isinstance(database, str) else f"{SCHEME}{database}")
    except ValueError as error:
        raise EngineConfigError(f"database: {error}") from None
