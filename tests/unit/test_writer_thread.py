"""A write on the loop, in the place of the writer's thread: when that may be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from inngest.runtime.idle import LoopIdle
from inngest.runtime.writer_thread import ThreadExecutor


@pytest.fixture
async def executor() -> AsyncIterator[ThreadExecutor]:
    """A writer that has been quick lately."""
    made = ThreadExecutor(asyncio.get_running_loop(), LoopIdle(asyncio.get_running_loop()))
    made.start_writer(lambda: None)
    while not made.here(bool, 1, lone=True):
        await _told(made)
    yield made
    made.close()


async def _told(executor: ThreadExecutor) -> None:
    """The writer writes, and has somebody told."""
    told = asyncio.Event()
    executor.start_writer(lambda: executor.reply(told.set))
    await told.wait()


async def test_who_is_alone_writes_on_a_loop_of_which_nobody_knows_whether_it_is_idle(executor: ThreadExecutor) -> None:
    asyncio.get_running_loop().call_soon(lambda: None)
    assert not executor.here(bool, 1)
    assert executor.here(bool, 1, lone=True)


async def test_who_is_alone_does_not_overtake_the_answer_to_an_earlier_write(executor: ThreadExecutor) -> None:
    written, told = threading.Event(), asyncio.Event()

    def write() -> None:
        executor.reply(told.set)
        written.set()

    executor.start_writer(write)
    await asyncio.sleep(0)  # the thread has its work
    written.wait()
    assert not executor.here(bool, 1, lone=True)
    await told.wait()
    assert executor.here(bool, 1, lone=True)
