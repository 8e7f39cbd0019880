"""The argument of a function; and its steps without handing them down, as a context variable."""

from __future__ import annotations

import contextvars
import functools
import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar, cast

from inngest.protocol import limits
from inngest.protocol.steps import StepName

from .errors import StepArgumentError
from .events import Event
from .function import Function
from .steps import arguments
from .steps.calls import Caller
from .steps.current import RUNNING
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
        self, defer_id: str, *, function: Function[object] | str, data: Mapping[str, object] | None = None
    ) -> Deferred:
        """Have another function start when this run has ended, whether it completes or fails.

        Nothing waits for it, and how it ends is nothing to this run. A run that is cancelled starts none. A deferred
        function is recorded with the next step, or with the end of the run: it costs no commit of its own. It is not
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
        target = arguments.deferred(defer_id, function, data, self.caller.serializer)
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
            StepArgumentError: the id is no text, empty, or longer than 1,024 characters.
            StepOutsideError: called after the function had ended; or, in an async function, in another thread.
        """
        if not isinstance(patch_id, str) or not patch_id:
            raise StepArgumentError(f"patched: expected a text that names the change, got {patch_id!r}")
        if len(patch_id) > limits.MAX_PATCH_ID:
            raise StepArgumentError(
                f"patched: expected at most {limits.MAX_PATCH_ID:,} characters, got {len(patch_id):,}, which begin "
                f"with {patch_id[:40]!r}"
            )
        return self.caller.patched(patch_id)


@dataclass(kw_only=True)
class Context(_ContextFields):
    """The argument of an async function."""

    group: Group
    step: Step


@dataclass(kw_only=True)
class ContextSync(_ContextFields):
    """The argument of a plain function."""

    group: GroupSync
    step: StepSync


# -- the function that the code runs in

P = ParamSpec("P")
T = TypeVar("T")

STEP_CONTEXT: contextvars.ContextVar[Step | StepSync] = contextvars.ContextVar("inngest_step")


def get_step_context() -> Step | StepSync:
    """`ctx.step` of the function that this code runs in.

    Raises:
        LookupError: it does not run in one.
    """
    try:
        return STEP_CONTEXT.get()
    except LookupError:
        raise LookupError("get_step_context: this code does not run in a function") from None


def facts_here() -> Mapping[str, object]:
    """The fields of a record that is logged here: of the run whose code this is, and of its step; none elsewhere."""
    caller: Caller[Any] | None = getattr(STEP_CONTEXT.get(None), "_caller", None)
    if caller is None:
        return {}
    running = RUNNING.get()
    return caller.facts if running is None else {**caller.facts, "step": running.id, "attempt": running.attempt}


@contextmanager
def set_step_context(step: Step | StepSync) -> Generator[None]:
    """Make steps ambient for a block. Functions have theirs already; this is for tests and for building on it.

    Raises:
        Exception: there are ambient steps already.
    """
    if STEP_CONTEXT.get(None) is not None:
        raise Exception("Step context already set")
    token = STEP_CONTEXT.set(step)
    try:
        yield
    finally:
        STEP_CONTEXT.reset(token)


def step(step_id: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a step of each call of a function, anywhere below a durable function; elsewhere it is called as it is.

    In an async function the call gives an awaitable, also for a plain function. Keyword arguments are allowed.

    Args:
        step_id: of the step; each further call is counted.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            ambient = STEP_CONTEXT.get(None)
            if ambient is None:
                return function(*args, **kwargs)
            run = cast("Any", ambient).run
            return cast("T", run(step_id, functools.partial(function, *args, **kwargs)))

        return call

    return decorate
