"""Calls of functions: the request of a server becomes an entry into a function, and how that ended its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inngest.protocol.errors import FunctionNotFoundError, QueryParamMissingError, UnknownError
from inngest.runtime.ports import Threads
from inngest.sdk.function import AnyHandler, Function

from .messages import Request, Response, Stream, as_json
from .settings import Settings
from .timing import ServerTiming


class FunctionCalls:
    """Enters functions.

    Args:
        functions: what is served.
        settings: of the endpoint.
        branch_ended: called in a pool thread when it has run a part of a plain function.
    """

    def __init__(
        self,
        functions: Sequence[Function[object]],
        settings: Settings,
        branch_ended: Callable[[], object] | None,
    ) -> None:
        self._handlers: dict[str, tuple[Function[object], AnyHandler]] = {}
        for function in functions:
            self._handlers[function.id] = (function, function.handler)
            if function.on_failure is not None and function.on_failure_fn_id is not None:
                self._handlers[function.on_failure_fn_id] = (function, function.on_failure)

    async def answer(self, request: Request, threads: Threads | None, timing: ServerTiming) -> Response | Stream:
        """The answer to a call, or to a probe.

        Args:
            request: that has come from the server.
            threads: where a plain function runs; None: in threads of the endpoint's.
            timing: measures its parts.

        Raises:
            FunctionNotFoundError: it is not served here.
            QueryParamMissingError: it does not say which function it is for.
        """
        query = request.query
        if "probe" in query:
            return _probed(query["probe"])
        if "fnId" not in query:
            raise QueryParamMissingError("fnId")
        found = self._handlers.get(query["fnId"])
        if found is None:
            raise FunctionNotFoundError(f"function {query['fnId']} not found")
        raise UnknownError


def _probed(probe: str) -> Response:
    """The answer to a server that only wants to know whether the app takes its signature."""
    if probe != "trust":
        raise UnknownError(f"unsupported probe: {probe}")
    return as_json(200, None)
