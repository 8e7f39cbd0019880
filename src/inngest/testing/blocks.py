"""Handlers that a test stops before they begin, until it lets them go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from inngest.sdk.errors import EndOfInvocation
from inngest.sdk.steps.current import CurrentStep


class Block:
    """Stops the handlers of a step before they begin. Made by `Engine.block`.

    While one is stopped, nothing waits for it: verbs return, and time may pass.
    """

    def __init__(self, matches: Callable[[str, str], bool]) -> None:
        self._matches = matches
        self._gate: list[Callable[[], object]] = []  # lets those go on that are stopped
        self._open = False
        self._ended = False
        self._reached = 0

    @property
    def reached(self) -> bool:
        """Whether a handler has come here."""
        return self._reached > 0

    def proceed(self) -> None:
        """Let the handlers that are stopped begin, and those that come. The next verb of the engine waits for them."""
        self._open = True
        gate, self._gate = self._gate, []
        for let_go in gate:
            let_go()

    # -- for the engine

    def stops(self, function_id: str, step: str) -> bool:
        """Whether a handler of this step is stopped now."""
        return not self._open and self._matches(function_id, step)

    async def wait_here(self, blocked: set[CurrentStep], step: CurrentStep, stirred: Callable[[], object]) -> None:
        """Stop here, on the loop."""
        going: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stop(blocked, step, lambda: None if going.done() else going.set_result(None))
        stirred()
        try:
            await going
        finally:
            blocked.discard(step)
        self._go_on()

    def wait_in_thread(self, blocked: set[CurrentStep], step: CurrentStep, stirred: Callable[[], object]) -> None:
        """Stop here, in a thread of a plain function.

        Raises:
            EndOfInvocation: the engine has ended.
        """
        going = threading.Event()
        self._stop(blocked, step, going.set)
        stirred()
        going.wait()
        self._go_on()

    def end(self) -> None:
        """The engine has ended: nobody lets those go on that are stopped."""
        self._ended = True
        self.proceed()

    def _stop(self, blocked: set[CurrentStep], step: CurrentStep, let_go: Callable[[], object]) -> None:
        def go_on() -> None:
            blocked.discard(step)  # at once: whoever lets it go on may look before it does
            let_go()

        blocked.add(step)
        self._gate.append(go_on)
        self._reached += 1
        if self._open:  # since this was asked
            go_on()

    def _go_on(self) -> None:
        if self._ended:
            raise EndOfInvocation
