"""`ctx.step`, the part that waits for something from outside: events, signals, other functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from inngest.protocol import durations
from inngest.protocol.opcodes import OpTarget
from inngest.sdk.events import Event
from inngest.sdk.invocable import Invocable
from inngest.sdk.serializers import Serializer

from . import arguments
from .unawaited import MadeCalls, noted

T = TypeVar("T")


class WaitRunner(Protocol):
    """What these steps need of their invocation."""

    @property
    def made(self) -> MadeCalls:
        """Calls that were made, and have not begun."""
        ...

    @property
    def app_id(self) -> str:
        """The app of the function."""
        ...

    @property
    def serializer(self) -> Serializer | None:
        """The client's."""
        ...

    async def wait(self, step_id: str, waiting: arguments.WaitRequest) -> object:
        """A step whose result comes from outside; its value, as JSON gives it."""
        ...

    async def send_signal(self, step_id: str, signal: OpTarget) -> str | None:
        """A `step.send_signal`."""
        ...


class WaitingSteps:
    """Steps of an async function that wait."""

    def __init__(self, runner: WaitRunner) -> None:
        self._runner = runner

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
        value = await self._runner.wait(step_id, arguments.event(step_id, event, timeout, if_exp, since))
        return arguments.event_of(value)

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
        return await self._runner.wait(step_id, arguments.signal(step_id, signal, timeout, on_conflict))

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
        sent = arguments.sent_signal(f'step "{step_id}"', signal, data, self._runner.serializer)
        return await self._runner.send_signal(step_id, sent)

    @noted("step.invoke")
    async def invoke(
        self,
        step_id: str,
        *,
        function: Invocable[T],
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
        waiting = arguments.function(
            step_id, arguments.id_of(step_id, function), data, timeout, self._runner.serializer
        )
        return arguments.result_of(function, await self._runner.wait(step_id, waiting))

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
        full = arguments.full_id(step_id, app_id or self._runner.app_id, function_id)
        return await self._runner.wait(
            step_id, arguments.function(step_id, full, data, timeout, self._runner.serializer)
        )
