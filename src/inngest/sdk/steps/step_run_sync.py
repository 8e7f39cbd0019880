"""`step.run` of plain functions, with the options of its steps, and what is built on it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Coroutine
from typing import Any, Literal, Protocol, TypeVar, TypeVarTuple, cast

from inngest.sdk.serializers import Unset

from .options import DEFAULT, Backoff, Exceptions, StepOptions, check
from .step_run import HandlerRunner, not_a_function

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class HandlerPortal(Protocol):
    """The way from a function's thread to its invocation on the loop."""

    @property
    def runner(self) -> HandlerRunner:
        """Runs steps on the loop; handlers come back to the thread that waits."""
        ...

    def call(self, step_id: str, coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on the loop and wait; meanwhile run, here, the handlers it asks for."""
        ...


def _run(
    portal: HandlerPortal,
    step_id: str,
    handler: Callable[[*Ts], T],
    args: tuple[*Ts],
    output_type: object,
    options: StepOptions,
) -> T:
    if not callable(handler):
        raise not_a_function(f'step "{step_id}"', handler)
    runner = portal.runner
    return cast("T", portal.call(step_id, lambda: runner.run(step_id, handler, args, output_type, options)))


class AISync:
    """Steps that call models."""

    def __init__(self, portal: HandlerPortal, options: StepOptions) -> None:
        self._portal = portal
        self._options = options

    def wrap(self, step_id: str, fn: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call a model's client durably. See `AI.wrap`."""
        return _run(self._portal, step_id, fn, args, Unset, self._options.of_kind("step.ai.wrap"))


class StepWithOptionsSync:
    """Steps that run a handler, with these options. Made by `ctx.step.options(...)`; may be used for several steps."""

    def __init__(self, portal: HandlerPortal, options: StepOptions = DEFAULT) -> None:
        self._portal = portal
        self._options = options

    @property
    def ai(self) -> AISync:
        """Steps that call models."""
        return AISync(self._portal, self._options)

    def run(
        self,
        step_id: str,
        handler: Callable[[*Ts], T],
        *handler_args: *Ts,
        output_type: object = Unset,
    ) -> T:
        """Run a plain function durably: with retries of its own, and never again once its result is recorded.

        Args:
            step_id: unique within the function; a repeat (in a loop) is counted.
            handler: a plain function. It returns what JSON can hold. For keyword arguments use `functools.partial`.
            *handler_args: positional arguments of the handler.
            output_type: the type by which the client's serializer keeps the value; not used without a serializer.

        Returns:
            What the handler returned, as JSON (and the serializer) gives it back: the first time as on every replay.

        Raises:
            StepError: the handler failed for good.
        """
        return _run(self._portal, step_id, handler, handler_args, output_type, self._options)


class StepsThatRunSync(StepWithOptionsSync):
    """Steps that run a handler, and their options."""

    def options(
        self,
        *,
        retries: int | None = None,
        backoff: int | datetime.timedelta | Backoff | None = None,
        timeout: int | datetime.timedelta | None = None,
        retry_on: Exceptions | None = None,
        on_crash: Literal["retry", "fail"] = "retry",
    ) -> StepWithOptionsSync:
        """Options for steps that run a handler: `ctx.step.options(retries=2).run("charge", charge, order)`.

        Nothing interrupts a plain handler: when its `timeout` is over, `inngest.current_step()` says so to a handler
        that looks. See `Step.options`.

        Raises:
            FunctionConfigInvalidError: an option is wrong; the run fails.
        """
        return StepWithOptionsSync(self._portal, check(retries, backoff, timeout, retry_on, on_crash))
