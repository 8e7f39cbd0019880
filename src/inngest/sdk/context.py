"""What a function is called with (sdk-api §4)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from .events import Event
from .steps import Group, Step
from .steps_sync import GroupSync, StepSync


@dataclass(kw_only=True)
class _ContextFields:
    event: Event  # what started the run; the first of a batch
    events: list[Event]  # all of a batch; length 1 otherwise
    logger: logging.Logger  # the client's logger, silent while known work is replayed
    run_id: str  # ULID
    job_id: str | None = None  # from the server's header, None in process
    request_id: str | None = None  # from the server's header, None in process
    attempts: Callable[[], int] = field(repr=False)  # where `attempt` is read from

    @property
    def attempt(self) -> int:
        """Number of the attempt, from 0: of the step inside its handler, of the function's body outside steps."""
        return self.attempts()


@dataclass(kw_only=True)
class Context(_ContextFields):
    """What an async function is called with."""

    group: Group
    step: Step


@dataclass(kw_only=True)
class ContextSync(_ContextFields):
    """What a plain function is called with."""

    group: GroupSync
    step: StepSync
