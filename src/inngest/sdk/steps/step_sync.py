"""`ctx.step` of plain functions: the same API, without await. See `step` for what each method does."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Never, TypeVar, TypeVarTuple, cast

from inngest.protocol import durations
from inngest.sdk.events import Event, batch_of
from inngest.sdk.function import Function
from inngest.sdk.serializers import Unset

from . import arguments, gateway_arguments
from .calls import RunRequest, SendRequest, ThreadCaller
from .gateway_arguments import BaseAdapter, FetchResponse
from .options import DEFAULT, Backoff, Exceptions, StepOptions, check

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def _run(
    caller: ThreadCaller,
    step_id: str,
    handler: Callable[[*Ts], T],
    args: tuple[*Ts],
    output_type: object,
    options: StepOptions,
) -> T:
    if not callable(handler):
        raise arguments.not_a_function(f'step "{step_id}"', handler)
    return cast("T", caller.step(RunRequest(step_id, handler, args, output_type, options)))


class AISync:
    """Steps that call models."""

    def __init__(self, caller: ThreadCaller, options: StepOptions) -> None:
        self._caller = caller
        self._options = options

    def wrap(self, step_id: str, fn: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call a model's client durably. See `AI.wrap`."""
        return _run(self._caller, step_id, fn, args, Unset, self._options.of_kind("step.ai.wrap"))


class ModelStepsSync(AISync):
    """Steps that call models: with code of your own, or by the engine."""

    def infer(
        self,
        step_id: str,
        *,
        adapter: BaseAdapter,
        body: Mapping[str, Any],
        timeout: durations.Duration | None = None,
    ) -> dict[str, Any]:
        """Have the engine ask a model. See `Step.ai.infer`."""
        request = gateway_arguments.infer(step_id, adapter, body, timeout)
        return gateway_arguments.answer_of(self._caller.step(request))


class StepWithOptionsSync:
    """Steps that run a handler, with these options. Made by `ctx.step.options(...)`; may be used for several steps."""

    def __init__(self, caller: ThreadCaller, options: StepOptions = DEFAULT) -> None:
        self._caller = caller
        self._options = options

    @property
    def ai(self) -> AISync:
        """Steps that call models."""
        return AISync(self._caller, self._options)

    def run(
        self,
        step_id: str,
        handler: Callable[[*Ts], T],
        *handler_args: *Ts,
        output_type: object = Unset,
        **unexpected: Never,
    ) -> T:
        """Run a plain function durably: with retries of its own, and never again once its result is recorded.

        Args:
            step_id: unique within the function; a repeat (in a loop) is counted.
            handler: a plain function. It returns what JSON can hold. For keyword arguments use `functools.partial`.
            *handler_args: positional arguments of the handler.
            output_type: the type by which the client's serializer keeps the value; not used without a serializer.
            **unexpected: none may be given.

        Returns:
            What the handler returned, as JSON (and the serializer) gives it back: the first time as on every replay.

        Raises:
            StepError: the handler failed for good.
            StepArgumentError: an argument is wrong.
        """
        if unexpected:
            raise arguments.not_to_be_run(f'step "{step_id}"', handler, unexpected)
        return _run(self._caller, step_id, handler, handler_args, output_type, self._options)

    def transaction(
        self, step_id: str, fn: Callable[[arguments.Connection, *Ts], T], *args: *Ts, output_type: object = Unset
    ) -> T:
        """Run a plain function in a transaction, which also records the step. See `Step.transaction`."""
        return cast("T", self._caller.step(arguments.transaction_of(step_id, fn, args, output_type, self._options)))


class StepSync(StepWithOptionsSync):
    """The durable steps of a plain function. See `Step` for what each does."""

    @property
    def ai(self) -> ModelStepsSync:
        """Steps that call models."""
        return ModelStepsSync(self._caller, self._options)

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
        return StepWithOptionsSync(self._caller, check(retries, backoff, timeout, retry_on, on_crash))

    def sleep(self, step_id: str, duration: int | datetime.timedelta) -> None:
        """Sleep durably for milliseconds or a timedelta. See `Step.sleep`."""
        self._caller.step(arguments.sleep(step_id, duration))

    def sleep_until(self, step_id: str, until: datetime.datetime) -> None:
        """Sleep durably until a time. See `Step.sleep_until`."""
        self._caller.step(arguments.sleep_until(step_id, until))

    def send_event(self, step_id: str, events: Event | Sequence[Event]) -> list[str]:
        """Send events, once. See `Step.send_event`."""
        return arguments.ids_of(self._caller.step(SendRequest(step_id, batch_of(events))))

    def wait_for_event(
        self,
        step_id: str,
        *,
        event: str,
        timeout: durations.Duration,
        if_exp: str | None = None,
        since: arguments.Since | None = None,
    ) -> Event | None:
        """Wait durably for an event; None if the time runs out. See `Step.wait_for_event`."""
        value = self._caller.step(arguments.event(step_id, event, timeout, if_exp, since))
        return arguments.event_of(step_id, value)

    def wait_for_signal(
        self, step_id: str, *, signal: str, timeout: durations.Duration, on_conflict: arguments.OnConflict = "fail"
    ) -> object | None:
        """Wait durably for a signal; None if the time runs out. See `Step.wait_for_signal`."""
        return self._caller.step(arguments.signal(step_id, signal, timeout, on_conflict))

    def send_signal(self, step_id: str, signal: str, data: object = None) -> str | None:
        """Send a signal, once; the id of the run that was woken, or None. See `Step.send_signal`."""
        request = arguments.send_signal(step_id, signal, data, self._caller.serializer)
        return arguments.run_id_of(self._caller.step(request))

    def invoke(
        self,
        step_id: str,
        *,
        function: Function[T],
        data: Mapping[str, object] | None = None,
        timeout: durations.Duration | None = None,
        v: str | None = None,
    ) -> T:
        """Run another function, and wait for its result. See `Step.invoke`."""
        del v
        request = arguments.function(
            step_id, arguments.id_of(step_id, function), data, timeout, self._caller.serializer
        )
        return arguments.result_of(function, self._caller.step(request))

    def invoke_by_id(
        self,
        step_id: str,
        *,
        function_id: str,
        app_id: str | None = None,
        data: Mapping[str, object] | None = None,
        timeout: durations.Duration | None = None,
        v: str | None = None,
    ) -> object:
        """Run a function of any app by its id, and wait for its result. See `Step.invoke_by_id`."""
        del v
        full = arguments.full_id(step_id, app_id or self._caller.app_id, function_id)
        return self._caller.step(arguments.function(step_id, full, data, timeout, self._caller.serializer))

    def fetch(
        self,
        step_id: str,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: gateway_arguments.Body | None = None,
        timeout: durations.Duration | None = None,
    ) -> FetchResponse:
        """Have the engine make an HTTP request. See `Step.fetch`."""
        request = gateway_arguments.fetch(step_id, url, method, headers, body, timeout)
        return gateway_arguments.response_of(self._caller.step(request))
