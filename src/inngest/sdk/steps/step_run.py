"""`step.run` of async functions, with the options of its steps, and what is built on it."""

from __future__ import annotations

import datetime
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal, Protocol, TypeVar, TypeVarTuple, overload

from inngest.sdk.serializers import Unset

from .options import DEFAULT, Backoff, Exceptions, StepOptions, check

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class HandlerRunner(Protocol):
    """What running a handler needs of its invocation."""

    def run(
        self,
        step_id: str,
        handler: Callable[..., object],
        args: tuple[object, ...],
        output_type: object,
        options: StepOptions = DEFAULT,
    ) -> Coroutine[Any, Any, object]:
        """A `step.run`."""
        ...


def not_a_function(where: str, given: object) -> TypeError:
    """What to raise for a handler, or a branch, that cannot be called."""
    if not inspect.isawaitable(given):
        return TypeError(f"{where}: expected a function, got {given!r}: give the function itself, without calling it")
    if inspect.iscoroutine(given):
        given.close()
    return TypeError(
        f"{where}: expected a function, got an awaitable ({type(given).__name__}): give the function itself, "
        "without calling it"
    )


class AI:
    """Steps that call models."""

    def __init__(self, runner: HandlerRunner, options: StepOptions) -> None:
        self._runner = runner
        self._options = options

    @overload
    async def wrap(self, step_id: str, fn: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T: ...

    @overload
    async def wrap(self, step_id: str, fn: Callable[[*Ts], T], *args: *Ts) -> T: ...

    def wrap(self, step_id: str, fn: Callable[..., object], *args: object) -> Coroutine[Any, Any, object]:
        """Call a model's client durably: `step.run`, marked as a call of a model for middleware and servers.

        Args:
            step_id: unique within the function; a repeat (in a loop) is counted.
            fn: a function, async or plain. It returns what JSON can hold. For keyword arguments use
                `functools.partial`.
            *args: positional arguments of the function.

        Returns:
            What the function returned, as `step.run` gives it.

        Raises:
            StepError: the function failed for good.
        """
        if not callable(fn):
            raise not_a_function(f'step "{step_id}"', fn)
        return self._runner.run(step_id, fn, args, Unset, self._options.of_kind("step.ai.wrap"))


class StepWithOptions:
    """Steps that run a handler, with these options. Made by `ctx.step.options(...)`; may be used for several steps."""

    def __init__(self, runner: HandlerRunner, options: StepOptions = DEFAULT) -> None:
        self._runner = runner
        self._options = options

    @property
    def ai(self) -> AI:
        """Steps that call models."""
        return AI(self._runner, self._options)

    @overload
    async def run(
        self,
        step_id: str,
        handler: Callable[[*Ts], Awaitable[T]],
        *handler_args: *Ts,
        output_type: object = Unset,
    ) -> T: ...

    @overload
    async def run(
        self,
        step_id: str,
        handler: Callable[[*Ts], T],
        *handler_args: *Ts,
        output_type: object = Unset,
    ) -> T: ...

    def run(
        self,
        step_id: str,
        handler: Callable[..., object],
        *handler_args: object,
        output_type: object = Unset,
    ) -> Coroutine[Any, Any, object]:
        """Run a function durably: with retries of its own, and never again once its result is recorded.

        Args:
            step_id: unique within the function; a repeat (in a loop) is counted.
            handler: a function, async or plain. It returns what JSON can hold. For keyword arguments use
                `functools.partial`.
            *handler_args: positional arguments of the handler.
            output_type: the type by which the client's serializer keeps the value; not used without a serializer.

        Returns:
            What the handler returned, as JSON (and the serializer) gives it back: the first time as on every replay.

        Raises:
            StepError: the handler failed for good.
        """
        if not callable(handler):
            raise not_a_function(f'step "{step_id}"', handler)
        return self._runner.run(step_id, handler, handler_args, output_type, self._options)


class StepsThatRun(StepWithOptions):
    """Steps that run a handler, and their options."""

    def options(
        self,
        *,
        retries: int | None = None,
        backoff: int | datetime.timedelta | Backoff | None = None,
        timeout: int | datetime.timedelta | None = None,
        retry_on: Exceptions | None = None,
        on_crash: Literal["retry", "fail"] = "retry",
    ) -> StepWithOptions:
        """Options for steps that run a handler: `await ctx.step.options(retries=2).run("charge", charge, order)`.

        What is recorded of a step stands, whatever its options are changed to later.

        Args:
            retries: how often the step is tried again, instead of the function's number; 0 to 20.
            backoff: the delay between attempts, instead of the engine's table: milliseconds or timedelta, or an
                `inngest.Backoff`. A `RetryAfterError` overrides it.
            timeout: how long each attempt may take, in milliseconds or as a timedelta. An async handler is cancelled
                then; a plain one is asked to stop, see `inngest.current_step()`. The attempt fails with
                `StepTimeoutError` and is tried again. A handler that succeeds all the same has succeeded.
            retry_on: an exception class, or a tuple of them: others fail the step at once. `StepTimeoutError`, which
                is a `TimeoutError`, is one of the others if it is not named; `RetryAfterError` never is.
            on_crash: what follows if the worker dies, or is stopped, while the handler runs. "retry" runs it again, so
                that it may have run several times. "fail" commits the begin first, and runs no attempt twice: the
                step fails with `StepInterruptedError` then. A handler that raised is tried again all the same;
                with `retries=0` besides, the handler runs once in all.

        Raises:
            FunctionConfigInvalidError: an option is wrong; the run fails.
        """
        return StepWithOptions(self._runner, check(retries, backoff, timeout, retry_on, on_crash))
