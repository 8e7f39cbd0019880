"""Functions: a handler with its configuration."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from inngest.protocol import config
from inngest.protocol.errors import FunctionConfigInvalidError

from .events import Event
from .serializers import Serializer, Unset, type_of

T_co = TypeVar("T_co", covariant=True)

AnyHandler = Callable[[Any], object]
"""A function of one argument, its context. `create_function` says which."""

MiddlewareFactory = Callable[..., object]


class Client(Protocol):
    """The client, as functions and middleware know it.

    A protocol because the client, which makes functions, stands above them.
    """

    @property
    def app_id(self) -> str:
        """Name of the app; prefix of every function id."""
        ...

    @property
    def app_version(self) -> str | None:
        """Version of the app."""
        ...

    @property
    def is_production(self) -> bool:
        """Whether it talks to a production server."""
        ...

    @property
    def env(self) -> str | None:
        """Name of the branch environment."""
        ...

    @property
    def api_origin(self) -> str:
        """Origin of the API."""
        ...

    @property
    def event_api_origin(self) -> str:
        """Origin to which events are sent."""
        ...

    @property
    def event_key(self) -> str | None:
        """Key for sending events."""
        ...

    @property
    def signing_key(self) -> str | None:
        """Authenticates a server and this app to each other."""
        ...

    @property
    def signing_key_fallback(self) -> str | None:
        """The signing key before the last rotation."""
        ...

    @property
    def checkpointing(self) -> config.Checkpointing | bool:
        """Whether results of steps are sent while served code goes on, and when."""
        ...

    @property
    def logger(self) -> logging.Logger:
        """Where functions log."""
        ...

    @property
    def middleware(self) -> Sequence[Callable[..., object]]:
        """Classes or factories `(client, raw_request) -> instance`."""
        ...

    @property
    def serializer(self) -> Serializer | None:
        """Keeps types that JSON does not have."""
        ...

    async def send(
        self, events: Event | Sequence[Event], *, connection: object = ..., skip_middleware: bool = False
    ) -> list[str]:
        """Send events and return their ids."""
        ...

    def send_sync(
        self, events: Event | Sequence[Event], *, connection: object = ..., skip_middleware: bool = False
    ) -> list[str]:
        """The same, blocking."""
        ...


FAILURE_RETRIES = 0
"""How often a handler of failures, or a step of it, is tried again: as the official SDK registers it."""


@dataclass(frozen=True, kw_only=True)
class FunctionOptions:
    """The configuration of a function, checked."""

    fn_id: str  # local id
    name: str  # for people
    triggers: tuple[config.Trigger, ...]
    retries: int  # of each step and of the body; 0 to 20
    on_change: str = "hold"  # what becomes of a run whose code has changed: "hold" or "follow"
    batch_events: config.Batch | None = None
    cancel: tuple[config.Cancel, ...] = ()
    checkpointing: config.Checkpointing | bool | None = None  # None: as the client has it
    concurrency: tuple[config.Concurrency, ...] = ()
    debounce: config.Debounce | None = None
    idempotency: str | None = None  # CEL expression
    priority: config.Priority | None = None
    rate_limit: config.RateLimit | None = None
    singleton: config.Singleton | None = None
    throttle: config.Throttle | None = None
    timeouts: config.Timeouts | None = None

    def to_wire(self) -> dict[str, object]:
        """The members of the wire's function object that come from the configuration."""
        wire: dict[str, object] = {"triggers": [trigger.to_wire() for trigger in self.triggers]}
        single: Mapping[str, config.ConfigModel | None] = {
            "batchEvents": self.batch_events,
            "debounce": self.debounce,
            "priority": self.priority,
            "rateLimit": self.rate_limit,
            "singleton": self.singleton,
            "throttle": self.throttle,
            "timeouts": self.timeouts,
        }
        wire.update({key: value.to_wire() for key, value in single.items() if value is not None})
        several: Mapping[str, Sequence[config.ConfigModel]] = {"cancel": self.cancel, "concurrency": self.concurrency}
        wire.update({key: [value.to_wire() for value in values] for key, values in several.items() if values})
        if self.idempotency is not None:
            wire["idempotency"] = self.idempotency
        return wire


