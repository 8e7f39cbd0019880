"""An event loop that a seed decides: its clock is virtual, and the order within each of its turns is drawn.

Each callback belongs to a process (or to nobody: the world itself) and perhaps to a strand. Callbacks of one strand
keep their order, as on every real event loop: user code may rely on it. All others of a turn run in the order that
the seed draws. What is called soon during a turn runs in the next one.

Callbacks of a dead process never run; those of one that is paused wait.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import random
import warnings
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Protocol, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LIVELOCK = 200_000
"""Turns without the clock moving on that are taken for an endless loop."""


class StuckError(Exception):
    """The world cannot go on: nothing is due any more, or it turns without end."""


class Host(Protocol):
    """The process that a callback belongs to."""

    def lets_run(self, handle: asyncio.Handle) -> bool:
        """Whether it may run now; the process may keep it for later."""
        ...


HOST: contextvars.ContextVar[Host | None] = contextvars.ContextVar("sim_host", default=None)
STRAND: contextvars.ContextVar[str | None] = contextvars.ContextVar("sim_strand", default=None)


class _Handle(asyncio.Handle):
    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context | None,
    ) -> None:
        context = contextvars.copy_context() if context is None else context  # an empty one is false
        super().__init__(callback, args, loop, context)
        self.host = context.get(HOST)
        self.strand = context.get(STRAND)


class _Timer(asyncio.TimerHandle):
    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context | None,
    ) -> None:
        context = contextvars.copy_context() if context is None else context  # an empty one is false
        super().__init__(when, callback, args, loop, context)
        self.host = context.get(HOST)
        self.strand = context.get(STRAND)


class SimTask(asyncio.Task[T]):
    """A task whose hash is its number: sets of tasks (TaskGroup, asyncio.wait) are gone through in the same order."""

    def __init__(self, number: int, coro: Coroutine[Any, Any, T], **more: Any) -> None:
        self.number = number
        context = more.get("context")
        self.host = HOST.get() if context is None else context.get(HOST)
        super().__init__(coro, **more)

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class _Ready(deque[asyncio.Handle]):
    """Whether a loop has anything to run."""

    def __init__(self, loop: SimLoop) -> None:
        super().__init__()
        self._loop = loop

    def __bool__(self) -> bool:
        return self._loop.has_more


class SimLoop(asyncio.BaseEventLoop):
    """See the module. Times are in microseconds since the world began.

    Args:
        chance: draws the order within turns.
    """

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._ready = _Ready(self)  # as asyncio's own loops show what they have to run
        self._left = 0  # callbacks of this turn that have not run
        self._chance = chance
        self.now_us = 0
        self._soon: list[_Handle | _Timer] = []
        self._timers: list[tuple[int, int, _Timer]] = []
        self._made = 0  # timers and tasks so far
        self._tasks: list[SimTask[Any]] = []
        self._gone = False
        self.turns = 0
        self.troubles: list[dict[str, Any]] = []  # what callbacks raised
        self._hopeless: str | None = None

    def drive(self, main: Coroutine[Any, Any, T]) -> T:
        """Run until `main` has ended.

        Raises:
            StuckError: it never will.
        """
        task: SimTask[T] = self.create_task(main)
        since, then = 0, self.now_us
        asyncio._set_running_loop(self)
        try:
            while not task.done():
                self._turn()
                since = since + 1 if self.now_us == then else 0
                then = self.now_us
                if since > LIVELOCK:
                    raise StuckError(f"{LIVELOCK} turns at {self.now_us} us")
                if self._hopeless is not None:
                    raise StuckError(self._hopeless)
        finally:
            asyncio._set_running_loop(None)
        return task.result()

    def give_up(self, why: str) -> None:
        """End `drive` after this turn: the world does something without end."""
        self._hopeless = why

    def _turn(self) -> None:
        self.turns += 1
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not self._soon:
            if not timers:
                raise StuckError("nothing is due any more")
            self.now_us = max(self.now_us, timers[0][0])
        while timers and timers[0][0] <= self.now_us:
            self._soon.append(heapq.heappop(timers)[2])
        batch, self._soon = self._soon, []
        self._left = len(batch)
        for handle in batch if len(batch) == 1 else self._drawn(batch):
            self._left -= 1
            if not handle.cancelled() and (handle.host is None or handle.host.lets_run(handle)):
                handle._run()

    @property
    def has_more(self) -> bool:
        """Whether anything is left to run, in this turn or the next."""
        return self._left > 0 or bool(self._soon)

    def _drawn(self, batch: list[_Handle | _Timer]) -> Generator[_Handle | _Timer]:
        """The callbacks of a turn in a drawn order, in which each strand keeps its own."""
        strands: dict[object, deque[_Handle | _Timer]] = {}
        order: list[object] = []
        for number, handle in enumerate(batch):
            key: object = number if handle.strand is None else handle.strand
            order.append(key)
            strands.setdefault(key, deque()).append(handle)
        self._chance.shuffle(order)
        for key in order:
            yield strands[key].popleft()

    # -- what asyncio asks of a loop

    def time(self) -> float:
        return self.now_us / 1e6

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        self.again(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)  # threads run only while the loop waits for them

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at_us(-round(-when * 1e6 // 1), callback, *args, context=context)

    def call_at_us(
        self, when: int, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Call at a time in microseconds."""
        timer = _Timer(when / 1e6, callback, args, self, context)
        if not self._gone:
            self._made += 1
            heapq.heappush(self._timers, (when, self._made, timer))
        return timer

    def again(self, handle: asyncio.Handle) -> None:
        """Run a callback in the next turn."""
        assert isinstance(handle, _Handle | _Timer)
        if not self._gone:
            self._soon.append(handle)

    def create_task(self, coro: Any, **more: Any) -> SimTask[Any]:
        self._made += 1
        task: SimTask[Any] = SimTask(self._made, coro, loop=self, **more)
        if len(self._tasks) > 1_000:
            self._tasks = [one for one in self._tasks if not one.done()]
        self._tasks.append(task)  # of a dead process too: it must not be closed by chance, by the garbage collector
        return task

    def tasks_of(self, host: Host) -> list[SimTask[Any]]:
        """The tasks of a process that have not ended, the oldest first."""
        return [task for task in self._tasks if task.host is host and not task.done()]

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._gone and "handle" in context:
            self.troubles.append(context)

    # -- the end of the world

    def end(self) -> None:
        """Take down what is left, without it being able to do anything."""
        self._gone = True
        self._soon.clear()
        self._timers.clear()
        with warnings.catch_warnings():  # what was never begun never will be
            warnings.simplefilter("ignore", RuntimeWarning)
            for task in self._tasks:
                if not task.done():
                    _close(task.get_coro())
        self._tasks.clear()
        self.close()


def _close(coro: Any) -> None:
    for _ in range(100):
        try:
            coro.close()
        except RuntimeError:  # it awaited something while it was being closed
            continue
        except BaseException:  # what it raises while it is taken down is nobody's business
            return
        else:
            return
