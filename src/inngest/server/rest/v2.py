"""Version 2 of the REST API, under `/v2` and `/api/v2`. Members are in camel case, and those without a value left out.

Answers are `{"data": …, "metadata": {"fetchedAt"}, "page"?}`; errors `{"errors": [{"code", "message"}]}`.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from inngest.embedded import arguments
from inngest.embedded.errors import EngineConfigError
from inngest.embedded.host import EngineHost
from inngest.engine.domain.model import App, FunctionSpec, Registry, Run, RunStatus
from inngest.engine.domain.registration import app_uuid
from inngest.engine.domain.run_metadata import Annotated
from inngest.engine.records import Place, RunQuery, RunView
from inngest.engine.service import Service
from inngest.protocol import codec, texts
from inngest.protocol import events as rules
from inngest.protocol.headers import ACCOUNT_ID
from inngest.protocol.opcodes import SentEvent
from inngest.server import run_json
from inngest.server.answers import BY_API, Json
from inngest.server.auth import Keys

from . import invoking, metadata, parameters, shapes
from .invoking import NotInvokedError
from .later import LATER
from .parameters import ParameterError

DEFAULT_LIMIT, MAX_LIMIT = 20, 100

PREFIXES = ("/v2", "/api/v2")

_TIMES = {"queuedAt": "queued", "startedAt": "started", "endedAt": "ended"}

Action = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


def _answering(action: Action, known: Sequence[str] | None) -> Action:
    """An action whose refusals are answers. It is asked with `known` parameters only; with any, if there is no list."""

    @functools.wraps(action)
    async def answer(request: Request) -> Response:
        try:
            if known is not None:
                parameters.check(request.query_params, known)
            return await action(request)
        except ParameterError as error:
            return _error(400, "invalid_field_format", str(error))
        except (Refused, NotInvokedError) as error:
            return _error(error.status, error.code, str(error))

    return answer


def _error(status: int, code: str, text: str) -> Response:
    return Json({"errors": [{"code": code, "message": text}]}, status)


class RestV2:
    """The actions of the routes.

    Args:
        host: the engine.
        keys: those of the server; None: it has none.
    """

    def __init__(self, host: EngineHost, keys: Keys | None) -> None:
        self._host = host
        self._keys = keys

    @property
    def routes(self) -> list[BaseRoute]:
        """Where they are reached."""
        actions: Sequence[tuple[str, str, Action]] = [
            ("GET", "/health", self.health),
            ("GET", "/account", self.account),
            ("GET", "/envs", self.envs),
            ("GET", "/keys/events", self.event_keys),
            ("GET", "/keys/signing", self.signing_keys),
            ("GET", "/runs", self.runs),
            ("GET", "/runs/{run_id}", self.run),
            ("GET", "/runs/{run_id}/trace", self.trace),
            ("POST", "/runs/{run_id}/cancel", self.cancel),
            ("POST", "/runs/{run_id}/scores", self.score),
            ("POST", "/runs/{run_id}/rerun", self.rerun),
            ("GET", "/events/{event_id}/runs", self.runs_of_event),
            ("POST", "/events", self.send),
            ("GET", "/apps", self.apps),
            ("GET", "/apps/{app}", self.app),
            ("GET", "/apps/{app}/functions", self.functions),
            ("GET", "/apps/{app}/functions/{function}", self.function),
            ("GET", "/apps/{app}/functions/{function}/runs", self.runs_of_function),
            ("POST", "/apps/{app}/functions/{function}/invoke", self.invoke),
            *((method, path.removeprefix("/v2"), self.later) for method, path in LATER if path.startswith("/v2/")),
        ]
        routed = [
            (
                method,
                path,
                _answering(action, None if action == self.later else parameters.QUERIES.get(f"/v2{path}", ())),
            )
            for method, path, action in actions
        ]
        return [Route(prefix + path, act, methods=[method]) for prefix in PREFIXES for method, path, act in routed]

    @property
    def _service(self) -> Service:
        return self._host.on_its_loop().service

    def _data(self, data: object, page: dict[str, object] | None = None, *, status: int = 200) -> Response:
        body: dict[str, object] = {"data": data, "metadata": {"fetchedAt": shapes.time_of(self._host.now())}}
        if page is not None:
            body["page"] = page
        return Json(body, status)

    # -- the server

    async def health(self, request: Request) -> Response:
        """The server answers."""
        return self._data({"status": "ok"})

    async def account(self, request: Request) -> Response:
        """The one account."""
        return self._data({"id": ACCOUNT_ID, "name": "Dev Server", "email": "dev@inngest.local"})

    async def envs(self, request: Request) -> Response:
        """The one environment."""
        data = [{"id": run_json.ENVIRONMENT_ID, "name": "dev", "type": "TEST"}]
        return self._listed(data, parameters.integer(request.query_params, "limit", DEFAULT_LIMIT, MAX_LIMIT))

    async def event_keys(self, request: Request) -> Response:
        """The names of event keys; a server tells no keys."""
        return self._named([] if self._keys is None else self._keys.event_names, request)

    async def signing_keys(self, request: Request) -> Response:
        """The names of signing keys; a server tells no keys."""
        return self._named([] if self._keys is None else self._keys.signing_names, request)

    def _named(self, names: Sequence[str], request: Request) -> Response:
        limit = parameters.integer(request.query_params, "limit", DEFAULT_LIMIT, MAX_LIMIT)
        after = parameters.cursor(request.query_params)
        begin = 0 if after is None else after.at
        more = Place(begin + limit, "") if len(names) > begin + limit else None
        return self._listed([{"name": name} for name in names[begin : begin + limit]], limit, more)

    def _listed(self, data: Sequence[object], limit: int, more: Place | None = None) -> Response:
        page: dict[str, object] = {"hasMore": more is not None, "limit": limit}
        if more is not None:
            page["cursor"] = parameters.cursor_of(more)
        return self._data(list(data), page)

    # -- runs

    async def runs(self, request: Request) -> Response:
        """Runs by what is asked for."""
        return await self._runs(request, await self._asked_functions(request))

    async def runs_of_event(self, request: Request) -> Response:
        """The runs that an event started."""
        return await self._runs(request, None, event_id=request.path_params["event_id"])

    async def runs_of_function(self, request: Request) -> Response:
        """The runs of one function."""
        function, _ = await self._function(request)
        return await self._runs(request, [function.id])

    async def _runs(self, request: Request, functions: list[str] | None, event_id: str | None = None) -> Response:
        query = request.query_params
        limit = parameters.integer(query, "limit", DEFAULT_LIMIT, MAX_LIMIT)
        names = [name for given in query.getlist("status") for name in given.split(",") if name]
        statuses = [parameters.one_of({"status": name}, "status", shapes.STATUSES) for name in names]
        order = parameters.one_of(query, "order", {"asc": "asc", "desc": "desc"})
        time = parameters.one_of(query, "timeField", _TIMES) or "queued"
        asked = RunQuery(
            limit=limit + 1,
            functions=functions,
            statuses=[RunStatus(name) for name in statuses if name] or None,
            event_id=event_id,
            deferred=parameters.flag(query, "isDeferred"),
            time=time,
            since=parameters.time(query, "from"),
            until=parameters.time(query, "until"),
            descending=order != "asc",
            after=parameters.cursor(query),
        )
        output = parameters.flag(query, "includeOutput") or False
        found = await self._service.queries.runs(asked)
        registry = await self._service.apps.functions()
        last = _place(found[limit - 1], time) if len(found) > limit else None
        shown = [
            shapes.run_v2(run, registry, output=output, listed=True, trigger=shapes.trigger_v2(run))
            for run in found[:limit]
        ]
        return self._listed(shown, limit, last)

    async def _asked_functions(self, request: Request) -> list[str] | None:
        """Ids of the functions that are asked for by their app, by their own id, or both; None: of all."""
        apps, names = request.query_params.getlist("appId"), request.query_params.getlist("functionId")
        if not apps and not names:
            return None
        registry = await self._service.apps.functions()
        known = [*registry.functions.values(), *registry.archived.values()]
        return [
            one.id
            for one in known
            if (not apps or {one.app_id, str(app_uuid(one.app_id))} & set(apps))
            and (not names or {one.id, shapes.local_id(one.id, one.app_id)} & set(names))
        ]

    async def _view(self, request: Request) -> RunView:
        run_id = request.path_params["run_id"]
        try:
            return await self._service.queries.run(run_id)
        except KeyError:
            raise Refused(404, "not_found", f"there is no run {run_id!r}") from None

    async def run(self, request: Request) -> Response:
        """One run."""
        view = await self._view(request)
        output = parameters.flag(request.query_params, "includeOutput") or False
        trigger = shapes.trigger_v2(view.run, view.event)
        if view.batch:
            trigger["eventIds"] = [event.id for event in view.batch]
        registry = await self._service.apps.functions()
        shown = shapes.run_v2(view.run, registry, output=output, listed=False, trigger=trigger)
        if said := shapes.metadata_of_run(view, await self._service.queries.metadata(view.run.id)):
            shown["metadata"] = said
        return self._data(shown)

    async def trace(self, request: Request) -> Response:
        """One run, with its steps."""
        view = await self._view(request)
        output = parameters.flag(request.query_params, "includeOutput") or False
        said = await self._service.queries.metadata(view.run.id)
        return self._data(shapes.trace_v2(view, said, await self._service.apps.functions(), output=output))

    async def cancel(self, request: Request) -> Response:
        """End a run."""
        view = await self._view(request)
        run_id = view.run.id
        if not await self._service.control.cancel(run_id, BY_API):
            status = (await self._view(request)).run.status
            code = "run_already_cancelled" if status is RunStatus.CANCELLED else "run_already_ended"
            raise Refused(409, code, f"run {run_id} is {status.value} already")
        return self._data({"id": run_id, "status": RunStatus.CANCELLED.value})

    async def score(self, request: Request) -> Response:
        """Give scores to a run, or to steps of it."""
        run_id, wire = request.path_params["run_id"], await _object(request)
        try:
            updates = metadata.read_scores(wire)
        except metadata.MetadataError as error:
            raise Refused(400, "invalid_field_format", str(error)) from None
        result = await self._service.control.annotate(run_id, updates)
        if result is Annotated.NO_RUN:
            raise Refused(404, "not_found", f"there is no run {run_id!r}")
        if result is Annotated.NO_STEP:
            steps = dict.fromkeys(one["stepId"] for one in wire["scores"] if one.get("stepId"))
            text = f"scores: {result.value}; got {', '.join(map(repr, steps))}"
            raise Refused(400, "invalid_field_format", text[:1_000])
        if result is not Annotated.DONE:
            raise Refused(413, "validation_error", result.value)
        return self._data({"runId": run_id})

    async def rerun(self, request: Request) -> Response:
        """Run a run again, from the start or from one of its steps on."""
        run_id = request.path_params["run_id"]
        step = (await _object(request, "fromStep")).get("fromStep")
        if not isinstance(step, dict | None) or (step is not None and not isinstance(step.get("stepId"), str)):
            raise Refused(400, "invalid_field_format", "fromStep: expected an object with the stepId, a text")
        if unknown := parameters.unknown_member(step or {}, ("stepId", "input"), "fromStep."):
            raise Refused(400, "invalid_field_format", unknown)
        try:
            how = arguments.rerun_of(*((None, None) if step is None else (step["stepId"], step.get("input"))))
            forked = await self._service.control.rerun(run_id, how.step, how.given)
        except EngineConfigError as error:
            raise Refused(400, "invalid_field_format", f"fromStep.{error}") from None
        except KeyError:
            raise Refused(404, "not_found", f"there is no run {run_id!r}") from None
        if forked.run is not None:
            return self._data({"runId": forked.run.id})
        assert forked.refusal is not None
        argument, text = forked.refusal
        if argument:
            raise Refused(400, "invalid_field_format", text)
        raise Refused(409, "validation_error", text)

    # -- events

    async def send(self, request: Request) -> Response:
        """Accept one event."""
        wire = await _object(request)
        name, key, data, ts = (wire.get(member) for member in ("name", "id", "data", "ts"))
        if not isinstance(name, str) or not isinstance(key, str | None) or not isinstance(data, dict | None):
            raise Refused(400, "invalid_field_format", "expected name and id as texts, and data as an object")
        if isinstance(ts, bool) or not isinstance(ts, int | None):
            raise Refused(400, "invalid_field_format", "ts: expected unix milliseconds as a whole number")
        sent = SentEvent(name, _text(_without_reserved(data)), key or "", ts or 0)
        if reason := rules.problem(sent):
            raise Refused(400, "validation_error", reason)
        (event_id,) = await self._host.accept([sent])
        return self._data({"eventId": event_id})

    # -- apps

    async def apps(self, request: Request) -> Response:
        """The apps that serve functions, and those of workers' own processes."""
        query = request.query_params
        limit = parameters.integer(query, "limit", DEFAULT_LIMIT, MAX_LIMIT)
        archived, after = parameters.flag(query, "archived"), parameters.cursor(query)
        registry = await self._service.apps.functions()
        found = [
            app
            for app in await self._apps(registry)
            if archived in (None, app.archived_at is not None) and (after is None or app.name > after.id)
        ]
        more = Place(0, found[limit - 1].name) if len(found) > limit else None
        return self._listed([shapes.app_v2(app, _of(app.name, registry)) for app in found[:limit]], limit, more)

    async def _apps(self, registry: Registry) -> list[App]:
        served = {app.name: app for app in await self._service.apps.listed()}
        names = {function.app_id for function in registry.functions.values()}
        local = [App(name, str(app_uuid(name)), "", "connect") for name in names if name and name not in served]
        return sorted([*served.values(), *local], key=lambda app: app.name)

    async def _app(self, request: Request, registry: Registry) -> App:
        name = request.path_params["app"]
        for app in await self._apps(registry):
            if name in (app.name, app.uuid):
                return app
        raise Refused(404, "not_found", f"there is no app {name!r}")

    async def app(self, request: Request) -> Response:
        """One app, by its name or its UUID."""
        registry = await self._service.apps.functions()
        app = await self._app(request, registry)
        return self._data(shapes.app_v2(app, _of(app.name, registry)))

    async def functions(self, request: Request) -> Response:
        """The functions of an app."""
        limit = parameters.integer(request.query_params, "limit", MAX_LIMIT, MAX_LIMIT)
        after = parameters.cursor(request.query_params)
        registry = await self._service.apps.functions()
        app = await self._app(request, registry)
        found = [one for one in _of(app.name, registry) if after is None or one.id > after.id]
        more = Place(0, found[limit - 1].id) if len(found) > limit else None
        return self._listed([shapes.function_v2(one, registry) for one in found[:limit]], limit, more)

    async def _function(self, request: Request) -> tuple[FunctionSpec, Registry]:
        registry = await self._service.apps.functions()
        app = await self._app(request, registry)
        name = request.path_params["function"]
        for one in _of(app.name, registry):
            if name in (shapes.local_id(one.id, one.app_id), one.id, one.uuid):
                return one, registry
        raise Refused(404, "not_found", f"the app {app.name!r} has no function {name!r}")

    async def function(self, request: Request) -> Response:
        """One function of an app, by its id within the app, its full id, or its UUID."""
        found, registry = await self._function(request)
        return self._data(shapes.function_v2(found, registry))

    async def invoke(self, request: Request) -> Response:
        """Start a function, whatever its triggers."""
        function, registry = await self._function(request)
        wire, wait = await _object(request, "data", "idempotencyKey"), invoking.wait_of(request.query_params)
        data, key = wire.get("data"), wire.get("idempotencyKey")
        if not isinstance(data, dict | None):
            raise Refused(400, "invalid_field_format", "data: expected an object")
        if key is not None and (not isinstance(key, str) or not key or texts.problem(key)):
            raise Refused(400, "invalid_field_format", "idempotencyKey: expected a text that is not empty")
        sent = SentEvent("invoke", _text(_without_reserved(data)), key or "", 0)
        if reason := rules.problem(sent):
            raise Refused(400, "validation_error", reason)
        run = await invoking.start(self._host, function.id, sent.data, sent.key)
        if (refused := invoking.skipped(run)) is not None:
            raise refused
        if wait is None:
            return self._data({"runId": run.id})
        view = await invoking.ended(self._host, request, run, wait)
        if view is None:
            raise Refused(404, "not_found", f"run {run.id} was removed before its end was seen")
        return self._data(shapes.result_v2(view.run, registry), status=200 if view.run.ended_at else 202)

    async def later(self, request: Request) -> Response:
        """A part of the API that this server does not have."""
        text = f"{request.method} {request.url.path} is not implemented by this server"
        return _error(501, "not_implemented", text)