@dataclass(frozen=True, kw_only=True, eq=False)
class Function(Generic[T_co]):
    """A durable function. Made by `Inngest.create_function`; not called directly."""

    client: Client
    options: FunctionOptions
    handler: AnyHandler = field(repr=False)
    on_failure: AnyHandler | None = field(default=None, repr=False)
    middleware: tuple[MiddlewareFactory, ...] = ()
    output_type: object = Unset

    @property
    def id(self) -> str:
        """The id on the wire: `{app_id}-{fn_id}`."""
        return f"{self.client.app_id}-{self.options.fn_id}"

    @property
    def local_id(self) -> str:
        """The id within the app."""
        return self.options.fn_id

    @property
    def name(self) -> str:
        """The name for people."""
        return self.options.name

    @property
    def on_failure_fn_id(self) -> str | None:
        """The id of the function that handles its failure, if there is one."""
        return None if self.on_failure is None else f"{self.id}-failure"

    @property
    def is_handler_async(self) -> bool:
        """Whether the handler is a coroutine function."""
        return inspect.iscoroutinefunction(self.handler)

    @property
    def is_on_failure_handler_async(self) -> bool | None:
        """Whether the failure handler is a coroutine function; None without one."""
        return None if self.on_failure is None else inspect.iscoroutinefunction(self.on_failure)

    def result_type(self, function_id: str) -> object:
        """The type by which the result of a run is kept: of this function, or of its failure handler."""
        serializer = self.client.serializer
        if function_id == self.id:
            return type_of(serializer, self.output_type, self.handler)
        return Unset if serializer is None else object

    def get_id(self) -> str:
        """The id on the wire: `{app_id}-{fn_id}`."""
        return self.id


def check_handlers(fn_id: str, handler: object, on_failure: object | None) -> None:
    """A function and its failure handler are of one kind.

    Raises:
        FunctionConfigInvalidError: they are not, or one is not a function.
    """
    _check_handler("handler", fn_id, handler)
    if on_failure is None:
        return
    _check_handler("on_failure", fn_id, on_failure)
    is_async = inspect.iscoroutinefunction(handler)
    if is_async is not inspect.iscoroutinefunction(on_failure):
        kinds = ("an async", "a non-async") if is_async else ("a non-async", "an async")
        raise FunctionConfigInvalidError(
            f'on_failure: function "{fn_id}": {kinds[0]} function cannot have {kinds[1]} on_failure handler'
        )


def _check_handler(role: str, fn_id: str, handler: object) -> None:
    where = f'{role}: function "{fn_id}"'
    if isinstance(handler, Function):
        raise FunctionConfigInvalidError(f'{where}: expected a handler, got the function "{handler.id}" made of one')
    if inspect.isclass(handler) or not callable(handler):
        raise FunctionConfigInvalidError(f"{where}: expected a function, got {handler!r}")
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise FunctionConfigInvalidError(f"{where}: a generator cannot be a durable function")
    called = getattr(handler, "__call__", None)  # noqa: B004 - the method itself is wanted
    if inspect.iscoroutinefunction(called) and not inspect.iscoroutinefunction(handler):
        raise FunctionConfigInvalidError(
            f"{where}: an object with an async __call__ is not seen to be async: give its method, obj.__call__"
        )
    _check_signature(where, handler)


def _check_signature(where: str, handler: Callable[..., object]) -> None:
    """It takes one argument, and does not say that it is the other kind's context."""
    try:
        signature = inspect.signature(handler)
    except ValueError:  # written in C
        return
    try:
        (given,) = signature.bind(object()).arguments
    except (TypeError, ValueError):
        hint = ": steps are called as ctx.step" if list(signature.parameters) == ["ctx", "step"] else ""
        raise FunctionConfigInvalidError(
            f"{where}: expected a function of one argument, the context, got ({', '.join(signature.parameters)}){hint}"
        ) from None
    annotation = signature.parameters[given].annotation
    told = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    kind, fits, other = ("a non-async", "ContextSync", "Context")
    if inspect.iscoroutinefunction(handler):
        kind, fits, other = ("an async", "Context", "ContextSync")
    if told.rpartition(".")[2] == other:
        raise FunctionConfigInvalidError(f"{where}: {kind} function is called with inngest.{fits}, not {other}")


def _code_of(handler: object) -> types.CodeType | None:
    while isinstance(handler, functools.partial):
        handler = handler.func
    code = getattr(inspect.unwrap(handler) if callable(handler) else handler, "__code__", None)
    return code if isinstance(code, types.CodeType) else None


def location_of(handler: object) -> str:
    """Where a handler is written: `file:line (name)`."""
    code = _code_of(handler)
    return repr(handler) if code is None else f"{code.co_filename}:{code.co_firstlineno} ({code.co_qualname})"


def redefines(new: object, old: object) -> bool:
    """Whether a handler is the same code loaded again: its module was reloaded, or its notebook cell run again.

    Code that runs twice without being loaded twice, such as a loop that makes functions, is no redefinition.
    """
    ours, theirs = _code_of(new), _code_of(old)
    if ours is None or theirs is None or ours is theirs:
        return False
    if location_of(new) == location_of(old):
        return True
    interactive = getattr(new, "__module__", None) == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
    return interactive and ours.co_qualname == theirs.co_qualname


def handlers_of(functions: Iterable[Function[object]]) -> dict[str, tuple[Function[object], AnyHandler]]:
    """The handlers of functions, and of their failures, by the ids of the functions that they are on the wire."""
    found: dict[str, tuple[Function[object], AnyHandler]] = {}
    for function in functions:
        found[function.id] = (function, function.handler)
        if function.on_failure is not None and function.on_failure_fn_id is not None:
            found[function.on_failure_fn_id] = (function, function.on_failure)
    return found
