"""What is due for long is done look by look: in between, what other processes did is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from inngest.engine.errors import StoreError
from inngest.engine.ports import Store
from inngest.engine.records import Fired
from inngest.engine.timers import LONGEST, Timers
from inngest.runtime.ports import Clock

TAKES = 100
"""Milliseconds for which each page is written."""


class Place:
    """A store with so many pages that are due, and a clock."""

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self._time = 0

    @property
    def timer_due(self) -> int | None:
        return 0 if self.pages else None

    def now(self) -> int:
        return self._time

    def monotonic(self) -> int:
        return self._time

    async def look_at_timers(self) -> None: ...

    async def fire(self, now: int, only: str | None = None) -> Fired:
        self._time += TAKES
        self.pages -= 1
        return Fired((), self.timer_due)


async def test_a_look_ends_though_more_is_due_and_the_next_goes_on() -> None:
    place: Any = Place(10)
    timers = Timers(cast(Store, place), cast(Clock, place))
    looks = 0
    while place.pages:
        before = place.monotonic()
        await timers.run_once()
        assert 0 < place.monotonic() - before < LONGEST + TAKES
        looks += 1
    assert looks > 2


class Busy(Place):
    """Others set a timer while this is looked at for the first time."""

    timers: Timers
    looks = 0

    async def look_at_timers(self) -> None:
        self.looks += 1
        if self.looks == 1:
            self.timers.stale = True


async def test_what_others_set_during_a_look_is_seen_by_the_next() -> None:
    place: Any = Busy(0)
    place.timers = timers = Timers(cast(Store, place), cast(Clock, place))
    for _ in range(3):
        await timers.run_once()
    assert place.looks == 2


class Failing(Place):
    """Cannot be read the first time."""

    looks = 0

    async def look_at_timers(self) -> None:
        self.looks += 1
        if self.looks == 1:
            raise StoreError("not now")


async def test_a_look_that_failed_is_made_again() -> None:
    place: Any = Failing(0)
    timers = Timers(cast(Store, place), cast(Clock, place))
    with pytest.raises(StoreError):
        await timers.run_once()
    for _ in range(2):
        await timers.run_once()
    assert place.looks == 2


class Queue(Place):
    """Timers, each with so many pages, of which one cannot be done."""

    def __init__(self, **pages: int) -> None:
        super().__init__(1)
        self._left = pages
        self.done: list[str] = []

    async def due_timers(self, now: int) -> Sequence[str]:
        return list(self._left)

    async def fire(self, now: int, only: str | None = None) -> Fired:
        if only in (None, "bad"):
            raise ValueError(only)
        self.done.append(only)
        self._left[only] -= 1
        if not self._left[only]:
            del self._left[only]
        return Fired((), 0)

    async def put_timer_off(self, timer_id: str, error: str, now: int) -> None:
        self.done.append(f"{timer_id} is put off")
        self.pages = 0


async def test_the_pages_of_one_come_before_the_next_also_where_a_later_one_cannot_be_done() -> None:
    place: Any = Queue(first=3, second=1, bad=1, last=1)
    await Timers(cast(Store, place), cast(Clock, place)).run_once()
    assert place.done == ["first", "first", "first", "second", "bad is put off"]
