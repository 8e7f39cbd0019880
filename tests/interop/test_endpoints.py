"""Durable endpoints of TypeScript's SDK on our server: in one request, and where that cannot end at once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

import inngest
from inngest.cli.http_server import HttpServer
from inngest.embedded.engine import host_of
from inngest.embedded.settings import Apps
from inngest.engine.domain.explaining import Rule
from inngest.server.app import create_app
from inngest.server.auth import Keys
from tests.processes import free_ports
from tests.wall_clock import WallClock

from .front import serving
from .own_server import EVENT_KEY, running
from .sdks import ENDPOINTS, KEY, MODULES


class Shop:
    """A server of ours, and an app with endpoints that knows it.

    Attributes:
        engine: of the server.
        wall: is set forward.
        server: the server's URL.
        url: of the app.
        client: asks endpoints, and follows no redirects.
    """

    def __init__(
        self, engine: inngest.Engine, wall: WallClock, server: str, url: str, client: httpx.AsyncClient
    ) -> None:
        self.engine, self.wall, self.server, self.url, self.client = engine, wall, server, url, client

    async def ask(self, path: str) -> httpx.Response:
        return await self.client.get(f"{self.url}{path}")

    async def run_of(self, answer: httpx.Response) -> inngest.Run:
        """The run that goes on by calls: a client is sent to where its result will be."""
        assert answer.status_code == 302, answer.text
        return await self.engine.run(urlsplit(answer.headers["location"]).path.split("/")[-2])

    async def result(self, answer: httpx.Response) -> httpx.Response:
        """The result, where the client is sent. The clock is set forward to attempts that wait for their time."""
        run_id = (await self.run_of(answer)).id
        asked = asyncio.ensure_future(self.client.get(answer.headers["location"]))
        while not asked.done():
            for reason in (await self.engine.explain(run_id)).reasons:
                if reason.rule is Rule.RETRY and reason.until is not None:
                    self.wall.to(round(reason.until.timestamp() * 1_000))
            await asyncio.wait((asked,), timeout=0.02)
        return asked.result()


def environ(server: str, port: int, folder: Path, key: str = "", **options: Any) -> Mapping[str, str]:
    keys = {"INNGEST_SIGNING_KEY": KEY, "INNGEST_EVENT_KEY": EVENT_KEY} if key else {"INNGEST_DEV": server}
    told = {"INNGEST_BASE_URL": server, "MODULES": str(MODULES), "PORT": str(port), "DIED": str(folder / "died")}
    return {**keys, **told, **options}


@asynccontextmanager
async def serving_endpoints(
    folder: Path, monkeypatch: pytest.MonkeyPatch, key: str = "", **options: Any
) -> AsyncGenerator[Shop]:
    wall = WallClock(monkeypatch)
    engine = inngest.Engine([], database=folder / "own.db", durability="normal", retry_interval=10)
    host_of(engine).call_apps(Apps(None, key))
    keys = Keys([key], {"tests": EVENT_KEY}) if key else None
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = f"http://127.0.0.1:{sock.getsockname()[1]}"
        (port,) = free_ports(1)
        told = environ(server, port, folder, key, **options)
        async with (
            engine,
            running(HttpServer(create_app(engine, keys=keys)), sock),
            serving(ENDPOINTS, told) as url,
            httpx.AsyncClient(timeout=60) as client,
        ):
            yield Shop(engine, wall, server, url, client)


@pytest.fixture
async def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Shop]:
    async with serving_endpoints(tmp_path, monkeypatch) as made:
        yield made


def steps(run: inngest.Run) -> list[tuple[str, object]]:
    return [(step.id, step.output) for step in run.steps]


async def test_a_request_that_ends_at_once_is_answered_by_the_app(shop: Shop) -> None:
    answer = await shop.ask("/steps?q=1")
    assert (answer.status_code, answer.json()) == (201, {"sum": 3, "query": "?q=1"})
    (run,) = await shop.engine.runs()
    await shop.engine.wait(run.id)
    run = await shop.engine.run(run.id)
    host = shop.url.removeprefix("http://")
    assert (run.function_id, steps(run)) == (f"{host}-get-steps", [("a", 1), ("b", 2)])


async def test_a_sleep_has_the_server_call(shop: Shop) -> None:
    answer = await shop.ask("/naps")
    run = await shop.run_of(answer)
    assert [(step.id, step.status) for step in run.steps] == [("a", "completed"), ("nap", "sleeping")]
    due_at = run.steps[1].due_at
    assert due_at is not None
    shop.wall.to(round(due_at.timestamp() * 1_000))
    result = await shop.result(answer)
    assert (result.status_code, result.json()) == (200, {"sum": 3})
    assert steps(await shop.engine.run(run.id)) == [("a", 1), ("nap", None), ("b", 2)]


async def test_a_step_that_fails_once_is_tried_again(shop: Shop) -> None:
    answer = await shop.ask("/flaky")
    result = await shop.result(answer)
    assert (result.status_code, result.json()) == (200, "ok, as text")
    (step,) = (await shop.run_of(answer)).steps
    assert (step.id, step.output, [one.error is None for one in step.attempts]) == ("flaky", "ok", [False, True])


async def test_steps_beside_each_other(shop: Shop) -> None:
    answer = await shop.ask("/together")
    assert (await shop.result(answer)).json() == [0, 1, 2]
    assert sorted(steps(await shop.run_of(answer))) == [("p0", 0), ("p1", 1), ("p2", 2)]


async def test_an_event_that_comes_as_soon_as_the_client_knows_is_heard(shop: Shop) -> None:
    answer = await shop.ask("/waits")
    await shop.engine.send(inngest.Event(name="test/answer", data={"x": 1}))
    assert (await shop.result(answer)).json() == {"x": 1}


@pytest.mark.parametrize(("path", "name"), [("/final", "NonRetriableError"), ("/broken", "Error")])
async def test_an_endpoint_that_fails(shop: Shop, path: str, name: str) -> None:
    answer = await shop.ask(path)
    result = await shop.result(answer)
    assert (result.status_code, result.json()["error"]["name"]) == (500, name)
    run = await shop.run_of(answer)
    assert run.status is inngest.RunStatus.FAILED
    assert run.error is not None
    assert run.error.name == name


async def test_an_app_that_died_in_a_request_is_called_when_it_was_silent_for_long(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(httpx.TransportError):
        await shop.ask("/dies")
    (run,) = await shop.engine.runs()
    assert (run.status, steps(await shop.engine.run(run.id))) == (inngest.RunStatus.RUNNING, [("a", 1)])
    (reason,) = (await shop.engine.explain(run.id)).reasons
    assert reason.rule is Rule.ANSWERING
    assert reason.until is not None
    port = urlsplit(shop.url).port
    assert port is not None
    async with serving(ENDPOINTS, environ(shop.server, port, tmp_path)):
        shop.wall.to(round(reason.until.timestamp() * 1_000))
        result = await shop.engine.wait(run.id)
    assert isinstance(result, dict)
    assert result["body"] == {"sum": 3}
    assert steps(await shop.engine.run(run.id)) == [("a", 1), ("b", 2)]


async def test_in_production_calls_are_signed_and_results_need_their_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving_endpoints(tmp_path, monkeypatch, KEY, OPTIONS='{"functionId":"mine"}') as shop:
        answer = await shop.ask("/together")
        result = await shop.result(answer)
        assert (result.status_code, result.json()) == (200, [0, 1, 2])
        run = await shop.run_of(answer)
        assert run.function_id == f"{shop.url.removeprefix('http://')}-mine"
        stranger = answer.headers["location"].partition("?")[0]
        assert (await shop.client.get(f"{stranger}?token=x")).status_code == 401
