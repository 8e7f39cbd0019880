"""Endpoints whose requests are runs: apps begin such runs here and go on with them, and results are waited for."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from inngest.embedded.errors import RunNotFoundError
from inngest.embedded.host import EngineHost
from inngest.engine.domain import registration
from inngest.engine.domain.endpoints import TooManyEndpointsError
from inngest.engine.domain.model import Ended, RunStatus
from inngest.engine.endpoints import EndpointTakenError
from inngest.protocol.errors import BodyInvalidError
from inngest.protocol.headers import SDK_NAME
from inngest.protocol.wire import endpoints, http_results

from .answers import Json, refusal, result_of
from .auth import Keys

LONGEST: Final = 300.0
"""Seconds for which a result is waited for."""

OVER: Final = "the run is not in its request any more: it has ended, or its endpoint is called for it"
EXISTS: Final = "another run has this id"

_SAFE: Final = {
    "access-control-allow-origin": "*",
    "cache-control": "no-store",
    "content-security-policy": "sandbox",
    "x-content-type-options": "nosniff",
}
"""Beside a result, which may be a page that its endpoint made of what strangers sent."""


class Endpoints:
    """The actions of the routes.

    Args:
        host: the engine.
        keys: those of the server; None: results are for everybody.
        longest: seconds for which a result is waited for.
    """

    def __init__(self, host: EngineHost, keys: Keys | None, longest: float = LONGEST) -> None:
        self._host = host
        self._keys = keys
        self._longest = longest

    @property
    def routes(self) -> list[BaseRoute]:
        """Where they are reached."""
        return [
            Route("/v1/checkpoint", self.begin, methods=["POST"]),
            Route("/v1/checkpoint/{run_id}/steps", self.go_on, methods=["POST"]),
            Route("/v1/checkpoint/{run_id}/output", self.output, methods=["GET"]),
            Route("/v1/http/runs/{run_id}/output", self.output_for_token, methods=["GET"]),
        ]

    async def begin(self, request: Request) -> Response:
        """Begin a run in the request that its app is answering. 409 if another run has its id."""
        try:
            begun = endpoints.read_begun(await request.body())
        except BodyInvalidError as error:
            return refusal(error.message, 400)
        service = self._host.on_its_loop().service
        try:
            started = await service.apps.endpoints.begin(begun, request.headers.get(SDK_NAME, "")[:100])
        except TooManyEndpointsError as error:
            return refusal(str(error), 429)
        except EndpointTakenError as error:
            return refusal(f"{error}: another function, which is no endpoint of this app, has this id", 409)
        if started is None:
            return refusal(EXISTS, 409)
        function, run = started
        app_uuid = str(registration.app_uuid(function.app_id))
        token = "none" if self._keys is None else self._keys.token_of(run.id)
        return _json(endpoints.began(function.uuid, app_uuid, run.id, token))

    async def go_on(self, request: Request) -> Response:
        """Record what happened in a request; 200 follows its commit. 409 if the run is not in its request any more."""
        run_id = request.path_params["run_id"]
        try:
            given = endpoints.read_appended(await request.body())
        except BodyInvalidError as error:
            return refusal(error.message, 400)
        if given.run_id != run_id:
            return refusal(f"run_id: it is {given.run_id!r}, and the path is of {run_id!r}"[:300], 400)
        if not await self._host.on_its_loop().service.apps.endpoints.go_on(run_id, given.ops):
            return refusal(OVER, 409)
        return _json(b'{"data":{}}')

    async def output(self, request: Request) -> Response:
        """Wait up to 5 minutes for the end of a run, and answer as its endpoint does; 202 if it goes on."""
        run_id = request.path_params["run_id"]
        try:
            ended = await result_of(self._host, request, self._host.end_of(run_id, self._longest))
        except RunNotFoundError:
            return refusal(f"there is no run {run_id!r}", 404)
        except TimeoutError as error:
            return _later(str(error))
        return _later(f"this server stops before run {run_id} has ended") if ended is None else _answer(run_id, ended)

    async def output_for_token(self, request: Request) -> Response:
        """The same for whoever has the token that the run's app was given: the caller of the endpoint."""
        run_id, token = request.path_params["run_id"], request.query_params.get("token", "")
        if self._keys is not None and not self._keys.proves(run_id, token):
            return refusal("the token is none of this run", 401)
        return await self.output(request)


def _answer(run_id: str, ended: Ended) -> Response:
    if ended.status is RunStatus.COMPLETED:
        found = http_results.answer(ended.output or "null")
        return Response(found.body, found.status, headers={**found.headers, **_SAFE})
    if ended.status is RunStatus.FAILED and ended.error is not None:
        error = {"name": ended.error.name, "message": ended.error.message}
        return Json({"error": error, "status": 500}, 500, headers=_SAFE)
    return Json({"error": f"run {run_id} was cancelled", "status": 410}, 410, headers=_SAFE)


def _later(text: str) -> Response:
    return Json({"data": None, "status": 202, "message": f"{text}: ask again"}, 202, headers=_SAFE)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
