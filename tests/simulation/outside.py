"""What the programs of the corpus do outside: each handler is noted when it begins and ends, and takes a drawn time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol, Self, TypeVar, cast

from inngest.sdk.steps.current import RUNNING, current_step

from . import threads
from .history import Began, Entry, Finished
from .loop import HOST

T = TypeVar("T")

PACES = (0, 0, 1, 3, 10, 60, 700)
"""Milliseconds that a handler may take."""


LOOKS = 50
"""Milliseconds after which a plain handler looks again if it was asked to stop."""


class FlakyError(Exception):
    """What handlers raise that are told to fail."""


class Actor(Protocol):
    """A process, as a handler sees it."""

    number: int
    dead: bool

    def crash(self, why: str) -> None:
        """It is gone."""
        ...


class Ledger(Protocol):
    """Where handlers are noted."""

    def now(self) -> int:
        """Microseconds of the world."""
        ...

    def owner(self) -> tuple[str, str]:
        """Token and run of the invocation that the caller belongs to."""
        ...

    def note(self, entry: Entry) -> None:
        """Something happened."""
        ...

    def killed_by_step(self, process: Actor) -> None:
        """A handler ends its process."""
        ...


class _Doing:
    """One handler at work; a context manager that notes how it goes."""

    def __init__(self, ledger: Ledger) -> None:
        process, running = HOST.get(), RUNNING.get()
        assert running is not None, "a handler runs outside of a step"
        self._ledger = ledger
        self._process = process
        self.attempt = running.attempt
        self._step = running.id

    @property
    def process(self) -> Actor:
        return cast(Actor, self._process)

    def __enter__(self) -> Self:
        token, run_id = self._ledger.owner()
        now = self._ledger.now()
        self._ledger.note(Began(now, self.process.number, token, run_id, self._step, self.attempt))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.process.dead:
            return
        how = "returned" if kind is None else "cancelled" if kind is asyncio.CancelledError else "raised"
        token, run_id = self._ledger.owner()
        now = self._ledger.now()
        self._ledger.note(Finished(now, self.process.number, token, run_id, self._step, self.attempt, how))


class Outside:
    """What handlers do.

    Args:
        ledger: where they are noted.
        chance: draws how long they take.
    """

    def __init__(self, ledger: Ledger, chance: random.Random) -> None:
        self._ledger = ledger
        self._chance = chance

    def pause(self) -> int:
        """Milliseconds that something takes."""
        return self._chance.choice(PACES)

    def does(
        self, value: T, *, ms: int | None = None, fails: int = 0, error: Callable[[], BaseException] | None = None
    ) -> Callable[[], Awaitable[T]]:
        """A handler that returns a value.

        Args:
            value: what it returns.
            ms: how long it takes; drawn if None.
            fails: how many attempts fail first.
            error: what they raise.
        """

        async def handler() -> T:
            with _Doing(self._ledger) as doing:
                if length := self.pause() if ms is None else ms:
                    await asyncio.sleep(length / 1000)
                _fail(doing, fails, error)
                return value

        return handler

    def does_plain(
        self,
        value: T,
        *,
        ms: int | None = None,
        fails: int = 0,
        error: Callable[[], BaseException] | None = None,
        looks: bool = False,
    ) -> Callable[[], T]:
        """The same, for plain functions.

        Args:
            value, ms, fails, error: as above.
            looks: whether it looks, every LOOKS milliseconds, if it was asked to stop.
        """

        def handler() -> T:
            with _Doing(self._ledger) as doing:
                left = self.pause() if ms is None else ms
                while left > 0:
                    if looks:
                        current_step().raise_if_cancelled()
                    length = min(left, LOOKS) if looks else left
                    threads.sleep(length * 1000)
                    left -= length
                _fail(doing, fails, error)
                return value

        return handler

    async def kills(self) -> NoReturn:
        """A handler that ends its process."""
        with _Doing(self._ledger) as doing:
            self._ledger.killed_by_step(doing.process)
            await asyncio.get_running_loop().create_future()
        raise AssertionError("a dead process goes on")

    def kills_plain(self) -> NoReturn:
        """The same, for plain functions."""
        with _Doing(self._ledger) as doing:
            self._ledger.killed_by_step(doing.process)
            raise threads.CrashError


def _fail(doing: _Doing, fails: int, error: Callable[[], BaseException] | None) -> None:
    if doing.attempt < fails:
        raise error() if error else FlakyError(f"attempt {doing.attempt}")
