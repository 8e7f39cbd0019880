"""Turns of the loop are counted one by one, whoever asks to be told meanwhile."""

from __future__ import annotations

import asyncio

from inngest.runtime.idle import IDLE_TURNS, SOON, LoopIdle


class Busy:
    """Looks again, as often as it was told to: code that moved meanwhile."""

    def __init__(self, idle: LoopIdle, again: int) -> None:
        self._idle = idle
        self._again = again
        self.was_idle = asyncio.Event()
        self.looked_at: list[int] = []

    def look(self) -> None:
        self.looked_at.append(self._idle.now)
        if self._again == 0:
            self.was_idle.set()
            return
        self._again -= 1
        self._idle.when_idle(self.look)


async def test_a_turn_of_the_loop_is_one_turn() -> None:
    loop = asyncio.get_running_loop()
    idle, of_the_loop = LoopIdle(loop), 0
    busy = Busy(idle, again=5)

    def count() -> None:
        nonlocal of_the_loop
        of_the_loop += 1
        if not busy.was_idle.is_set():
            loop.call_soon(count)

    idle.when_idle(busy.look)
    loop.call_soon(count)
    await busy.was_idle.wait()
    assert busy.looked_at == [IDLE_TURNS * n for n in range(1, 7)]
    assert abs(of_the_loop - idle.now) <= 1


async def test_what_is_done_soon_comes_after_what_waits_for_idle() -> None:
    idle, done, over = LoopIdle(asyncio.get_running_loop()), list[str](), asyncio.Event()
    idle.soon_idle(lambda: done.append("soon"))
    idle.soon_idle(over.set)
    idle.when_idle(lambda: done.append("idle"))
    await over.wait()
    assert done == ["idle", "soon"]


async def test_what_is_done_soon_does_not_wait_for_a_loop_that_is_never_idle() -> None:
    loop = asyncio.get_running_loop()
    idle, of_the_loop, done = LoopIdle(loop), 0, asyncio.Event()

    def turn() -> None:
        nonlocal of_the_loop
        of_the_loop += 1
        if not done.is_set():
            loop.call_soon(turn)

    loop.call_soon(turn)
    idle.soon_idle(done.set)
    await done.wait()
    assert SOON <= of_the_loop <= SOON + 1 < IDLE_TURNS


async def test_who_raises_keeps_nobody_else_from_being_called() -> None:
    loop = asyncio.get_running_loop()
    idle, done = LoopIdle(loop), asyncio.Event()
    raised = list[str]()
    loop.set_exception_handler(lambda _, context: raised.append(str(context["exception"])))

    def mistake() -> None:
        raise RuntimeError("a mistake")

    idle.soon_idle(mistake)
    idle.soon_idle(done.set)
    await done.wait()
    assert raised == ["a mistake"]
