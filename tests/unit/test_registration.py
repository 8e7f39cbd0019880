"""Functions that apps register: as the engine knows them, or all that is wrong with them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest.engine.domain import registration
from inngest.engine.domain.function_rules import rules_of
from inngest.engine.domain.model import FunctionSpec, Transport
from inngest.engine.domain.registration import Problem

URL = "http://127.0.0.1:9000/api/inngest?fnId=shop-pay&stepId=step"


def wire(fn_id: str = "shop-pay", *, retries: object = None, url: object = URL, **members: Any) -> dict[str, Any]:
    """A function object as SDKs send it."""
    step: dict[str, object] = {"id": "step", "name": "step", "runtime": {"type": "http", "url": url}}
    if retries is not None:
        step["retries"] = retries
    return {"id": fn_id, "name": "Pay", "triggers": [{"event": "paid"}], "steps": {"step": step}, **members}


def read(**members: Any) -> FunctionSpec:
    """The one function of a registration that is right."""
    found = registration.specs("shop", [wire(**members)])
    assert found.problems == []
    (spec,) = found.functions
    return spec


def problems(*functions: object) -> list[tuple[str, str, str]]:
    """What is wrong with a registration: function, place, and the first line of the reason."""
    found = registration.specs("shop", functions)
    return [(one.function, one.path, one.text.partition("\n")[0]) for one in found.problems]


def test_a_function_is_known_by_its_id_and_called_at_its_url() -> None:
    spec = read(retries={"attempts": 2})
    assert spec.id == "shop-pay"
    assert spec.app_id == "shop"
    assert spec.name == "Pay"
    assert spec.retries == 2
    assert spec.events == ("paid",)
    assert spec.transport is Transport.HTTP
    assert spec.url == URL
    assert spec.uuid == str(registration.function_uuid("shop-pay"))
    assert spec.failure_of is None
    assert json.loads(spec.config) == {"id": "shop-pay", "name": "Pay", "retries": 2, "triggers": [{"event": "paid"}]}


@pytest.mark.parametrize(
    ("step", "top", "retries"),
    [
        (None, None, 4),
        ({"attempts": 0}, None, 0),
        ({"attempts": 3.0}, None, 3),
        ({"attempts": 99}, None, 20),
        (None, 7, 7),
        ({"attempts": 1}, 7, 1),
        (5, None, 5),
    ],
)
def test_retries_are_of_the_step_else_of_the_function_and_never_over_the_limit(
    step: object, top: object, retries: int
) -> None:
    spec = registration.specs("shop", [{**wire(retries=step), "retries": top}]).functions[0]
    assert spec.retries == retries


OPTIONS: dict[str, Any] = {
    "triggers": [{"event": "paid", "expression": "event.data.amount > 1"}, {"cron": "TZ=Europe/Paris 0 9 * * *"}],
    "batchEvents": None,
    "cancel": [{"event": "cancelled", "if": "event.data.id == async.data.id", "timeout": "7d"}],
    "concurrency": [{"limit": 2, "key": "event.data.id", "scope": "env"}, {"limit": 5}],
    "debounce": {"period": "1h30m", "key": "event.data.id", "timeout": "1d"},
    "idempotency": "event.data.id",
    "priority": {"run": "event.data.rank"},
    "rateLimit": {"limit": 1, "period": "1m"},
    "singleton": {"mode": "cancel"},
    "throttle": {"limit": 3, "period": "10s", "burst": 2},
    "timeouts": {"start": "1m", "finish": "2w"},
}


def test_a_configuration_is_stored_as_that_of_a_function_in_process() -> None:
    spec = read(**OPTIONS)
    rules = rules_of(spec.id, spec.config)
    assert rules.names == {"paid"}
    assert [schedule.cron for schedule in rules.schedules] == ["TZ=Europe/Paris 0 9 * * *"]
    assert rules.debounce is not None
    assert (rules.debounce.period, rules.debounce.timeout) == (5_400_000, 86_400_000)
    assert rules.rate_limit is not None
    assert rules.rate_limit.period == 60_000
    assert rules.singleton is not None
    assert rules.singleton.cancels
    assert (rules.start_timeout, rules.finish_timeout) == (60_000, 14 * 86_400_000)
    assert [limit.slots for limit in rules.queueing.limits] == [2, 5]
    assert rules.queueing.throttle is not None
    assert rules.queueing.priority == "event.data.rank"
    assert [one.timeout for one in rules.cancellations] == [7 * 86_400_000]
    assert rules.idempotency is not None


def _shouted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name.upper(): _shouted(one) for name, one in value.items()}
    return [_shouted(one) for one in value] if isinstance(value, list) else value


def test_names_of_members_are_known_in_any_case() -> None:
    (spec,) = registration.specs("shop", [_shouted(wire(**OPTIONS))]).functions
    assert spec == read(**OPTIONS)


def test_members_that_nobody_knows_and_nulls_and_empty_texts_are_ignored() -> None:
    more: dict[str, Any] = {
        "checkpoint": {"bufferedSteps": 3},
        "priority": {},
        "rateLimit": None,
        "cancel": [],
        "concurrency": [],
    }
    trigger = {"event": "paid", "expression": "", "since": None}
    assert read(**more, triggers=[trigger]) == read()


@pytest.mark.parametrize(
    ("shape", "limits"),
    [
        (3, [3]),
        ({"limit": 3}, [3]),
        ([3, {"limit": 2, "key": "event.data.id", "scope": None}], [3, 2]),
        ({"fn": [{"limit": 3}], "step": [{"limit": 2, "key": "event.data.id"}]}, [3, 2]),
        (0, []),
    ],
)
def test_concurrency_comes_in_several_shapes(shape: object, limits: list[int]) -> None:
    spec = read(concurrency=shape)
    assert [limit.slots for limit in rules_of(spec.id, spec.config).queueing.limits] == limits


def test_a_function_without_an_id_has_one_of_its_name() -> None:
    (spec,) = registration.specs("shop", [{**wire(), "id": None, "name": "Pay the bill!"}]).functions
    assert spec.id == "pay-the-bill"


FAILED = "inngest/function.failed"


def handler(expression: str, fn_id: str = "shop-pay-failure", **members: Any) -> dict[str, Any]:
    return wire(fn_id, triggers=[{"event": FAILED, "expression": expression}], **members)


def test_a_failure_handler_is_known_as_that() -> None:
    own, failure = registration.specs(
        "shop", [wire(), handler("event.data.function_id == 'shop-pay'", cancel=[], concurrency=[])]
    ).functions
    assert own.failure_of is None
    assert failure.failure_of == "shop-pay"
    assert failure.events == ()
    assert rules_of(failure.id, failure.config).names == set()


@pytest.mark.parametrize(
    "other",
    [
        handler("event.data.function_id == 'shop-other'"),
        handler("event.data.function_id == 'shop-pay' && true"),
        handler("event.data.function_id == 'shop-pay'", "shop-watch"),
        handler("event.data.function_id == 'shop-pay'", rateLimit={"limit": 1, "period": "1m"}),
        wire("shop-pay-failure", triggers=[{"event": FAILED}]),
    ],
)
def test_what_only_looks_like_one_is_told_by_its_event(other: dict[str, Any]) -> None:
    _, spec = registration.specs("shop", [wire(), other]).functions
    assert spec.failure_of is None
    assert spec.events == (FAILED,)


@pytest.mark.parametrize(
    ("members", "path", "text"),
    [
        ({"name": " "}, "name", "a function has a name for people"),
        ({"name": None}, "name", "a function has a name for people"),
        ({"steps": {}}, "steps", "a function has exactly one step"),
        ({"steps": {"a": {}, "b": {}}}, "steps", "a function has exactly one step"),
        ({"steps": {"a": 1}}, "steps.a", "expected an object, got 1"),
        ({"triggers": []}, "triggers", "a function has 1 to 10 triggers"),
        ({"triggers": "paid"}, "triggers", "a function has 1 to 10 triggers"),
        ({"triggers": [{"event": "a"}] * 11}, "triggers", "a function has 1 to 10 triggers"),
        ({"triggers": [{}]}, "triggers.0", "a trigger has either event or cron, got {}"),
        ({"triggers": ["a"]}, "triggers.0", "a trigger has either event or cron, got 'a'"),
        ({"triggers": [{"event": "*"}]}, "triggers.0.event", '"*" may only stand at the end'),
        ({"triggers": [{"event": "a" * 256}]}, "triggers.0.event", "String should have at most 255 characters"),
        ({"triggers": [{"event": "a", "expression": "event.("}]}, "triggers.0.expression", "line 1, column 7"),
        ({"triggers": [{"cron": "* * *"}]}, "triggers.0.cron", ""),
        ({"triggers": [{"cron": "0 * * * *", "jitter": "1h"}]}, "triggers.0.jitter", "must be from 1s to 5m"),
        ({"concurrency": [1, {"limit": 2, "key": "event.data.a"}, 3]}, "concurrency", "expected an array of at most 2"),
        ({"concurrency": [1, 2]}, "concurrency", "only one limit without a key is allowed"),
        ({"concurrency": {"limit": 1, "scope": "env"}}, "concurrency.0", "Concurrency.key: scope 'env' needs a key"),
        ({"concurrency": {"fn": "many"}}, "concurrency.0", "expected an object, got 'many'"),
        ({"concurrency": "many"}, "concurrency.0", "expected an object, got 'many'"),
        ({"batchEvents": {"maxSize": 1}}, "batchEvents.maxSize", "Input should be greater than or equal to 2 (got 1)"),
        ({"batchEvents": {"maxSize": 2, "timeout": "1"}}, "batchEvents.timeout", "expected a duration such as"),
        ({"batchEvents": {"maxSize": 2, "timeout": 60}}, "batchEvents.timeout", "expected a duration such as"),
        ({"batchEvents": {"maxSize": 2}, "debounce": {"period": "1s"}}, "debounce", "it cannot be combined"),
        ({"debounce": {"period": "8d"}}, "debounce.period", "must be at most 1w, got 8d"),
        ({"debounce": {"key": "event.data.id"}}, "debounce.period", "Field required"),
        ({"debounce": 3}, "debounce", "expected an object, got 3"),
        ({"cancel": [{"event": "a", "if": "now() > now()"}]}, "cancel.0.if", "line 1, column 9"),
        ({"cancel": [{"event": "a"}] * 6}, "cancel", "expected an array of at most 5"),
        ({"cancel": ["a"]}, "cancel.0", "expected an object, got 'a'"),
        ({"rateLimit": {"limit": 0, "period": "1m"}}, "rateLimit.limit", "Input should be greater than or equal to 1"),
        ({"singleton": {"mode": "both"}}, "singleton.mode", "Input should be 'skip' or 'cancel' (got 'both')"),
        ({"idempotency": "async.id"}, "idempotency", "line 1, column 1"),
        ({"priority": {"run": 5}}, "priority.run", "Input should be a valid string (got 5)"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(members: dict[str, Any], path: str, text: str) -> None:
    ((function, found_path, found_text),) = problems({**wire(), **members})
    assert function == ("pay" if members.get("id", "") is None else "shop-pay")
    assert found_path == path
    assert found_text.startswith(text)


@pytest.mark.parametrize(
    "url", [None, 5, "", "ftp://a", "/api", "http://", "ws://a/b", "http://a:99999/", "http://[", "http://a/\0"]
)
def test_a_url_is_one_at_which_a_function_can_be_called(url: object) -> None:
    ((_, path, text),) = problems(wire(url=url))
    assert path == "steps.step.runtime.url"
    assert text.startswith("expected ")


@pytest.mark.parametrize("attempts", [-1, 1.5, "3", True, float("inf")])
def test_retries_are_a_number(attempts: object) -> None:
    assert problems(wire(retries={"attempts": attempts})) == [
        ("shop-pay", "steps.step.retries.attempts", f"expected a whole number from 0 to 20, got {attempts!r}")
    ]


def test_all_that_is_wrong_is_told_at_once() -> None:
    bad = wire("shop-bad", url="ftp://a", debounce={"period": "1ms", "key": "event.", "timeout": "never"})
    found = problems(bad, wire(), "no function", wire(cancel=[{}]), {**wire(), "id": "a\0b"})
    assert [(function, path) for function, path, _ in found] == [
        ("shop-bad", "steps.step.runtime.url"),
        ("shop-bad", "debounce.timeout"),
        ("shop-bad", "debounce.key"),
        ("shop-bad", "debounce.period"),
        ("#2", ""),
        ("shop-pay", "cancel.0.event"),
        ("shop-pay", "id"),
        ("a\0b", "id"),
    ]


def test_an_app_has_as_many_functions_as_a_server_keeps() -> None:
    functions = [wire(f"shop-{number}") for number in range(1_000)]
    assert len(registration.specs("shop", functions).functions) == 1_000
    found = registration.specs("shop", [*functions, wire("shop-1000")])
    assert [str(one) for one in found.problems] == [
        "functions: there are 1,001, and an app has at most 1,000: make several apps of it"
    ]
    assert not found.functions


def test_the_name_of_an_app_is_one() -> None:
    assert [str(one) for one in registration.specs(" ", []).problems] == ["appName: must not be empty"]


def test_a_problem_in_one_line() -> None:
    assert str(Problem("shop-pay", "cancel.0", "no")) == "shop-pay: cancel.0: no"


def test_a_registration_is_the_same_in_whatever_order_its_functions_come() -> None:
    one, other = read(fn_id="shop-a"), read(fn_id="shop-b")
    assert registration.checksum_of("shop", URL, [one, other]) == registration.checksum_of("shop", URL, [other, one])
    same = registration.checksum_of("shop", URL, [one])
    assert registration.checksum_of("shop", "http://b", [one]) != same
    assert registration.checksum_of("shop", URL, [read(fn_id="shop-a", retries=1)]) != same


def test_uuids_are_the_same_everywhere() -> None:
    assert str(registration.app_uuid("shop")) == "82c9c51b-6ca6-5a6e-8507-aedd4cfe3842"
    assert str(registration.function_uuid("shop-pay")) == "f6a12f3a-53a7-5483-95ef-3a04449202c3"


MEMBERS = ["id", "name", "triggers", "steps", "retries", "idempotency", *OPTIONS, "fn", "step", "limit", "key", "scope"]
MEMBERS += [
    "period",
    "timeout",
    "event",
    "cron",
    "jitter",
    "expression",
    "if",
    "runtime",
    "url",
    "attempts",
    "run",
    "mode",
]
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.sampled_from(["1s", "a"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=12,
)


@given(changed=st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=3))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_is_read_or_named(changed: dict[str, Any]) -> None:
    found = registration.specs("shop", [{**wire(**OPTIONS), **changed}])
    if not found.problems:
        (spec,) = found.functions
        rules = rules_of(spec.id, spec.config)
        assert [*rules.schedules, *rules.cancellations, rules.queueing, rules.conditions, rules.names]
