"""Checkpoints over HTTP: what an SDK is told, and what is recorded then.

The run is another worker's, so that its call lasts as long as the test wants.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import inngest
from inngest.engine.domain.model import Policy
from inngest.engine.ports import Store
from inngest.engine.records import Claimed
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.sql import SqlStore
from inngest.protocol.wire.calls import Head
from inngest.runtime.clock import wall_clock_ms
from inngest.runtime.ids import SystemIds
from inngest.server.app import create_app
from tests.contract.store import values
from tests.contract.store.stores import InlineExecutor

from .test_registering import body, function

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


class Called:
    """A run whose call is under way."""

    def __init__(self, http: httpx.AsyncClient, engine: inngest.Engine, store: Store, claimed: Claimed) -> None:
        self.http = http
        self.engine = engine
        self.store = store
        self.claimed = claimed
        self.run_id = claimed.run.id

    async def save(self, *steps: object, path: str = "", **members: Any) -> httpx.Response:
        """A checkpoint as the TypeScript SDK sends it."""
        sent: dict[str, object] = {
            "run_id": self.run_id,
            "fn_id": "759d3f0d-0000-5000-8000-000000000000",
            "generation_id": self.claimed.run.discovery.generation,
            "request_id": UNKNOWN,
            "request_started_at": 1_700_000_000_000,
            "steps": list(steps),
            "ts": 1_700_000_000_001,
            **members,
        }
        return await self.http.post(f"/v1/checkpoint/{path or self.run_id}/async", json=sent)

    async def steps(self) -> list[tuple[str, object]]:
        return [(step.id, step.output) for step in (await self.engine.run(self.run_id)).steps]


def ran(step_id: str, data: object = 1) -> dict[str, Any]:
    """A step that was run, with members that only its SDK knows."""
    op = {"op": "StepRun", "id": values.step(step_id).hash, "name": step_id, "displayName": step_id, "data": data}
    return {**op, "opts": {"type": "step.run"}, "userland": {"id": step_id}, "timing": {"start": 1, "end": 2}, "x": []}


@pytest.fixture
async def called(tmp_path: Path) -> AsyncIterator[Called]:
    path = tmp_path / "i.db"
    async with inngest.Engine([], database=f"sqlite:///{path}") as engine:
        transport = httpx.ASGITransport(create_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as http:
            await http.post("/fn/register", json=body(function()))
            await engine.send(inngest.Event(name="web/paid"))
            store = SqlStore(SqliteDatabase(path), InlineExecutor(), SystemIds(), Policy(1_000, None))
            now = wall_clock_ms()
            await store.open(now)
            await store.begin_session(values.session(now=now))
            (claimed,) = (await store.claim(values.owner(), 1, ["web-pay"], now + 60_000, alone=True)).runs
            yield Called(http, engine, store, claimed)
            await store.close()


async def test_what_was_done_is_recorded_before_it_is_acknowledged(called: Called) -> None:
    response = await called.save(ran("a"), ran("b", {"x": [2]}))
    assert (response.status_code, response.json()) == (200, {"data": {}})
    assert response.headers["content-type"] == "application/json"
    assert await called.steps() == [("a", 1), ("b", {"x": [2]})]


async def test_a_checkpoint_that_comes_again_is_acknowledged_again(called: Called) -> None:
    for data in (1, 2):
        assert (await called.save(ran("a", data))).status_code == 200
    assert await called.steps() == [("a", 1)]


async def test_metadata_of_a_step_come_with_it_and_are_in_the_trace(called: Called) -> None:
    tried = {"kind": "inngest.experiment", "scope": "step", "op": "merge", "values": {"variant": "short"}}
    of_run = {"kind": "inngest.score", "scope": "run", "op": "merge", "values": {"tone": {"value": 0.5}}}
    bad = [7, {"kind": 1, "values": {}}, {"kind": "a"}, {"kind": "a", "values": []}]
    large = {"kind": "a", "values": {"text": "x" * 70_000}}
    await called.save(
        ran("a") | {"metadata": [tried, *bad, of_run]}, ran("b") | {"metadata": [large]}, ran("c") | {"metadata": 7}
    )
    await called.http.post(
        f"/v2/runs/{called.run_id}/scores", json={"scores": [{"name": "tone", "value": 1, "stepId": "a"}]}
    )
    trace = (await called.http.get(f"/v2/runs/{called.run_id}/trace")).json()["data"]["rootSpan"]
    said = {span["stepId"]: span["metadata"] for span in trace["children"]}
    a, b, c = (said[values.step(name).hash] for name in "abc")
    assert a[0] == tried
    assert [one["values"] for one in a[1:]] == [{"tone": {"value": 1}}]
    assert (b, c) == ([], [])
    shown = (await called.http.get(f"/v2/runs/{called.run_id}")).json()["data"]["metadata"]
    assert trace["metadata"] == shown == [{**of_run, "stepId": values.step("a").hash}]
    assert [step.usage for step in (await called.engine.run(called.run_id)).steps] == [None, None, None]


async def test_the_item_in_the_queue_tells_the_generation_too(called: Called) -> None:
    generation = called.claimed.run.discovery.generation
    for number, status in ((generation, 200), (generation + 1, 409)):
        head = Head(run_id=called.run_id, function_uuid="", attempt=0, max_attempts=3, request_id="", generation=number)
        assert (await called.save(ran("a"), generation_id=None, qi_id=head.qi_id)).status_code == status


async def test_a_call_that_is_not_the_newest_has_to_stop(called: Called) -> None:
    response = await called.save(ran("a"), generation_id=called.claimed.run.discovery.generation + 1)
    assert response.status_code == 409
    assert "stop" in response.json()["error"]
    await called.engine.cancel(called.run_id)
    assert (await called.save(ran("a"))).status_code == 409
    assert (await called.save(ran("a"), run_id=UNKNOWN, path=UNKNOWN)).status_code == 409
    assert await called.steps() == []


async def test_a_checkpoint_may_end_the_run(called: Called) -> None:
    end = {"op": "RunComplete", "id": "0737c22d3bfae812339732d14d8c7dbd6dc4e09c", "data": {"ok": True}}
    assert (await called.save(ran("a"), end)).status_code == 200
    assert await called.engine.wait(called.run_id) == {"ok": True}


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"steps": {}}, "steps: expected an array, got {}"),
        ({"steps": [5]}, "steps[0]"),
        ({"steps": [{"op": "Sleep", "id": "a", "name": "2030-01-01T00:00:00Z"}]}, "steps[0].op: expected a step that"),
        ({"run_id": UNKNOWN}, "run_id: it is "),
        ({"run_id": None}, "run_id: expected a text, got None"),
        ({"generation_id": "one"}, "generation_id: expected a whole number"),
    ],
)
async def test_what_is_no_checkpoint_is_refused(called: Called, members: dict[str, Any], text: str) -> None:
    response = await called.save(ran("a"), **members)
    assert response.status_code == 400
    assert response.json()["error"].startswith(text)
    assert await called.steps() == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_none_is_refused(called: Called, content: bytes) -> None:
    response = await called.http.post(f"/v1/checkpoint/{called.run_id}/async", content=content)
    assert response.status_code == 400


async def test_a_body_that_is_too_large_is_refused(called: Called) -> None:
    response = await called.http.post(f"/v1/checkpoint/{called.run_id}/async", content=b"x" * (8 * 1024 * 1024 + 1))
    assert response.status_code == 413


async def test_the_state_that_an_sdk_reads_has_what_it_recorded(called: Called) -> None:
    await called.save(ran("a", {"n": 1}))
    response = await called.http.get(f"/v0/runs/{called.run_id}/actions")
    assert json.loads(response.content) == {values.step("a").hash: {"data": {"n": 1}}}
