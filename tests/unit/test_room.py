"""Room for runs: who waits for it hears of it, and nobody makes way for a look."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from inngest.engine.executor import RunExecutor
from inngest.engine.places import NOTHING
from inngest.engine.quarantine import PATIENCE
from inngest.engine.records import Claims
from inngest.engine.wake_ports import News

NOW = 1_000


class Looking:
    """A store whose claims take until they are let through."""

    def __init__(self) -> None:
        self.asked = 0
        self.alone: list[object] = []  # whether each claim might take what must be alone
        self.alone_due = False
        self.through = asyncio.Event()
        self.told: list[News] = []  # to other workers

    def tell(self, news: News) -> None:
        self.told.append(news)

    async def claim(self, *_: object, alone: bool, **__: object) -> Claims:
        self.asked += 1
        self.alone.append(alone)
        await self.through.wait()
        return Claims((), None, alone_due=self.alone_due and not alone)


class Room:
    """An executor with so much room, and how often it woke its worker.

    Args:
        most: runs in flight.
        threads: for its function, which is a plain one; None if it needs no thread.
    """

    def __init__(self, most: int, threads: int | None = None) -> None:
        self.store = Looking()
        self.woken = 0
        clock = SimpleNamespace(now=lambda: NOW, monotonic=lambda: NOW)
        ids = SimpleNamespace(token=lambda: "token")
        plain = frozenset() if threads is None else frozenset({"f"})
        invoker = SimpleNamespace(plain=plain, threads=threads or 0, watch_threads=lambda _: None)
        worker = SimpleNamespace(
            invoker=invoker, store=self.store, clock=clock, ids=ids, session_id="session", observer=None, remote=None
        )
        none = cast("Any", None)
        self.executor = RunExecutor(cast("Any", worker), frozenset({"f"}), most, none, self._wake, none)

    def _wake(self) -> None:
        self.woken += 1


async def test_nobody_is_crowded_out_by_a_look_for_what_is_due() -> None:
    room = Room(100)
    room.executor.job_due(NOW)
    looking = asyncio.create_task(room.executor.run_once(NOW))
    await asyncio.sleep(0)
    assert room.store.asked == 1
    assert not room.executor.at_capacity()
    room.store.through.set()
    await looking
    assert not room.executor.at_capacity()


async def test_nobody_looks_when_nothing_is_due() -> None:
    room = Room(100)
    room.executor.job_due(NOW + 1)
    await room.executor.run_once(NOW)
    assert room.store.asked == 0


async def test_room_that_was_not_needed_wakes_who_waits_for_it() -> None:
    room = Room(1)
    reserved = room.executor.reserve(1)
    room.executor.job_due(NOW)
    await room.executor.run_once(NOW)
    assert room.executor.at_capacity()
    woken = room.woken
    room.executor.give_back(reserved)
    assert room.woken == woken + 1


@pytest.mark.parametrize("threads", [None, 2])
async def test_a_claim_that_may_take_what_must_be_alone_leaves_no_room_for_what_is_accepted(
    threads: int | None,
) -> None:
    room = Room(100, threads)
    room.executor.job_due(NOW)
    looking = asyncio.create_task(room.executor.run_once(NOW))
    await asyncio.sleep(0)
    assert room.store.asked == 1
    assert room.executor.reserve(1) == NOTHING
    room.store.through.set()
    await looking
    assert room.executor.reserve(1).owners


async def test_what_must_be_alone_is_looked_for_again_when_the_last_beside_it_ends_during_a_claim() -> None:
    """Its end was before anybody knew that such a run is due: it had to wait for ten seconds."""
    room = Room(100)
    room.store.alone_due = True
    reserved = room.executor.reserve(1)
    room.executor.job_due(NOW)
    looking = asyncio.create_task(room.executor.run_once(NOW))
    await asyncio.sleep(0)
    room.executor.give_back(reserved)
    room.store.through.set()
    await looking
    assert room.executor.next_due == NOW
    await room.executor.run_once(NOW)
    assert room.store.alone == [False, True]
    assert room.executor.next_due is None


async def test_patience_with_what_must_be_alone_does_not_begin_anew_while_no_thread_is_free() -> None:
    room = Room(100, threads=2)
    room.store.alone_due = True
    room.store.through.set()
    for _ in range(2):  # the second look finds no thread free, and does not know
        room.executor.reserve(1)
        room.executor.job_due(NOW)
        await room.executor.run_once(NOW)
        assert room.executor.looks_at(NOW) == NOW + PATIENCE
    assert room.store.asked == 1


async def test_others_are_told_once_that_there_is_no_room_for_what_is_due() -> None:
    room = Room(1)
    assert room.executor.keeps("f")
    assert not room.executor.keeps("g")
    reserved = room.executor.reserve(1)
    assert not room.executor.keeps("f")
    assert room.executor.waits_for("f", NOW)
    room.executor.job_due(NOW)
    assert not room.executor.waits_for("f", NOW + 1)
    for _ in range(2):
        await room.executor.run_once(NOW)
    assert room.store.told == [News(due={"f": NOW})]
    room.executor.give_back(reserved)
    assert room.executor.keeps("f")
