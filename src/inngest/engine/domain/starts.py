"""A run that is about to be created for an event. Pure; `triggers` makes starts, and `store` judges and writes them."""

from __future__ import annotations

from typing import NamedTuple

from inngest.protocol.errors import ErrorInfo

from .gates import PAUSED, Gates, skipped
from .lanes import QueuePosition
from .model import Run, RunStatus, Subscription


class Start(NamedTuple):
    """A run to create for an event."""

    run: Run
    due_at: int  # when it may begin
    key: str  # idempotency key: no second run of the function for it within `limits.IDEMPOTENCY_PERIOD`; "" if none
    subscriptions: tuple[Subscription, ...] = ()  # what cancels it
    gates: Gates | None = None  # what else must be asked; None: nothing
    held: bool = False  # its function is paused: it may not begin until that is over
    written: bool = False  # it is stored already
    position: QueuePosition | None = None  # where it queues; None for a plain function
    listens: bool = False  # a trigger of its function matched, so that it can be found again by its event

    def skip(self, why: ErrorInfo) -> Start:
        """The run is recorded, with the reason, and never begins."""
        run = self.run._replace(status=RunStatus.SKIPPED, ended_at=self.run.created_at, error=why.to_json())
        return self._replace(run=run._replace(watched=False), subscriptions=(), gates=None, held=False, position=None)

    def pause(self, on_event: str) -> Start:
        """The run of a function that is paused: skipped, or held until the pause is over.

        Args:
            on_event: what becomes of events meanwhile, "skip" or "queue".
        """
        return self.skip(skipped(PAUSED)) if on_event == "skip" else self._replace(held=True)
