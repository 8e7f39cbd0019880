"""The middleware of one invocation, or of one send, called in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from .errors import AsyncUnsupportedError
from .function import MiddlewareFactory
from .middleware import Middleware, MiddlewareSync
from .ports import Client
from .work import Work

_REVERSED = frozenset(("after_execution", "transform_output", "after_send_events"))


class Hooks:
    """Instances of middleware that live together: for one invocation, or one send. They are made on first use."""

    def __init__(self, client: Client, factories: Iterable[MiddlewareFactory], raw_request: object) -> None:
        self._client = client
        self._raw_request = raw_request
        self._factories = tuple(factories)
        self._instances: list[object] | None = None

    def __bool__(self) -> bool:
        return bool(self._factories)

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
