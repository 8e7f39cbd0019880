"""`POST /invoke/{function id}` and readiness."""

from __future__ import annotations

from unittest import mock

import httpx
import pytest

import inngest
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
    from inngest.embedded.engine import host_of

    await host_of(api.engine).drain()
    assert (await ready(api.engine)).status_code == 503
