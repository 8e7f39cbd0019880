"""Planted bugs about the writer and the outbox: what is held, in doubt, written where, taken (P1, P3, P6, P10)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from inngest.engine.store import outbox, parcels
from inngest.engine.store.context import WriteContext
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import Connection, Transaction
from inngest.engine.store.timers import ACCEPT, STARTS, Timers
from inngest.engine.store.writer import Writer

from .planting import plant


@plant("P3", "storm", "gated", finders=("P3",), first=1)  # in the first storm it runs for minutes
def _what_is_held_is_overtaken() -> Iterator[AbstractContextManager[object]]:
    take = Writer._take

    def overtaking(writer: Writer) -> object:
        held, writer._held = writer._held, deque()
        batch = take(writer)
        writer._held = held
        return batch

    yield mock.patch.object(Writer, "_take", overtaking)


@plant("P6", "storm", "outside", finders=("P6",))
def _a_commit_that_is_not_answered_is_made_again() -> Iterator[AbstractContextManager[object]]:
    def guessing(writer: Writer, batch: Sequence[Any]) -> object:
        writer._committing = None
        writer._undo()
        return None

    yield mock.patch.object(Writer, "_happened", guessing)


@plant("P6", "outbox")
def _of_several_events_of_the_outbox_the_last_is_forgotten() -> Iterator[AbstractContextManager[object]]:
    take = outbox.take

    def forgetful(context: WriteContext, only: str, now: int) -> outbox.Taken:
        taken = take(context, only, now)
        return taken._replace(events=taken.events[:-1]) if len(taken.events) > 1 else taken

    yield mock.patch.object(outbox, "take", forgetful)


@plant("P6", "outbox")
def _what_was_accepted_stays_in_the_outbox() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(outbox, "REMOVE", outbox.READ)


@plant("P10", "storm", "outside", finders=("P10",))
def _a_commit_that_is_not_answered_is_taken_for_made() -> Iterator[AbstractContextManager[object]]:
    def guessing(writer: Writer, batch: Sequence[Any]) -> object:
        number, writer._committing = writer._committing, None
        writer._undo()
        return None if number is None or writer._context is None else writer._context.outcome

    yield mock.patch.object(Writer, "_happened", guessing)


@plant("P10", "storm", "outside", finders=("P10",))
def _what_is_written_is_not_looked_for() -> Iterator[AbstractContextManager[object]]:
    def blindly(_: SqliteDatabase, connection: Connection) -> None:
        connection.execute("COMMIT")

    yield mock.patch.object(SqliteDatabase, "commit", blindly)


@plant("P1", "sends", finders=("P1",), first=1)
def _the_marker_of_a_parcel_goes_before_its_last_page() -> Iterator[AbstractContextManager[object]]:
    put = Timers.put

    def once(timers: Timers, kind: str, key: str, due_at: int, payload: object, *more: Any) -> None:
        if kind != ACCEPT or payload == parcels.Marker():
            put(timers, kind, key, due_at, payload, *more)

    yield mock.patch.object(Timers, "put", once)


@plant("P1", "rated", "gated", "mixed", finders=("P1", "gates"))
def _runs_beyond_a_page_are_forgotten() -> Iterator[AbstractContextManager[object]]:
    put = Timers.put

    def unmarked(timers: Timers, kind: str, *args: Any) -> None:
        if kind != STARTS:
            put(timers, kind, *args)

    yield mock.patch.object(Timers, "put", unmarked)


@plant("P1", "sends", finders=("P1",), first=1)
def _a_page_of_a_parcel_is_accepted_in_part() -> Iterator[AbstractContextManager[object]]:
    page = parcels.page

    def less(*args: Any) -> parcels.Page:
        found = page(*args)
        return found._replace(events=found.events[:-1])

    yield mock.patch.object(parcels, "page", less)


@plant("P6", "timers", finders=("timely",), first=25)
def _what_a_batch_tells_memory_is_taken_over_before_its_commit() -> Iterator[AbstractContextManager[object]]:
    def at_once(_: Transaction, follow: Callable[[], object]) -> None:
        follow()

    yield mock.patch.object(Transaction, "on_commit", at_once)
