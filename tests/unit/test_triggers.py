"""What an event starts, and the event about a failed run."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count

import pytest

from inngest.engine.domain import triggers
from inngest.engine.domain.model import Event, FunctionSpec, Registry, RunStatus
from inngest.protocol.calls import EventData
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import SentEvent

NOW = 1_700_000_000_000


def spec(function_id: str, *events: str, failure_of: str | None = None, retries: int = 4) -> FunctionSpec:
    return FunctionSpec(function_id, "app", function_id, f"v-{function_id}", retries, events, failure_of, "{}")


def event(name: str, *, ts: int = NOW, key: str = "") -> Event:
    return Event(f"id of {name}", name, '{"a":1}', ts, key, NOW)


@pytest.fixture
def ids() -> Callable[[int], str]:
    numbers = count()
    return lambda now: f"{now}-{next(numbers)}"


REGISTRY = Registry.of(
    1, [spec("one", "a"), spec("two", "b", "a", retries=0), spec("one-failure", failure_of="one"), spec("three", "c")]
)


def test_an_event_starts_each_function_that_names_it_in_order(ids: Callable[[int], str]) -> None:
    started = triggers.starts([event("a"), event("nobody"), event("b"), event("A")], REGISTRY, NOW, ids)
    assert [(start.run.function_id, start.run.event_id) for start in started] == [
        ("one", "id of a"),
        ("two", "id of a"),
        ("two", "id of b"),
    ]
    assert len({start.run.id for start in started}) == 3


def test_a_run_keeps_the_configuration_it_started_with(ids: Callable[[int], str]) -> None:
    (start,) = triggers.starts([event("b")], REGISTRY, NOW, ids)
    run = start.run
    assert (run.function_version, run.retries, run.status, run.created_at) == ("v-two", 0, RunStatus.QUEUED, NOW)
    assert (run.attempt, run.takeovers, run.started_at, run.ended_at, run.output, run.error) == (0, 0, *[None] * 4)


@pytest.mark.parametrize(
    ("ts", "due_at"),
    [(NOW - 5_000, NOW), (NOW, NOW), (NOW + 2_000, NOW), (NOW + 2_001, NOW + 2_001), (NOW + 10**9, NOW + 10**9)],
)
def test_an_event_from_the_future_delays_its_run(ids: Callable[[int], str], ts: int, due_at: int) -> None:
    (start,) = triggers.starts([event("c", ts=ts)], REGISTRY, NOW, ids)
    assert start.due_at == due_at


def test_the_developers_id_of_an_event_is_the_idempotency_key_of_its_runs(ids: Callable[[int], str]) -> None:
    assert [start.key for start in triggers.starts([event("a", key="once")], REGISTRY, NOW, ids)] == ["once"] * 2
    assert [start.key for start in triggers.starts([event("a")], REGISTRY, NOW, ids)] == [""] * 2


def test_an_event_is_stored_with_an_id_and_a_time(ids: Callable[[int], str]) -> None:
    bare = triggers.stored(SentEvent("a", "{}", "", 0), NOW, ids)
    assert (bare.id, bare.ts, bare.received_at, bare.key) == (f"{NOW}-0", NOW, NOW, "")
    full = triggers.stored(SentEvent("a", "{}", "key", 5, "given"), NOW, ids)
    assert (full.id, full.ts, full.received_at, full.key) == ("given", 5, NOW, "key")


def test_the_event_about_a_failed_run(ids: Callable[[int], str]) -> None:
    originals = [EventData("e1", "a", '{"order":42}', 5), EventData("e2", "b", "{}", 6)]
    error = ErrorInfo("CardRefused", "no", "Traceback …", "step_errored")
    made = triggers.failed_event("run", "one", error, originals, NOW, ids)
    assert (made.name, made.key, made.ts) == ("inngest/function.failed", "run", NOW)
    details = {"name": "CardRefused", "message": "no", "stack": "Traceback …"}
    first = {"id": "e1", "name": "a", "data": {"order": 42}, "ts": 5}
    assert json.loads(made.data) == {
        "function_id": "one",
        "run_id": "run",
        "event": first,
        "events": [first, {"id": "e2", "name": "b", "data": {}, "ts": 6}],
        "error": {"error": "CardRefused", **details},
        "result": {"code": "step_errored", **details},
        "_inngest": {"status": "Failed"},
    }


def test_a_failure_starts_the_handler_of_its_function_and_nothing_else(ids: Callable[[int], str]) -> None:
    failed = event("inngest/function.failed", key="run")
    (start,) = triggers.failure_starts("one", failed, REGISTRY, NOW, ids)
    assert (start.run.function_id, start.key) == ("one-failure", "run")
    assert triggers.failure_starts("two", failed, REGISTRY, NOW, ids) == []
    assert triggers.failure_starts("one-failure", failed, REGISTRY, NOW, ids) == []
