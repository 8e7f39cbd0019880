"""REST, version 2."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Integer

import inngest
from inngest.engine.store import tables
from inngest.errors import RunFailedError
from inngest.protocol.steps import hash_step_id
from inngest.server.app import create_app

from .conftest import Api
from .test_registering import URL, function, register

NUMBERS, TEXTS = ("x'00ff'", "'later'", str(2**63 - 1)), ("x'00ff'", "CAST(x'61ff' AS TEXT)")
DAMAGED = [
    (column.name, value)
    for column in tables.apps.c
    for value in (NUMBERS if isinstance(column.type, Integer) else TEXTS)
]
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


async def get(api: Api, path: str, code: int = 200, **query: Any) -> Any:
    """The answer to a GET, the same under both prefixes."""
    params = {name: str(value) for name, value in query.items()}
    responses = [await api.http.get(prefix + path, params=params) for prefix in ("/v2", "/api/v2")]
    assert [response.status_code for response in responses] == [code, code], responses[0].text
    answers = [response.json() for response in responses]
    for answer in answers:
        answer.pop("metadata", None)
    assert answers[0] == answers[1]
    return answers[0]


async def ended(api: Api, name: str, **more: Any) -> inngest.Run:
    """The run of an event, once it has ended."""
    (event_id,) = await api.engine.send(inngest.Event(name=name, **more))
    (run,) = await api.engine.runs(event_id=event_id)
    with contextlib.suppress(RunFailedError):
        await api.engine.wait(run.id)
    return await api.engine.run(run.id)


async def test_the_server_and_its_environment(api: Api) -> None:
    assert await get(api, "/health") == {"data": {"status": "ok"}}
    assert (await get(api, "/account"))["data"]["email"] == "dev@inngest.local"
    envs = await get(api, "/envs")
    assert envs["data"] == [{"id": "00000000-0000-4000-b000-000000000000", "name": "dev", "type": "TEST"}]
    assert envs["page"] == {"hasMore": False, "limit": 20}
    assert (await get(api, "/keys/events"))["data"] == []
    assert (await get(api, "/keys/signing", limit=5))["page"] == {"hasMore": False, "limit": 5}


async def test_a_run(api: Api) -> None:
    run = await ended(api, "shop/said", id="mine", data={"n": 1}, ts=1_700_000_000_000)
    shown = (await get(api, f"/runs/{run.id}", includeOutput="true"))["data"]
    for time in ("queuedAt", "startedAt", "endedAt"):
        assert shown.pop(time).endswith("Z")
    assert int(shown.pop("durationMs")) >= 0
    assert shown == {
        "id": run.id,
        "function": {"id": "echo", "name": "echo", "app": {"id": "shop"}},
        "app": {"id": "shop"},
        "status": "COMPLETED",
        "trigger": {"eventIds": [run.event_id], "eventName": "shop/said"},
        "output": {"id": "mine", "data": {"n": 1}, "ts": 1_700_000_000_000},
    }
    assert "output" not in (await get(api, f"/runs/{run.id}"))["data"]


async def test_an_error_is_the_output_of_a_run_that_failed(api: Api) -> None:
    run = await ended(api, "shop/broken")
    shown = (await get(api, f"/runs/{run.id}", includeOutput=1))["data"]
    assert (shown["status"], shown["output"]["message"]) == ("FAILED", "no stock")
    (listed,) = (await get(api, "/runs", includeOutput="true", status="failed"))["data"]
    assert listed["output"]["error"]["message"] == "no stock"


async def test_the_trace_of_a_run(api: Api) -> None:
    run = await ended(api, "shop/stepped", data={"n": 1})
    trace = (await get(api, f"/runs/{run.id}/trace", includeOutput="true"))["data"]
    assert trace["runId"] == run.id
    root = trace["rootSpan"]
    assert (root["id"], root["name"], root["status"], root["output"]) == (run.id, "steps", "COMPLETED", {"data": None})
    assert root["input"] == {"data": [{"n": 1}]}
    spans = [(span["name"], span["stepOp"], span["status"]) for span in root["children"]]
    assert spans == [("fetch", "RUN", "COMPLETED"), ("nap", "SLEEP", "COMPLETED"), ("ship", "RUN", "FAILED")]
    assert root["children"][0]["output"] == {"ok": True}
    assert root["children"][2]["output"]["message"] == "no stock"
    bare = (await get(api, f"/runs/{run.id}/trace"))["data"]["rootSpan"]
    assert "input" not in bare
    assert not any("output" in span for span in [bare, *bare["children"]])


async def test_runs_page_by_page_while_others_begin(api: Api) -> None:
    runs = [(await ended(api, "shop/said")).id for _ in range(5)]
    for order, expected in (("asc", runs), ("desc", runs[::-1])):
        seen: list[str] = []
        cursor: str = ""
        while len(seen) < 5:
            page = await get(api, "/runs", limit=2, cursor=cursor, order=order, functionId="echo", appId="shop")
            seen += [run["id"] for run in page["data"]]
            if order == "desc":
                await ended(api, "shop/said")
            cursor = page["page"].get("cursor", "")
            assert page["page"]["hasMore"] is bool(cursor)
        assert seen[:5] == expected


async def test_runs_by_what_is_asked_for(api: Api) -> None:
    echo, steps = await ended(api, "shop/said"), await ended(api, "shop/stepped")
    await ended(api, "shop/broken")

    async def ids(**query: Any) -> set[str]:
        return {run["id"] for run in (await get(api, "/runs", **query))["data"]}

    assert await ids(status="COMPLETED") == {echo.id, steps.id}
    assert await ids(functionId="echo") == {echo.id} == await ids(functionId="shop-echo")
    assert await ids(appId="unknown") == set()
    assert echo.ended_at is not None
    until = echo.ended_at.isoformat(timespec="milliseconds")
    assert echo.id not in await ids(timeField="endedAt", until=until)
    assert echo.id in await ids(timeField="endedAt", **{"from": until})
    assert {run["id"] for run in (await get(api, f"/events/{echo.event_id}/runs"))["data"]} == {echo.id}
    assert {run["id"] for run in (await get(api, "/apps/shop/functions/steps/runs"))["data"]} == {steps.id}


async def test_runs_that_another_run_has_deferred(tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="tidy", trigger=inngest.TriggerEvent(event="shop/dirty"))
    async def tidy(ctx: inngest.Context) -> None: ...

    @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="shop/ordered"))
    async def order(ctx: inngest.Context) -> None:
        ctx.defer("tidy", function=tidy, data={"order": 7})

    async with inngest.Engine(client, database=f"sqlite:///{tmp_path}/i.db") as engine:
        transport = httpx.ASGITransport(create_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as http:
            api = Api(engine, http, order)
            plain, deferring = await ended(api, "shop/dirty"), await ended(api, "shop/ordered")
            found = {run.id for run in await engine.runs()}
            deferred = found - {plain.id, deferring.id}
            assert [await engine.wait(run_id) for run_id in deferred] == [None]

            async def ids(path: str = "/runs", **query: Any) -> set[str]:
                return {run["id"] for run in (await get(api, path, **query))["data"]}

            assert await ids(isDeferred="true") == deferred == await ids("/apps/shop/functions/tidy/runs", isDeferred=1)
            assert await ids(isDeferred="false") == {plain.id, deferring.id}
            assert await ids() == found
            assert await ids(isDeferred="true", functionId="order") == set()


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"isDeferred": "maybe"}, "isDeferred: expected true or false, got 'maybe'"),
        ({"limit": "0"}, "limit: expected a whole number from 1 to 100, got '0'"),
        ({"limit": "101"}, "limit: expected a whole number from 1 to 100, got '101'"),
        ({"status": "DONE"}, "status: expected one of QUEUED, "),
        ({"timeField": "never"}, "timeField: expected one of queuedAt, startedAt, endedAt, got 'never'"),
        ({"order": "up"}, "order: expected one of asc, desc, got 'up'"),
        ({"from": "now"}, "from: expected a time"),
        ({"cursor": "!"}, "cursor: expected a cursor"),
        ({"includeOutput": "maybe"}, "includeOutput: expected true or false, got 'maybe'"),
    ],
)
async def test_what_cannot_be_asked_for_is_named(api: Api, query: dict[str, str], text: str) -> None:
    (error,) = (await get(api, "/runs", 400, **query))["errors"]
    assert error["code"] == "invalid_field_format"
    assert error["message"].startswith(text)


async def test_a_run_is_cancelled_once(api: Api) -> None:
    (event_id,) = await api.engine.send(inngest.Event(name="shop/slept"))
    (run,) = await api.engine.runs(event_id=event_id)
    response = await api.http.post(f"/v2/runs/{run.id}/cancel")
    assert response.json()["data"] == {"id": run.id, "status": "CANCELLED"}
    spans = (await get(api, f"/runs/{run.id}/trace"))["data"]["rootSpan"]["children"]
    assert [span["status"] for span in spans] == ["CANCELLED"] * len(spans)
    again = await api.http.post(f"/v2/runs/{run.id}/cancel")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "run_already_cancelled")
    over = await ended(api, "shop/said")
    late = await api.http.post(f"/v2/runs/{over.id}/cancel")
    assert (late.status_code, late.json()["errors"][0]["code"]) == (409, "run_already_ended")
    assert (await api.http.post(f"/v2/runs/{UNKNOWN}/cancel")).status_code == 404


async def test_an_event_is_sent(api: Api) -> None:
    body = {"name": "shop/said", "id": "mine", "data": {"n": 1, "_inngest": 2}, "ts": 1_700_000_000_000}
    event_id = (await api.http.post("/v2/events", json=body)).json()["data"]["eventId"]
    assert await api.results(event_id) == [{"id": "mine", "data": {"n": 1}, "ts": 1_700_000_000_000}]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"[]", "invalid_request"),
        (b"{", "invalid_request"),
        (b"{}", "invalid_field_format"),
        (b'{"name": ""}', "validation_error"),
        (b'{"name": "inngest/x"}', "validation_error"),
        (b'{"name": "a", "data": []}', "invalid_field_format"),
        (b'{"name": "a", "data": {"x": NaN}}', "invalid_field_format"),
        (b'{"name": "a", "ts": "now"}', "invalid_field_format"),
    ],
)
async def test_an_event_that_is_none(api: Api, content: bytes, code: str) -> None:
    response = await api.http.post("/v2/events", content=content)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, code)


async def test_apps_of_both_kinds(api: Api) -> None:
    await register(api, function(), appVersion="7")
    apps = (await get(api, "/apps"))["data"]
    assert [(app["id"], app["method"]) for app in apps] == [("shop", "CONNECT"), ("web", "SERVE")]
    web = (await get(api, "/apps/web"))["data"]
    assert web == apps[1]
    sync = web.pop("latestSync")
    assert sync.pop("syncedAt").endswith("Z")
    assert sync == {
        "status": "success",
        "sdkLanguage": "py",
        "sdkVersion": "0.5.19",
        "framework": "flask",
        "url": URL,
    }
    assert web.pop("createdAt").endswith("Z")
    assert (web["method"], web["appVersion"], web["functionCount"]) == ("SERVE", "7", 1)
    assert (await get(api, f"/apps/{web['internalId']}"))["data"]["id"] == "web"
    assert (await get(api, "/apps/unknown", 404))["errors"][0]["code"] == "not_found"

    first = await get(api, "/apps", limit=1)
    assert first["page"]["hasMore"] is True
    assert [app["id"] for app in (await get(api, "/apps", cursor=first["page"]["cursor"]))["data"]] == ["web"]


async def test_apps_and_functions_page_by_page_while_others_register(api: Api) -> None:
    for name in ("web-b", "web-d", "web-f"):
        await register(api, function(f"{name}-fn"), appname=name, url=f"http://127.0.0.1:9/{name}")
    seen: list[str] = []
    cursor, late = "", iter(["web-a", "web-e"])
    while True:
        page = await get(api, "/apps", limit=2, cursor=cursor)
        seen += [app["id"] for app in page["data"]]
        cursor = page["page"].get("cursor", "")
        if not cursor:
            break
        if name := next(late, ""):  # what comes before the place is passed over, and moves nothing
            await register(api, function(f"{name}-fn"), appname=name, url=f"http://127.0.0.1:9/{name}")
    assert seen == ["shop", "web-b", "web-d", "web-f"]

    first = await get(api, "/apps/shop/functions", limit=2)
    rest = await get(api, "/apps/shop/functions", cursor=first["page"]["cursor"])
    assert [one["id"] for one in [*first["data"], *rest["data"]]] == ["echo", "refuse", "signal", "sleep", "steps"]


async def test_an_app_that_failed_to_sync_and_one_that_is_archived(api: Api) -> None:
    await register(api, function())
    await register(api, function(triggers=[]))
    sync = (await get(api, "/apps/web"))["data"]["latestSync"]
    assert sync["status"] == "error"
    assert "triggers" in sync["error"]
    await api.http.delete("/fn/remove", params={"url": URL})
    assert [app["id"] for app in (await get(api, "/apps", archived="true"))["data"]] == ["web"]
    assert [app["id"] for app in (await get(api, "/apps", archived="false"))["data"]] == ["shop"]


async def test_functions_with_their_configuration(api: Api) -> None:
    triggers = [{"event": "web/paid", "expression": "event.data.n > 1"}, {"cron": "0 * * * *"}]
    limits: dict[str, Any] = {
        "concurrency": [{"limit": 2, "scope": "env", "key": "event.data.id"}],
        "debounce": {"period": "1m"},
    }
    failure = {"event": "inngest/function.failed", "expression": "event.data.function_id == 'web-pay'"}
    await register(api, function(triggers=triggers, **limits), function("web-pay-failure", triggers=[failure]))
    listed = (await get(api, "/apps/web/functions"))["data"]
    assert [one["id"] for one in listed] == ["pay", "pay-failure"]
    pay = (await get(api, "/apps/web/functions/pay"))["data"]
    assert pay == listed[0]
    assert (pay["name"], pay["slug"], pay["app"]) == ("Pay", "pay", {"id": "web"})
    assert pay["triggers"] == [
        {"type": "EVENT", "value": "web/paid", "if": "event.data.n > 1"},
        {"type": "CRON", "value": "0 * * * *"},
    ]
    assert pay["failureHandler"] == {"id": "pay-failure"}
    assert pay["configuration"] == {
        "retries": {"value": 2, "isDefault": False},
        "concurrency": [{"scope": "ENVIRONMENT", "limit": {"value": 2, "isPlanLimit": False}, "key": "event.data.id"}],
        "debounce": {"period": "1m"},
    }
    assert (await get(api, "/apps/web/functions/unknown", 404))["errors"][0]["code"] == "not_found"


async def test_a_function_is_invoked(api: Api) -> None:
    response = await api.http.post("/v2/apps/shop/functions/echo/invoke", json={"data": {"n": 5}})
    run_id = response.json()["data"]["runId"]
    result = await api.engine.wait(run_id)
    assert isinstance(result, dict)
    assert result["data"]["n"] == 5
    bad = await api.http.post("/v2/apps/shop/functions/echo/invoke", json={"data": []})
    assert bad.status_code == 400
    assert (await api.http.post("/v2/apps/shop/functions/none/invoke")).status_code == 404


INVOKE = "/v2/apps/shop/functions/{}/invoke"


async def test_a_key_starts_a_function_once(api: Api) -> None:
    asked = [api.http.post(INVOKE.format("echo"), json={"idempotencyKey": "order-7", "data": {}}) for _ in range(10)]
    responses = await asyncio.gather(*asked)
    (first,) = [response.json()["data"]["runId"] for response in responses if response.status_code == 200]
    for response in responses:
        if response.status_code != 200:
            (error,) = response.json()["errors"]
            assert (response.status_code, error["code"]) == (409, "idempotency_conflict")
            assert first in error["message"]
            assert "'order-7'" in error["message"]
    other = await api.http.post(INVOKE.format("steps"), json={"idempotencyKey": "order-7"})
    assert other.status_code == 200
    assert (await api.http.post(INVOKE.format("echo"), json={"idempotencyKey": "order-8"})).status_code == 200
    assert [run.id for run in await api.engine.runs() if run.id == first] == [first]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"idempotencyKey": ""}, "idempotencyKey: expected a text that is not empty"),
        ({"idempotencyKey": "x" * 8_193}, "event id is 8,193 bytes long; at most 8,192 are allowed"),
        ({"idempotencyKey": 7}, "idempotencyKey: expected a text that is not empty"),
        ({"idempotencyKey": "a\x00"}, "idempotencyKey: expected a text that is not empty"),
        ({"data": {"x": "y" * 3_200_000}}, "event is 3,200,014 bytes; at most 3,145,728 are allowed"),
    ],
)
async def test_an_invocation_that_is_none(api: Api, body: dict[str, Any], text: str) -> None:
    response = await api.http.post(INVOKE.format("echo"), json=body)
    assert (response.status_code, response.json()["errors"][0]["message"]) == (400, text)
    assert await api.engine.runs() == []


async def test_an_invocation_waits_for_its_result(api: Api) -> None:
    done = await api.http.post(INVOKE.format("echo"), params={"wait": "60s"}, json={"data": {"n": 1}})
    result = done.json()["data"]
    assert (done.status_code, result["status"], result["output"]["data"]["n"]) == (200, "COMPLETED", 1)
    assert (await api.engine.run(result["runId"])).status is inngest.RunStatus.COMPLETED

    failed = await api.http.post(INVOKE.format("refuse"), params={"wait": "60"})
    assert (failed.status_code, failed.json()["data"]["status"]) == (200, "FAILED")
    assert failed.json()["data"]["output"]["message"] == "no stock"

    late = await api.http.post(INVOKE.format("sleep"), params={"wait": "1ms"})
    assert late.status_code == 202
    assert late.json()["data"]["status"] in ("QUEUED", "RUNNING")
    assert "output" not in late.json()["data"]


@pytest.mark.parametrize("wait", ["soon", "-1", "301s", "1h", "9" * 400, "\u0663"])
async def test_a_wait_that_is_none(api: Api, wait: str) -> None:
    response = await api.http.post(INVOKE.format("echo"), params={"wait": wait})
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"].startswith("wait: expected a length of time up to 300s, such as 30s")
    assert await api.engine.runs() == []


async def test_a_limit_that_skips_what_is_invoked_is_told(api: Api) -> None:
    limited = function(rateLimit={"limit": 1, "period": "1h"})
    await register(api, limited)
    path = "/v2/apps/web/functions/pay/invoke"
    assert (await api.http.post(path)).status_code == 200
    response = await api.http.post(path, params={"wait": "60s"})
    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "rate_limited")
    assert "was skipped: rate_limit:" in response.json()["errors"][0]["message"]


async def test_a_paused_function_skips_what_is_invoked(api: Api) -> None:
    await api.engine.pause("shop-echo", on_event="skip")
    response = await api.http.post("/v2/apps/shop/functions/echo/invoke")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "function_skipped")


async def rerun(api: Api, run_id: str, **body: object) -> tuple[int, dict[str, Any]]:
    response = await api.http.post(f"/v2/runs/{run_id}/rerun", json=body)
    return response.status_code, response.json()


async def test_a_run_is_run_again(api: Api) -> None:
    run = await ended(api, "shop/stepped", data={"n": 1})
    assert (await api.http.post(f"/v2/runs/{run.id}/rerun")).status_code == 200  # without a body
    status, answer = await rerun(api, run.id)
    again = await api.engine.run(answer["data"]["runId"])
    assert (status, again.origin_id, again.origin_step) == (200, run.id, None)
    for step in ("ship", run.steps[2].id, hash_step_id("ship")):
        status, answer = await rerun(api, run.id, fromStep={"stepId": step, "input": None})
        await api.engine.wait(answer["data"]["runId"])
        found = await api.engine.run(answer["data"]["runId"])
        assert [(one.id, one.kept) for one in found.steps] == [("fetch", True), ("nap", True), ("ship", False)]
    v1 = (await api.http.get(f"/v1/runs/{found.id}")).json()["data"]
    assert v1["original_run_id"] == run.id
    assert "original_run_id" not in (await api.http.get(f"/v1/runs/{run.id}")).json()["data"]


async def test_a_rerun_that_cannot_be_is_refused(api: Api) -> None:
    run = await ended(api, "shop/stepped", data={"n": 1})
    for body, words in (
        ({"stepId": "unknown"}, "has no step 'unknown': expected one of 'fetch', 'nap', 'ship'"),
        ({"stepId": "nap", "input": []}, "'nap' is a Sleep"),
        ({"stepId": "ship", "input": {"a": 1}}, "fromStep.input: expected a list of the step's arguments"),
        ({"stepId": "ship", "inputs": []}, "fromStep.inputs: no such member; did you mean 'input'?"),
        ({"stepId": 7}, "fromStep: expected an object with the stepId, a text"),
        ({}, "fromStep: expected an object with the stepId, a text"),
        ("ship", "fromStep: expected an object with the stepId, a text"),
    ):
        status, answer = await rerun(api, run.id, fromStep=body)
        assert (status, answer["errors"][0]["code"]) == (400, "invalid_field_format"), answer
        assert words in answer["errors"][0]["message"]
    status, answer = await rerun(api, run.id, fromstep={"stepId": "ship"})
    assert (status, answer["errors"][0]["message"]) == (
        400,
        "fromstep: no such member; did you mean 'fromStep'? Expected fromStep",
    )
    assert (await rerun(api, UNKNOWN))[0] == 404
    assert len(await api.engine.runs(function="shop-steps")) == 1


async def test_what_this_server_does_not_have(api: Api) -> None:
    for method, path in (("GET", "/experiments"), ("GET", "/insights/a/b"), ("PATCH", "/envs/x")):
        response = await api.http.request(method, f"/v2{path}")
        assert (response.status_code, response.json()["errors"][0]["code"]) == (501, "not_implemented")


async def test_open_steps_are_in_the_trace(api: Api) -> None:
    (event_id,) = await api.engine.send(inngest.Event(name="shop/slept"))
    (run,) = await api.engine.runs(event_id=event_id)
    while not (await api.engine.run(run.id)).steps:  # noqa: ASYNC110 - it sleeps when its step is recorded
        await asyncio.sleep(0)
    root = (await get(api, f"/runs/{run.id}/trace"))["data"]["rootSpan"]
    (span,) = root["children"]
    assert (span["name"], span["stepOp"], span["status"]) == ("nap", "SLEEP", "WAITING")
    assert "endedAt" not in span


@pytest.mark.parametrize(("column", "value"), DAMAGED)
async def test_an_app_whose_row_is_damaged_is_named_and_the_others_are_listed(
    api: Api, tmp_path: Path, column: str, value: str
) -> None:
    async def registered(name: str) -> Any:
        served = function(f"{name}-f", triggers=[{"event": f"{name}/said"}])
        return (await register(api, served, appname=name, url=f"http://127.0.0.1/{name}")).json()

    for name in ("bank", "mail"):
        assert (await registered(name))["ok"]
    with contextlib.closing(sqlite3.connect(tmp_path / "i.db")) as rows, rows:
        rows.execute(f"UPDATE inngest_apps SET {column} = {value} WHERE name = 'bank'")
    listed = (await get(api, "/apps"))["data"]
    errors = [(one["id"], error) for one in listed if (error := one.get("latestSync", {}).get("error"))]
    assert len(errors) == (0 if column == "url" else 1)
    for name, error in errors:
        assert (name == "bank", error.startswith("what is stored of it is damaged: ")) == (column != "name", True)
    assert {"bank", "mail", "shop"} <= {one["id"] for one in listed}
    assert (await registered("bank"))["ok"]
    assert (await get(api, "/apps/bank"))["data"]["latestSync"].get("error") is None


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        ("GET", "/v2/runs?state=FAILED", "'state' is no parameter here: expected limit or cursor or status or from"),
        ("GET", "/api/v2/apps?limit=1&appid=x", "'appid' is no parameter here: expected limit or cursor or archived"),
        ("GET", "/v2/health?a=1", "'a' is no parameter here: expected none"),
        ("POST", f"/v2/runs/{UNKNOWN}/cancel?preview=true", "'preview' is no parameter here: expected none"),
        ("GET", "/v2/runs?" + "x" * 1_000 + "=1", f"'{'x' * 80}' is no parameter here: "),
    ],
)
async def test_a_parameter_that_a_path_does_not_have_is_refused(api: Api, method: str, path: str, text: str) -> None:
    refused = await api.http.request(method, path)
    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert error["code"] == "invalid_field_format"
    assert error["message"].startswith(text)


async def test_version_1_ignores_parameters_that_it_does_not_know(api: Api) -> None:
    assert (await api.http.get("/v1/events?colour=red")).status_code == 200
