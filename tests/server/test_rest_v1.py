"""REST, version 1."""

from __future__ import annotations

import asyncio
import datetime
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

import inngest
from inngest.server.app import create_app
from tests.embedded.test_cron import let_pass

from .conftest import Api
from .test_registering import function, register

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


async def get(api: Api, path: str, status: int = 200, **query: object) -> Any:
    """The answer to a GET."""
    response = await api.http.get(path, params={name: str(value) for name, value in query.items()})
    assert response.status_code == status, response.text
    return response.json()


async def send(api: Api, name: str, **more: Any) -> str:
    (event_id,) = await api.engine.send(inngest.Event(name=name, **more))
    return event_id


async def test_events_newest_first_page_by_page(api: Api) -> None:
    sent = [await send(api, "shop/unheard", data={"n": number}) for number in range(5)]
    await send(api, "shop/other")
    seen: list[str] = []
    cursor: str = ""
    while True:
        page = await get(api, "/v1/events", name="shop/unheard", limit=2, cursor=cursor)
        seen += [event["internal_id"] for event in page["data"]]
        cursor = page["metadata"].get("cursor", "")
        await send(api, "shop/unheard")  # what comes later moves nothing
        if not cursor:
            break
    assert seen == sent[::-1]


async def test_an_event(api: Api) -> None:
    event_id = await send(api, "shop/unheard", id="mine", data={"n": 1}, ts=1_700_000_000_000)
    event = (await get(api, f"/v1/events/{event_id}"))["data"]
    assert event.pop("received_at").endswith("Z")
    assert event == {
        "internal_id": event_id,
        "account_id": "00000000-0000-4000-a000-000000000000",
        "environment_id": "00000000-0000-4000-b000-000000000000",
        "source": "",
        "source_id": None,
        "id": "mine",
        "name": "shop/unheard",
        "data": {"n": 1},
        "ts": 1_700_000_000_000,
    }
    missing = await get(api, "/v1/events/unknown", 404)
    assert missing == {"error": "there is no event 'unknown'", "data": None, "status": 404}


async def test_events_by_when_they_were_received(api: Api) -> None:
    event_id = await send(api, "shop/unheard")
    received = (await get(api, f"/v1/events/{event_id}"))["data"]["received_at"]
    assert len((await get(api, "/v1/events", received_after=received))["data"]) == 1
    assert (await get(api, "/v1/events", received_before=received))["data"] == []
    assert (await get(api, "/v1/events", received_after="2100-01-01"))["data"] == []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"limit": "many"}, "limit: expected a whole number from 1 to 100, got 'many'"),
        ({"limit": "9" * 99}, "limit: expected a whole number"),
        ({"cursor": "bad"}, "cursor: expected a cursor as a list before gave it, got 'bad'"),
        ({"cursor": "W10="}, "cursor: expected a cursor"),
        ({"cursor": "WyJhIiwgMV0="}, "cursor: expected a cursor"),
        ({"received_after": "yesterday"}, "received_after: expected a time such as 2026-01-02T03:04:05Z"),
        ({"received_before": "9999-99-99"}, "received_before: expected a time"),
    ],
)
async def test_what_cannot_be_asked_for_is_named(api: Api, query: dict[str, str], text: str) -> None:
    answer = await get(api, "/v1/events", 400, **query)
    assert answer["error"].startswith(text)


async def test_limits_are_clamped(api: Api) -> None:
    await send(api, "shop/unheard")
    await send(api, "shop/unheard")
    assert len((await get(api, "/v1/events", limit=0))["data"]) == 1
    assert len((await get(api, "/v1/events", limit=1_000_000))["data"]) == 2


