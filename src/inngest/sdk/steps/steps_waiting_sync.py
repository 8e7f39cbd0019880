"""`ctx.step` of plain functions, the part that waits. See `steps_waiting` for what each step does."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

from inngest.protocol import durations
from inngest.sdk.events import Event
from inngest.sdk.invocable import Invocable
from inngest.sdk.serializers import Serializer

from . import arguments
from .steps_waiting import WaitRunner

T = TypeVar("T")


class WaitPortal(Protocol):
    """The way from a function's thread to its invocation on the loop."""

    @property
    def runner(self) -> WaitRunner:
        """Waits on the loop."""
        ...

    def call(self, step_id: str, coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on the loop and wait."""
        ...


class WaitingStepsSync:
    """Steps of a plain function that wait."""

    def __init__(self, portal: WaitPortal) -> None:
        self._waiting_portal = portal

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
        return arguments.event_of(self._wait(step_id, arguments.event(step_id, event, timeout, if_exp, since)))

    def wait_for_signal(
        self, step_id: str, *, signal: str, timeout: durations.Duration, on_conflict: arguments.OnConflict = "fail"
    ) -> object | None:
        """Wait durably for a signal; None if the time runs out. See `Step.wait_for_signal`."""
        return self._wait(step_id, arguments.signal(step_id, signal, timeout, on_conflict))

    def send_signal(self, step_id: str, signal: str, data: object = None) -> str | None:
        """Send a signal, once; the id of the run that was woken, or None. See `Step.send_signal`."""
        runner = self._waiting_portal.runner
        sent = arguments.sent_signal(f'step "{step_id}"', signal, data, runner.serializer)
        return self._waiting_portal.call(step_id, lambda: runner.send_signal(step_id, sent))

    def invoke(
        self,
        step_id: str,
        *,
        function: Invocable[T],
        data: Mapping[str, object] | None = None,
        timeout: durations.Duration | None = None,
        v: str | None = None,
    ) -> T:
        """Run another function, and wait for its result. See `Step.invoke`."""
        del v
        waiting = arguments.function(step_id, arguments.id_of(step_id, function), data, timeout, self._serializer)
        return arguments.result_of(function, self._wait(step_id, waiting))

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
        full = arguments.full_id(step_id, app_id or self._waiting_portal.runner.app_id, function_id)
        return self._wait(step_id, arguments.function(step_id, full, data, timeout, self._serializer))

    @property
    def _serializer(self) -> Serializer | None:
        return self._waiting_portal.runner.serializer

    def _wait(self, step_id: str, waiting: arguments.WaitRequest) -> object:
        runner = self._waiting_portal.runner
        return self._waiting_portal.call(step_id, lambda: runner.wait(step_id, waiting))
