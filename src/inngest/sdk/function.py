"""Functions: a handler with its configuration (sdk-api §3)."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from inngest.protocol import config
from inngest.protocol.errors import FunctionConfigInvalidError

from .context import Context, ContextSync
from .ports import Client
from .serializers import Unset

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Handler = Callable[[Context], Awaitable[T]] | Callable[[ContextSync], T]
AnyHandler = Callable[[Context], Awaitable[object]] | Callable[[ContextSync], object]
MiddlewareFactory = Callable[..., object]


@dataclass(frozen=True, kw_only=True)
class FunctionOptions:
    """The configuration of a function, checked."""

    fn_id: str  # local id
    name: str  # for people
    triggers: tuple[config.Trigger, ...]
    retries: int  # of each step and of the body; 0 to 20
    batch_events: config.Batch | None = None
    cancel: tuple[config.Cancel, ...] = ()
    concurrency: tuple[config.Concurrency, ...] = ()
    debounce: config.Debounce | None = None
    idempotency: str | None = None  # CEL expression
    priority: config.Priority | None = None
    rate_limit: config.RateLimit | None = None
    singleton: config.Singleton | None = None
    throttle: config.Throttle | None = None
    timeouts: config.Timeouts | None = None

    def to_wire(self) -> dict[str, object]:
        """The members of the wire's function object that come from the configuration (protocol §5.1)."""
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

    def get_id(self) -> str:
        """The id on the wire: `{app_id}-{fn_id}`."""
        return self.id


def check_handlers(fn_id: str, handler: object, on_failure: object | None) -> None:
    """A function and its failure handler are of one kind.

    Raises:
        FunctionConfigInvalidError: they are not, or one is not a function.
    """
    for role, given in (("handler", handler), ("on_failure", on_failure)):
        if given is None and role == "on_failure":
            continue
        if not callable(given):
            raise FunctionConfigInvalidError(f'{role}: function "{fn_id}": expected a function, got {given!r}')
        if inspect.isgeneratorfunction(given) or inspect.isasyncgenfunction(given):
            raise FunctionConfigInvalidError(f'{role}: function "{fn_id}": a generator cannot be a durable function')
    if on_failure is None:
        return
    is_async = inspect.iscoroutinefunction(handler)
    if is_async is not inspect.iscoroutinefunction(on_failure):
        kinds = ("an async", "a non-async") if is_async else ("a non-async", "an async")
        raise FunctionConfigInvalidError(
            f'on_failure: function "{fn_id}": {kinds[0]} function cannot have {kinds[1]} on_failure handler'
        )


def location_of(handler: object) -> str:
    """Where a handler is written: `file:line (name)`."""
    code = getattr(inspect.unwrap(handler) if callable(handler) else handler, "__code__", None)
    if code is None:
        return repr(handler)
    return f"{code.co_filename}:{code.co_firstlineno} ({code.co_qualname})"
