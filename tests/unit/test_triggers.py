"""What an event starts, and the event about a failed run."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count

import pytest

from inngest.engine.domain import triggers
from inngest.engine.domain.model import Event, FunctionSpec, Registry, RunStatus
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import SentEvent

NOW = 1_700_000_000_000


def spec(
    function_id: str, *events: str, failure_of: str | None = None, retries: int = 4, config: str = "{}"
) -> FunctionSpec:
    return FunctionSpec(function_id, "app", function_id, f"v-{function_id}", retries, events, failure_of, config)


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


def test_a_failure_starts_the_handler_of_its_function_and_nothing_else(ids: Callable[[int], str]) -> None:
    failed = event("inngest/function.failed", key="run")
    (start,) = triggers.failure_starts("one", failed, REGISTRY, NOW, ids)
    assert (start.run.function_id, start.key) == ("one-failure", "run")
    assert triggers.failure_starts("two", failed, REGISTRY, NOW, ids) == []
    assert triggers.failure_starts("one-failure", failed, REGISTRY, NOW, ids) == []


@pytest.mark.parametrize(
    ("name", "started"),
    [
        ("app/user.made", ["exact", "one", "two"]),
        ("app/user.made.again", ["one", "two"]),
        ("app/", ["one", "two"]),
        ("app/user", ["one", "two"]),
        ("app", []),
        ("application/user", []),
        ("other/app/user.x", []),
        ("inngest/x", []),
    ],
)
def test_a_wildcard_stands_for_what_follows_a_separator(
    ids: Callable[[int], str], name: str, started: list[str]
) -> None:
    functions = [
        spec("one", "app/*"),
        spec("two", "app/user.*", "app/*"),
        spec("exact", "app/user.made"),
        spec("system", "inngest/*"),
    ]
    found = triggers.starts([event(name)], Registry.of(1, functions), NOW, ids)
    assert [start.run.function_id for start in found] == started


CONDITIONED = {
    "triggers": [
        {"event": "a", "expression": "event.data.a == 2"},
        {"event": "a", "expression": "event.data.a + 'x' == 1"},
        {"event": "b"},
        {"event": "b", "expression": "false"},
    ]
}


def test_one_trigger_that_holds_is_enough(ids: Callable[[int], str]) -> None:
    registry = Registry.of(1, [spec("f", "a", "a", "b", "b", config=json.dumps(CONDITIONED))])
    made = triggers.starts([event("a"), event("b")], registry, NOW, ids)
    assert [(start.run.event_id, start.run.status) for start in made] == [
        ("id of a", RunStatus.SKIPPED),
        ("id of b", RunStatus.QUEUED),
    ]
    assert made[0].run.error is not None
    assert ErrorInfo.from_json(made[0].run.error).message.startswith("trigger.expression: ")


def test_a_key_that_cannot_be_told_is_told(ids: Callable[[int], str]) -> None:
    config = json.dumps({"rateLimit": {"limit": 1, "period": "1s", "key": "event.data.a + 'x'"}})
    (start,) = triggers.starts([event("a")], Registry.of(1, [spec("f", "a", config=config)]), NOW, ids)
    assert start.run.status is RunStatus.SKIPPED
    assert start.gates is None
    assert start.run.error is not None
    assert ErrorInfo.from_json(start.run.error).message.startswith("rate_limit.key: ")


def test_a_plain_function_has_no_gates(ids: Callable[[int], str]) -> None:
    (start, _) = triggers.starts([event("a")], REGISTRY, NOW, ids)
    assert (start.gates, start.held) == (None, False)


def test_what_somebody_waits_for_is_not_collected(ids: Callable[[int], str]) -> None:
    config = json.dumps({"debounce": {"period": "1s"}, "singleton": {"mode": "skip"}})
    function = spec("f", "a", config=config)
    (collected,) = triggers.starts([event("a")], Registry.of(1, [function]), NOW, ids)
    direct = triggers.start(function, event("a"), NOW, ids)
    assert collected.gates is not None
    assert collected.gates.debounce is not None
    assert direct.gates is not None
    assert (direct.gates.debounce, direct.gates.direct) == (None, True)
    assert direct.gates.singleton is not None
