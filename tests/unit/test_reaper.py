"""Each part of a look fails alone: what one raises keeps the others from nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from unittest import mock

import pytest

from inngest.engine.failure_log import each_alone
from inngest.engine.ports import Store
from inngest.engine.pruner import Pruner, Retention
from inngest.engine.reaper import Reaper
from inngest.engine.records import EventCursor, Session
from inngest.runtime.ports import Clock, Liveness


class Place:
    """A store, the locks of its workers, and a clock."""

    def __init__(self, broken: str) -> None:
        self.broken = broken
        self.done: list[str] = []

    def now(self) -> int:
        return 10**9

    def monotonic(self) -> int:
        return 10**9

    def is_unknown(self, session_id: str) -> bool:
        return False

    async def sessions(self) -> Sequence[Session]:
        return [Session(name, 0, "h", 1, ()) for name in ("a", "b", "c")]

    def alive(self, session_id: str) -> bool:
        if self.broken == f"alive {session_id}":
            raise PermissionError(session_id)
        return False

    def forget(self, session_id: str) -> None:
        self.done.append(f"forget {session_id}")

    async def end_session(self, session_id: str, now: int, *, died: bool) -> bool:
        return self._do(f"end {session_id}")

    async def remove_keys(self, now: int) -> bool:
        return self._do("keys")

    async def remove_runs(self, before: int, since: int) -> bool:
        return self._do("runs")

    async def remove_events(self, after: EventCursor, before: int) -> EventCursor | None:
        self._do("events")
        return None

    def _do(self, what: str) -> bool:
        if what == self.broken:
            raise PermissionError(what)
        self.done.append(what)
        return what != "keys"


@pytest.mark.parametrize("broken", ["alive a", "end a"])
async def test_a_worker_that_cannot_be_looked_at_keeps_no_other_from_being_found_dead(broken: str) -> None:
    place: Any = Place(broken)
    reaper = Reaper(cast(Store, place), cast(Clock, place), cast(Liveness, place))
    with pytest.raises(PermissionError):
        await reaper.run_once("own")
    assert place.done == ["end b", "forget b", "end c", "forget c"]
    place.broken = ""
    assert await reaper.run_once("own")
    assert "end a" in place.done


async def test_a_worker_that_was_heard_again_is_looked_at_from_then_on() -> None:
    """Nobody tells that it is heard: if it dies soon, its runs would wait for a look at everything."""
    place: Any = Place("")
    reaper = Reaper(cast(Store, place), cast(Clock, place), cast(Liveness, place))
    with mock.patch.object(place, "end_session", new=mock.AsyncMock(return_value=False)):
        assert not await reaper.run_once("own")
    assert await reaper.run_once("own")
    assert "end a" in place.done


@pytest.mark.parametrize("broken", ["keys", "runs", "events"])
async def test_what_cannot_be_removed_keeps_nothing_else_from_being_removed(broken: str) -> None:
    place: Any = Place(broken)
    with pytest.raises(PermissionError):
        await Pruner(cast(Store, place), cast(Clock, place), Retention(1_000, chosen=True)).run_once()
    assert place.done == [what for what in ("keys", "runs", "events") if what != broken]


async def test_all_parts_are_done_and_the_first_failure_is_told() -> None:
    done: list[int] = []

    async def part(number: int) -> bool:
        done.append(number)
        if number in (1, 3):
            raise ValueError(str(number))
        return number == 2

    assert await each_alone([lambda: part(0), lambda: part(2)])
    with pytest.raises(ValueError, match="1"):
        await each_alone([lambda: part(1), lambda: part(2), lambda: part(3)])
    assert done == [0, 2, 1, 2, 3]
