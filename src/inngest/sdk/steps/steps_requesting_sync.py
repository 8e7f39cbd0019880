"""`ctx.step` of plain functions, the part whose HTTP requests the engine makes. See `steps_requesting`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

from inngest.protocol import durations

from . import gateway_arguments
from .ai_adapters import BaseAdapter
from .arguments import WaitRequest
from .responses import FetchResponse
from .steps_requesting import RequestRunner

T = TypeVar("T")


class RequestPortal(Protocol):
    """The way from a function's thread to its invocation on the loop."""

    @property
    def runner(self) -> RequestRunner:
        """Waits on the loop."""
        ...

    def call(self, step_id: str, coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on the loop and wait."""
        ...


def _wait(portal: RequestPortal, step_id: str, waiting: WaitRequest) -> object:
    runner = portal.runner
    return portal.call(step_id, lambda: runner.wait(step_id, waiting))


class RequestingStepsSync:
    """Steps of a plain function that make requests."""

    def __init__(self, portal: RequestPortal) -> None:
        self._requesting_portal = portal

    def fetch(
        self,
        step_id: str,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: gateway_arguments.Body | None = None,
        timeout: durations.Duration | None = None,
    ) -> FetchResponse:
        """Have the engine make an HTTP request. See `Step.fetch`."""
        waiting = gateway_arguments.fetch(step_id, url, method, headers, body, timeout)
        return gateway_arguments.response_of(_wait(self._requesting_portal, step_id, waiting))


class InferringSync:
    """Requests to models."""

    def __init__(self, portal: RequestPortal) -> None:
        self._requesting_portal = portal

    def infer(
        self,
        step_id: str,
        *,
        adapter: BaseAdapter,
        body: Mapping[str, Any],
        timeout: durations.Duration | None = None,
    ) -> dict[str, Any]:
        """Have the engine ask a model. See `Step.ai.infer`."""
        waiting = gateway_arguments.infer(step_id, adapter, body, timeout)
        return gateway_arguments.answer_of(_wait(self._requesting_portal, step_id, waiting))
