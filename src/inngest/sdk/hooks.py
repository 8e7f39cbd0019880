"""The middleware of one invocation, or of one send, called in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from .function import MiddlewareFactory
from .middleware import Middleware, MiddlewareSync
from .ports import Client
from .work import Work

_REVERSED = frozenset(("after_execution", "transform_output", "after_send_events"))


class Hooks:
    """Instances of middleware that live together: for one invocation, or one send."""

    def __init__(self, client: Client, factories: Iterable[MiddlewareFactory], raw_request: object) -> None:
        self._instances = [cast("Middleware | MiddlewareSync", make(client, raw_request)) for make in factories]

    def __bool__(self) -> bool:
        return bool(self._instances)

    def call(self, hook: str, *args: object) -> Work[None]:
        """The calls of a hook: in list order on the way in, reversed on the way out."""
        instances = reversed(self._instances) if hook in _REVERSED else self._instances
        for instance in instances:
            method = cast("Callable[..., object]", getattr(instance, hook))
            yield lambda method=method: method(*args)  # type: ignore[misc]
