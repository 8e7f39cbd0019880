"""The engine of a test."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from inngest.embedded import arguments
from inngest.embedded.errors import EngineConfigError
from inngest.sdk.client import Inngest
from inngest.sdk.events import Event
from inngest.sdk.function import Function
from inngest.sdk.serializers import Unset

from .answers import OnWait, Waiting
from .blocks import Block
from .expect import Expect
from .life import Life
from .logs import LogLine
from .points import Point
from .runs import Run, only
from .stubs import Fail, Stub, answer_of, step_matcher
from .verbs import WITHIN, Idle, Verbs

T = TypeVar("T")

BEGINNING = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
"""When the clock of an engine begins, if nobody says."""


class Engine(Verbs):
    """The engine of a test: the real one, with its database in memory, and a clock that only the test moves.

    ```python
    async with inngest.testing.Engine([trial]) as engine:
        await engine.send(inngest.Event(name="trial/started"))
        await engine.advance(timedelta(days=30))
        engine.expect(trial).completed()
    ```

    It begins with the first verb, on the event loop of the test; or, if that has the ending `_sync`, on a thread. Verbs
    return when all is quiet: when functions wait, or have ended. Time moves only when a verb says so, from one thing
    that is due to the next, and never while a handler runs.

    Args:
        functions: what it runs: a list of functions, and of clients for all functions of their apps; or one client.
        start: when its clock begins; aware.
        seed: of its ids, and of jitter.
        retry_interval: seconds between attempts, instead of the backoff table.
        handler_timeout: real seconds that a handler, or code between steps, has.
        strict_stubs: at the end of the block, each stub must have been called, but for those with `optional=True`.
        always_replay: runs are let go after each step, and entered again: code that does not come to the same steps
            each time is found at once, and its run is on hold.

    Attributes:
        http: the servers that steps ask: `engine.http.stub("POST", "https://…", json=…)`.
        ai: the models that steps ask: `engine.ai.stub("claude-*", text="…")`.
        runs: its runs.

    Raises:
        EngineConfigError: an argument is wrong.
    """

    def __init__(
        self,
        functions: Sequence[Function[Any] | Inngest] | Inngest,
        *,
        start: datetime.datetime = BEGINNING,
        seed: int = 0,
        retry_interval: float | None = None,
        handler_timeout: float = 10.0,
        strict_stubs: bool = True,
        always_replay: bool = False,
    ) -> None:
        super().__init__(
            Life(
                functions,
                start=start,
                seed=seed,
                retry_interval=retry_interval,
                handler_timeout=handler_timeout,
                always_replay=always_replay,
            )
        )
        self._strict = strict_stubs

    # -- its life

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._life.end()
        if kind is None:
            self._check()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._life.end_sync()
        if kind is None:
            self._check()

    def close(self, *, check: bool = True) -> None:
        """End it, at once: nothing waits for what is under way. Idempotent; wherever it runs.

        Args:
            check: see that each stub was called, as at the end of a block.

        Raises:
            UnusedStubError: nothing has called a stub.
        """
        self._life.end_sync()
        if check:
            self._check()

    def _check(self) -> None:
        self.http.check()
        if self._strict:
            self._life.handlers.check()
            self._life.answers.check()

    # -- what stands in the place of code

    def stub(
        self,
        fn: Function[Any] | str | None,
        step: str | re.Pattern[str],
        /,
        *,
        returns: object = Unset,
        calls: Callable[..., object] | None = None,
        fail: Fail = 0,
        nth: int | None = None,
        optional: bool = False,
    ) -> Stub:
        """Have something else called in the place of a step's handler; or, with nothing of it said, look on.

        Retries, middleware, the record and its JSON stay the product's: the stub is a handler. It comes before the
        stubs that there are.

        Args:
            fn: the function, or its id; None: any.
            step: the id of the step, as written; or a pattern that all of it matches.
            returns: what it returns.
            calls: what is called, with the handler's arguments; async too, in async functions.
            fail: how many attempts fail, the first ones; or an exception, by which each fails; or a list of them, for
                the first attempts. Then `returns` or `calls` follow, or else the real handler.
            nth: which of the calls with this id, from 0; None: each.
            optional: nobody minds if it is never called.

        Returns:
            The stub; `calls` has what it was called with.

        Raises:
            EngineConfigError: an argument is wrong.
        """
        function_id = None if fn is None else arguments.named_function("fn", fn)
        answer = answer_of(returns, calls, fail)
        matches = step_matcher(function_id, step, nth)
        text = step if isinstance(step, str) else step.pattern
        where = f'step "{text}"' if function_id is None else f'step "{text}" of {function_id}'
        return self._life.handlers.add(Stub(where, matches, answer, optional=optional, names=text))

    def stub_function(
        self,
        fn: Function[T],
        /,
        *,
        returns: T = Unset,  # type: ignore[assignment]
        calls: Callable[..., object] | None = None,
        fail: Fail = 0,
        optional: bool = False,
    ) -> Stub:
        """Have something else called in the place of a function, however it is started: by an event, `step.invoke`, or
        `ctx.defer`.

        Args:
            fn: one of the engine's functions.
            returns: what it returns.
            calls: what is called, with the context.
            fail: as of `stub`; attempts are those of the function's body.
            optional: nobody minds if it is never called.

        Returns:
            The stub; `calls` has the data of the events that it was called for.

        Raises:
            EngineConfigError: an argument is wrong.
        """
        function_id = arguments.function_id_of(fn)
        if function_id not in self._life.functions:
            known = ", ".join(sorted(self._life.functions))
            raise EngineConfigError(f"fn: {function_id} is none of the engine's functions, which are {known}")
        answer = answer_of(returns, calls, fail)
        if not answer.is_any:
            raise EngineConfigError("stub_function: expected returns, calls or fail")
        stub = Stub(
            f"function {function_id}", lambda of, _: of == function_id, answer, optional=optional, names=function_id
        )
        return self._life.handlers.add(stub, of_function=True)

    def block(self, fn: Function[Any] | str | None, step: str | re.Pattern[str]) -> Block:
        """Stop the handlers of a step before they begin, until `proceed`. A run that stands there counts as quiet.

        Args:
            fn: the function, or its id; None: any.
            step: the id of the step, as written; or a pattern that all of it matches.
        """
        function_id = None if fn is None else arguments.named_function("fn", fn)
        return self._life.handlers.add_block(Block(step_matcher(function_id, step, None)))

    def on_wait(
        self, step: str, send: Event | Callable[[Waiting], Event], /, *, of: Function[Any] | None = None
    ) -> OnWait:
        """Send an event whenever a step begins to wait, as somebody outside would who answers.

        Args:
            step: the id of the step, as written.
            send: the event; or a function that makes it, of what waits.
            of: the function; None: any.

        Returns:
            What answers; `calls` has the steps that it has answered.
        """
        function_id = None if of is None else arguments.function_id_of(of)
        return self._life.answers.add(OnWait(step, function_id, send))

    # -- what is told

    def expect(self, run: Run[T] | Function[T]) -> Expect[T]:
        """Expectations of a run; or of the only run of a function.

        Raises:
            RunAssertionError: the function has no run, or several.
        """
        if isinstance(run, Function):
            run = only(self.runs.of(run), run.id)
        return Expect(self._facts, run)

    @property
    def logs(self) -> Sequence[LogLine]:
        """The lines that its functions have logged, in order: by `ctx.logger` at each level, by other loggers at
        those that they let through. Code that is replayed logs nothing by `ctx.logger`.
        """
        return tuple(self._life.logs.lines)

    def stories(self) -> list[tuple[str, str]]:
        """The story of each run: a title, and the lines; in the order in which they began."""
        return list(self._life.story.all())

    # -- twins for plain tests

    def send_sync(self, events: Event | list[Event], *, settle: bool = True) -> list[str]:
        """`send`, blocking; for plain tests."""
        return self._life.call_sync(lambda: self.send(events, settle=settle))

    def begin_sync(self, fn: Function[T], *, data: Mapping[str, object] | None = None) -> Run[T]:
        """`begin`, blocking; for plain tests."""
        return self._life.call_sync(lambda: self.begin(fn, data=data))

    def invoke_sync(
        self, fn: Function[T], *, data: Mapping[str, object] | None = None, within: datetime.timedelta = WITHIN
    ) -> T:
        """`invoke`, blocking; for plain tests."""
        return self._life.call_sync(lambda: self.invoke(fn, data=data, within=within))

    def cancel_sync(self, run: Run[Any]) -> bool:
        """`cancel`, blocking; for plain tests."""
        return self._life.call_sync(lambda: self.cancel(run))

    def send_signal_sync(self, signal: str, data: object = None) -> str | None:
        """`send_signal`, blocking; for plain tests."""
        return self._life.call_sync(lambda: self.send_signal(signal, data))

    def pause_sync(self, fn: Function[Any], *, on_event: Literal["queue", "skip"] = "queue") -> None:
        """`pause`, blocking; for plain tests."""
        self._life.call_sync(lambda: self.pause(fn, on_event=on_event))

    def resume_sync(self, fn: Function[Any]) -> None:
        """`resume`, blocking; for plain tests."""
        self._life.call_sync(lambda: self.resume(fn))

    def rerun_sync(self, run: Run[T], from_step: str | None = None, input: object = None) -> Run[T]:
        """`rerun`, blocking; for plain tests."""
        return self._life.call_sync(lambda: self.rerun(run, from_step, input))

    def settle_sync(self) -> None:
        """`settle`, blocking; for plain tests."""
        self._life.call_sync(self.settle)

    def advance_sync(self, by: datetime.timedelta) -> None:
        """`advance`, blocking; for plain tests."""
        self._life.call_sync(lambda: self.advance(by))

    def advance_to_sync(self, when: datetime.datetime) -> None:
        """`advance_to`, blocking; for plain tests."""
        self._life.call_sync(lambda: self.advance_to(when))

    def run_until_idle_sync(self, *, within: datetime.timedelta = WITHIN) -> Idle:
        """`run_until_idle`, blocking; for plain tests."""
        return self._life.call_sync(lambda: self.run_until_idle(within=within))

    def run_until_sync(self, point: Point, *, within: datetime.timedelta = WITHIN) -> None:
        """`run_until`, blocking; for plain tests."""
        self._life.call_sync(lambda: self.run_until(point, within=within))
