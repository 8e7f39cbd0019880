"""Turns of the loop are counted one by one, whoever asks to be told meanwhile."""

from __future__ import annotations

import asyncio
from typing import cast

from inngest.sdk.conductor import REST_TURNS, Conductor, Turns


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
        self._turns.watch(cast("Conductor", self))


async def test_a_turn_of_the_loop_is_one_turn() -> None:
    loop = asyncio.get_running_loop()
    turns, of_the_loop = Turns(loop), 0
    restless = Restless(turns, again=5)

    def count() -> None:
        nonlocal of_the_loop
        of_the_loop += 1
        if not restless.rested.is_set():
            loop.call_soon(count)

    turns.watch(cast("Conductor", restless))
    loop.call_soon(count)
    await restless.rested.wait()
    assert restless.looked_at == [REST_TURNS * n for n in range(1, 7)]
    assert abs(of_the_loop - turns.now) <= 1
