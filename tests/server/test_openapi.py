"""The OpenAPI document: it has every route, and requests that are made of it are answered as it says."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.routing import compile_path

from inngest.server.app import create_app
from inngest.server.rest import openapi, parameters
from inngest.server.rest.later import LATER
from tests.house.tree import ROOT

from .conftest import Api
from .on_socket import served

SPECIFIED = """
GET /v1/prom/dev            | POST /v1/traces/userland     | POST /dev/traces          | POST /fn/step-limit
DELETE /fn/step-limit       | POST /fn/state-size-limit    | DELETE /fn/state-size-limit
POST /v0/connect/start      | POST /v0/connect/flush       | POST /v0/gql
POST /mcp                   | GET /mcp                     | DELETE /mcp
POST /v1/realtime/publish   | POST /v1/realtime/publish/tee| POST /v1/realtime/token
GET /v1/realtime/connect    | GET /v1/realtime/sse         | GET /v2/operations
POST /v2/envs               | PATCH /v2/envs/production    | GET /v2/env/webhooks      | POST /v2/env/webhooks
POST /v2/apps/shop/syncs
GET /v2/partner/accounts    | POST /v2/partner/accounts    | GET /v2/partner/accounts/1| POST /v2/partner/accounts/1/a
GET /v2/insights            | POST /v2/insights            | GET /v2/insights/events/x | POST /v2/insights/query
GET /v2/experiments         | GET /v2/experiments/1/a      | GET /v2/sessions          | GET /v2/sessions/1/a
GET /v2/sandboxes           | POST /v2/sandboxes           | PUT /v2/sandboxes         | PATCH /v2/sandboxes
DELETE /v2/sandboxes        | GET /v2/sandboxes/1/a        | POST /v2/sandboxes/1/exec | PUT /v2/sandboxes/1
PATCH /v2/sandboxes/1       | DELETE /v2/sandboxes/1
"""
"""Everything that the official API has and that the description of this server leaves to later, as it is requested."""

CHECKS = [content_type_conformance, response_schema_conformance, status_code_conformance]
EXAMPLES = 5
"""Requests of each operation."""


async def test_every_route_is_in_the_document(api: Api) -> None:
    app = create_app(api.engine)
    found = (await api.http.get("/v2/openapi.json")).json()
    there = {(path, method) for path, operations in found["paths"].items() for method in operations}
    routes = {(path, method.lower()) for path, one in openapi.flat(app.routes) for method in one.methods or ()}
    assert there == {
        (openapi.plain(path), method) for path, method in routes if method != "head" and not path.startswith("/api")
    }
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (path, method)
    ids = [operation["operationId"] for operations in found["paths"].values() for operation in operations.values()]
    assert len(ids) == len(set(ids))


async def test_what_this_server_does_not_have_is_documented_and_answers_so(api: Api) -> None:
    page = (ROOT / "docs" / "reference" / "rest-api.md").read_text(encoding="utf-8").partition("## Not there yet")[2]
    listed = re.findall(r"`([A-Z]+) (/\S+)`", page)
    assert sorted(listed) == sorted((method, openapi.plain(path)) for method, path in LATER)
    document = (await api.http.get("/v2/openapi.json")).json()["paths"]
    for method, path in listed:
        assert list(document[path][method.lower()]["responses"]) == ["501"]
        for prefix in ("", "/api") if path.startswith("/v2/") else ("",):
            response = await api.http.request(method, prefix + re.sub(r"\{\w+\}", "x", path))
            assert (response.status_code, "is not implemented by this server" in response.text) == (501, True)


async def test_what_the_official_api_has_besides_answers_501(api: Api) -> None:
    asked = [one.split() for one in re.split(r"[|\n]", SPECIFIED) if one.strip()]
    for method, path in asked:
        for prefix in ("", "/api") if path.startswith("/v2/") else ("",):
            response = await api.http.request(method, prefix + path)
            assert (method, path, response.status_code) == (method, path, 501)
    for method, pattern in LATER:
        regex, _, _ = compile_path(pattern)
        assert any(one == method and regex.match(path) for one, path in asked), f"{method} {pattern}: not specified"


async def test_what_is_said_of_paths_is_said_of_paths_that_there_are(api: Api) -> None:
    paths = {path for path, _ in openapi.flat(create_app(api.engine).routes)}
    assert {*parameters.QUERIES, *openapi.BODIES} <= paths


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with served(tmp_path_factory.mktemp("openapi") / "i.db") as found:
        yield found


def test_requests_made_of_the_document_are_answered_as_it_says(url: str) -> None:
    document = schemathesis.openapi.from_url(f"{url}/v2/openapi.json")
    statuses: set[int] = set()
    for result in document.get_all_operations():
        found: Any = result  # Ok, or an error that says what of the document is wrong
        operation = found.ok()
        later = set(operation.definition.raw["responses"]) == {"501"}

        @settings(
            max_examples=2 if later else EXAMPLES,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        )
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            response = case.call()
            statuses.add(response.status_code)
            if later:  # noqa: B023 - it is called here
                assert response.status_code == 501
            else:
                case.validate_response(response, checks=CHECKS)
                assert response.status_code not in (500, 502)

        ask()
    assert {200, 400, 404, 501} <= statuses
