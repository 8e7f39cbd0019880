"""Steps that the code of a run records while its call goes on: `POST /v1/checkpoint/{run}/async`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from inngest.embedded.host import EngineHost
from inngest.protocol.calls import Advice
from inngest.protocol.errors import BodyInvalidError
from inngest.protocol.wire import checkpoints

from .answers import refusal

STALE = "another call goes on with this run, or it is over: stop, and report nothing"


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
        return [Route("/v1/checkpoint/{run_id}/async", self.save, methods=["POST"])]

    async def save(self, request: Request) -> Response:
        """Record what happened; 200 follows its commit. 409 if the call is not the newest of its run."""
        run_id = request.path_params["run_id"]
        try:
            given = checkpoints.read(await request.body())
        except BodyInvalidError as error:
            return refusal(error.message, 400)
        if given.run_id != run_id:
            return refusal(f"run_id: it is {given.run_id!r}, and the path is of {run_id!r}"[:300], 400)
        advice = await self._host.checkpoint(run_id, given.generation, given.ops)
        if advice is Advice.STOP:
            return refusal(STALE, 409)
        return Response(checkpoints.saved(yields=advice is Advice.YIELD), media_type="application/json")
