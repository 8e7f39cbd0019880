"""Calls of steps: what code asks for, who is asked, and which calls nobody awaited.

`ctx.step.run("charge", charge)` without `await` makes a coroutine, and no more. A call is noted when it is made, and
taken off by the first line that runs of it. A call that is still noted when the body returns was forgotten, unless a
task has it: what that does is its own matter.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, Protocol, TypeVar, cast

from inngest.protocol import limits
from inngest.protocol.opcodes import Op, Opcode, OpTarget
from inngest.protocol.steps import StepName
from inngest.runtime.ports import Within
from inngest.sdk.errors import StepArgumentError, StepNotAwaitedError, TimeoutTooLongError
from inngest.sdk.events import Event
from inngest.sdk.serializers import Serializer, Unset

from .options import StepOptions

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, object]])
R_co = TypeVar("R_co", covariant=True)

WAIT, RACE = "wait", "race"
"""How a server paces the branches of a group: one goes on when all have finished a step, or each goes on for itself."""

TRIES = 10
"""How often a handler is called in one attempt, while others are in the way of its transaction."""

NOT_HERE = (
    "a transaction commits what its handler writes together with the record of the step, and needs an engine of this "
    "process for that (`inngest.Engine`, `inngest dev`). Behind HTTP use step.run, and a key by which a repeated call "
    "is seen"
)

_NAMED = 5
"""Calls that an error names; of more, it tells the number."""


# -- what is asked for. One object waits with each step that is recorded, instead of a closure and its cells.


class RunRequest:
    """A `step.run`.

    Attributes:
        kept_as: the type by which the serializer keeps the value; known when the call begins.
    """

    __slots__ = ("args", "handler", "kept_as", "options", "output_type", "step_id")
    kind = Opcode.STEP_RUN
    method = "step.run"

    def __init__(
        self,
        step_id: str,
        handler: Callable[..., object],
        args: tuple[object, ...],
        output_type: object,
        options: StepOptions,
    ) -> None:
        self.step_id = step_id
        self.handler = handler
        self.args = args
        self.output_type = output_type
        self.options = options
        self.kept_as: object = Unset

    def handle(self) -> object:
        """Call the handler."""
        return self.handler(*self.args)

    def judged(self, error: BaseException) -> BaseException:
        """The error that a call of the handler raised; a StepArgumentError if it does not take its arguments.

        That is asked of errors that come from the call itself: no attempt can help then, and no line of it has run.
        """
        if type(error) is not TypeError or not _came_from_here(error):
            return error
        reason = _misfit(self.handler, self.args)
        return error if reason is None else StepArgumentError(f'step "{self.step_id}": {reason}')


class TransactionRequest(RunRequest):
    """A `step.transaction`: its handler runs in a transaction, and gets the connection.

    Attributes:
        within: the transaction of the attempt.
        blocking: the attempt is made in a thread, which waits for the handler.
    """

    __slots__ = ("blocking", "within")
    method = "step.transaction"

    within: Within
    blocking: bool

    def handle(self) -> object:
        """Call the handler, in a thread of its own."""
        calling = self.within.call(self.handler, self.args)
        return calling.result() if self.blocking else asyncio.wrap_future(calling)

    def judged(self, error: BaseException) -> BaseException:
        """The error that a call of the handler raised. It is called elsewhere, and as it stands."""
        return error


_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(__file__))) + os.sep


def _came_from_here(error: TypeError) -> bool:
    """Whether code of the package raised an error, and not a handler that it called."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and last.tb_frame.f_code.co_filename.startswith(_PACKAGE)


def _misfit(handler: Callable[..., object], args: tuple[object, ...]) -> str | None:
    """Why a handler does not take these arguments; None if it does, or nobody can tell."""
    try:
        signature = inspect.signature(handler)
    except (ValueError, TypeError):  # written in C
        return None
    try:
        signature.bind(*args)
    except TypeError as error:
        name = getattr(handler, "__qualname__", None) or repr(handler)
        return f"its handler {name}{signature} cannot be called with {len(args)} arguments: {error}"
    return None


@dataclass(slots=True, eq=False)
class SendRequest:
    """A `step.send_event`."""

    step_id: str
    events: Sequence[Event]
    tried: bool = False  # in this invocation
    kind = Opcode.STEP_RUN
    kept_as = Unset


@dataclass(slots=True, eq=False)
class WaitRequest:
    """A step that runs no handler: it sleeps, waits for something from outside, or is done as it is recorded."""

    step_id: str
    kind: Opcode
    target: OpTarget | None = None
    duration: int | None = None  # ms
    until: int | None = None  # of a sleep: unix ms; one of the two is set
    ago: int | None = None  # ms: events that arrived so long before the call count too
    kept_as = Unset

    def op(self, step: StepName, now: int) -> Op:
        """The record of it, when it is called at a time (unix ms).

        Raises:
            TimeoutTooLongError: it would wait too long.
        """
        length = self.length(now)
        if length is not None and length > limits.MAX_SLEEP:
            raise TimeoutTooLongError(
                step.text, "sleeps for" if self.kind is Opcode.SLEEP else "waits for up to", length
            )
        target = self.target
        if target is not None and self.ago is not None:
            target = target._replace(since=now - self.ago)
        return Op(self.kind, step, self.kind, duration=self.duration, until=self.until, target=target)

    def length(self, now: int) -> int | None:
        """How long it waits at most, in ms; None for as long as it takes."""
        return self.duration if self.until is None else self.until - now


StepRequest = RunRequest | SendRequest | WaitRequest


# -- who is asked


