"""Turns of the loop are counted one by one, whoever asks to be told meanwhile."""

from __future__ import annotations

import asyncio

from inngest.sdk.turns import REST_TURNS, SOON, Turns


class Restless:
    """Looks again, as often as it was told to: code that moved meanwhile."""

    def __init__(self, turns: Turns, again: int) -> None:
        self._turns = turns
        self._again = again
        self.rested = asyncio.Event()
        self.looked_at: list[int] = []

    def look(self) -> None:
        self.looked_at.append(self._turns.now)
        if self._again == 0:
            self.rested.set()
            return
        self._again -= 1
        self._turns.watch(self.look)


async def test_a_turn_of_the_loop_is_one_turn() -> None:
    loop = asyncio.get_running_loop()
    turns, of_the_loop = Turns(loop), 0
    restless = Restless(turns, again=5)

    def count() -> None:
        nonlocal of_the_loop
        of_the_loop += 1
        if not restless.rested.is_set():
            loop.call_soon(count)

    turns.watch(restless.look)
    loop.call_soon(count)
    await restless.rested.wait()
    assert restless.looked_at == [REST_TURNS * n for n in range(1, 7)]
    assert abs(of_the_loop - turns.now) <= 1


async def test_what_is_done_soon_comes_after_those_who_watch_for_rest() -> None:
    turns, done, over = Turns(asyncio.get_running_loop()), list[str](), asyncio.Event()
    turns.soon(lambda: done.append("soon"))
    turns.soon(over.set)
    turns.watch(lambda: done.append("rest"))
    await over.wait()
    assert done == ["rest", "soon"]


async def test_what_is_done_soon_does_not_wait_for_a_loop_that_never_rests() -> None:
    loop = asyncio.get_running_loop()
    turns, of_the_loop, done = Turns(loop), 0, asyncio.Event()

    def turn() -> None:
        nonlocal of_the_loop
        of_the_loop += 1
        if not done.is_set():
            loop.call_soon(turn)

    loop.call_soon(turn)
    turns.soon(done.set)
    await done.wait()
    assert SOON <= of_the_loop <= SOON + 1 < REST_TURNS


async def test_who_raises_keeps_nobody_else_from_being_called() -> None:
    loop = asyncio.get_running_loop()
    turns, done = Turns(loop), asyncio.Event()
    raised = list[str]()
    loop.set_exception_handler(lambda _, context: raised.append(str(context["exception"])))

    def mistake() -> None:
        raise RuntimeError("a mistake")

    turns.soon(mistake)
    turns.soon(done.set)
    await done.wait()
    assert raised == ["a mistake"]
