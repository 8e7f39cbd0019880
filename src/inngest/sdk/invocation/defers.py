"""`ctx.defer`: functions that start when the run has ended.

A call records nothing by itself. What it reports rides with the next record of a step, or with the outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

from inngest.protocol import codec, limits, texts
from inngest.protocol.opcodes import Op, Opcode, OpTarget
from inngest.protocol.steps import StepName
from inngest.sdk import outgoing
from inngest.sdk.errors import DeferRejectedError, StepArgumentError, StepOutsideError
from inngest.sdk.invocable import Invocable
from inngest.sdk.serializers import Serializer

T = TypeVar("T")


class Deferred:
    """A function that starts when the run has ended. Given by `ctx.defer`.

    Attributes:
        id: as written by the developer, with `:n` for a repeat.
    """

    def __init__(self, defers: Deferrer, step: StepName) -> None:
        self.id = step.text
        self._step = step
        self._defers = defers

    def abort(self) -> None:
        """Do not start it, after all. A second time changes nothing; once the function has returned it is too late.

        Raises:
            NestedStepError: called in the handler of a step.
            StepOutsideError: called after the function had ended; or, in an async function, in another thread.
        """
        self._defers.abort(self._step)


class Deferrer(Protocol):
    """The way from a function to the defers of its invocation."""

    @property
    def serializer(self) -> Serializer | None:
        """The client's."""
        ...

    def add(self, defer_id: str, wanted: OpTarget) -> StepName:
        """A function is deferred; its name in the run."""
        ...

    def abort(self, step: StepName) -> None:
        """It is not to start."""
        ...


class InvocationThatDefers(Protocol):
    """An invocation, as its defers see it. To be called on its loop."""

    def defer(self, defer_id: str, wanted: OpTarget) -> StepName:
        """A function is deferred."""
        ...

    def abort(self, step: StepName) -> None:
        """It is not to start."""
        ...


class LoopDefers:
    """Defers of an async function."""

    def __init__(self, invocation: InvocationThatDefers, serializer: Serializer | None) -> None:
        self._invocation = invocation
        self.serializer = serializer

    def add(self, defer_id: str, wanted: OpTarget) -> StepName:
        """See `Deferrer.add`."""
        return _on_loop(defer_id, lambda: self._invocation.defer(defer_id, wanted))

    def abort(self, step: StepName) -> None:
        """See `Deferrer.abort`."""
        _on_loop(step.text, lambda: self._invocation.abort(step))


class Portal(Protocol):
    """The way from a function's thread to its invocation on the loop."""

    def call(self, step_id: str, coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on the loop and wait."""
        ...


class PortalDefers:
    """Defers of a plain function: its threads do not touch what the loop reads."""

    def __init__(self, invocation: InvocationThatDefers, portal: Portal, serializer: Serializer | None) -> None:
        self._invocation = invocation
        self._portal = portal
        self.serializer = serializer

    def add(self, defer_id: str, wanted: OpTarget) -> StepName:
        """See `Deferrer.add`."""

        async def add() -> StepName:
            return self._invocation.defer(defer_id, wanted)

        return self._portal.call(defer_id, add)

    def abort(self, step: StepName) -> None:
        """See `Deferrer.abort`."""

        async def abort() -> None:
            self._invocation.abort(step)

        self._portal.call(step.text, abort)


class Defers:
    """What one invocation defers."""

    __slots__ = ("_aborted", "_bytes", "_count", "_recorded", "pending_ops")

    def __init__(self, recorded: Mapping[str, bool]) -> None:
        self._recorded = recorded  # by hash: whether it can be aborted
        self._aborted: dict[str, None] = {}
        self._count = 0
        self._bytes = 0
        self.pending_ops: list[Op] = []  # to be told with the next record, or with the outcome

    def add(self, step: StepName, wanted: OpTarget, now: int) -> None:
        """The code defers a function, for the first time or again.

        What counts is what the code has come to in this invocation, also what is recorded of it already: so the same
        call is refused in each replay.

        Raises:
            DeferRejectedError: it is too much; nothing has changed.
        """
        size = codec.size(wanted.data)
        if step.hash not in self._recorded:
            self._check(step.text, size)
            op = Op(Opcode.DEFER_ADD, step, Opcode.DEFER_ADD, started_at=now, target=wanted)
            self.pending_ops.append(op)
        self._count += 1
        self._bytes += size

    def abort(self, step: StepName, now: int) -> None:
        """The code does not want it any more; nothing to tell if that is known."""
        if self._recorded.get(step.hash, True) and step.hash not in self._aborted:
            self._aborted[step.hash] = None
            self.pending_ops.append(Op(Opcode.DEFER_ABORT, step, Opcode.DEFER_ADD, started_at=now))

    def take(self) -> list[Op]:
        """What is to be told; it is told now."""
        taken, self.pending_ops = self.pending_ops, []
        return taken

    def _check(self, text: str, size: int) -> None:
        if size > limits.MAX_DEFER:
            raise DeferRejectedError(
                f'defer "{text}": its data are {size:,} bytes of JSON; at most {limits.MAX_DEFER:,} are allowed: '
                "keep large values elsewhere, and hand over references to them",
                "per_defer_size",
            )
        if self._count >= limits.MAX_DEFERS:
            raise DeferRejectedError(
                f'defer "{text}": the run has deferred {limits.MAX_DEFERS} functions, those that were aborted too, '
                "and may not defer more: defer one function that does the work of several",
                "per_run_count",
            )
        if self._bytes + size > limits.MAX_DEFERRED:
            raise DeferRejectedError(
                f'defer "{text}": with it the data of all that the run has deferred are {self._bytes + size:,} bytes '
                f"of JSON; at most {limits.MAX_DEFERRED:,} are allowed: keep large values elsewhere, and hand over "
                "references to them",
                "aggregate_size",
            )


def wanted(defer_id: str, function: object, data: object, serializer: Serializer | None) -> OpTarget:
    """What a call of `ctx.defer` asks for.

    Raises:
        StepArgumentError: an argument is wrong. Names the defer and the argument.
    """
    function_id = function.id if isinstance(function, Invocable) else function
    if not isinstance(function_id, str) or not function_id:
        raise StepArgumentError(
            f'defer "{defer_id}": function: expected a function made by create_function, or the id of one as text, '
            f"got {function!r}"
        )
    if reason := texts.problem(function_id):
        raise StepArgumentError(f'defer "{defer_id}": function: {reason}: {function_id!r}')
    if data is not None and not isinstance(data, Mapping):
        raise StepArgumentError(f'defer "{defer_id}": data: expected a mapping, got {data!r}')
    try:
        return OpTarget(function_id, data=outgoing.text_of(dict(data or {}), serializer))
    except codec.NotJsonError as error:
        raise StepArgumentError(f'defer "{defer_id}": data is not JSON: {error}') from None


def _on_loop(defer_id: str, call: Callable[[], T]) -> T:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise StepOutsideError(f'defer "{defer_id}" was called in a thread that is not its function\'s') from None
    return call()