class Caller(Protocol[R_co]):
    """The place where a function runs, as its steps need it: on the loop, where a call gives a coroutine, or in a
    thread, where it gives the value.
    """

    @property
    def app_id(self) -> str:
        """The app of the function."""
        ...

    @property
    def serializer(self) -> Serializer | None:
        """The client's."""
        ...

    @property
    def facts(self) -> Mapping[str, object]:
        """The fields of log records about the run, between steps."""
        ...

    def step(self, request: StepRequest) -> R_co:
        """A call of a step; what it gives, as JSON and the serializer give it back."""
        ...

    def parallel(self, callables: Sequence[Callable[[], Any]], pace: str = WAIT) -> R_co:
        """Run branches and wait for all of them; their results, in order. How a server paces them: WAIT or RACE."""
        ...

    def race(self, callables: Sequence[Callable[[], Any]]) -> R_co:
        """Run branches until the first has finished, and take down the others; its index, and its result."""
        ...

    def defer(self, defer_id: str, target: OpTarget) -> StepName:
        """A function is deferred; its name in the run. Nothing waits for it."""
        ...

    def abort(self, step: StepName) -> None:
        """The function that was deferred by this name is not to start."""
        ...

    def patched(self, patch_id: str) -> bool:
        """Whether the run takes the new way."""
        ...


LoopCaller = Caller[Coroutine[Any, Any, object]]
"""The caller of async functions."""

ThreadCaller = Caller[object]
"""The caller of plain functions."""


# -- which calls nobody awaited


MadeCall = tuple[Coroutine[Any, Any, object], str, object]
"""A call: its coroutine, its method as code writes it ("step.run"), and its step's id; None for a group."""

MadeCalls = dict[object, MadeCall]
"""Calls that were made and have not begun, each by the key that takes it off."""


class _Nothing(MadeCalls):
    """Keeps nothing: what is called when its invocation is over, has nobody who would look."""

    def __setitem__(self, key: object, value: MadeCall) -> None:
        """Forget it."""


NOTHING: MadeCalls = _Nothing()


def noted(method: str) -> Callable[[F], F]:
    """Note the calls of a method of steps or groups, whose `_caller` has the calls that were made.

    Args:
        method: as code writes it, e.g. "step.sleep".
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(self: Any, *args: object, **kwargs: object) -> Coroutine[Any, Any, object]:
            made: MadeCalls = self._caller.made
            key = object()
            begin = _begin(made, key, functools.partial(function, self, *args, **kwargs))
            coroutine = cast("CoroutineType[Any, Any, object]", begin)
            coroutine.__name__, coroutine.__qualname__ = function.__name__, function.__qualname__
            step_id = None if method.startswith("group") else args[0] if args else kwargs.get("step_id")
            made[key] = coroutine, method, step_id
            return coroutine

        return cast("F", call)

    return decorate


async def _begin(made: MadeCalls, key: object, call: Callable[[], Coroutine[Any, Any, object]]) -> object:
    made.pop(key, None)
    return await call()


def refuse_unawaited(made: MadeCalls) -> None:
    """The body returns.

    Raises:
        StepNotAwaitedError: a call was forgotten.
    """
    forgotten = list(_forgotten(made))
    if not forgotten:
        return
    names = ", ".join(method if step_id is None else f'step "{step_id}"' for _, method, step_id in forgotten[:_NAMED])
    if len(forgotten) == 1:
        _, method, step_id = forgotten[0]
        write = f"`await ctx.{method}(...)`" if step_id is None else f'`await ctx.{method}("{step_id}", ...)`'
        raise StepNotAwaitedError(f"{names} was called but never awaited, and did nothing: write {write}")
    more = f" and {len(forgotten) - _NAMED} more" if len(forgotten) > _NAMED else ""
    write = ", ".join(dict.fromkeys(f"`await ctx.{method}(...)`" for _, method, _ in forgotten))
    raise StepNotAwaitedError(f"{names}{more} were called but never awaited, and did nothing: write {write}")


def close_unawaited(made: MadeCalls) -> None:
    """The invocation is over: Python is not to complain of calls that were forgotten. A call that a task keeps is
    closed with that task, which may be cancelled before it begins.
    """
    waiting = _waiting(made)
    made.clear()
    if not waiting:
        return
    keepers = {id(kept): task for task, kept in _kept_by_tasks()}
    for coroutine, _, _ in waiting:
        keeper = keepers.get(id(coroutine))
        if keeper is None:
            coroutine.close()
        else:
            keeper.add_done_callback(functools.partial(_close, coroutine))


def _close(coroutine: Coroutine[Any, Any, object], _: object) -> None:
    if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
        coroutine.close()


def _forgotten(made: MadeCalls) -> Iterator[MadeCall]:
    waiting = _waiting(made)
    if waiting:
        kept = {id(one) for _, one in _kept_by_tasks()}
        yield from (call for call in waiting if id(call[0]) not in kept)


def _waiting(made: MadeCalls) -> list[MadeCall]:
    return [call for call in made.values() if inspect.getcoroutinestate(call[0]) == inspect.CORO_CREATED]


def _kept_by_tasks() -> Iterator[tuple[asyncio.Task[Any], object]]:
    """Tasks, with the coroutines that they run, and those that their code has at hand: a step that is to wait for its
    place, for example.
    """
    current = asyncio.current_task()
    for task in asyncio.all_tasks():
        coroutine: object = None if task is current else task.get_coro()
        while isinstance(coroutine, CoroutineType):
            yield task, coroutine
            if coroutine.cr_frame is not None:
                yield from ((task, value) for value in coroutine.cr_frame.f_locals.values())
            coroutine = coroutine.cr_await
