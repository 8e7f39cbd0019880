"""Version 1 of the REST API: events, runs, functions, signals. Members are in snake case.

Answers are `{"data": …, "metadata": {"fetched_at"}}`; errors `{"error", "data": null, "status"}` with that status.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from inngest.embedded.host import EngineHost
from inngest.engine.domain.run_metadata import Annotated
from inngest.engine.records import EventQuery, Place, RunQuery, RunView
from inngest.engine.service import Service
from inngest.protocol import codec, texts
from inngest.server import run_json
from inngest.server.answers import BY_API, Json, refusal

from . import cancellations, metadata, parameters, shapes
from .later import LATER
from .parameters import ParameterError

DEFAULT_LIMIT, MAX_LIMIT = 20, 100

MAX_RUNS = 1_000
"""Runs of one event that are shown."""

Action = Callable[["RestV1", Request], Awaitable[Response]]


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def _answering(action: Action) -> Action:
    @functools.wraps(action)
    async def answer(self: RestV1, request: Request) -> Response:
        try:
            return await action(self, request)
        except ParameterError as error:
            status, text = 400, str(error)
        except Refused as error:
            status, text = error.status, str(error)
        return refusal(text, status)

    return answer


class RestV1:
    """The actions of the routes.

    Args:
        host: the engine.
    """

    def __init__(self, host: EngineHost) -> None:
        self._host = host

    @property
    def routes(self) -> list[BaseRoute]:
        """Where they are reached."""
        routes: list[BaseRoute] = [
            Route("/v1/events", self.events, methods=["GET"]),
            Route("/v1/events/{event_id}", self.event, methods=["GET"]),
            Route("/v1/events/{event_id}/runs", self.runs_of_event, methods=["GET"]),
            Route("/v1/runs/{run_id}", self.run, methods=["GET"]),
            Route("/v1/runs/{run_id}", self.cancel, methods=["DELETE"]),
            Route("/v1/runs/{run_id}/jobs", self.jobs, methods=["GET"]),
            Route("/v1/apps/{app}/functions", self.functions, methods=["GET"]),
            Route("/v1/signals", self.signal, methods=["POST"]),
            Route("/v1/cancellations", self.cancel_many, methods=["POST"]),
            Route("/v1/cancellations", self.cancellations, methods=["GET"]),
            Route("/v1/cancellations/{cancellation_id}", self.delete_cancellation, methods=["DELETE"]),
            Route("/v1/runs/{run_id}/metadata", self.annotate, methods=["POST"]),
        ]
        later = [(method, path) for method, path in LATER if not path.startswith("/v2/")]
        return routes + [Route(path, self.later, methods=[method]) for method, path in later]

    @property
    def _service(self) -> Service:
        return self._host.on_its_loop().service

    def _data(self, data: object, **more: object) -> Response:
        metadata = {"fetched_at": shapes.time_of(self._host.now()), **more}
        return Json({"data": data, "metadata": metadata})

    def _uncached(self, data: object, **more: object) -> Response:
        """The same of what the official server caches: here it is never older than the answer."""
        return self._data(data, cached_until=shapes.time_of(self._host.now()), **more)

    async def _view(self, request: Request) -> RunView:
        run_id = request.path_params["run_id"]
        try:
            return await self._service.queries.run(run_id)
        except KeyError:
            raise Refused(404, f"there is no run {run_id!r}") from None

    @_answering
    async def events(self, request: Request) -> Response:
        """Events, newest first."""
        query = request.query_params
        limit = parameters.integer(query, "limit", DEFAULT_LIMIT, MAX_LIMIT, clamps=True)
        asked = EventQuery(
            limit=limit + 1,
            name=query.get("name") or None,
            since=parameters.time(query, "received_after"),
            until=parameters.time(query, "received_before"),
            after=parameters.cursor(query),
        )
        found = await self._service.queries.events(asked)
        more: dict[str, object] = {}
        if len(found) > limit:
            last = found[limit - 1]
            more["cursor"] = parameters.cursor_of(Place(last.received_at, last.id))
        return self._uncached([shapes.event_v1(event) for event in found[:limit]], **more)

    @_answering
    async def event(self, request: Request) -> Response:
        """One event, by the id that the server gave it."""
        event_id = request.path_params["event_id"]
        found = await self._service.queries.event(event_id)
        if found is None:
            raise Refused(404, f"there is no event {event_id!r}")
        return self._data(shapes.event_v1(found))

    @_answering
    async def runs_of_event(self, request: Request) -> Response:
        """The runs that an event started, in the order in which they were created."""
        asked = RunQuery(MAX_RUNS, event_id=request.path_params["event_id"], descending=False)
        found = await self._service.queries.runs(asked)
        event = await self._service.queries.event(request.path_params["event_id"])
        return self._uncached([run_json.run_json(run, event) for run in found])

    @_answering
    async def run(self, request: Request) -> Response:
        """One run, with its result."""
        view = await self._view(request)
        return self._uncached(run_json.run_json(view.run, view.event))

    @_answering
    async def cancel(self, request: Request) -> Response:
        """End a run; one that has ended stays as it is."""
        run_id = request.path_params["run_id"]
        try:
            await self._service.control.cancel(run_id, BY_API)
        except KeyError:
            raise Refused(404, f"there is no run {run_id!r}") from None
        return Response(status_code=204)

    @_answering
    async def jobs(self, request: Request) -> Response:
        """Something that a run has to do, or waits to do, while no worker has it."""
        view = await self._view(request)
        jobs = await self._service.queries.jobs(view.run.id)
        kind = "start" if view.run.started_at is None else "edge"
        return self._data(
            [{"id": job.id, "run_id": view.run.id, "at": shapes.time_of(job.due_at), "kind": kind} for job in jobs]
        )

    @_answering
    async def functions(self, request: Request) -> Response:
        """The functions of an app, without an envelope: so does the official server."""
        app = request.path_params["app"]
        registry = await self._service.apps.functions()
        found = [one for one in registry.functions.values() if one.app_id == app]
        served = {one.name: one for one in await self._service.apps.listed()}
        if not found and app not in served:
            raise Refused(404, f"there is no app {app!r}")
        return Json([shapes.function_v1(one, served.get(app)) for one in found])

    @_answering
    async def signal(self, request: Request) -> Response:
        """Give a signal to the run that waits for it."""
        wire = await _object(request, "signal", "data")
        name = wire.get("signal")
        if not isinstance(name, str) or not name:
            raise Refused(400, f"signal: expected the name of a signal, got {name!r}"[:200])
        if reason := texts.problem(name):
            raise Refused(400, f"signal: {reason}")
        try:
            data = codec.dumps(wire.get("data"))
        except codec.NotJsonError as error:
            raise Refused(400, f"data: {error}") from None
        run_id = await self._service.control.signal(name, data)
        if run_id is None:
            raise Refused(404, "No signal found")
        return self._data({"run_id": run_id})

    @_answering
    async def cancel_many(self, request: Request) -> Response:
        """End runs of a function that were queued within a time. When this answers, they are cancelled."""
        wire, service, now = await _object(request, *cancellations.MEMBERS), self._service, self._host.now()
        try:
            asked = cancellations.read(wire, await service.apps.functions(), now)
        except cancellations.CancellationError as error:
            raise Refused(400, str(error)) from None
        except LookupError as error:
            raise Refused(404, str(error.args[0])) from None
        kept, count = await service.control.cancel_many(asked)
        return self._data({**cancellations.shown(kept), "cancelled": count})

    @_answering
    async def cancellations(self, request: Request) -> Response:
        """Cancellations of many runs, newest first."""
        limit = parameters.integer(request.query_params, "limit", DEFAULT_LIMIT, MAX_LIMIT, clamps=True)
        after = parameters.cursor(request.query_params)
        found = await self._service.queries.cancellations(limit + 1, None if after is None else after.id)
        more: dict[str, object] = {}
        if len(found) > limit:
            more["cursor"] = parameters.cursor_of(Place(found[limit - 1].created_at, found[limit - 1].id))
        return self._data([cancellations.shown(one) for one in found[:limit]], **more)

    @_answering
    async def delete_cancellation(self, request: Request) -> Response:
        """List a cancellation no more; what it has ended stays so."""
        cancellation_id = request.path_params["cancellation_id"]
        try:
            await self._service.control.delete_cancellation(cancellation_id)
        except KeyError:
            raise Refused(404, f"there is no cancellation {cancellation_id!r}") from None
        return Response(status_code=204)

    @_answering
    async def annotate(self, request: Request) -> Response:
        """Say something about a run, or about a step of it."""
        run_id, wire = request.path_params["run_id"], await _object(request)
        try:
            updates = metadata.read(wire, run_id)
        except metadata.MetadataError as error:
            raise Refused(400, str(error)) from None
        result = await self._service.control.annotate(run_id, updates)
        if result is Annotated.NO_RUN:
            raise Refused(404, f"there is no run {run_id!r}")
        if result in (Annotated.NO_STEP, Annotated.TOO_LARGE_SUM):
            raise Refused(400, f"metadata: {result.value}")
        if result is not Annotated.DONE:
            raise Refused(413, result.value)
        return self._data({"run_id": run_id})

    async def later(self, request: Request) -> Response:
        """A part of the API that this server does not have."""
        text = f"{request.method} {request.url.path} is not implemented by this server"
        return Json({"error": text, "data": None, "status": 501}, 501)


async def _object(request: Request, *known: str) -> dict[str, Any]:
    """The object in a body, with no other members than these; with any, if none are named."""
    try:
        wire = codec.loads((await request.body()).decode())
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON: expected an object") from None
    if not isinstance(wire, dict):
        raise Refused(400, "the body: expected an object")
    if known and (unknown := parameters.unknown_member(wire, known)):
        raise Refused(400, unknown)
    return wire
