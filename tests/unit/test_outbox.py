"""A worker looks into the outbox only where something was found, and a row that cannot be accepted is put aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from inngest.embedded.transactions.lent import in_style
from inngest.engine.domain.model import Event
from inngest.engine.errors import StoreBusyError
from inngest.engine.intake import Intake
from inngest.engine.outbox import AGAIN_MS, Outbox
from inngest.engine.records import Accepted
from inngest.engine.server_ports import OutboxStore
from inngest.errors import TransactionError
from inngest.runtime.ports import Clock

EVENT = Event("e", "shop/paid", "{}", 0, "", 0)


class Place:
    """An outbox, its worker's intake, and a clock, which goes on with each page that is taken.

    Args:
        rows: what becomes of each row that is taken: events, or an error.
    """

    def __init__(self, **rows: int | Exception) -> None:
        self.rows: dict[str, int | Exception] = dict(rows)
        self.aside: list[str] = []
        self.done: list[str] = []
        self.waits: bool = bool(rows)
        self.was_put_aside: bool | None = False
        self.held: list[str] = []  # others have them
        self._time = 0
        self.takes = 0

    def monotonic(self) -> int:
        return self._time

    def go_on(self, ms: int) -> None:
        """Time goes by."""
        self._time += ms

    @property
    def outbox_waits(self) -> bool:
        return self.waits

    @property
    def outbox_aside(self) -> bool | None:
        return self.was_put_aside

    async def look_at_timers(self) -> None:
        self.done.append("look")
        self.waits = bool(self.rows)

    async def outbox_rows(self, *, aside: bool) -> Sequence[str]:
        self.done.append("list")
        return list(self.aside if aside else self.rows)

    async def put_aside(self, row: str, why: str) -> None:
        self.done.append(f"{row} aside: {why}")
        self.rows.pop(row, None)
        self.waits = bool(self.rows)

    async def take(self, row: str = "") -> Accepted:
        self.takes += 1
        self._time += self.takes
        wanted = [row] if row else [one for one in self.rows if one not in self.held]
        for one in wanted:
            found = self.rows.get(one, 1)
            if isinstance(found, Exception):
                raise found
        for one in wanted:
            self.done.append(one)
            self.rows.pop(one, None)
        self.waits = False
        return Accepted((), events=[EVENT] * len(wanted))


def worker_of(place: Place) -> Outbox:
    """A worker's part that sees to it."""
    return Outbox(cast("OutboxStore", place), cast("Intake", place), cast("Clock", place))


async def test_where_nothing_was_found_nothing_is_asked() -> None:
    place = Place()
    worker = worker_of(place)
    for _ in range(10):
        place.go_on(10 * AGAIN_MS)
        await worker.run_once()
    assert place.done == []
    assert place.takes == 0


async def test_what_waits_is_accepted() -> None:
    place = Place(a=1, b=1)
    await worker_of(place).run_once()
    assert place.done == ["a", "b"]


async def test_one_that_fails_is_found_and_put_aside() -> None:
    place = Place(a=1, bad=ValueError("no such thing"), c=1)
    worker = worker_of(place)
    await worker.run_once()
    await worker.run_once()
    assert place.done == ["list", "a", "bad aside: ValueError: no such thing", "c"]


async def test_a_store_in_trouble_puts_nothing_aside() -> None:
    place = Place(a=StoreBusyError("locked"))
    with pytest.raises(StoreBusyError):
        await worker_of(place).run_once()
    assert list(place.rows) == ["a"]


async def test_rows_that_others_were_taking_are_looked_at_once_more_after_a_while() -> None:
    place = Place(a=1)
    place.held = ["a"]
    worker = worker_of(place)
    await worker.run_once()
    await worker.run_once()
    assert (place.done, place.takes) == ([], 1)
    place.held = []  # they have died
    place.go_on(AGAIN_MS)
    await worker.run_once()
    assert place.done == ["look", "a"]
    place.go_on(10 * AGAIN_MS)
    await worker.run_once()
    assert place.done == ["look", "a"]


async def test_who_begins_tries_what_others_have_put_aside_once() -> None:
    place = Place()
    place.aside, place.was_put_aside = ["old", "bad"], None
    place.rows["bad"] = ValueError("still")
    worker = worker_of(place)
    await worker.run_once()
    assert place.done == []  # nobody has looked yet
    place.was_put_aside = True
    await worker.run_once()
    await worker.run_once()
    assert place.done == ["list", "old", "bad aside: ValueError: still"]


SQL = 'INSERT INTO "a$1%".t (x, y) VALUES ($1::VARCHAR, $2), ($3, $1)'


@pytest.mark.parametrize(
    ("style", "text", "parameters"),
    [
        ("numeric_dollar", SQL, (1, 2, 3)),
        ("pyformat", 'INSERT INTO "a$1%%".t (x, y) VALUES (%s::VARCHAR, %s), (%s, %s)', (1, 2, 3, 1)),
        ("format", 'INSERT INTO "a$1%%".t (x, y) VALUES (%s::VARCHAR, %s), (%s, %s)', (1, 2, 3, 1)),
        ("qmark", SQL, (1, 2, 3)),
    ],
)
def test_a_statement_is_written_for_the_drivers_parameters(style: str, text: str, parameters: tuple[Any, ...]) -> None:
    assert in_style(SQL, [1, 2, 3], style) == (text, parameters)


def test_a_style_that_is_unknown_is_refused() -> None:
    with pytest.raises(TransactionError, match="its driver has parameters of the style 'named'"):
        in_style(SQL, [1, 2, 3], "named")


async def test_rows_that_were_put_aside_are_tried_once_the_store_works() -> None:
    place = Place(a=StoreBusyError("locked"))
    place.aside, place.was_put_aside, place.waits = ["a"], True, False
    worker = worker_of(place)
    with pytest.raises(StoreBusyError):
        await worker.run_once()
    place.rows["a"] = 1
    await worker.run_once()
    await worker.run_once()
    assert place.done == ["list", "list", "a"]
