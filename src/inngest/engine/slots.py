"""The slots of one invocation: a handler beside the first needs one of its own, and keeps it until it returns.

A handler may return later than its invocation: a thread cannot be interrupted. Its slot is kept until then, whether the
run was cancelled, ended, or was let go meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from inngest.runtime.ports import Clock, Timer

from .errors import StoreError
from .ports import RunStore
from .records import Owner

PATIENCE = 200
"""Milliseconds until the next try for slots that were not to be had."""


class RunSlots:
    """Slots of a run's lane, for as long as one worker owns it. The first came with the claim.

    Args:
        freed: called when slots were given back that others may wait for.
    """

    def __init__(self, store: RunStore, clock: Clock, owner: Owner, lane: str, freed: Callable[[], object]) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._lane = lane
        self._freed = freed
        self._held = 1
        self._used = 0  # handlers that run
        self._entered = False  # the function's code has not returned
        self._kept: int | None = None  # slots that are kept although the run is let go, or over
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._asking: asyncio.Task[None] | None = None
        self._timer: Timer | None = None
        self._closed = False

    def begin(self) -> None:
        """The function is entered."""
        self._entered = True

    def end(self) -> None:
        """Its code has returned."""
        self._entered = False
        self._free()

    async def take(self) -> None:
        """Wait for a slot, in order; the caller has it then, and gives it back."""
        if self._used < self._held and not self._waiting:
            self._used += 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        if self._timer is None:
            self._ask()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.give()
            raise

    def give(self) -> None:
        """A handler has returned."""
        self._used -= 1
        if self._closed:
            self._free()
            return
        self._hand_out()
        if self._surplus():
            self._ask()

    @property
    def busy(self) -> int:
        """How many slots code needs that has not returned."""
        return max(self._used, int(self._entered))

    def close(self) -> None:
        """The run is let go, or over: nobody gets a slot any more."""
        self._closed = True
        self._disarm()

    def kept(self, count: int | None) -> None:
        """So many slots are kept, from the commit on that let the run go; None: all, since others took it."""
        self._kept = self._held if count is None else count
        self._free()

    def _free(self) -> None:
        """Give back the slots that are kept, and that nobody needs any more."""
        busy = self.busy
        if self._kept is None or self._kept <= busy:
            return
        self._kept = busy
        self._store.free_slots(self._owner, busy, self._clock.now()).add_done_callback(self._were_freed)

    def _were_freed(self, freeing: asyncio.Future[bool]) -> None:
        """A store that fails is about to be left, and a session that ends frees its slots."""
        if not freeing.cancelled() and freeing.exception() is None and freeing.result():
            self._freed()

    def _hand_out(self) -> None:
        while self._waiting and self._used < self._held:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._used += 1
                waiter.set_result(None)

    def _surplus(self) -> int:
        return 0 if self._waiting else self._held - max(1, self._used)

    def _ask(self) -> None:
        if self._asking is None and not self._closed:
            self._asking = asyncio.get_running_loop().create_task(self._settle())
            self._asking.add_done_callback(self._settled)

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._asking = None
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, StoreError):
            raise error
        if self._surplus():
            self._ask()
        elif self._waiting and not self._closed:
            self._arm()

    async def _settle(self) -> None:
        """Get what is missing, or give back what is too much: whatever others do with it, it is not kept idle."""
        self._disarm()
        surplus = self._surplus()
        if surplus > 0:
            self._held -= surplus  # at once: nobody may take it any more
            await self._store.extra_slots(self._owner, self._lane, self._held, self._clock.now())
            self._freed()
            return
        missing = sum(not waiter.done() for waiter in self._waiting)
        if missing:
            wanted = self._held + missing
            held = await self._store.extra_slots(self._owner, self._lane, wanted, self._clock.now())
            self._held = max(self._held, held)  # if the run was lost, its handlers still have theirs
            self._hand_out()

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self._clock.call_after(PATIENCE, self._try_again)

    def _try_again(self) -> None:
        self._timer = None
        if self._waiting:
            self._ask()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
