"""The event API: events come in over HTTP, and what they started can be read."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inngest.embedded.engine import Engine, host_of
from inngest.embedded.errors import EngineStateError
from inngest.engine.errors import StoreError
from inngest.protocol.config import TriggerEvent
from inngest.protocol.headers import TRACE_PARENT, VERSION
from inngest.protocol.opcodes import SentEvent
from inngest.protocol.ulids import Seed
from inngest.runtime.careful import CarefulLogger

from . import bodies, forms, run_json
from .answers import Json
from .auth import SOURCE, KeyGuard, Keys
from .bounds import Bounds
from .checkpoints import Checkpoints, Failed, Straight
from .endpoints import Endpoints
from .front import front
from .health import Health, metrics_routes
from .hosts import HostGuard, Hosts
from .registering import Registering
from .rest import invoking, openapi
from .rest.parameters import ParameterError
from .rest.v1 import RestV1
from .rest.v2 import RestV2
from .state_api import StateApi
from .unheard import Unheard

__all__ = ["create_app"]

LOGGER = CarefulLogger(logging.getLogger("inngest.server"))

PATHS = (
    "POST /e/{event key}, GET /health, GET /ready, GET /metrics (of a server, with the extra `metrics`), "
    "POST /invoke/{function id}, GET /v1/events/{event id}/runs, GET /v1/events/{event id}/kept, "
    "GET /v1/events/{event id}/woken, GET /v1/triggers, POST /fn/register, "
    "DELETE /fn/remove, GET /v0/runs/{run id}/batch, GET /v0/runs/{run id}/actions, DELETE /v0/runs/{run id}, "
    "and those under /v1 and /v2 that the page *REST API* of the documentation lists"
)


def create_app(
    engine: Engine, *, host: str = "127.0.0.1", allowed_hosts: Collection[str] = (), keys: Keys | None = None
) -> Starlette:
    """The event API of an engine that has been started.

    Args:
        engine: where events go, and runs are read.
        host: the address that the server is bound to.
        allowed_hosts: names under which the server is also known; requests with another `Host` header are refused, if
            there are no keys.
        keys: what requests must show; None: nothing is asked, and any event key is accepted, as in development.
    """
    # In development each event has a line that says what it starts.
    api, kind = EventApi(engine, logs_unheard=keys is not None), "dev" if keys is None else "cloud"
    checkpoints = Checkpoints(host_of(engine))
    routes: list[BaseRoute] = [
        *checkpoints.routes,
        Mount(
            "/e",
            routes=[
                Route("/{key}", api.send, methods=["POST"]),
                Route("/", api.key_is_missing, methods=["POST"]),
            ],
            middleware=[Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])],
        ),
        Route("/invoke/{function_id}", api.invoke, methods=["POST"]),
        Route("/", front(kind), methods=["GET"]),
        *Health(engine).routes,
        *(() if keys is None else metrics_routes(engine)),
        Route("/v1/events/{event_id}/kept", api.kept_back, methods=["GET"]),
        Route("/v1/events/{event_id}/woken", api.woken, methods=["GET"]),
        Route("/v1/triggers", api.triggers, methods=["GET"]),
        *Registering(host_of(engine), kind).routes,
        *StateApi(host_of(engine)).routes,
        *Endpoints(host_of(engine), keys).routes,
        *RestV1(host_of(engine)).routes,
        *RestV2(host_of(engine), keys).routes,
    ]
    routes.append(openapi.route(routes, VERSION))
    # Without keys, a page whose domain was made to point here must be kept out by its name.
    guard = Middleware(HostGuard, hosts=Hosts(host, allowed_hosts)) if keys is None else Middleware(KeyGuard, keys=keys)
    failed: dict[type[Exception], Failed] = {
        ClientDisconnect: _gone,
        HTTPException: _http_error,
        StoreError: _unavailable,
        EngineStateError: _unavailable,
    }
    straight = Middleware(Straight, checkpoints=checkpoints, failed=failed)
    app = Starlette(
        routes=routes,
        middleware=[Middleware(ServerKind, kind=kind), guard, Middleware(Bounds), straight],
        exception_handlers={**failed, Exception: _unexpected},
    )
    app.router.redirect_slashes = False
    return app


class EventApi:
    """The actions of the routes.

    Args:
        engine: takes the events.
        logs_unheard: whether names that start nothing are logged.
    """

    def __init__(self, engine: Engine, *, logs_unheard: bool = False) -> None:
        self._unheard = Unheard(_names_of(engine)) if logs_unheard else None
        self._engine = engine
        self._host = host_of(engine)

    async def send(self, request: Request) -> Response:
        """Accept events. Each has its place in `ids`; one that is refused has "" there, and the others count."""
        try:
            events = bodies.read(
                await request.body(),
                request.headers.get("content-type", ""),
                Seed.parse(request.headers.get("x-inngest-event-id-seed")),
                request.query_params.get("name", ""),
                request.scope.get(SOURCE, ""),
                request.headers.get(TRACE_PARENT, ""),
            )
        except forms.BodyError as error:
            return _answer([], 400, str(error))
        if not events:
            return _answer([""], 200, None)
        good = [event for event in events if isinstance(event, SentEvent)]
        ids = iter(await self._host.accept(good) if good else ())
        if self._unheard is not None:
            self._unheard.came(
                [event.name for event in good], self._host.on_its_loop().service.executor.remote.functions
            )
        refused = [(index, event) for index, event in enumerate(events) if isinstance(event, bodies.Refused)]
        placed = [next(ids) if isinstance(event, SentEvent) else "" for event in events]
        if not refused:
            return _answer(placed, 200, None)
        return _answer(placed, 400, _explain(refused, len(events)))

    async def invoke(self, request: Request) -> Response:
        """Start one function, whatever its triggers, with an event that has no name."""
        try:
            wait = invoking.wait_of(request.query_params)
            sent = bodies.read_unnamed(await request.body())
            run = await invoking.start(self._host, request.path_params["function_id"], sent.data, sent.key)
        except (forms.BodyError, ParameterError) as error:
            return Json({"error": str(error), "status": 400}, 400)
        except invoking.NotInvokedError as error:
            return Json({"error": str(error), "status": error.status}, error.status)
        started: dict[str, object] = {"id": run.event_id, "run_id": run.id}
        if wait is None:
            return Json({**started, "status": 200})
        view = await invoking.ended(self._host, request, run, wait)
        status = 202 if view is None or view.run.ended_at is None else 200
        shown = None if view is None else run_json.run_json(view.run, view.event)
        return Json({**started, "run": shown, "status": status}, status)

    async def key_is_missing(self, request: Request) -> Response:
        """An event key is part of the path."""
        return _answer([], 401, "event key is required: POST /e/{event key}; a development server takes any text")

    async def kept_back(self, request: Request) -> Response:
        """The reasons that keep an event from starting runs. The route is ours."""
        found = await self._engine.kept_back(request.path_params["event_id"])
        data = [
            {
                "function_id": one.function_id,
                "rule": one.rule,
                "text": one.text,
                "run_id": one.run_id,
                "due_at": None if one.due_at is None else run_json.time_text(round(1_000 * one.due_at.timestamp())),
            }
            for one in found
        ]
        return Json({"data": data})

    async def woken(self, request: Request) -> Response:
        """The effects of an event on runs that looked for it. The route is ours."""
        found = await self._engine.woken(request.path_params["event_id"])
        return Json({"data": [dataclasses.asdict(one) for one in found]})

    async def triggers(self, request: Request) -> Response:
        """The names of events that start functions of this engine. The route is ours."""
        return Json({"data": sorted(_names_of(self._engine))})


def _names_of(engine: Engine) -> set[str]:
    """The names of events that start functions of an engine."""
    triggers = (one for function in engine.functions for one in function.options.triggers)
    return {one.event for one in triggers if isinstance(one, TriggerEvent)}


def _answer(ids: list[str], status: int, error: str | None) -> Response:
    body: dict[str, object] = {"ids": ids, "status": status}
    if error is not None:
        body["error"] = error
    return Json(body, status)


def _explain(refused: list[tuple[int, bodies.Refused]], count: int) -> str:
    index, event = refused[0]
    if count == 1:
        return event.problem
    more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
    return f"{event.problem} (events[{index}]{more}; {count - len(refused)} of {count} events were accepted)"


# -- errors, as JSON


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    texts = {
        404: f"there is nothing at {request.url.path}; there are {PATHS}",
        405: f"{request.method} is not for {request.url.path}; there are {PATHS}",
    }
    text = texts.get(error.status_code, error.detail)
    return Json({"error": text, "status": error.status_code}, error.status_code, headers=error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    """The client has left before its request was whole: nobody reads this."""
    return Json({"error": "the request was not whole", "status": 400}, 400)


async def _unavailable(request: Request, error: Exception) -> Response:
    """Nothing was stored; a client that tries again may succeed."""
    return _answer([], 503, str(error))


async def _unexpected(request: Request, error: Exception) -> Response:
    return _answer([], 500, f"an error of the server, {type(error).__name__}; its log has the details")


class ServerKind:
    """Says on every response what kind of server this is, by the header `x-inngest-server-kind`: "dev" or "cloud"."""

    def __init__(self, app: ASGIApp, kind: str) -> None:
        self._app = app
        self._header = (b"x-inngest-server-kind", kind.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""

        async def send_with_kind(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [header for header in message["headers"] if header[0] != self._header[0]]
                message["headers"] = [*others, self._header]
            await send(message)

        await self._app(scope, receive, send_with_kind)