async def test_a_run_and_its_jobs(api: Api) -> None:
    event_id = await send(api, "shop/slept")
    (run,) = (await get(api, f"/v1/events/{event_id}/runs"))["data"]
    while not (await api.engine.run(run["run_id"])).steps:  # noqa: ASYNC110 - it sleeps when its step is recorded
        await asyncio.sleep(0)
    (job,) = (await get(api, f"/v1/runs/{run['run_id']}/jobs"))["data"]
    assert job["run_id"] == run["run_id"]
    assert job["kind"] == "edge"
    assert (await get(api, f"/v1/runs/{run['run_id']}"))["data"]["status"] == "Running"

    assert (await api.http.delete(f"/v1/runs/{run['run_id']}")).status_code == 204
    assert (await get(api, f"/v1/runs/{run['run_id']}"))["data"]["status"] == "Cancelled"
    assert (await get(api, f"/v1/runs/{run['run_id']}/jobs"))["data"] == []


async def test_all_members_of_a_run(api: Api) -> None:
    event_id = await send(api, "shop/said", data={"n": 1})
    (listed,) = (await get(api, f"/v1/events/{event_id}/runs"))["data"]
    await api.engine.wait(listed["run_id"])
    run = (await get(api, f"/v1/runs/{listed['run_id']}"))["data"]
    for time in ("run_started_at", "ended_at"):
        assert run.pop(time).endswith("Z")
    assert len(run.pop("function_version")) > 8
    assert run == {
        "run_id": listed["run_id"],
        "function_id": str(uuid.uuid5(uuid.NAMESPACE_URL, "inngest:function:shop-echo")),
        "function_slug": "shop-echo",
        "environment_id": "00000000-0000-4000-b000-000000000000",
        "event_id": event_id,
        "status": "Completed",
        "output": run["output"],
        "hold": None,
    }
    assert listed.keys() == run.keys() | {"run_started_at", "ended_at", "function_version"}


