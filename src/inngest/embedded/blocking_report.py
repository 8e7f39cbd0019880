"""Reports of code that blocks the engine's event loop: found from another thread, and told by the name of the step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from inngest.runtime.blocked_loop import context_of
from inngest.runtime.careful import CarefulLogger
from inngest.sdk.invocation.invocation import Invocation
from inngest.sdk.invocation.open_calls import StepCall
from inngest.sdk.steps.current import RUNNING

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))


class BlockingReport:
    """Warns of steps, and of functions between their steps, that block the loop; once for each execution.

    Args:
        loop: the engine's.
        invocations: those that are under way.
        place: where the loop's thread is just now.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, invocations: Callable[[], Iterable[Invocation]], place: Callable[[], str]
    ) -> None:
        self._loop = loop
        self._invocations = invocations
        self._place = place

    def look(self) -> StepCall | Invocation | None:
        """The step whose handler is on the loop now, or the function that is there between its steps."""
        task = asyncio.current_task(self._loop)
        if task is None:
            return None
        running = context_of(task).get(RUNNING)
        for invocation in self._invocations():
            for call in list(invocation.scheduler.calls.values()):
                inside = running is not None and running.invocation is invocation and running.id == call.step.text
                if call.executing and (inside or call.task is task):
                    return call
            if invocation.task is task:
                return invocation
        return None  # it is somebody else's

    def tell(self, found: object, seconds: float) -> None:
        """Warn of what `look` found."""
        assert isinstance(found, StepCall | Invocation)
        if found.blocks:
            return
        found.blocks = True
        LOGGER.warning(
            "%s has blocked the event loop for %.1f s, at %s: nothing else can go on there. "
            "Hand what blocks to asyncio.to_thread, or make the function a plain one (def, with inngest.ContextSync), "
            "which has a thread of its own",
            self._name(found),
            seconds,
            self._place(),
        )

    def _name(self, found: StepCall | Invocation) -> str:
        if isinstance(found, Invocation):
            return f"function {found.call.function_id}, between its steps,"
        for invocation in self._invocations():
            if found in list(invocation.scheduler.calls.values()):
                return f"step {found.step.text!r} of function {invocation.call.function_id}"
        return f"step {found.step.text!r}"
