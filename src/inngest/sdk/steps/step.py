"""`ctx.step` of async functions. Thin: a method checks what it is given, and hands a request on."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal, TypeVar, TypeVarTuple, cast, overload

from inngest.protocol import durations
from inngest.sdk.events import Event, batch_of
from inngest.sdk.function import Function
from inngest.sdk.serializers import Unset

from . import arguments, gateway_arguments
from .calls import LoopCaller, RunRequest, SendRequest, noted
from .gateway_arguments import BaseAdapter, FetchResponse
from .options import DEFAULT, Backoff, Exceptions, StepOptions, check

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class AI:
    """Steps that call models."""

    def __init__(self, caller: LoopCaller, options: StepOptions) -> None:
        self._caller = caller
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
            raise arguments.not_a_function(f'step "{step_id}"', fn)
        return self._caller.step(RunRequest(step_id, fn, args, Unset, self._options.of_kind("step.ai.wrap")))


class ModelSteps(AI):
    """Steps that call models: with code of your own, or by the engine."""

    @noted("step.ai.infer")
    async def infer(
        self,
        step_id: str,
        *,
        adapter: BaseAdapter,
        body: Mapping[str, Any],
        timeout: durations.Duration | None = None,
    ) -> dict[str, Any]:
        """Have the engine ask a model. The run is a row meanwhile: no process waits for the answer with it.

        Every attempt without an answer of success is tried again, as often as the function has retries. The tokens
        that were used are recorded: see `StepRecord.usage`. A crash of the process that asks repeats the request.

        Args:
            step_id: unique within the function.
            adapter: how to speak to the provider: one of `inngest.experimental.ai`. Its key is never stored.
            body: as the provider's API wants it, at most 4 MB. The adapter adds the model.
            timeout: how long each attempt may take: milliseconds or timedelta, at most 2 hours. Without it, 10 minutes.

        Returns:
            The provider's answer.

        Raises:
            StepError: there was no good answer (`name` is AIGatewayError).
            StepArgumentError: an argument is wrong.
        """
        request = gateway_arguments.infer(step_id, adapter, body, timeout)
        return gateway_arguments.answer_of(await self._caller.step(request))


class StepWithOptions:
    """Steps that run a handler, with these options. Made by `ctx.step.options(...)`; may be used for several steps."""

    def __init__(self, caller: LoopCaller, options: StepOptions = DEFAULT) -> None:
        self._caller = caller
        self._options = options

    @property
    def ai(self) -> AI:
        """Steps that call models."""
        return AI(self._caller, self._options)

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
        **unexpected: object,
    ) -> Coroutine[Any, Any, object]:
        """Run a function durably: with retries of its own, and never again once its result is recorded.

        Args:
            step_id: unique within the function; a repeat (in a loop) is counted.
            handler: a function, async or plain. It returns what JSON can hold. For keyword arguments use
                `functools.partial`.
            *handler_args: positional arguments of the handler.
            output_type: the type by which the client's serializer keeps the value; not used without a serializer.
            **unexpected: none may be given.

        Returns:
            What the handler returned, as JSON (and the serializer) gives it back: the first time as on every replay.

        Raises:
            StepError: the handler failed for good.
            StepArgumentError: an argument is wrong.
        """
        if not callable(handler) or unexpected:
            raise arguments.not_to_be_run(f'step "{step_id}"', handler, unexpected)
        return self._caller.step(RunRequest(step_id, handler, handler_args, output_type, self._options))

    def transaction(
        self,
        step_id: str,
        fn: Callable[[arguments.Connection, *Ts], T],
        *args: *Ts,
        output_type: object = Unset,
    ) -> Coroutine[Any, Any, T]:
        """Run a plain function in a transaction of the engine's database, which also records the step: both are there,
        or neither is, whatever crashes. See `Engine(transactions=…)`.

        The function is called again, in a new transaction, where others were in the way (a deadlock, a serialization
        failure), up to 10 times in an attempt. It runs in a thread of its own; on SQLite nobody else writes meanwhile.

        Args:
            step_id: unique within the function; a repeat (in a loop) is counted.
            fn: a plain function of the connection, which neither commits nor rolls back. It returns what JSON can hold.
            *args: its positional arguments after the connection.
            output_type: the type by which the client's serializer keeps the value; not used without a serializer.

        Returns:
            What the function returned, as `run` gives it.

        Raises:
            StepError: it failed for good, and nothing it wrote is there; or (`name` is TransactionError) the connection
                cannot do it.
            StepArgumentError: an argument is wrong.
        """
        request = arguments.transaction_of(step_id, fn, args, output_type, self._options)
        return cast("Coroutine[Any, Any, T]", self._caller.step(request))


class Step(StepWithOptions):
    """The durable steps of an async function."""

    @property
    def ai(self) -> ModelSteps:
        """Steps that call models."""
        return ModelSteps(self._caller, self._options)

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

        The record of a step stands, whatever its options are changed to later.

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
        return StepWithOptions(self._caller, check(retries, backoff, timeout, retry_on, on_crash))

    @noted("step.sleep")
    async def sleep(self, step_id: str, duration: int | datetime.timedelta) -> None:
        """Sleep durably: the run is a row meanwhile, not a coroutine.

        Args:
            step_id: unique within the function.
            duration: milliseconds or timedelta, at most 366 days; zero or less does not sleep.

        Raises:
            TimeoutTooLongError: longer than 366 days.
        """
        await self._caller.step(arguments.sleep(step_id, duration))

    @noted("step.sleep_until")
    async def sleep_until(self, step_id: str, until: datetime.datetime) -> None:
        """Sleep durably until a time.

        Args:
            step_id: unique within the function.
            until: a naive datetime is taken as local time; a time in the past does not sleep.

        Raises:
            TimeoutTooLongError: more than 366 days ahead.
        """
        await self._caller.step(arguments.sleep_until(step_id, until))

    @noted("step.send_event")
    async def send_event(self, step_id: str, events: Event | Sequence[Event]) -> list[str]:
        """Send events, once: they are stored in the same transaction as the step's result.

        Args:
            step_id: unique within the function.
            events: one or several.

        Returns:
            The events' ids, in order.

        Raises:
            StepError: an event cannot be accepted; none was stored.
        """
        return arguments.ids_of(await self._caller.step(SendRequest(step_id, batch_of(events))))

    @noted("step.wait_for_event")
    async def wait_for_event(
        self,
        step_id: str,
        *,
        event: str,
        timeout: durations.Duration,
        if_exp: str | None = None,
        since: arguments.Since | None = None,
    ) -> Event | None:
        """Wait durably for an event. The run is a row meanwhile.

        An event that is accepted after this step was recorded is never missed, and one that comes before the time is
        over counts, however late the run goes on (P8).

        Args:
            step_id: unique within the function.
            event: the name of the event.
            timeout: how long to wait: milliseconds or timedelta, at most 366 days.
            if_exp: CEL expression on `event` (what started the run) and `async` (the event that has come), e.g.
                `event.data.order == async.data.order`. Without it, any event of the name counts.
            since: look back, too: a datetime, or how long before this call, for events that came earlier.

        Returns:
            The first event that matches; None if the time ran out.

        Raises:
            StepArgumentError: an argument is wrong; of an expression, with its position.
            TimeoutTooLongError: longer than 366 days.
        """
        value = await self._caller.step(arguments.event(step_id, event, timeout, if_exp, since))
        return arguments.event_of(step_id, value)

    @noted("step.wait_for_signal")
    async def wait_for_signal(
        self, step_id: str, *, signal: str, timeout: durations.Duration, on_conflict: arguments.OnConflict = "fail"
    ) -> object | None:
        """Wait durably for a signal: a message to exactly one run, by a name that you choose.

        Args:
            step_id: unique within the function.
            signal: the signal's name. One step at a time can wait for it.
            timeout: how long to wait: milliseconds or timedelta, at most 366 days.
            on_conflict: if another step waits for it already, "fail" fails this step, "replace" fails that one.

        Returns:
            The signal's data; None if the time ran out, or if that is the data.

        Raises:
            StepError: another step waits for the signal (`name` is SignalConflictError).
            StepArgumentError: an argument is wrong.
        """
        return await self._caller.step(arguments.signal(step_id, signal, timeout, on_conflict))

    @noted("step.send_signal")
    async def send_signal(self, step_id: str, signal: str, data: object = None) -> str | None:
        """Send a signal, once: the run that waits for it is woken in the transaction that records this step.

        Args:
            step_id: unique within the function.
            signal: its name.
            data: what JSON can hold, or the client's serializer can write as JSON.

        Returns:
            The id of the run that was woken; None if no step waited.

        Raises:
            StepArgumentError: the name or the data are wrong.
        """
        request = arguments.send_signal(step_id, signal, data, self._caller.serializer)
        return arguments.run_id_of(await self._caller.step(request))

    @noted("step.invoke")
    async def invoke(
        self,
        step_id: str,
        *,
        function: Function[T],
        data: Mapping[str, object] | None = None,
        timeout: durations.Duration | None = None,
        v: str | None = None,
    ) -> T:
        """Run another function, and wait for its result.

        Args:
            step_id: unique within the function.
            function: what to run, whatever its triggers.
            data: its event's data: what JSON can hold, and what the client's serializer, or pydantic, can write as JSON
                (datetime, UUID, Decimal, Enum, dataclass, model). The function receives it as JSON has it.
            timeout: how long to wait; the other run goes on all the same. Without it, 366 days.
            v: version of the data, for your own use.

        Returns:
            What the function returned.

        Raises:
            StepError: it failed, was cancelled (`name` is InvokedRunCancelledError), is not known, or the time ran
                out (InngestInvokeTimeoutError).
        """
        del v
        request = arguments.function(
            step_id, arguments.id_of(step_id, function), data, timeout, self._caller.serializer
        )
        return arguments.result_of(function, await self._caller.step(request))

    @noted("step.invoke_by_id")
    async def invoke_by_id(
        self,
        step_id: str,
        *,
        function_id: str,
        app_id: str | None = None,
        data: Mapping[str, object] | None = None,
        timeout: durations.Duration | None = None,
        v: str | None = None,
    ) -> object:
        """Run a function of any app by its id, and wait for its result. See `invoke`.

        Args:
            step_id: unique within the function.
            function_id: as given to `create_function`.
            app_id: of the app that has it; without it, of this one.
            data: its event's data.
            timeout: how long to wait.
            v: version of the data, for your own use.
        """
        del v
        full = arguments.full_id(step_id, app_id or self._caller.app_id, function_id)
        serializer = self._caller.serializer
        return await self._caller.step(arguments.function(step_id, full, data, timeout, serializer))

    @noted("step.fetch")
    async def fetch(
        self,
        step_id: str,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: gateway_arguments.Body | None = None,
        timeout: durations.Duration | None = None,
    ) -> FetchResponse:
        """Have the engine make an HTTP request. The run is a row meanwhile: no process waits for the answer with it.

        Any answer is a result, whatever its status. Without one, and after 429 and 5xx, it is made again, as often as
        the function has retries; then the last answer is the result. A crash of the process that makes it repeats it.

        Args:
            step_id: unique within the function.
            url: http or https. Redirects are followed.
            method: of HTTP.
            headers: to send. Those whose names look like credentials are never stored.
            body: text, bytes, or a mapping or list, which is sent as JSON; at most 4 MB.
            timeout: how long each attempt may take: milliseconds or timedelta, at most 2 hours. Without it, 1 minute.

        Raises:
            StepError: there was no answer, or a too large one (`name` is GatewayError).
            StepArgumentError: an argument is wrong.
        """
        request = gateway_arguments.fetch(step_id, url, method, headers, body, timeout)
        return gateway_arguments.response_of(await self._caller.step(request))
