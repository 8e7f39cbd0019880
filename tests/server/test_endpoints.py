"""Endpoints over HTTP: apps begin runs here, are called when a request cannot end at once, and results are waited for.

The endpoint of these tests is a program that answers calls as SDKs do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

import inngest
from inngest.embedded.engine import host_of
from inngest.embedded.errors import RunFailedError
from inngest.engine.domain import endpoints
from inngest.engine.domain.explaining import Rule
from inngest.protocol.headers import of_run
from inngest.protocol.steps import hash_step_id
from inngest.protocol.wire import signing
from inngest.server.auth import Keys
from inngest.server.endpoints import Endpoints

from .endpoint_shop import (
    COMPLETE,
    FALLBACK,
    KEYS,
    NOBODY,
    SIGNING,
    Shop,
    Watching,
    end,
    op,
    ran,
    shop_of,
)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncGenerator[Shop]:
    async with shop_of(tmp_path) as made:
        yield made


# -- in one request


async def test_a_request_that_ends_at_once_is_a_run(shop: Shop) -> None:
    watching = Watching()
    host_of(shop.engine).observe(watching)
    answered = await shop.begin(ran("a", {"n": 1}))
    data = answered.json()["data"]
    assert data["token"]
    assert data["realtime_token"]
    assert (await shop.go_on(data["run_id"], ran("b"))).json() == {"data": {}}
    assert (await shop.go_on(data["run_id"], end({"ok": True}))).status_code == 200
    run = await shop.engine.run(data["run_id"])
    assert (run.status, [step.id for step in run.steps]) == (inngest.RunStatus.COMPLETED, ["a", "b"])
    assert run.output == {"status": 200, "headers": {"content-type": "application/json"}, "body": {"ok": True}}
    assert (watching.events, watching.recorded) == (["inngest/http.request"], ["a", "b"])
    assert shop.calls == []
    host = shop.url.removeprefix("http://")
    assert run.function_id == f"{host}-get-pay"
    (app,) = (await shop.http.get("/v2/apps")).json()["data"]
    assert (app["name"], app["method"]) == (host, "API")


async def test_what_comes_again_is_acknowledged_again(shop: Shop) -> None:
    run_id = await shop.begun(ran("a"))
    again = await shop.begin(ran("a"), run_id=run_id)
    assert again.json()["data"]["run_id"] == run_id
    for _ in range(2):
        assert (await shop.go_on(run_id, ran("b"))).status_code == 200
    for _ in range(2):
        assert (await shop.go_on(run_id, end(1))).status_code == 200
    assert [step.id for step in (await shop.engine.run(run_id)).steps] == ["a", "b"]


async def test_another_run_of_the_same_id_is_refused(shop: Shop) -> None:
    run_id = await shop.begun()
    assert (await shop.begin(run_id=run_id, query_params="q=2")).status_code == 409


async def test_a_run_that_is_over_takes_no_more(shop: Shop) -> None:
    run_id = await shop.begun(ran("a"))
    await shop.engine.cancel(run_id)
    refused = await shop.go_on(run_id, ran("b"))
    assert refused.status_code == 409
    assert "not in its request any more" in refused.json()["error"]
    assert (await shop.go_on(NOBODY, ran("b"))).status_code == 409


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"run_id": NOBODY}, "run_id: it is "),
        ({"steps": 5}, "steps: expected an array"),
        ({"run_id": 5}, "run_id: exp"),
    ],
)
async def test_what_is_no_report_is_refused(shop: Shop, members: dict[str, Any], text: str) -> None:
    run_id = await shop.begun()
    sent = {"run_id": run_id, "steps": [], **members}
    refused = await shop.http.post(f"/v1/checkpoint/{run_id}/steps", json=sent)
    assert (refused.status_code, refused.json()["error"][: len(text)]) == (400, text)
    assert (await shop.http.post("/v1/checkpoint", content=b"{")).status_code == 400
    assert (await shop.begin(method="CONNECT")).status_code == 400


async def test_there_is_an_end_to_endpoints(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "ENDPOINTS", 1)
    await shop.begun()
    refused = await shop.begin(path="/other")
    assert refused.status_code == 429
    assert "this server knows 1 endpoints" in refused.json()["error"]
    await shop.begun()
    removed = await shop.http.request("DELETE", "/fn/remove", params={"url": shop.url})
    assert removed.status_code == 200, removed.text
    await shop.begun(path="/other")  # those of apps that were removed do not count


async def test_hosts_of_strangers_take_no_place_for_good(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "ENDPOINTS", 3)
    monkeypatch.setattr(endpoints, "RESTS", 0)
    for number in range(10):
        await shop.begun(end(1), domain=f"http://stranger-{number}.example")
    run_id = await shop.begun(end(1))
    assert (await shop.engine.run(run_id)).function_id == f"{shop.url.removeprefix('http://')}-get-pay"
    assert len((await shop.http.get("/v2/apps")).json()["data"]) == 3
    listed = (await shop.http.get("/v2/runs")).json()["data"]
    assert len(listed) == 11  # what is recorded stays


async def test_an_endpoint_is_known_as_it_is_whatever_requests_say_in_turn(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = host_of(shop.engine).on_its_loop().store
    await shop.begun()
    before = await store.functions(-1)
    assert before is not None
    secure = shop.url.replace("http:", "https:")
    for number in range(6):
        assert (await shop.begin(retries=number % 2, domain=secure if number % 3 else shop.url)).status_code == 200
    assert await store.functions(before.generation) is None
    monkeypatch.setattr(endpoints, "TOLD", 0)  # a minute later
    await shop.begun(retries=1)
    after = await store.functions(before.generation)
    assert after is not None
    assert [one.retries for one in after.functions.values()] == [1]


async def test_an_endpoint_that_was_archived_is_known_again_with_its_next_request(shop: Shop) -> None:
    engine = host_of(shop.engine).on_its_loop()
    await shop.begun()
    assert await engine.service.apps.archive(shop.url.removeprefix("http://"))
    archived = await engine.store.functions(-1)
    assert archived is not None
    assert not archived.functions
    await shop.begun()
    known = await engine.store.functions(-1)
    assert known is not None
    assert known.functions.keys() == archived.archived.keys()


async def test_an_endpoint_takes_no_function_of_others(shop: Shop) -> None:
    host = shop.url.removeprefix("http://")
    function = {
        "id": f"{host}-order",
        "name": "order",
        "triggers": [{"event": "go"}],
        "steps": {"step": {"id": "step", "runtime": {"type": "http", "url": f"{shop.url}/x"}}},
    }
    registered = await shop.http.post("/fn/register", json={"appName": host, "url": shop.url, "functions": [function]})
    assert registered.status_code == 200, registered.text
    refused = await shop.begin(fn="order")
    assert refused.status_code == 409
    assert "has this id" in refused.json()["error"]


# -- by calls


async def test_a_request_that_cannot_end_at_once_is_made_again(shop: Shop) -> None:
    def answers(memos: Mapping[str, Any], step: str) -> Any:
        return [ran("b", 2)] if hash_step_id("b") not in memos else end({"b": 2})

    shop.answers = answers
    run_id = await shop.begun(
        ran("a"), method="POST", content_type="application/json", body='{"x":1}', query_params="q=1&r=%20"
    )
    assert (await shop.go_on(run_id, op("Sleep", "nap", name="1ms"))).status_code == 200
    got = await shop.output(run_id)
    assert (got.status_code, got.headers["content-type"], got.json()) == (200, "application/json", {"b": 2})
    assert (got.headers["access-control-allow-origin"], got.headers["content-security-policy"]) == ("*", "sandbox")
    assert [(method, path, body) for method, path, _, body in shop.calls] == [
        ("POST", "/pay?q=1&r=%20", b'{"x":1}')
    ] * 2
    _, _, headers, _ = shop.calls[0]
    assert (headers["content-type"], headers["x-run-id"], headers["x-inngest-step-id"]) == (
        "application/json",
        run_id,
        "step",
    )
    assert "x-inngest-signature" in headers
    assert {headers["traceparent"] for _, _, headers, _ in shop.calls} == {of_run(run_id)["traceparent"]}
    assert "x-inngest-force-step-plan" not in headers
    assert [step.id for step in (await shop.engine.run(run_id)).steps] == ["a", "nap", "b"]


async def test_a_step_that_fails_is_tried_again_by_a_call(tmp_path: Path) -> None:
    async with shop_of(tmp_path, retry=0) as shop:
        shop.answers = lambda memos, step: [ran("b"), end("ok")]
        run_id = await shop.begun(op("StepError", "b", error={"name": "Error", "message": "once"}))
        assert (await shop.output(run_id)).json() == "ok"
        run = await shop.engine.run(run_id)
    assert [(step.id, len(step.attempts)) for step in run.steps] == [("b", 2)]


async def test_steps_beside_each_other_are_called_for(shop: Shop) -> None:
    def answers(memos: Mapping[str, Any], step: str) -> Any:
        names = {hash_step_id(name): name for name in "pq"}
        if step:
            return [ran(names[step])]
        return [end(len(memos))] if len(memos) == 2 else [op("StepPlanned", name) for name in "pq"]

    shop.answers = answers
    run_id = await shop.begun(op("StepPlanned", "p"), op("StepPlanned", "q"))
    assert (await shop.output(run_id)).json() == 2
    assert sorted(headers["x-inngest-step-id"] for _, _, headers, _ in shop.calls) == sorted(
        [hash_step_id("p"), hash_step_id("q"), "step"]
    )


async def test_beside_open_steps_the_code_is_to_plan_only(shop: Shop) -> None:
    nap = op("Sleep", "nap", name="1h")
    shop.answers = lambda memos, step: [ran("p")] if step else [nap]
    run_id = await shop.begun(op("StepPlanned", "p", opts={"parallelMode": "race"}), nap)
    async with asyncio.timeout(30):
        await shop.planned.wait()
    await shop.engine.cancel(run_id)


async def test_a_run_whose_app_is_silent_is_taken_from_it(shop: Shop) -> None:
    run_id = await shop.begun(ran("a"))
    explained = await shop.engine.explain(run_id)
    assert [reason.rule for reason in explained.reasons] == [Rule.ANSWERING]
    assert await shop.engine.retry_now(run_id)
    assert (await shop.output(run_id)).json() == "called"
    assert (await shop.go_on(run_id, ran("b"))).status_code == 409


async def explained(engine: inngest.Engine, run_id: str) -> AsyncGenerator[inngest.Explanation]:
    """What holds a run, again and again."""
    while True:
        yield await engine.explain(run_id)


async def test_an_app_that_is_away_costs_no_attempt(shop: Shop) -> None:
    run_id = await shop.begun(op("StepPlanned", "p"), domain="http://127.0.0.1:1")
    async with asyncio.timeout(30):
        async for found in explained(shop.engine, run_id):
            if Rule.APP in [one.rule for one in found.reasons]:
                break
    assert (await shop.engine.run(run_id)).attempts == ()


async def test_a_request_by_head_is_made_again_as_one_whose_answer_has_a_body(shop: Shop) -> None:
    run_id = await shop.begun(op("StepPlanned", "p"), method="HEAD")
    assert (await shop.output(run_id)).json() == "called"
    assert {method for method, _, _, _ in shop.calls} == {"GET"}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({}, "tells none"),
        ({"method": "GET", "domain": "http://other.test", "path": "/"}, "the request of this run went"),
    ],
)
async def test_an_endpoint_needs_a_request_to_it(shop: Shop, data: dict[str, Any], text: str) -> None:
    run = await shop.engine.run(await shop.begun(end(1)))
    async with asyncio.timeout(30):
        with pytest.raises(RunFailedError, match=text):
            await shop.engine.wait(await shop.engine.start_run(run.function_id, data))
    assert shop.calls == []


async def test_calls_are_signed(tmp_path: Path) -> None:
    async with shop_of(tmp_path, KEYS, SIGNING) as shop:
        run_id = await shop.begun(
            op("StepPlanned", "p"), method="POST", content_type="application/json", body='{"b":1, "a":2}'
        )
        assert (await shop.output(run_id)).json() == "called"
        _, _, headers, _ = shop.calls[0]
        signing.verify(b'{"a":2,"b":1}', headers["x-inngest-signature"], [SIGNING], 0, None)


# -- results


async def test_a_result_is_waited_for(shop: Shop) -> None:
    run_id = await shop.begun()
    waiting = asyncio.ensure_future(shop.output(run_id))
    await shop.go_on(run_id, ran("a"))
    assert not waiting.done()
    await shop.go_on(run_id, end([1, 2]))
    assert (await waiting).json() == [1, 2]
    assert (await shop.output(run_id)).json() == [1, 2]


async def test_what_its_endpoint_would_have_said(shop: Shop) -> None:
    data = {"status": 404, "headers": {"content-type": "text/html", "x-mine": "1", "set-cookie": "a=b"}, "body": "PGI+"}
    run_id = await shop.begun({"op": "SyncRunComplete", "id": COMPLETE, "data": data})
    got = await shop.output(run_id)
    assert (got.status_code, got.text, got.headers["content-type"]) == (404, "<b>", "text/html")
    assert (got.headers["x-mine"], "set-cookie" in got.headers) == ("1", False)


async def test_a_server_that_stops_answers_those_who_wait_for_a_result(shop: Shop) -> None:
    run_id = await shop.begun()
    asked = asyncio.ensure_future(shop.output(run_id))
    await host_of(shop.engine).drain()
    answer = await asked
    assert (answer.status_code, answer.json()["message"]) == (
        202,
        f"this server stops before run {run_id} has ended: ask again",
    )


async def test_a_run_that_failed_or_was_cancelled_has_none(shop: Shop) -> None:
    shop.answers = lambda memos, step: [
        op("StepFailed", "complete", error={"name": "Error", "message": "no", "stack": "s"})
    ]
    got = await shop.output(await shop.begun(op("StepFailed", "b", error={"name": "E", "message": "m"})))
    assert (got.status_code, got.json()) == (500, {"error": {"name": "Error", "message": "no"}, "status": 500})
    run_id = await shop.begun()
    await shop.engine.cancel(run_id)
    assert (await shop.output(run_id)).status_code == 410
    assert (await shop.output(NOBODY)).status_code == 404


async def test_waiting_has_an_end(shop: Shop) -> None:
    run_id = await shop.begun()
    routes = Endpoints(host_of(shop.engine), None, longest=0.01).routes
    transport = httpx.ASGITransport(web_app(routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        got = await http.get(f"/v1/http/runs/{run_id}/output")
    assert got.status_code == 202
    assert "ask again" in got.json()["message"]


def web_app(routes: Any) -> Any:
    from starlette.applications import Starlette

    return Starlette(routes=routes)


async def test_nobody_waits_for_a_client_that_has_gone(shop: Shop) -> None:
    run_id = await shop.begun()
    said: list[str] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        said.append(message["type"])

    path = f"/v1/http/runs/{run_id}/output"
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    async with asyncio.timeout(30):
        await web_app(Endpoints(host_of(shop.engine), None).routes)(scope, receive, send)
    assert said == ["http.response.start", "http.response.body"]


async def test_a_result_is_for_who_has_its_token(tmp_path: Path) -> None:
    async with shop_of(tmp_path, KEYS, SIGNING) as shop:
        began = (await shop.begin(end("mine"))).json()["data"]
        other = (await shop.begin(end("other"))).json()["data"]
        path = f"/v1/http/runs/{began['run_id']}/output"
        fallback = Keys([FALLBACK], {"web": "k"}).token_of(began["run_id"])
        stranger = Keys(["00"], {"web": "k"}).token_of(began["run_id"])
        shop.http.headers.pop("authorization")
        tokens = {began["token"]: 200, fallback: 200, other["token"]: 401, stranger: 401, "": 401, "ü": 401}
        for token, status in tokens.items():
            got = await shop.http.get(path, params={"token": token})
            assert got.status_code == status, token
        assert (await shop.http.get(f"/v1/checkpoint/{began['run_id']}/output")).status_code == 401
        assert (await shop.begin()).status_code == 401
        assert (await shop.go_on(began["run_id"])).status_code == 401
