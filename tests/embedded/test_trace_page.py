"""The code of *Trace runs with OpenTelemetry* runs as it is printed, and its spans arrive at a collector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import inngest
import inngest.opentelemetry
from tests.spans import Kept

from .answering import Answer, answering
from .test_pages import blocks, run

SPANS = ("POST /orders", "shop-pay", "shop-pay invocation", "charge", "charge attempt", "ask the bank")


async def test_the_spans_of_the_page_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    engine, exporter, sent, of_a_client = blocks("howto/trace.md")
    names: dict[str, Any] = {"__name__": "page"}
    with answering(Answer("", headers={"content-type": "application/x-protobuf"})) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        await run(engine, names)
        await run(exporter, names)
        async with names["app"].router.lifespan_context(names["app"]):
            await run(sent, names)
            (found,) = await names["engine"].runs()
            assert await names["engine"].wait(found.id) == "paid"
        names["provider"].shutdown()
        told = b"".join(request.body for request in collector.requests)
    assert {request.path for request in collector.requests} == {"/v1/traces"}
    assert all(name.encode() in told for name in SPANS)
    assert found.id.encode() in told
    await run(of_a_client, names)


async def test_a_client_is_traced_in_an_engine_that_it_does_not_know(tmp_path: Path) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    engine, _, _, of_a_client = blocks("howto/trace.md")
    await run(engine.replace("inngest.opentelemetry.Tracing(engine, provider=provider)", ""), names)
    await run(of_a_client, names)
    kept = Kept()
    inngest.opentelemetry.Tracing(names["client"], provider=kept.provider)
    async with inngest.Engine(names["client"], database=tmp_path / "i.db") as other:
        await other.invoke(names["pay"])
    assert [span.name for span in kept.named("charge")] == ["charge"]
