"""Events and memos of a run, which its SDK asks for where they are too large for a call."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from inngest.embedded.host import EngineHost
from inngest.engine.domain.event_view import data_of
from inngest.engine.records import RunView
from inngest.engine.service import Service
from inngest.protocol import ulids
from inngest.protocol.wire import calls

from .answers import BY_API, refusal


class StateApi:
    """The actions of the routes.

    Args:
        host: the engine.
    """

    def __init__(self, host: EngineHost) -> None:
        self._host = host

    @property
    def routes(self) -> list[BaseRoute]:
        """Where they are reached."""
        return [
            Route("/v0/runs/{run_id}/batch", self.batch, methods=["GET"]),
            Route("/v0/runs/{run_id}/actions", self.actions, methods=["GET"]),
            Route("/v0/runs/{run_id}", self.cancel, methods=["DELETE"]),
            Route("/v0/telemetry", self.telemetry, methods=["POST"]),
        ]

    @property
    def _service(self) -> Service:
        return self._host.on_its_loop().service

    async def batch(self, request: Request) -> Response:
        """The events that started a run."""
        found = await self._run(request)
        if isinstance(found, Response):
            return found
        events = found.batch or [found.event]
        return _json(f"[{','.join(calls.event_text(data_of(event)) for event in events)}]")

    async def actions(self, request: Request) -> Response:
        """The memos of a run, by the hashes of their steps, in the order in which they were recorded."""
        found = await self._run(request)
        if isinstance(found, Response):
            return found
        texts = [calls.memo_text(memo) for memo in found.memos]
        finished = {memo.step.hash for memo in found.memos}
        given = {} if found.run.origin is None else found.run.origin.inputs
        texts += [calls.input_text(hashed, text) for hashed, text in given.items() if hashed not in finished]
        return _json(f"{{{','.join(texts)}}}")

    async def cancel(self, request: Request) -> Response:
        """End a run; one that has ended stays as it is."""
        run_id = request.path_params["run_id"]
        try:
            await self._service.control.cancel(run_id, BY_API)
        except KeyError:
            return refusal(f"there is no run {run_id!r}", 404)
        return Response(status_code=204)

    async def telemetry(self, request: Request) -> Response:
        """Take, and pass over, what SDKs tell of themselves."""
        return Response(status_code=204)

    async def _run(self, request: Request) -> RunView | Response:
        run_id = request.path_params["run_id"]
        if not _is_ulid(run_id):
            return refusal(f"Invalid run ID: {run_id}", 400)
        try:
            found = await self._service.queries.run(run_id)
        except KeyError:
            return refusal(f"runtime state is no longer available for runID: {run_id}", 410)
        if found.run.unread:  # a part of its state is worse than none: the code would do again what it did
            return refusal(f"run {run_id} cannot be read: {found.run.unread[0]}", 503)
        return found


def _is_ulid(text: str) -> bool:
    try:
        ulids.read(text)
    except ValueError:
        return False
    return True


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")