async def test_a_run_of_a_batch_and_one_of_a_cron(tmp_path: Path) -> None:
    client, cron = inngest.Inngest(app_id="shop"), "* * * * *"
    batch = inngest.Batch(max_size=2, timeout=600_000)

    @client.create_function(fn_id="many", trigger=inngest.TriggerEvent(event="shop/many"), batch_events=batch)
    async def many(ctx: inngest.Context) -> int:
        return len(ctx.events)

    @client.create_function(fn_id="tick", trigger=inngest.TriggerCron(cron=cron, catch_up="last"))
    async def tick(ctx: inngest.Context) -> None: ...

    path = tmp_path / "i.db"
    async with inngest.Engine(client, database=f"sqlite:///{path}"):
        pass
    let_pass(path)
    async with inngest.Engine(client, database=f"sqlite:///{path}") as engine:
        while not (ticked := await engine.runs(function="shop-tick")):  # noqa: ASYNC110 - it starts by itself
            await asyncio.sleep(0)
        event_ids = await engine.send([inngest.Event(name="shop/many")] * 2)
        (batched,) = await engine.runs(function="shop-many")
        assert await engine.wait(batched.id) == 2
        transport = httpx.ASGITransport(create_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as http:
            api = Api(engine, http, many)
            run = (await get(api, f"/v1/runs/{batched.id}"))["data"]
            assert (run["batch_id"], "cron" in run) == (batched.batch_id, False)
            for event_id in event_ids:
                (listed,) = (await get(api, f"/v1/events/{event_id}/runs"))["data"]
                assert listed == run
            run = (await get(api, f"/v1/runs/{ticked[0].id}"))["data"]
            assert (run["cron"], "batch_id" in run) == (cron, False)
            (listed,) = (await get(api, f"/v1/events/{run['event_id']}/runs"))["data"]
            assert listed["cron"] == cron


async def test_nothing_that_is_told_is_older_than_its_answer(api: Api) -> None:
    event_id = await send(api, "shop/said")
    (run,) = await api.engine.runs(event_id=event_id)
    for path in ("/v1/events", f"/v1/events/{event_id}/runs", f"/v1/runs/{run.id}"):
        metadata = (await get(api, path))["metadata"]
        assert metadata["cached_until"] >= metadata["fetched_at"]


async def test_functions_came_with_their_app_or_later(api: Api) -> None:
    await register(api, function())
    app = (await api.http.get("/v2/apps/web")).json()["data"]
    (found,) = await get(api, "/v1/apps/web/functions")
    assert found["created_at"] == app["createdAt"]
    assert {one["created_at"] for one in await get(api, "/v1/apps/shop/functions")} == {None}


@pytest.mark.parametrize("path", ["/v1/runs/bad", f"/v1/runs/{UNKNOWN}", f"/v1/runs/{UNKNOWN}/jobs", "/v1/runs/a%00b"])
async def test_a_run_that_is_not_there(api: Api, path: str) -> None:
    assert (await get(api, path, 404))["error"].startswith("there is no run")
    assert (await api.http.delete(path.removesuffix("/jobs"))).status_code == 404


async def test_the_functions_of_an_app(api: Api) -> None:
    found = await get(api, "/v1/apps/shop/functions")
    assert {one["id"] for one in found} >= {"shop-echo", "shop-refuse"}
    (echo,) = [one for one in found if one["id"] == "shop-echo"]
    assert echo["config"]["triggers"] == [{"event": "shop/said"}]
    assert echo["internal_id"] == str(uuid.uuid5(uuid.NAMESPACE_URL, "inngest:function:shop-echo"))
    assert (await get(api, "/v1/apps/unknown/functions", 404))["error"] == "there is no app 'unknown'"


async def test_a_signal(api: Api) -> None:
    event_id = await send(api, "shop/signalled")
    (run,) = await api.engine.runs(event_id=event_id)
    while not (await api.engine.run(run.id)).steps:  # noqa: ASYNC110 - it waits when its step is recorded
        await asyncio.sleep(0)
    response = await api.http.post("/v1/signals", json={"signal": "door", "data": {"open": True}})
    assert response.json()["data"] == {"run_id": run.id}
    assert await api.engine.wait(run.id) == {"open": True}
    again = await api.http.post("/v1/signals", json={"signal": "door"})
    assert (again.status_code, again.json()["error"]) == (404, "No signal found")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "the body is not JSON: expected an object"),
        (b"[]", "the body: expected an object"),
        (b"{}", "signal: expected the name of a signal, got None"),
        (b'{"signal": 5}', "signal: expected the name of a signal, got 5"),
        (b'{"signal": "a", "data": NaN}', "data: nan is not a JSON number"),
    ],
)
async def test_a_signal_that_is_none(api: Api, content: bytes, text: str) -> None:
    response = await api.http.post("/v1/signals", content=content)
    assert (response.status_code, response.json()["error"]) == (400, text)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/prom/dev"),
        ("POST", "/v1/traces/userland"),
        ("POST", "/v0/connect/start"),
        ("POST", "/v0/connect/flush"),
        ("POST", "/v1/realtime/publish"),
        ("POST", "/v1/realtime/token"),
        ("GET", "/v1/realtime/connect"),
    ],
)
async def test_what_this_server_does_not_have(api: Api, method: str, path: str) -> None:
    response = await api.http.request(method, path)
    assert response.status_code == 501
    assert response.json()["error"] == f"{method} {path} is not implemented by this server"


async def cancelling(api: Api, status: int = 200, **body: Any) -> Any:
    response = await api.http.post("/v1/cancellations", json=body)
    assert response.status_code == status, response.text
    return response.json()


