"""Runs as far as they can be read, for people: what cannot be is named, and the rest is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from inngest.engine.domain.explaining import LATEST, text_of
from inngest.engine.domain.model import App, Code, Defer, Event, FailedAttempt, Origin, Run, RunStatus
from inngest.protocol import texts
from inngest.protocol.opcodes import Entry

from .records import RUN_COLUMNS, STEP_COLUMNS, entry_of, failed_of, run_of
from .texts import TableText

T = TypeVar("T")

SHOWN = 60
"""Characters of a value that cannot be read, as it is told."""


class AsFar:
    """Reads the rows of one run.

    Attributes:
        unread: what cannot be read, in words.

    Args:
        tables: by name, what their columns hold.
    """

    def __init__(self, tables: Mapping[str, TableText]) -> None:
        self.unread: list[str] = []
        self._tables = tables

    def run(self, row: Sequence[Any]) -> Run:
        """The run of a row of RUN_COLUMNS."""
        values = self._checked("inngest_runs", RUN_COLUMNS, row, "")
        if values["status"] not in set(RunStatus):
            self._tell("", "status", values["status"])
            values["status"] = RunStatus.RUNNING.value
        try:
            Code.from_json(values["code"])
        except Exception:
            self._tell("", "code", values["code"])
            values["code"] = None
        try:
            Origin.read(values["origin_id"], values["origin_step"])
        except Exception:
            self._tell("", "origin_step", values["origin_step"])
            values["origin_step"] = None
        return run_of(tuple(values.values()))

    def app(self, row: Sequence[Any]) -> App:
        """The app of a row of its columns; what cannot be read is told as its error."""
        app = App(*self._checked("inngest_apps", App._fields, row, "").values())
        if not self.unread:
            return app
        name = app.name or texts.escaped(repr(row[0]))[:SHOWN]
        return app._replace(
            name=name, error="; ".join(f"what is stored of it is damaged: {one}" for one in self.unread)
        )

    def entries(self, rows: Sequence[Sequence[Any]]) -> list[Entry | Defer]:
        """The steps of rows of STEP_COLUMNS."""
        found: list[Entry | Defer] = []
        for row in rows:
            what = f"step {row[1]!r}: "
            values = tuple(self._checked("inngest_steps", STEP_COLUMNS, row, what).values())
            if values[4] is not None and values[8] is None:  # `seq` and `ended_at`: it has ended
                self._tell(what, "ended_at", None)
                values = (*values[:8], values[6], *values[9:])
            entry = self.part(what, lambda values=values: entry_of(values))  # type: ignore[misc]
            found += [] if entry is None else [entry]
        return found

    def failed(self, rows: Sequence[Sequence[Any]]) -> list[FailedAttempt]:
        """The attempts of rows (hash, attempt, started_at, ended_at, error)."""
        names = ("hash", "attempt", "started_at", "ended_at", "error")
        found: list[FailedAttempt] = []
        for row in rows:
            values = tuple(self._checked("inngest_attempts", names, row, "an attempt: ").values())
            attempt = self.part("an attempt: ", lambda values=values: failed_of(values))  # type: ignore[misc]
            found += [] if attempt is None else [attempt]
        return found

    def event(self, event: Event | None, event_id: str) -> Event:
        """An event of the run."""
        if event is None:
            self.unread.append(f"its event {event_id} is not there")
            return Event(event_id, "", "{}", 0, "", 0)
        values = self._checked("inngest_events", Event._fields, event, f"event {event.id}: ")
        return Event(*values.values())

    def part(self, what: str, read: Callable[[], T]) -> T | None:
        """The part that is read; None if it cannot be."""
        try:
            return read()
        except Exception as error:
            self.unread.append(f"{what}{text_of(error)}")
            return None

    def _checked(self, table: str, names: Sequence[str], row: Sequence[Any], what: str) -> dict[str, Any]:
        """The values of a row by column; for one that cannot be what the column holds, the least there is."""
        values = dict(zip(names, row, strict=True))
        for name, value in values.items():
            column = self._tables[table].columns[name]
            if value is None and column.nullable:
                continue
            least = -1 if name == "request_version" else 0
            fits = least <= value <= LATEST if isinstance(value, int) else isinstance(value, str) and not column.number
            if not fits:
                self._tell(what, name, value)
                values[name] = None if column.nullable else 0 if column.number else ""
        return values

    def _tell(self, what: str, name: str, value: object) -> None:
        text = repr(value)
        self.unread.append(f"{what}{name} is {text if len(text) <= SHOWN else text[:SHOWN] + '…'}")
