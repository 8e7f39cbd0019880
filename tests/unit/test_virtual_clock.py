"""The clock that is moved by hand, what is done on the loop, and ids of a seed."""

from __future__ import annotations

import asyncio
import contextvars

from inngest.runtime.ids import SeededIds
from inngest.runtime.inline_executor import InlineExecutor
from inngest.runtime.virtual_clock import VirtualClock

NOON = 1_750_000_000_000


async def turn() -> None:
    """Let the loop do what it has to do."""
    await asyncio.sleep(0)


async def test_time_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock(asyncio.get_running_loop(), NOON)
    called: list[int] = []
    clock.call_at(NOON + 50, lambda: called.append(clock.now()))
    clock.call_after(20.5, lambda: called.append(clock.now()))
    assert (clock.now(), clock.monotonic(), clock.ahead(), clock.next_due) == (NOON, 0, 0, NOON + 21)
    clock.move_to(NOON + 20)
    await turn()
    assert called == []
    clock.move_to(NOON + 21)
    await turn()
    assert called == [NOON + 21]
    clock.move_to(NOON + 1_000)
    await turn()
    assert (called, clock.next_due, clock.monotonic()) == ([NOON + 21, NOON + 1_000], None, 1_000)


async def test_what_is_due_already_is_called_soon_and_what_was_taken_back_never() -> None:
    clock = VirtualClock(asyncio.get_running_loop(), NOON)
    called: list[str] = []
    clock.call_at(NOON, lambda: called.append("now"))
    clock.call_after(0, lambda: called.append("after nothing"))
    soon = clock.call_at(NOON - 1, lambda: called.append("taken back soon"))
    later = clock.call_at(NOON + 1, lambda: called.append("taken back"))
    soon.cancel()
    later.cancel()
    later.cancel()
    assert called == []
    clock.move_to(NOON + 10)
    await turn()
    assert called == ["now", "after nothing"]
    assert clock.next_due is None


async def test_timers_of_one_time_are_called_in_the_order_in_which_they_were_set() -> None:
    clock = VirtualClock(asyncio.get_running_loop(), NOON)
    called: list[int] = []
    for number in (1, 2, 3):
        clock.call_at(NOON + 5, lambda number=number: called.append(number))  # type: ignore[misc]
    clock.call_at(NOON + 4, lambda: called.append(0))
    clock.move_to(NOON + 5)
    await turn()
    assert called == [0, 1, 2, 3]


async def test_a_timer_has_the_context_in_which_it_was_set() -> None:
    clock = VirtualClock(asyncio.get_running_loop(), NOON)
    number: contextvars.ContextVar[int] = contextvars.ContextVar("number", default=0)
    seen: list[int] = []
    number.set(1)
    clock.call_after(1, lambda: seen.append(number.get()))
    number.set(2)
    clock.move_to(NOON + 1)
    await turn()
    assert seen == [1]


async def test_a_time_that_was_kept_is_gone_on_from() -> None:
    clock = VirtualClock(asyncio.get_running_loop(), NOON)
    assert clock.at_least(NOON + 7)
    assert clock.at_least(NOON)
    assert clock.now() == NOON + 7


async def test_who_sets_a_timer_stirs() -> None:
    stirred: list[None] = []
    clock = VirtualClock(asyncio.get_running_loop(), NOON, lambda: stirred.append(None))
    clock.call_after(5, lambda: None)
    assert len(stirred) == 1


async def test_what_is_read_and_written_alone_is_done_at_once_and_the_rest_soon() -> None:
    stirred: list[None] = []
    executor = InlineExecutor(asyncio.get_running_loop(), lambda: stirred.append(None))
    done: list[str] = []
    assert await executor.run(lambda: 7) == 7

    def write(given: str) -> bool:
        done.append(given)
        return True

    assert executor.here(write, "here")
    executor.start_writer(lambda: done.append("writer"))
    executor.start_brief(lambda: False, lambda: done.append("brief"))
    executor.reply(lambda: done.append("reply"))
    assert (done, executor.waiting, len(stirred)) == (["here"], 3, 5)
    await turn()
    assert (done, executor.waiting) == (["here", "writer", "brief", "reply"], 0)
    assert executor.close()


def test_a_loop_that_is_closed_has_no_use_for_a_reply() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    executor = InlineExecutor(loop)
    executor.reply(lambda: None)
    assert executor.waiting == 0


def test_a_seed_decides_ids_and_they_sort_in_their_order() -> None:
    def drawn(seed: int) -> list[object]:
        ids = SeededIds.of(seed)
        return [ids.ulid(NOON), ids.ulid(NOON), ids.ulid(NOON + 1), ids.token(), ids.random()]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    ulids = drawn(3)[:3]
    assert ulids == sorted(ulids, key=str)
