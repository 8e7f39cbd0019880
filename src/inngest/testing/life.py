"""A test's engine from its first verb to its end: on the test's own loop, or on a thread for plain tests."""

from __future__ import annotations

import asyncio
import datetime
import itertools
import sys
import weakref
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from inngest.embedded.errors import EngineConfigError, EngineStateError
from inngest.embedded.in_memory import World, settings_of
from inngest.embedded.reader import Reader
from inngest.embedded.registration import specs_of
from inngest.engine.observers import Observers
from inngest.runtime.loop_thread import LoopThread
from inngest.sdk.client import Inngest
from inngest.sdk.function import Function

from .answers import Answers
from .driving import Driven
from .handlers import Handlers
from .http_stubs import HttpStubs
from .logs import Logs
from .story import Story

R = TypeVar("R")

_PACKAGE, _ASYNCIO = str(Path(__file__).parents[1]), str(Path(asyncio.__file__).parent)

_numbers = itertools.count()
_LIVES: weakref.WeakValueDictionary[int, Life] = weakref.WeakValueDictionary()
"""All that are known to anybody, by their numbers."""


class Life:
    """See the module.

    Args:
        functions: what it runs: functions, and clients for all functions of their apps.
        start: when its clock begins.
        seed: of its ids, and of jitter.
        retry_interval: seconds between attempts, instead of the backoff table.
        handler_timeout: real seconds that code has to come to its end, or to its next step.
        always_replay: runs are entered again after each record.

    Raises:
        EngineConfigError: an argument is wrong.
    """

    def __init__(
        self,
        functions: Sequence[Function[Any] | Inngest] | Inngest,
        *,
        start: datetime.datetime,
        seed: int,
        retry_interval: float | None,
        handler_timeout: float,
        always_replay: bool,
    ) -> None:
        given = settings_of(functions, retry_interval, always_replay=always_replay)
        self.began_at = ms_of("start", start)
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise EngineConfigError(f"seed: expected a whole number, got {seed!r}")
        if isinstance(handler_timeout, bool) or not isinstance(handler_timeout, int | float) or handler_timeout <= 0:
            raise EngineConfigError(f"handler_timeout: expected real seconds, over 0, got {handler_timeout!r}")
        self._specs = specs_of(given.functions)
        self.functions = {one.id: one for one in given.functions}
        self.handlers, self.http, self.logs = Handlers(), HttpStubs(), Logs()
        self._settings = given._replace(functions=[self.handlers.around_function(one) for one in given.functions])
        self._seed = seed
        self._timeout = handler_timeout
        self.answers = Answers()
        self.story = Story(self.began_at, lambda: self.now, self._entered, self.answers.waits)
        self._driven: Driven | None = None
        self._starting: asyncio.Future[None] | None = None
        self._thread: LoopThread | None = None
        self._ended = False
        self._place = ""  # line of the plain test whose verb is under way
        self.number = next(_numbers)
        _LIVES[self.number] = self

    @property
    def now(self) -> int:
        """Unix ms by its clock."""
        return self.began_at if self._driven is None else self._driven.now

    def _entered(self) -> None:
        if self._driven is not None:
            self._driven.entries += 1

    # -- the doors

    async def driven(self) -> Driven:
        """The engine, which begins now if it has not yet; for a verb on its event loop.

        Raises:
            EngineStateError: it has ended, or runs on another event loop.
            EngineBindingError: a client runs in another engine of this process.
        """
        self._refuse_if_ended()
        self.story.place = self._place or place_of_caller()
        if self._driven is None:
            observers = Observers()
            observers.add(self.story)
            world = World(self.began_at, self._seed, self.http, observers)
            self._driven = Driven(
                self._settings, self._specs, world, self.handlers, self.answers.answer, self._timeout, self.logs
            )
            self._starting = asyncio.ensure_future(self._driven.start())
        assert self._starting is not None
        if self._driven.home.loop is not asyncio.get_running_loop():
            raise EngineStateError(
                "the test's engine runs on the event loop of its first verb, and this is another one: make an engine "
                "for each test, as the fixture inngest_engine does"
            )
        await asyncio.shield(self._starting)
        return self._driven

    def call_sync(self, work: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """A verb of a plain test: do it on the engine's thread, and wait.

        Raises:
            EngineStateError: it has ended, or runs on the event loop of an async test.
        """
        self._refuse_if_ended()
        if _on_a_loop() or (self._thread is None and self._driven is not None):
            raise EngineStateError(
                "in an async test, await the verb without _sync: this one would block the event loop"
            )
        if self._thread is None:
            self._thread = LoopThread()
        self._place = place_of_caller()
        return self._thread.call(work())

    def read(self, work: Callable[[Reader], R]) -> R:
        """Read what is committed.

        Raises:
            EngineStateError: it has not begun, or has ended.
        """
        self._refuse_if_ended()
        driven = self._driven
        if driven is None:
            raise EngineStateError("the test's engine has done nothing yet: send an event, or begin a function, first")
        if self._thread is None or _on_a_loop():
            return work(driven.parts.reader)

        async def reading() -> R:
            return work(driven.parts.reader)

        return self._thread.call(reading())

    def _refuse_if_ended(self) -> None:
        if self._ended:
            raise EngineStateError("the test's engine has ended: ask it before, or make another one")

    # -- the end

    async def end(self) -> None:
        """Do nothing more, and let what was under way unwind. On its event loop, or on another."""
        driven, self._ended = self._driven, True
        if driven is None:
            return
        left = () if driven.home.gone else tuple(driven.service.executor.tasks)
        driven.end()
        if left and driven.home.loop is asyncio.get_running_loop():
            await asyncio.wait(left, timeout=self._timeout)

    def end_sync(self) -> None:
        """Do nothing more, wherever it runs, and whether its event loop does."""
        if self._thread is not None:
            thread, self._thread = self._thread, None
            try:
                thread.call(self.end())
            finally:
                thread.close()
        elif not self._ended:
            self._ended = True
            if self._driven is not None:
                self._driven.end()


def next_number() -> int:
    """The number that the next engine gets, or a later one: those made from now on have no lower."""
    return next(_numbers)


def stories_since(number: int) -> list[tuple[str, str]]:
    """Titles and stories of all runs of the engines that were made since."""
    lives = sorted((life for life in list(_LIVES.values()) if life.number >= number), key=lambda one: one.number)
    return [story for life in lives for story in life.story.all()]


def ms_of(name: str, when: object) -> int:
    """Unix ms of a time that is an argument.

    Raises:
        EngineConfigError: it is none, or has no time zone.
    """
    if not isinstance(when, datetime.datetime) or when.tzinfo is None:
        raise EngineConfigError(f"{name}: expected a datetime with a time zone, such as tzinfo=UTC, got {when!r}")
    return round(when.timestamp() * 1000)


def place_of_caller() -> str:
    """The line of the test that calls a verb, as `file.py:21`; empty if it is not to be seen."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None or frame.f_code.co_filename.startswith(_ASYNCIO):
        return ""
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