def _place(run: Run, time: str) -> Place:
    at = {"queued": run.created_at, "started": run.started_at, "ended": run.ended_at}[time]
    return Place(at or 0, run.id)


def _of(app: str, registry: Registry) -> list[FunctionSpec]:
    return sorted((one for one in registry.functions.values() if one.app_id == app), key=lambda one: one.id)


def _without_reserved(data: dict[str, Any] | None) -> dict[str, Any]:
    return {member: value for member, value in (data or {}).items() if member != "_inngest"}


def _text(data: dict[str, Any]) -> str:
    try:
        return codec.dumps(data)
    except codec.NotJsonError as error:
        raise Refused(400, "invalid_field_format", f"data: {error}") from None


async def _object(request: Request, *known: str) -> dict[str, Any]:
    """The object in a body, with no other members than these; with any, if none are named."""
    body = await request.body()
    try:
        wire = codec.loads(body.decode()) if body.strip() else {}
    except (ValueError, RecursionError):
        raise Refused(400, "invalid_request", "the body is not JSON: expected an object") from None
    if not isinstance(wire, dict):
        raise Refused(400, "invalid_request", "the body: expected an object")
    if known and (unknown := parameters.unknown_member(wire, known)):
        raise Refused(400, "invalid_field_format", unknown)
    return wire
