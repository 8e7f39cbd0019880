"""Middleware: hooks around an invocation and around sending, and their calls in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Opcode

from .context import Context, ContextSync
from .errors import AsyncUnsupportedError
from .events import Event, SendEventsResult
from .function import Client, Function, MiddlewareFactory
from .work import Work


@dataclass
class StepMemo:
    """A recorded result on its way to user code. Change `data` to change what the code sees."""

    data: object = None
    error: ErrorInfo | None = None
    step: str = ""  # id of the step, with `:n` for a repeat


class StepMemos:
    """The recorded results that an invocation starts with, or one that was recorded just now."""

    def __init__(self, memos: Mapping[str, StepMemo]) -> None:
        self._memos = dict(memos)

    @classmethod
    def from_raw(cls, raw: Mapping[str, object]) -> StepMemos:
        """Memos of a raw object, by hashed ids: `{"data": …}`, `{"error": {"name": …, "message": …}}`, or the value."""
        return cls({hashed: _memo(value) for hashed, value in raw.items()})

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self._memos)

    def values(self) -> Iterator[StepMemo]:
        """The memos; they may be changed in place."""
        return iter(list(self._memos.values()))

    def pop(self, hashed_id: str) -> StepMemo | None:
        """Take the memo of a step out; None if there is none."""
        return self._memos.pop(hashed_id, None)


def _memo(raw: object) -> StepMemo:
    """A memo of its raw form; what only looks like a wrapper is a value."""
    if not isinstance(raw, Mapping) or not raw.keys() <= {"data", "error"}:
        return StepMemo(raw)
    error = raw.get("error")
    if error is None:
        return StepMemo(raw.get("data"))
    if isinstance(error, Mapping) and isinstance(error.get("name"), str) and isinstance(error.get("message"), str):
        return StepMemo(None, ErrorInfo.from_mapping(error))
    return StepMemo(raw)


@dataclass(frozen=True)
class TransformOutputStepInfo:
    """Which step an output is of."""

    id: str  # as written by the developer, with `:n` for a repeat
    op: Opcode
    opts: Mapping[str, object] | None = None


_NO_OUTPUT = object()


@dataclass
class TransformOutputResult:
    """A result on its way to the store. Assign `output` to change what is recorded."""

    error: Exception | None = None
    output: object = field(default=_NO_OUTPUT)
    step: TransformOutputStepInfo | None = None  # None for the function's own result

    def has_output(self) -> bool:
        """Whether there is an output; there is none beside an error."""
        return self.output is not _NO_OUTPUT


class Middleware:
    """Hooks of async functions and of `send`. Override what you need; instances live for one invocation.

    Attributes:
        client: the client the function, or the send, belongs to.
        raw_request: the framework's request when served; None in process.
    """

    def __init__(self, client: Client, raw_request: object) -> None:
        self.client = client
        self.raw_request = raw_request

    async def transform_input(self, ctx: Context | ContextSync, function: Function[Any], steps: StepMemos) -> None:
        """Before user code sees it: the context with all memos once, then each newly recorded memo."""

    async def before_execution(self) -> None:
        """New code is about to run. Once."""

    async def after_execution(self) -> None:
        """User code returned or began to wait; not called when it raised. Once."""

    async def transform_output(self, result: TransformOutputResult) -> None:
        """Before it is recorded: each step's result, and the function's; and what a step is about to wait for.

        A sleep, a wait or an invocation has `step.op` and `step.opts`, and the output None. The invoked function
        receives the value that is assigned into `step.opts["payload"]["data"]` of an invocation.
        """

    async def before_response(self) -> None:
        """The last thing an invocation does. Once."""

    async def before_send_events(self, events: list[Event]) -> None:
        """Before events are sent; the list may be changed in place."""

    async def after_send_events(self, result: SendEventsResult) -> None:
        """After events were sent."""


class MiddlewareSync:
    """Hooks of plain functions; they work in async ones too. See `Middleware` for what each is for."""

    def __init__(self, client: Client, raw_request: object) -> None:
        self.client = client
        self.raw_request = raw_request

    def transform_input(self, ctx: Context | ContextSync, function: Function[Any], steps: StepMemos) -> None:
        """See `Middleware.transform_input`."""

    def before_execution(self) -> None:
        """See `Middleware.before_execution`."""

    def after_execution(self) -> None:
        """See `Middleware.after_execution`."""

    def transform_output(self, result: TransformOutputResult) -> None:
        """See `Middleware.transform_output`."""

    def before_response(self) -> None:
        """See `Middleware.before_response`."""

    def before_send_events(self, events: list[Event]) -> None:
        """See `Middleware.before_send_events`."""

    def after_send_events(self, result: SendEventsResult) -> None:
        """See `Middleware.after_send_events`."""


_REVERSED = frozenset(("after_execution", "transform_output", "after_send_events"))


class Hooks:
    """Instances of middleware that live together: for one invocation, or one send. They are made on first use.

    Attributes:
        any: whether there are any. Each step asks several times, so it is at hand.
    """

    def __init__(self, client: Client, factories: Iterable[MiddlewareFactory], raw_request: object) -> None:
        self._client = client
        self._raw_request = raw_request
        self._factories = tuple(factories)
        self._instances: list[object] | None = None
        self.any = bool(self._factories)

    def call(self, hook: str, *args: object) -> Work[None]:
        """The calls of a hook: in list order on the way in, reversed on the way out."""
        if self._instances is None:
            self._instances = [self._make(factory) for factory in self._factories]
        instances = reversed(self._instances) if hook in _REVERSED else self._instances
        for instance in instances:
            method = cast("Callable[..., object]", getattr(instance, hook))
            try:
                yield lambda method=method: method(*args)  # type: ignore[misc]
            except AsyncUnsupportedError:
                raise AsyncUnsupportedError(
                    f"the middleware {type(instance).__name__} is async, and was met in code that is not: "
                    "a plain function, or send_sync. Derive it from MiddlewareSync, which works everywhere."
                ) from None

    def _make(self, factory: MiddlewareFactory) -> object:
        instance = factory(self._client, self._raw_request)
        if not isinstance(instance, Middleware | MiddlewareSync):
            raise TypeError(
                f"the middleware factory {factory!r} gave {instance!r}: expected an instance of Middleware or "
                "MiddlewareSync"
            )
        return instance
