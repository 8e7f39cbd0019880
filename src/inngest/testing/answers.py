"""Events that a test sends as soon as a step waits, as somebody outside would."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from inngest.embedded.errors import EngineConfigError
from inngest.protocol.opcodes import OpTarget, SentEvent
from inngest.sdk.events import Event, to_sent

from .errors import UnusedStubError
from .stubs import parted


class Waiting(NamedTuple):
    """A step that has begun to wait."""

    run_id: str  # ULID
    function_id: str  # `app-function`
    step: str  # its id, as written, with `:n` for a repeat
    waits_for: str  # the name of the event or signal, or the id of the function


class OnWait:
    """Sends an event whenever a step begins to wait. Made by `Engine.on_wait`.

    Attributes:
        calls: the steps that it has answered, in order.
    """

    def __init__(self, step: str, function_id: str | None, send: Event | Callable[[Waiting], Event]) -> None:
        if not isinstance(step, str) or not step:
            raise EngineConfigError(f"step: expected the id of a step, got {step!r}")
        if not isinstance(send, Event) and not callable(send):
            raise EngineConfigError(f"send: expected an Event, or a function that makes one, got {send!r}")
        self.calls: list[Waiting] = []
        self.step = step
        self._function_id = function_id
        self._send = send

    def answers(self, waiting: Waiting) -> bool:
        """Whether it answers this step."""
        if self._function_id not in (None, waiting.function_id):
            return False
        return self.step in (waiting.step, parted(waiting.step)[0])

    def event_for(self, waiting: Waiting) -> Event:
        """The event that answers it."""
        self.calls.append(waiting)
        return self._send if isinstance(self._send, Event) else self._send(waiting)


class Answers:
    """All that a test answers steps of one engine."""

    def __init__(self) -> None:
        self._all: list[OnWait] = []
        self._waiting: list[Waiting] = []

    def add(self, one: OnWait) -> OnWait:
        """One more."""
        self._all.append(one)
        return one

    def waits(self, run_id: str, function_id: str, step: str, target: OpTarget) -> None:
        """A step has begun to wait."""
        self._waiting.append(Waiting(run_id, function_id, step, target.name))

    async def answer(self, send: Callable[[Sequence[SentEvent]], Awaitable[object]]) -> bool:
        """Send what answers the steps that wait; whether there was anything."""
        waiting, self._waiting = self._waiting, []
        events = [one.event_for(step) for step in waiting for one in self._all if one.answers(step)]
        if events:
            await send(to_sent(events))
        return bool(events)

    def check(self) -> None:
        """See that each was needed.

        Raises:
            UnusedStubError: a step has never waited.
        """
        for one in self._all:
            if not one.calls:
                raise UnusedStubError(f'on_wait: step "{one.step}" has never waited')
