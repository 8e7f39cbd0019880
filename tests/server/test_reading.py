"""What can be read: health, and the runs of an event. What cannot is said in JSON."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest

import inngest
from inngest.errors import RunFailedError
from inngest.protocol.headers import VERSION
from inngest.server.app import create_app
from inngest.server.rest import openapi
from tests.embedded.stage import until_held

from .conftest import Api


async def test_health(api: Api) -> None:
    response = await api.http.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": 200, "message": "OK"})


async def test_the_root_says_what_there_is(api: Api) -> None:
    found = (await api.http.get("/", headers={"accept": "application/json"})).json()
    assert (found["name"], found["version"], found["kind"]) == ("Pyngest", VERSION, "dev")
    routes = {re.sub(r"\{.*\}", "{}", path) for path, _ in openapi.flat(create_app(api.engine).routes)}
    assert {re.sub(r"\{.*\}", "{}", path) for path in found["paths"]} <= routes
    assert all((Path(__file__).parents[2] / page).is_file() for page in found["documentation"])


async def test_a_browser_reads_the_root_as_a_page(api: Api) -> None:
    response = await api.http.get("/", headers={"accept": "text/html,application/xhtml+xml;q=0.9"})
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<h1>Pyngest " in response.text
    assert "<code>/e/{event key}</code>: takes events by POST" in response.text
    assert "src=" not in response.text


async def test_the_names_that_are_heard(api: Api) -> None:
    response = await api.http.get("/v1/triggers")
    assert response.status_code == 200
    assert "shop/said" in response.json()["data"]


async def test_the_runs_of_an_event(api: Api) -> None:
    (event_id,) = (await api.post({"name": "shop/said", "id": "mine"})).json()["ids"]
    await api.results(event_id)
    body = (await api.http.get(f"/v1/events/{event_id}/runs")).json()
    (run,) = body["data"]
    (stored,) = await api.engine.runs(event_id=event_id)
    time = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
    assert time.fullmatch(run.pop("run_started_at"))
    assert time.fullmatch(run.pop("ended_at"))
    assert time.fullmatch(body["metadata"]["fetched_at"])
    assert run.pop("output")["id"] == "mine"
    assert re.fullmatch("[0-9a-f]{16}", run.pop("function_version"))
    function_id = run.pop("function_id")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", function_id)
    assert run == {
        "run_id": stored.id,
        "function_slug": "shop-echo",
        "environment_id": "00000000-0000-4000-b000-000000000000",
        "event_id": event_id,
        "status": "Completed",
        "hold": None,
    }


async def test_a_run_on_hold_says_why(tmp_path: Path) -> None:
    def shop(first: str) -> inngest.Inngest:
        client = inngest.Inngest(app_id="shop")

        @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="shop/ordered"))
        def order(ctx: inngest.ContextSync) -> None:
            ctx.step.run(first, lambda: None)
            ctx.step.wait_for_event("go", event="shop/go", timeout=3_600_000)

        return client

    database = f"sqlite:///{tmp_path}/i.db"
    async with inngest.Engine(shop("charge"), database=database) as engine:
        (event_id,) = await engine.send(inngest.Event(name="shop/ordered"))
        (run,) = await engine.runs()
        while not (await engine.run(run.id)).steps[1:]:  # noqa: ASYNC110 - the engine tells nobody
            await asyncio.sleep(0.01)
    async with inngest.Engine(shop("bill"), database=database) as engine:
        await engine.send(inngest.Event(name="shop/go"))
        await until_held(engine, run.id)
        transport = httpx.ASGITransport(create_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            (shown,) = (await http.get(f"/v1/events/{event_id}/runs")).json()["data"]
    assert (shown["status"], shown["ended_at"], shown["output"]) == ("Running", None, None)
    hold = shown["hold"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", hold.pop("since"))
    assert hold == {
        "sign": "called",
        "step": "charge",
        "call": "bill",
        "text": 'step "charge" was recorded, and the code calls "bill" in its place.',
        "times": 1,
    }


async def test_any_text_can_be_read(api: Api) -> None:
    text = '{"name": "shop/said", "data": {"v": "half \\ud800, NUL \\u0000, \\u00e9"}}'
    (event_id,) = (await api.post(content=text)).json()["ids"]
    await api.results(event_id)
    (run,) = (await api.http.get(f"/v1/events/{event_id}/runs")).json()["data"]
    assert run["output"]["data"] == {"v": "half \ud800, NUL \0, é"}


@pytest.mark.parametrize("name", ["a\\ud800b", "a\\u0000b"])
async def test_what_is_refused_can_be_told(api: Api, name: str) -> None:
    for field in ("name", "id"):
        event = {"name": "shop/said", field: name}
        content = json.dumps(event).replace("\\\\", "\\")
        response = await api.post(content=content)
        assert response.status_code == 400
        assert response.json()["error"].startswith(f"event {field} must not contain ")
    response = await api.http.get("/v1/events/a%00b/runs")
    assert (response.status_code, response.json()["data"]) == (200, [])


async def test_a_failed_run_shows_its_error_as_output(api: Api) -> None:
    (event_id,) = (await api.post({"name": "shop/broken"})).json()["ids"]
    with pytest.raises(RunFailedError):
        await api.results(event_id)
    (run,) = (await api.http.get(f"/v1/events/{event_id}/runs")).json()["data"]
    assert run["status"] == "Failed"
    output = run["output"]
    assert (output["name"], output["message"]) == ("NonRetriableError", "no stock")
    assert output["code"] == "non_retriable_error"
    assert "NonRetriableError: no stock" in output["stack"]


async def test_an_event_that_starts_nothing_has_no_runs(api: Api) -> None:
    (event_id,) = (await api.post({"name": "shop/unheard"})).json()["ids"]
    assert (await api.http.get(f"/v1/events/{event_id}/runs")).json()["data"] == []


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/no", 404, "there is nothing at /no; there are POST /e/{event key}, GET /health"),
        ("GET", "/nope", 404, "there is nothing at /nope"),
        ("POST", "/e", 404, "there is nothing at /e"),
        ("POST", "/e/a/b", 404, "there is nothing at /e/a/b"),
        ("GET", "/e/key", 405, "GET is not for /e/key"),
        ("POST", "/health", 405, "POST is not for /health"),
    ],
)
async def test_what_is_not_there_is_said_in_json(api: Api, method: str, path: str, status: int, text: str) -> None:
    response = await api.http.request(method, path)
    assert response.status_code == status
    assert response.json()["status"] == status
    assert text in response.json()["error"]


class Failing(inngest.Engine):
    """An engine with a bug."""

    async def kept_back(self, event_id: str) -> list[inngest.KeptBack]:
        raise RuntimeError("secret of the server")


async def test_a_bug_of_the_server_is_said_in_json_without_its_details(api: Api) -> None:
    transport = httpx.ASGITransport(create_app(Failing([])), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        response = await http.get("/v1/events/a/kept")
    assert response.status_code == 500
    assert response.json() == {
        "ids": [],
        "status": 500,
        "error": "an error of the server, RuntimeError; its log has the details",
    }