async def test_many_runs_are_cancelled_that_fit(api: Api) -> None:
    runs: list[inngest.Run] = []
    for number in (1, 2, 3):
        event_id = await send(api, "shop/slept", data={"n": number})
        runs += await api.engine.runs(event_id=event_id)
    while datetime.datetime.now(datetime.UTC) <= runs[-1].created_at:  # noqa: ASYNC110 - they are to be in the past
        await asyncio.sleep(0.001)
    # A client whose clock is ahead of the server's.
    until = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(milliseconds=100)).isoformat()

    which = {"app_id": "shop", "function_id": "sleep"}
    fitting: dict[str, Any] = {**which, "started_before": until, "if": "event.data.n == 2"}
    assert (await cancelling(api, **fitting))["data"]["cancelled"] == 1
    statuses = [(await api.engine.run(run.id)).status for run in runs]
    assert [status is inngest.RunStatus.CANCELLED for status in statuses] == [False, True, False]

    assert (await cancelling(api, function_id="shop-sleep", started_before="2020-01-01"))["data"]["cancelled"] == 0
    rest = (await cancelling(api, function_id="shop-sleep", started_before=until))["data"]
    assert (rest["function_id"], rest["cancelled"]) == ("shop-sleep", 2)


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({}, 400, "app_id and function_id: expected the names"),
        ({"function_id": "none"}, 404, "there is no function 'none'"),
        ({"function_id": "sleep", "app_id": "other"}, 404, "there is no function 'sleep' in the app 'other'"),
        ({"function_id": "sleep"}, 400, "started_before: expected a time"),
        ({"function_id": "sleep", "started_before": "soon"}, 400, "started_before: expected a time"),
        ({"function_id": "sleep", "started_before": "2099-01-01"}, 400, "started_before must be in the past"),
        ({"function_id": "sleep", "started_before": "2000-01-01", "if": "event.("}, 400, "if: line 1, column 7"),
        ({"function_id": "sleep", "started_before": "2000-01-01", "if": 5}, 400, "if: expected an expression, got 5"),
        (
            {"function_id": "sleep", "started_before": "2000-01-01", "If": "false"},
            400,
            "If: no such member; did you mean 'if'?",
        ),
        (
            {"function_id": "sleep", "started_befor": "2000-01-01"},
            400,
            "started_befor: no such member; did you mean 'started",
        ),
        (
            {"function_id": "sleep", "x": 1},
            400,
            "x: no such member. Expected app_id, function_id, started_after, started_before",
        ),
    ],
)
async def test_a_cancellation_that_is_none(api: Api, body: dict[str, Any], status: int, text: str) -> None:
    assert (await cancelling(api, status, **body))["error"].startswith(text)


async def test_cancellations_are_listed_and_deleted(api: Api) -> None:
    which: dict[str, Any] = {"function_id": "shop-sleep", "started_before": "2020-01-01", "if": "event.data.n == 2"}
    made = [(await cancelling(api, **which))["data"] for _ in range(3)]
    listed = (await get(api, "/v1/cancellations"))["data"]
    assert listed == [{name: value for name, value in one.items() if name != "cancelled"} for one in made[::-1]]
    assert (listed[0]["app_id"], listed[0]["started_after"], listed[0]["if"]) == ("shop", None, "event.data.n == 2")

    first = await get(api, "/v1/cancellations", limit=2)
    await cancelling(api, **which)  # what comes later moves nothing
    rest = await get(api, "/v1/cancellations", cursor=first["metadata"]["cursor"])
    assert [one["id"] for one in rest["data"]] == [made[0]["id"]]
    assert "cursor" not in rest["metadata"]

    path = f"/v1/cancellations/{made[1]['id']}"
    assert (await api.http.delete(path)).status_code == 204
    assert made[1]["id"] not in [one["id"] for one in (await get(api, "/v1/cancellations"))["data"]]
    again = await api.http.delete(path)
    assert (again.status_code, again.json()["error"]) == (404, f"there is no cancellation {made[1]['id']!r}")
    for other in ("a%00b", "%ED%A0%80", UNKNOWN):
        assert (await api.http.delete(f"/v1/cancellations/{other}")).status_code == 404


async def test_a_cancellation_ends_nothing_that_is_queued_later(api: Api) -> None:
    until = datetime.datetime.now(datetime.UTC).isoformat()
    assert (await cancelling(api, function_id="shop-sleep", started_before=until))["data"]["cancelled"] == 0
    while datetime.datetime.now(datetime.UTC).isoformat() <= until:  # noqa: ASYNC110 - the run is to be queued later
        await asyncio.sleep(0.001)
    event_id = await send(api, "shop/slept")
    (run,) = await api.engine.runs(event_id=event_id)
    assert (await cancelling(api, function_id="shop-sleep", started_before=until))["data"]["cancelled"] == 0
    assert (await api.engine.run(run.id)).status is not inngest.RunStatus.CANCELLED
