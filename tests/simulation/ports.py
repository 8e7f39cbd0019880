"""The outer world of one process: a clock that may be wrong, a writer without a thread, and who lives."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVar

from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.runtime.idle import LoopIdle
from inngest.runtime.steady import TRUSTED, Steady

from .loop import SimLoop
from .threads import CrashError

R = TypeVar("R")
A = TypeVar("A")

EPOCH = 1_750_000_000_000
"""Unix ms at which every world begins."""

LONGEST_SLEEP = 30_000
"""Milliseconds after which a timer reads the clock again, as the real one does."""


class SimClock:
    """The time of one process: the engine's own arithmetic, over the machine's wall clock and an error.

    Args:
        loop: the world's.
        skew: how far it is ahead of the machine's (ms).
        machine: how far the machine's wall clock is ahead of the world's time (ms).
    """

    def __init__(self, loop: SimLoop, skew: int, machine: Callable[[], int] = lambda: 0) -> None:
        self._loop = loop
        self._machine = machine
        self.skew = skew
        self._steady = Steady()

    def now(self) -> int:
        return self._steady.at(self._wall(), self._loop.now_us) // 1000

    def call_at(self, when: int, callback: Callable[[], object]) -> _SimTimer:
        return _SimTimer(self._loop, self, when, callback)

    def monotonic(self) -> int:
        return self._loop.now_us // 1000

    def call_after(self, ms: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        return self._loop.call_at_us(self._loop.now_us + round(1000 * ms), callback)

    def ahead(self) -> int:
        return self.now() - self._wall() // 1000

    def at_least(self, kept: int) -> bool:
        if kept - self._wall() // 1000 > TRUSTED:
            return False
        self._steady.move_to(1000 * kept, self._wall(), self._loop.now_us)
        return True

    def us_until(self, when: int) -> int:
        """Microseconds of the loop until the clock shows `when`, or a little less."""
        return max(0, 1000 * when - self._steady.at(self._wall(), self._loop.now_us))

    def _wall(self) -> int:
        return 1000 * (EPOCH + self.skew + self._machine()) + self._loop.now_us


class _SimTimer:
    def __init__(self, loop: SimLoop, clock: SimClock, when: int, callback: Callable[[], object]) -> None:
        self._loop, self._clock, self._when, self._callback = loop, clock, when, callback
        self._arm()

    def _arm(self) -> None:
        wait = min(self._clock.us_until(self._when), LONGEST_SLEEP * 1000)
        self._handle = self._loop.call_at_us(self._loop.now_us + wait, self._fire)

    def _fire(self) -> None:
        if self._clock.now() < self._when:
            self._arm()
        else:
            self._callback()

    def cancel(self) -> None:
        self._handle.cancel()


class Doomed(Protocol):
    """A process, as its parts know it."""

    context: contextvars.Context
    dead: bool

    def crash(self, why: str) -> None:
        """It is gone."""
        ...

    def doom(self) -> None:
        """It will be gone after a few more callbacks."""
        ...


class InlineExecutor:
    """Writes and reads in callbacks of the loop, after latencies that the seed draws.

    Args:
        loop: the world's.
        process: whose executor it is.
        latency: draws how long (microseconds) something takes.
        idle: tells when the loop is idle.
    """

    def __init__(
        self,
        loop: SimLoop,
        process: Doomed,
        latency: Callable[[], int],
        idle: LoopIdle,
    ) -> None:
        self._loop = loop
        self._process = process
        self._context = process.context  # not the caller's: answers are not part of the strand that asked first
        self._latency = latency
        self._idle = idle
        self._directly = False  # whether the last one that could be written at once was to be
        self._replies: deque[Callable[[], None]] = deque()
        self._last_reply = 0
        self._asked = 0  # replies so far
        self._given = 0
        self._dies_after: int | None = None

    async def run(self, work: Callable[[], R]) -> R:
        done: asyncio.Future[R] = self._loop.create_future()
        self._later(lambda: self._read(work, done))
        return await done

    def start_writer(self, work: Callable[[], None]) -> None:
        self._later(lambda: self._guard(work))

    def start_brief(self, here: Callable[[], bool], otherwise: Callable[[], None]) -> None:
        """As the real one: on the loop when it is idle, in two of three cases; else by the writer.

        Answers of the writer are on a real loop before it is idle; here they take their time, and none is overtaken.
        """
        latency = self._latency()
        if latency % 3 == 0 or self._replies:
            self._after(latency, lambda: self._guard(otherwise))
        else:
            self._idle.soon_idle(lambda: self._write_here(here, otherwise))

    def here(self, write: Callable[[A], bool], given: A, *, lone: bool = False) -> bool:
        """As the real one, every second time."""
        self._directly = not self._directly
        may = self._directly and not self._replies and (lone or self._idle.is_idle)
        return may and self._done_here(lambda: write(given))

    def _write_here(self, here: Callable[[], bool], otherwise: Callable[[], None]) -> None:
        if not self._done_here(here):
            self.start_writer(otherwise)

    def _done_here(self, write: Callable[[], bool]) -> bool:
        """Write in the middle of what the loop does; if the process ends there, nobody gets an answer."""
        if self._process.dead:
            return False
        try:
            written = write()
        except CrashError as crash:
            self._process.crash(str(crash))
            return False
        if written and self._dies_after == self._asked + 1:
            self._dies_after = None
            self._process.doom()
        return written

    def reply(self, callback: Callable[[], None]) -> None:
        self._asked += 1
        self._replies.append(callback)
        self._last_reply = max(self._last_reply, self._loop.now_us + self._latency())
        self._loop.call_at_us(self._last_reply, self._reply_next, context=self._context)

    def close(self, patience: float | None = None) -> bool:
        """Nothing runs between callbacks."""
        return True

    def die_after_reply(self) -> None:
        """The process is to end soon after the callers of the batch that is being written know of its commit."""
        self._dies_after = self._asked + 1

    def _reply_next(self) -> None:
        self._replies.popleft()()
        self._given += 1
        if self._given == self._dies_after:
            self._process.doom()

    def _later(self, callback: Callable[[], object]) -> None:
        self._after(self._latency(), callback)

    def _after(self, us: int, callback: Callable[[], object]) -> None:
        self._loop.call_at_us(self._loop.now_us + us, callback, context=self._context)

    def _read(self, work: Callable[[], R], done: asyncio.Future[R]) -> None:
        def read() -> None:
            try:
                result = work()
            except Exception as error:
                if not done.done():
                    done.set_exception(error)
            else:
                if not done.done():
                    done.set_result(result)

        self._guard(read)

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except CrashError as crash:
            self._process.crash(str(crash))


class SimLiveness:
    """The OS locks of one process in a world: it loses them all when it ends.

    Args:
        locks: those of the whole world. One that is taken away while its process runs on makes it a zombie.
    """

    def __init__(self, locks: set[str]) -> None:
        self.lease: int | None = None
        self._locks = locks
        self._own: list[str] = []

    def is_heard(self) -> bool:
        return True

    def may_begin(self) -> bool:
        return True

    def is_over(self, session_id: str) -> bool:
        return False

    def hold(self, session_id: str) -> None:
        self._locks.add(session_id)
        self._own.append(session_id)

    def release(self, session_id: str) -> None:
        self._locks.discard(session_id)

    def alive(self, session_id: str) -> bool:
        return session_id in self._locks

    def show(self, session_id: str) -> bool:
        return False  # what a zombie has lost does not come back

    def is_unknown(self, session_id: str) -> bool:
        return False

    @property
    def held(self) -> list[str]:
        """The sessions that this process holds."""
        return [one for one in self._own if one in self._locks]

    def lose(self) -> None:
        """The locks are free, whether the process has ended or not."""
        for session_id in self._own:
            self.release(session_id)

    def forget(self, session_id: str) -> None:
        """Nothing is kept."""


class SimHttp:
    """Servers outside, behind a bad line. `/secret` answers only who shows a key; `slow` takes its time.

    Args:
        chance: draws how long an answer takes, and whether it is lost.
    """

    KEY = "Bearer sim"

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    async def send(self, request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(self._chance.choice((2, 4) if "//slow" in request.url else (0, 0.05, 0.4, 1.5)))
        if self._chance.random() < 0.2:
            raise HttpError("the line is bad")
        forbidden = request.url.endswith("/secret") and request.headers.get("authorization") != self.KEY
        return HttpResponse(403 if forbidden else 200, [], b"hello", request.url)

    async def close(self) -> None:
        """Nothing is kept."""
