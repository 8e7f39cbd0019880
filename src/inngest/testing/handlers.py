"""Blocks and stubs, around the handlers of steps and around functions."""

from __future__ import annotations

import asyncio
import dataclasses
import difflib
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from inngest.sdk.context import Context, ContextSync
from inngest.sdk.function import Function
from inngest.sdk.invocation.invocation import Invocation
from inngest.sdk.steps.current import CurrentStep, current_step
from inngest.sdk.work import is_awaitable

from .blocks import Block
from .errors import UnusedStubError
from .moments import INTERNAL
from .stubs import Stub, StubCall

T = TypeVar("T")
Handler = Callable[..., object]


class _Plan(NamedTuple):
    """The events in the place of one call of a handler."""

    block: Block | None
    stubs: Sequence[Stub]  # those that see the call, the newest first
    run_id: str
    step: str | None
    args: tuple[object, ...]
    attempt: int

    def target(self, handler: Handler) -> Handler:
        """The callable that is called.

        Raises:
            Exception: by which a stub lets this attempt fail.
        """
        for stub in self.stubs:
            if (failure := stub.answer.failure(self.attempt)) is not None:
                raise failure
            if stub.answer.is_any:
                return stub.answer.in_place_of(handler)
        return handler

    def note(self, returned: object, raised: BaseException | None) -> None:
        """The call is over. A function that is let go while it waits, and is entered again, was not called again."""
        if self.step is None and raised is not None and not isinstance(raised, Exception):
            return
        call = StubCall(self.run_id, self.step, self.args, self.attempt, returned, raised)
        for stub in self.stubs:
            stub.calls.append(call)


class Handlers:
    """All that stands around the handlers of one engine."""

    def __init__(self) -> None:
        self._steps: list[Stub] = []
        self._functions: list[Stub] = []
        self._blocks: list[Block] = []
        self._blocked: set[CurrentStep] = set()
        self._seen: dict[tuple[str, str], None] = {}  # functions, and their steps whose handlers began
        self._stir: Callable[[], object] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, loop: asyncio.AbstractEventLoop, stirred: Callable[[], object]) -> None:
        """An engine runs on this loop; call back when something is stopped."""
        self._loop, self._stir = loop, stirred

    def end(self) -> None:
        """The engine has ended."""
        for block in self._blocks:
            block.end()

    def is_blocked(self, step: CurrentStep) -> bool:
        """Whether the handler is stopped by the test."""
        return step in self._blocked

    # -- what a test puts there

    def add(self, stub: Stub, *, of_function: bool = False) -> Stub:
        """A stub, which comes before those that there are."""
        (self._functions if of_function else self._steps).insert(0, stub)
        return stub

    def add_block(self, block: Block) -> Block:
        """A block."""
        self._blocks.append(block)
        return block

    def remove_block(self, block: Block) -> None:
        """Nothing is stopped by it any more."""
        block.proceed()
        self._blocks.remove(block)

    def check(self) -> None:
        """See that each stub was called.

        Raises:
            UnusedStubError: one was not; the text names what was called instead.
        """
        unused = [one for one in (*reversed(self._steps), *reversed(self._functions)) if not one.called]
        wanted = [one for one in unused if not one.optional]
        if not wanted:
            return
        names = [step for _, step in self._seen]
        texts = [f"{one.where}{_meant(one.names, names)}" for one in wanted]
        raise UnusedStubError(
            f"nothing has called the {'stub' if len(texts) == 1 else 'stubs'} of {', '.join(texts)}. Take it away, or "
            "say that it may stay unused: optional=True"
        )

    # -- around handlers of steps

    def around(self, handler: Handler) -> Handler:
        """The callable in the place of a step's handler."""

        @functools.wraps(handler, updated=())
        def called(*args: object) -> object:
            return self._call(handler, args)

        return called

    def _call(self, handler: Handler, args: tuple[object, ...]) -> object:
        step = current_step()
        call = cast("Invocation", step.invocation).call
        self._seen[call.function_id, step.id] = None
        block = next((one for one in self._blocks if one.stops(call.function_id, step.id)), None)
        stubs = [one for one in self._steps if one.matches(call.function_id, step.id)]
        if block is None and not stubs:
            return handler(*args)
        plan = _Plan(block, stubs, call.run_id, step.id, args, step.attempt)
        return self._here(plan, handler, step) if _on_loop() else self._in_thread(plan, handler, step)

    async def _here(self, plan: _Plan, handler: Handler, step: CurrentStep) -> object:
        if plan.block is not None:
            await plan.block.wait_here(self._blocked, step, self._stir)
        return await _called_here(plan, handler)

    def _in_thread(self, plan: _Plan, handler: Handler, step: CurrentStep) -> object:
        if plan.block is not None:
            plan.block.wait_in_thread(self._blocked, step, self._stir_from_thread)
        return _called_in_thread(plan, handler)

    def _stir_from_thread(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stir)

    # -- around functions

    def around_function(self, function: Function[T]) -> Function[T]:
        """The function, with a body that a stub may stand for."""
        body = function.handler

        def plan_of(ctx: Any) -> _Plan | None:
            stubs = [one for one in self._functions if one.matches(function.id, "")]
            data = {name: value for name, value in ctx.event.data.items() if name != INTERNAL}
            return _Plan(None, stubs, ctx.run_id, None, (data,), ctx.attempt) if stubs else None

        @functools.wraps(body)
        async def here(ctx: Context) -> object:
            plan = plan_of(ctx)
            return await _awaited(body(ctx)) if plan is None else await _called_here(plan, body, ctx)

        @functools.wraps(body)
        def in_thread(ctx: ContextSync) -> object:
            plan = plan_of(ctx)
            return body(ctx) if plan is None else _called_in_thread(plan, body, ctx)

        return dataclasses.replace(function, handler=here if function.is_handler_async else in_thread)


async def _called_here(plan: _Plan, handler: Handler, *args: object) -> object:
    """Call in the place of a handler, on the loop."""
    try:
        value = await _awaited(plan.target(handler)(*(args or plan.args)))
    except BaseException as error:
        plan.note(None, error)
        raise
    plan.note(value, None)
    return value


def _called_in_thread(plan: _Plan, handler: Handler, *args: object) -> object:
    """Call in the place of a handler, in a thread of a plain function."""
    try:
        value = plan.target(handler)(*(args or plan.args))
    except BaseException as error:
        plan.note(None, error)
        raise
    plan.note(value, None)
    return value


async def _awaited(value: object) -> object:
    return await value if is_awaitable(value) else value


def _on_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _meant(name: str, names: Sequence[str]) -> str:
    """A hint at a name that was perhaps meant."""
    if found := difflib.get_close_matches(name, names, 1):
        return f" (did you mean {found[0]!r}?)"
    return f" (steps that ran: {', '.join(map(repr, names[:5]))})" if names else ""
