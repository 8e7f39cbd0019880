"""What a function is called with: its event, its steps, its logger, and which attempt it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from inngest.protocol.steps import StepName

from .errors import StepArgumentError
from .events import Event
from .invocable import Invocable
from .steps import arguments
from .steps.calls import Caller
from .steps.group import Group, GroupSync
from .steps.step import Step
from .steps.step_sync import StepSync


class Deferred:
    """A function that starts when the run has ended. Given by `ctx.defer`.

    Attributes:
        id: as written by the developer, with `:n` for a repeat.
    """

    def __init__(self, caller: Caller[Any], step: StepName) -> None:
        self.id = step.text
        self._step = step
        self._caller = caller

    def abort(self) -> None:
        """Do not start it, after all. A second time changes nothing; once the function has returned it is too late.

        Raises:
            NestedStepError: called in the handler of a step.
            StepOutsideError: called after the function had ended; or, in an async function, in another thread.
        """
        self._caller.abort(self._step)


@dataclass(kw_only=True)
class _ContextFields:
    event: Event  # what started the run; the first of a batch
    events: list[Event]  # all of a batch; length 1 otherwise
    logger: logging.Logger  # the client's logger, silent while known work is replayed
    run_id: str  # ULID
    job_id: str | None = None  # from the server's header, None in process
    request_id: str | None = None  # from the server's header, None in process
    attempts: Callable[[], int] = field(repr=False)  # where `attempt` is read from
    caller: Caller[Any] = field(repr=False)  # of `defer` and `patched`

    @property
    def attempt(self) -> int:
        """Number of the attempt, from 0: of the step inside its handler, of the function's body outside steps."""
        return self.attempts()

    def defer(
        self, defer_id: str, *, function: Invocable[object] | str, data: Mapping[str, object] | None = None
    ) -> Deferred:
        """Have another function start when this run has ended, whether it completes or fails.

        Nothing waits for it, and how it ends is nothing to this run. A run that is cancelled starts none. What is
        deferred is recorded with the next step, or with the end of the run: it costs no commit of its own. It is not
        awaited, in async functions neither.

        Args:
            defer_id: unique within the function, among its steps too; repeats are numbered as those of steps are.
            function: what to start, whatever its triggers; or its id as text, `{app_id}-{fn_id}`.
            data: its event's data, as of `step.invoke`. In a run that is entered again the first stands.

        Returns:
            What can be aborted.

        Raises:
            DeferRejectedError: over 20 in a run, those that were aborted too; or over 4 MB of JSON, each or together.
            NestedStepError: called in the handler of a step.
            StepArgumentError: `function` or `data` is wrong.
            StepOutsideError: called after the function had ended; or, in an async function, in another thread.
        """
        target = arguments.deferred(defer_id, function, data, self.caller.client.serializer)
        return Deferred(self.caller, self.caller.defer(defer_id, target))

    def patched(self, patch_id: str) -> bool:
        """Whether this run takes the new way through code that was changed while runs were under way.

        It is not awaited, in async functions neither. The first answer to an id stands for the whole run: a yes is
        recorded with the next step, or with the end of the run, and costs no commit of its own.

        Args:
            patch_id: names the change; a text of its own for each change, apart from the ids of steps.

        Returns:
            False if something that was recorded before is not given to the code yet: a memo, a step that sleeps or
            waits, or one between two attempts, of any branch. The run was here before the change, and takes the old
            way. True otherwise.

        Raises:
            NestedStepError: called in the handler of a step.
            StepArgumentError: the id is no text, or empty.
            StepOutsideError: called after the function had ended; or, in an async function, in another thread.
        """
        if not isinstance(patch_id, str) or not patch_id:
            raise StepArgumentError(f"patched: expected a text that names the change, got {patch_id!r}")
        return self.caller.patched(patch_id)


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
