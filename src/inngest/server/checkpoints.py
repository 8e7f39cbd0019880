"""Steps that the code of a run records while its call goes on: `POST /v1/checkpoint/{run}/async`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from inngest.embedded.host import EngineHost
from inngest.protocol.calls import Advice
from inngest.protocol.errors import BodyInvalidError
from inngest.protocol.wire import checkpoints

from .answers import refusal

BEFORE: Final = "/v1/checkpoint/"
BEHIND: Final = "/async"
"""A run's id is between them."""

STALE: Final = "another call goes on with this run, or it is over: stop, and report nothing"


class Checkpoints:
    """The actions of the routes.

    Args:
        host: the engine.
    """

    def __init__(self, host: EngineHost) -> None:
        self._host = host

    @property
    def routes(self) -> list[BaseRoute]:
        """Where they are reached."""
        return [Route(f"{BEFORE}{{run_id}}{BEHIND}", self.save, methods=["POST"])]

    async def save(self, request: Request) -> Response:
        """Record what happened; 200 follows its commit. 409 if the call is not the newest of its run."""
        return await self.saved(request.path_params["run_id"], await request.body())

    async def saved(self, run_id: str, body: bytes) -> Response:
        """The answer to a checkpoint of a run."""
        try:
            given = checkpoints.read(body)
        except BodyInvalidError as error:
            return refusal(error.message, 400)
        if given.run_id != run_id:
            return refusal(f"run_id: it is {given.run_id!r}, and the path is of {run_id!r}"[:300], 400)
        advice = await self._host.checkpoint(run_id, given.generation, given.ops)
        if advice is Advice.STOP:
            return refusal(STALE, 409)
        return Response(checkpoints.saved(yields=advice is Advice.YIELD), media_type="application/json")


Failed = Callable[[Request, Exception], Awaitable[Response]]
"""Makes the answer of an error."""


class Straight:
    """Takes checkpoints past the routes: each step of an app may come here, and they cost as much as all the rest.

    Args:
        app: answers all other requests.
        checkpoints: answers these.
        failed: the answers of errors, by their kinds.
    """

    def __init__(self, app: ASGIApp, checkpoints: Checkpoints, failed: Mapping[type[Exception], Failed]) -> None:
        self._app = app
        self._checkpoints = checkpoints
        self._failed = failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        run_id = _run_of(scope)
        if run_id is None:
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._checkpoints.saved(run_id, await _body(receive))
        except Exception as error:
            failed = next((self._failed[kind] for kind in type(error).__mro__ if kind in self._failed), None)
            if failed is None:
                raise
            answer = await failed(Request(scope, receive, send), error)
        await answer(scope, receive, send)


def _run_of(scope: Scope) -> str | None:
    """The run of which a request is a checkpoint; None if it is something else."""
    if scope.get("method") != "POST":
        return None
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    if not (path.startswith(BEFORE) and path.endswith(BEHIND)):
        return None
    run_id = path[len(BEFORE) : -len(BEHIND)]
    return run_id if run_id and "/" not in run_id else None


async def _body(receive: Receive) -> bytes:
    """The body of a request.

    Raises:
        ClientDisconnect: its client has left before it was whole.
    """
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
