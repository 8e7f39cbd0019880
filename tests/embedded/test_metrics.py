"""Metrics of an engine: each name is documented, and each number is what has happened."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

import inngest
from inngest.embedded import measures
from inngest.embedded.engine import host_of
from inngest.engine.errors import StoreBusyError
from inngest.engine.queries import Queries
from inngest.engine.records import Backlog
from inngest.metrics import Metrics
from inngest.protocol.wire import signing
from inngest.server.app import create_app
from inngest.server.auth import Keys
from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
DASHBOARD = ROOT / "deploy" / "grafana" / "inngest.json"

client = inngest.Inngest(app_id="shop")
Labels = tuple[str, ...]


class Flaky:
    """Fails once."""

    def __init__(self) -> None:
        self.failed = False

    def __call__(self) -> str:
        if not self.failed:
            self.failed = True
            raise ConnectionError("the bank is away")
        return "paid"


@pytest.fixture
def functions() -> list[inngest.Function[object]]:
    flaky = Flaky()

    @client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="pay"))
    async def pay(ctx: inngest.Context) -> object:
        return await ctx.step.run("charge", flaky)

    @client.create_function(fn_id="fail", trigger=inngest.TriggerEvent(event="fail"), retries=0)
    async def fail(ctx: inngest.Context) -> None:
        raise ValueError("no")

    @client.create_function(fn_id="rest", trigger=inngest.TriggerEvent(event="rest"))
    async def rest(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("door", event="door", timeout=3_600_000)

    @client.create_function(
        fn_id="narrow", trigger=inngest.TriggerEvent(event="narrow"), concurrency=[inngest.Concurrency(limit=1)]
    )
    async def narrow(ctx: inngest.Context) -> None:
        await ctx.step.run("hold", asyncio.Event().wait)

    return [pay, fail, rest, narrow]


def read(text: bytes) -> dict[tuple[str, Labels], float]:
    """Each sample that is no bucket, by its name and the values of its labels."""
    return {
        (sample.name, tuple(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_created"))
    }


async def test_each_number_is_what_has_happened(functions: list[inngest.Function[object]], tmp_path: Path) -> None:
    engine = inngest.Engine(functions, database=tmp_path / "inngest.db", retry_interval=0.01, drain_timeout=0)
    metrics = Metrics(engine)
    assert read(await metrics.text())["inngest_worker_ready", ()] == 0
    async with engine:
        assert await engine.invoke(functions[0]) == "paid"
        with pytest.raises(inngest.errors.RunFailedError):
            await engine.invoke(functions[1])
        await engine.send([inngest.Event(name="rest"), *[inngest.Event(name="narrow")] * 3])
        (resting,) = await engine.runs(function="shop-rest")
        while not (await engine.run(resting.id)).steps or engine_owns(engine, resting.id):
            pass
        with contextlib.closing(sqlite3.connect(tmp_path / "inngest.db")) as connection, connection:
            connection.execute("INSERT INTO inngest_outbox VALUES ('a', '[]', 0, 'it is of a newer version')")
        found = read(await metrics.text())
        await engine.cancel(resting.id)
        while not (count := read(prometheus_client.generate_latest(metrics.registry))).get(
            ("inngest_runs_cancelled_total", ("shop-rest",))
        ):
            await engine.runs()
    expected = {
        ("inngest_worker_ready", ()): 1,
        ("inngest_events_total", ()): 6,
        ("inngest_runs_started_total", ("shop-pay",)): 1,
        ("inngest_runs_started_total", ("shop-narrow",)): 3,
        ("inngest_runs_ended_total", ("shop-pay", "completed")): 1,
        ("inngest_runs_ended_total", ("shop-fail", "failed")): 1,
        ("inngest_steps_total", ("shop-pay", "completed")): 1,
        ("inngest_attempts_failed_total", ("shop-pay",)): 1,
        ("inngest_run_seconds_count", ("shop-pay",)): 1,
        ("inngest_run_queue_seconds_count", ("shop-pay",)): 1,
        ("inngest_step_seconds_count", ("shop-pay",)): 1,
        ("inngest_runs_in_flight", ()): 1,
        ("inngest_queue_depth", ("shop-narrow",)): 2,
        ("inngest_queue_depth", ("shop-rest",)): 0,
        ("inngest_runs_resting", ("shop-rest",)): 1,
        ("inngest_runs_on_hold", ("shop-rest",)): 0,
        ("inngest_lanes_blocked", ("shop-narrow",)): 1,
        ("inngest_waits", ("event",)): 1,
        ("inngest_outbox", ("waiting",)): 0,
        ("inngest_outbox", ("aside",)): 1,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert found["inngest_transactions_total", ()] >= 6
    assert found["inngest_transaction_seconds_total", ()] > 0
    assert found["inngest_queue_age_seconds", ("shop-narrow",)] >= 0
    assert count["inngest_runs_cancelled_total", ("shop-rest",)] == 1
    assert read(await metrics.text())["inngest_worker_ready", ()] == 0


def engine_owns(engine: inngest.Engine, run_id: str) -> bool:
    """Whether a run is in flight still."""
    return host_of(engine).on_its_loop().service.executor.owns(run_id)


async def test_a_database_that_cannot_be_read_is_told_by_what_is_missing(tmp_path: Path) -> None:
    engine = inngest.Engine([], database=tmp_path / "inngest.db")
    metrics = Metrics(engine)
    async with engine:
        with mock.patch.object(Queries, "backlog", side_effect=StoreBusyError("it is locked")):
            found = read(await metrics.text())
        assert found["inngest_worker_ready", ()] == 0
        assert not any(name == "inngest_queue_depth" for name, _ in found)
        assert read(await metrics.text())["inngest_worker_ready", ()] == 1


async def test_scrapes_that_come_together_read_the_backlog_once(tmp_path: Path) -> None:
    engine = inngest.Engine([], database=tmp_path / "inngest.db")
    metrics = Metrics(engine)
    async with engine:
        reads, read_backlog, began, come = 0, Queries.backlog, asyncio.Event(), asyncio.Event()

        async def counted(queries: Queries) -> Backlog:
            nonlocal reads
            reads += 1
            began.set()
            await come.wait()
            return await read_backlog(queries)

        with mock.patch.object(Queries, "backlog", counted):
            scrapes = [asyncio.ensure_future(metrics.text()) for _ in range(20)]
            await asyncio.wait_for(began.wait(), 60)
            scrapes[0].cancel()  # its client has gone: the others wait for what it has begun
            come.set()
            texts = await asyncio.gather(*scrapes[1:])
            texts.append(await metrics.text())
    assert reads == 1
    assert all(read(text)["inngest_worker_ready", ()] == 1 for text in texts)


async def test_a_backlog_that_takes_long_is_read_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, reads, read_backlog = 1_000.0, 0, Queries.backlog
    monkeypatch.setattr(measures, "monotonic", lambda: now)

    async def slow(queries: Queries) -> Backlog:
        nonlocal reads, now
        reads, now = reads + 1, now + 60.0
        return await read_backlog(queries)

    engine = inngest.Engine([], database=tmp_path / "inngest.db")
    metrics = Metrics(engine)
    async with engine:
        with mock.patch.object(Queries, "backlog", slow):
            await metrics.text()
            now += 59.0  # seconds
            await metrics.text()
            assert reads == 1
            now += 2.0
            await metrics.text()
    assert reads == 2


async def test_metrics_are_registered_once_and_can_be_taken_out(tmp_path: Path) -> None:
    registry = prometheus_client.CollectorRegistry()
    engine = inngest.Engine([], database=tmp_path / "inngest.db")
    metrics = Metrics(engine, registry)
    with pytest.raises(ValueError, match="inngest_events"):
        Metrics(engine, registry)
    metrics.close()
    assert prometheus_client.generate_latest(registry) == b""
    Metrics(engine, registry)


def documented() -> Iterator[tuple[str, Labels]]:
    """Each metric of the page, with its labels."""
    for name, labels in re.findall(r"^\| `(inngest_\w+)` \|([^|]*)\|", PAGE, re.MULTILINE):
        yield name, tuple(re.findall(r"`(\w+)`", labels))


async def test_every_metric_is_documented_and_every_documented_one_exists(tmp_path: Path) -> None:
    engine = inngest.Engine([], database=tmp_path / "inngest.db")
    metrics = Metrics(engine)
    async with engine:
        text = (await metrics.text()).decode()
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)", text, re.MULTILINE))
    told = {name.removesuffix("_total") for name in types if not name.endswith("_created")}
    assert told == {name for name, _ in documented()}


async def test_the_code_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code, names)
    app = names["app"]
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        answer = await http.get("/metrics")
    assert answer.headers["content-type"] == Metrics.content_type
    assert read(answer.content)["inngest_worker_ready", ()] == 1


async def test_a_server_shows_them_to_whoever_has_its_key(tmp_path: Path) -> None:
    async with inngest.Engine([], database=tmp_path / "inngest.db") as engine:
        transport = httpx.ASGITransport(create_app(engine, keys=Keys(["00ff"], {"web": "k"})))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            assert (await http.get("/metrics")).status_code == 401
            shown = await http.get("/metrics", headers={"authorization": f"Bearer {signing.hashed('00ff')}"})
        assert read(shown.content)["inngest_worker_ready", ()] == 1


def test_the_dashboard_shows_documented_metrics_alone() -> None:
    names = {name for name, _ in documented()}
    shown: set[str] = set()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            shown |= set(re.findall(r"inngest_\w+", target["expr"]))
    assert {name.removesuffix("_total").removesuffix("_bucket") for name in shown} <= names
    assert len(shown) >= 12
