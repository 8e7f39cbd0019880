"""`POST /invoke/{function id}` and readiness."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from unittest import mock

import httpx
import pytest
from starlette.types import Message

import inngest
from inngest.embedded.engine import host_of
from inngest.engine.errors import StoreError
from inngest.server.app import create_app

from .conftest import Api


async def test_a_function_is_started_whatever_its_triggers(api: Api) -> None:
    response = await api.http.post("/invoke/shop-echo", json={"data": {"word": "hello"}})
    body = response.json()
    assert (response.status_code, body["status"]) == (200, 200)
    (result,) = await api.results(body["id"])
    assert result["data"] == {"word": "hello", "_inngest": {"fn_id": "shop-echo"}}
    assert (await api.engine.run(body["run_id"])).function_id == "shop-echo"


@pytest.mark.parametrize("content", ["", "{}", '{"data": null}', '{"user": {}, "data": {}}'])
async def test_without_data_they_are_empty(api: Api, content: str) -> None:
    response = await api.http.post("/invoke/shop-echo", content=content)
    (result,) = await api.results(response.json()["id"])
    assert result["data"] == {"_inngest": {"fn_id": "shop-echo"}}


async def test_a_function_that_nobody_knows(api: Api) -> None:
    response = await api.http.post("/invoke/shop-nope", json={})
    assert response.status_code == 404
    assert response.json() == {"error": "no function 'shop-nope' is known", "status": 404}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "the body is not JSON"),
        ("[]", 'expected an object such as {"data": {}}, got an array'),
        ('{"data": 7}', "data: expected an object, got the number 7"),
        ('{"data": {"x": NaN}}', "data is not JSON: $.x: nan is not a JSON number"),
        ('{"data": {"x": "' + "é" * 1_600_000 + '"}}', "at most 3,145,728 are allowed"),
    ],
)
async def test_a_body_that_cannot_be_used_is_told(api: Api, content: str, text: str) -> None:
    response = await api.http.post("/invoke/shop-echo", content=content)
    assert (response.status_code, response.json()["status"]) == (400, 400)
    assert text in response.json()["error"]
    assert await api.engine.runs() == []


async def test_an_id_starts_a_function_once(api: Api) -> None:
    first = (await api.http.post("/invoke/shop-echo", json={"id": "order-7"})).json()
    again = await api.http.post("/invoke/shop-echo", json={"id": "order-7", "data": {"n": 1}})
    assert (again.status_code, again.json()["status"]) == (409, 409)
    assert first["run_id"] in again.json()["error"]
    assert (await api.http.post("/invoke/shop-echo", json={"id": "order-8"})).status_code == 200
    assert len(await api.engine.runs()) == 2


async def test_an_event_tells_why_its_invocation_started_nothing(api: Api) -> None:
    for _ in range(2):
        await api.http.post("/invoke/shop-echo", json={"id": "order-7"})
    events = (await api.http.get("/v1/events", params={"name": "inngest/function.invoked"})).json()["data"]
    kept = [(await api.http.get(f"/v1/events/{event['internal_id']}/kept")).json()["data"] for event in events]
    (told,) = [one for found in kept for one in found]
    assert (told["function_id"], told["rule"]) == ("shop-echo", "id")


async def test_a_request_waits_for_the_result(api: Api) -> None:
    done = await api.http.post("/invoke/shop-echo", params={"wait": "1m"}, json={"data": {"n": 1}})
    body = done.json()
    assert (done.status_code, body["status"], body["run"]["status"]) == (200, 200, "Completed")
    assert body["run"]["output"]["data"]["n"] == 1
    assert body["run"]["run_id"] == body["run_id"]
    late = await api.http.post("/invoke/shop-sleep", params={"wait": "0"})
    assert (late.status_code, late.json()["status"]) == (202, 202)
    bad = await api.http.post("/invoke/shop-echo", params={"wait": "never"})
    assert (bad.status_code, bad.json()["error"]) == (
        400,
        "wait: expected a length of time up to 300s, such as 30s, got 'never'",
    )


async def began(api: Api) -> inngest.Run:
    """The one run, once it waits for its signal."""
    while not (runs := await api.engine.runs()) or not (await api.engine.run(runs[0].id)).steps:  # noqa: ASYNC110 - it waits when its step is recorded
        await asyncio.sleep(0)
    return runs[0]


async def test_a_client_that_leaves_waits_no_longer_and_its_run_goes_on(api: Api) -> None:
    leaves = asyncio.Event()
    body = iter([{"type": "http.request", "body": b"{}", "more_body": False}])

    async def receive() -> Message:
        for part in body:
            return part
        await leaves.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None: ...

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/invoke/shop-signal",
        "query_string": b"wait=300s",
        "headers": [(b"host", b"localhost")],
    }
    asked = asyncio.ensure_future(create_app(api.engine)(scope, receive, send))
    run = await began(api)
    assert not asked.done()
    leaves.set()
    await asked
    assert await api.engine.send_signal("door", "open") == run.id
    assert await api.engine.wait(run.id) == "open"


async def test_a_server_that_stops_answers_those_who_wait(api: Api) -> None:
    asked = asyncio.ensure_future(api.http.post("/invoke/shop-signal", params={"wait": "300s"}))
    run = await began(api)
    await host_of(api.engine).drain()
    answer = await asked
    assert (answer.status_code, answer.json()["run"]["run_id"]) == (202, run.id)


async def ready(engine: inngest.Engine) -> httpx.Response:
    transport = httpx.ASGITransport(create_app(engine))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        assert (await http.get("/health")).status_code == 200
        return await http.get("/ready")


async def test_an_engine_is_ready_while_it_takes_work(api: Api) -> None:
    assert (await ready(api.engine)).json() == {"status": 200, "message": "OK"}
    with mock.patch.object(inngest.Engine, "runs", side_effect=StoreError("the disk is gone")):
        assert (await ready(api.engine)).status_code == 503
    await api.engine.stop()
    stopped = await ready(api.engine)
    assert (stopped.status_code, stopped.json()["status"]) == (503, 503)


async def test_an_engine_that_drains_is_not_ready(api: Api) -> None:
    await host_of(api.engine).drain()
    assert (await ready(api.engine)).status_code == 503
