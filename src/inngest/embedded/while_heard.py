"""Handlers begin only while others take their worker for alive: else its runs may be another worker's already.

A file of its own: only workers that have a lease need it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from inngest.protocol.calls import Recorded
from inngest.protocol.opcodes import Op
from inngest.runtime.ports import Clock, Recorder, Slots

AGAIN = 50
"""Milliseconds between two looks at whether the worker is heard again."""


class WhileHeard:
    """The recorder of an invocation, whose handlers wait while their worker is not heard.

    Args:
        recorder: of the invocation.
        may_begin: whether others take the worker for alive, as far as it can know.
        clock: for the next look.
    """

    def __init__(self, recorder: Recorder, may_begin: Callable[[], bool], clock: Clock) -> None:
        self._recorder = recorder
        self.slots: Slots | None = _HeardSlots(recorder.slots, may_begin, clock)

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded] | Recorded:
        """See `Recorder.record`."""
        return self._recorder.record(ops)


class _HeardSlots:
    def __init__(self, slots: Slots | None, may_begin: Callable[[], bool], clock: Clock) -> None:
        self._slots = slots
        self._may_begin = may_begin
        self._clock = clock

    def begin(self) -> None:
        if self._slots is not None:
            self._slots.begin()

    def end(self) -> None:
        if self._slots is not None:
            self._slots.end()

    async def take(self) -> None:
        if self._slots is not None:
            await self._slots.take()
        try:
            while not self._may_begin():
                again = asyncio.Event()
                timer = self._clock.call_after(AGAIN, again.set)
                try:
                    await again.wait()
                finally:
                    timer.cancel()
        except BaseException:
            self.give()
            raise

    def give(self) -> None:
        if self._slots is not None:
            self._slots.give()
