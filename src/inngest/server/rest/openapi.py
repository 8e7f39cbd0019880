"""The OpenAPI document of the server: made of its routes, so that none is missing, and served at `/v2/openapi.json`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from inngest.protocol.wire import endpoints
from inngest.server.answers import Json

from . import v2
from .later import LATER
from .parameters import QUERIES

PATH = "/v2/openapi.json"

_TEXT: Mapping[str, Any] = {"type": "string"}
_OBJECT: Mapping[str, Any] = {"type": "object"}
_NUMBER: Mapping[str, Any] = {"type": "integer"}
_OP: Mapping[str, Any] = {"type": "string", "enum": ["merge", "set", "delete", "add"]}
_TIME: Mapping[str, Any] = {"type": "string", "format": "date-time"}

QUERY: Mapping[str, Mapping[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": v2.MAX_LIMIT, "default": v2.DEFAULT_LIMIT},
    "cursor": _TEXT,
    "name": _TEXT,
    "received_after": _TIME,
    "received_before": _TIME,
    "status": {"type": "string", "enum": ["QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "SKIPPED"]},
    "appId": _TEXT,
    "functionId": _TEXT,
    "from": _TIME,
    "until": _TIME,
    "timeField": {"type": "string", "enum": ["queuedAt", "startedAt", "endedAt"]},
    "order": {"type": "string", "enum": ["asc", "desc"]},
    "isDeferred": {"type": "boolean"},
    "includeOutput": {"type": "boolean"},
    "archived": {"type": "boolean"},
    "url": _TEXT,
    "wait": {"type": "string", "pattern": r"^(\d+(ms|s|m)?)?$"},
    "token": _TEXT,
}
"""Schemas of parameters in queries."""


def _body(required: Sequence[str], **properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


_ULID: Mapping[str, Any] = {"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"}
_REQUEST = _body(
    ("method", "domain", "path"),
    method={"type": "string", "enum": ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]},
    domain={"type": "string", "format": "uri"},
    path={"type": "string", "pattern": "^/"},
    query_params=_TEXT,
    content_type=_TEXT,
    ip=_TEXT,
    body=_TEXT,
    fn=_TEXT,
)
_EVENT = _body(("name",), name=_TEXT, data=_OBJECT, id=_TEXT, ts={"type": "integer"}, user=_OBJECT, v=_TEXT)

BODIES: Mapping[str, Mapping[str, Any]] = {
    "/e/{key}": {"oneOf": [_EVENT, {"type": "array", "items": _EVENT}]},
    "/invoke/{function_id}": _body((), data=_OBJECT, id=_TEXT),
    "/fn/register": _body(
        ("appName", "url", "functions"), appName=_TEXT, url=_TEXT, functions={"type": "array", "items": _OBJECT}
    ),
    "/v1/checkpoint/{run_id}/async": _body(
        ("run_id", "steps"), run_id=_TEXT, generation_id={"type": "integer"}, steps={"type": "array", "items": _OBJECT}
    ),
    "/v1/checkpoint": _body(
        ("event", "steps"),
        run_id=_ULID,
        event=_body(("name", "data"), name={"const": endpoints.EVENT}, data=_REQUEST),
        steps={"type": "array", "items": _OBJECT},
        request_version={"type": "integer"},
        retries={"type": "integer", "minimum": 0},
    ),
    "/v1/checkpoint/{run_id}/steps": _body(
        ("run_id", "steps"), run_id=_TEXT, steps={"type": "array", "items": _OBJECT}
    ),
    "/v1/signals": _body(("signal",), signal=_TEXT, data={}),
    "/v1/cancellations": _body(
        ("function_id", "started_before"),
        app_id=_TEXT,
        function_id=_TEXT,
        started_after=_TIME,
        started_before=_TIME,
        **{"if": _TEXT},
    ),
    "/v1/runs/{run_id}/metadata": _body(
        ("metadata",),
        target=_body((), step_id=_TEXT, step_index=_NUMBER, step_attempt=_NUMBER, span_id=_TEXT),
        metadata={"type": "array", "items": _body(("kind", "op", "values"), kind=_TEXT, op=_OP, values=_OBJECT)},
    ),
    "/v2/runs/{run_id}/scores": _body(
        ("scores",), scores={"type": "array", "items": _body(("name", "value"), name=_TEXT, value={}, stepId=_TEXT)}
    ),
    "/v2/events": _EVENT,
    "/v2/runs/{run_id}/rerun": _body((), fromStep=_body(("stepId",), stepId=_TEXT, input={"type": "array"})),
    "/v2/apps/{app}/functions/{function}/invoke": _body((), data=_OBJECT, idempotencyKey=_TEXT),
}
"""Schemas of bodies, by path."""


def document(routes: Iterable[BaseRoute], version: str) -> dict[str, Any]:
    """The document. The second prefix of version 2 is left out, since it gives the same.

    Args:
        routes: of the server.
        version: of this package.
    """
    paths: dict[str, dict[str, Any]] = {}
    for path, route in flat(routes):
        if path.startswith("/api/v2"):
            continue
        for method in sorted((route.methods or set()) - {"HEAD"}):
            paths.setdefault(plain(path), {})[method.lower()] = _operation(method, path, route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pyngest", "version": version},
        "paths": paths,
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def route(routes: Sequence[BaseRoute], version: str) -> Route:
    """The route of the document of these routes, and of itself."""

    async def openapi(request: Request) -> Response:
        """The document of this API."""
        return Json(document([*routes, own], version))

    own = Route(PATH, openapi, methods=["GET"])
    return own


def flat(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[str, Route]]:
    """Routes with their whole paths."""
    for one in routes:
        if isinstance(one, Mount):
            yield from flat(one.routes, prefix + one.path)
        elif isinstance(one, Route):
            yield prefix + one.path, one


def plain(path: str) -> str:
    """A path as OpenAPI writes it."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)


def _operation(method: str, path: str, route: Route) -> dict[str, Any]:
    text = (route.endpoint.__doc__ or "").strip().partition("\n")[0]
    names = re.findall(r"\{(\w+)[:}]", path)
    found: dict[str, Any] = {
        "summary": text,
        "operationId": f"{method.lower()}_{re.sub(r'[^a-z0-9]+', '_', path.lower()).strip('_')}",
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names),
            *({"name": name, "in": "query", "schema": QUERY[name]} for name in _query_of(method, path)),
        ],
        "responses": _responses(method, path),
    }
    if path in BODIES and method == "POST":
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": BODIES[path]}}}
    return found


def _query_of(method: str, path: str) -> Sequence[str]:
    """The parameters in the query. Where a list and a change have one path, they are the list's."""
    found = QUERIES.get(path, ())
    return () if method == "POST" and "limit" in found else found


def _responses(method: str, path: str) -> dict[str, Any]:
    json: dict[str, Any] = {"application/json": {"schema": {}}}
    refused = {"description": "what is wrong, and what was expected", "content": json}
    if (method, path) in LATER:
        return {"501": {"description": "this server does not have it", "content": json}}
    found = {
        "200": {"description": "what was asked for", "content": json},
        "4XX": refused,
        "503": {"description": "the engine starts or stops, or its database does not answer", "content": json},
    }
    if method == "DELETE" or path == "/v0/telemetry":
        found["204"] = {"description": "it is done"}
    if "wait" in QUERIES.get(path, ()):
        found["202"] = {"description": "the run has not ended in the time that was waited for", "content": json}
    if path.endswith("/output"):
        found["default"] = {"description": "the answer of the run's endpoint, whatever it is", "content": json}
    return found
