"""`from_raw` and `to_dict`, as code for the official SDK uses them: an error is returned, names are the wire's."""

from __future__ import annotations

import datetime
from typing import Any

import pydantic
import pytest

import inngest
from inngest.errors import FunctionConfigInvalidError
from inngest.protocol.config import ConfigModel

DUMPED: list[tuple[ConfigModel, dict[str, object], dict[str, object]]] = [
    (
        inngest.Batch(max_size=3, timeout=1_000, if_exp="true"),
        {"max_size": 3, "timeout": "1s", "key": None, "if_exp": "true"},
        {"maxSize": 3, "timeout": "1s", "key": None, "if": "true"},
    ),
    (
        inngest.Cancel(event="x", if_exp="event.data.a == async.data.a", timeout=90_000),
        {"event": "x", "if_exp": "event.data.a == async.data.a", "timeout": "90s"},
        {"event": "x", "if": "event.data.a == async.data.a", "timeout": "90s"},
    ),
    (
        inngest.Debounce(period=datetime.timedelta(seconds=1)),
        {"key": None, "period": "1s", "timeout": None},
        {"key": None, "period": "1s", "timeout": None},
    ),
    (inngest.Timeouts(start=60_000), {"start": "1m", "finish": None}, {"start": "1m", "finish": None}),
    (inngest.Priority(run="1"), {"run": "1"}, {"run": "1"}),
    (
        inngest.Throttle(limit=1, period=604_800_000),
        {"limit": 1, "period": "1w", "key": None, "burst": 1},
        {"limit": 1, "period": "1w", "key": None, "burst": 1},
    ),
]


@pytest.mark.parametrize(("model", "dumped", "wire"), DUMPED, ids=[type(row[0]).__name__ for row in DUMPED])
def test_a_configuration_is_dumped_as_the_wire_has_it(
    model: ConfigModel, dumped: dict[str, object], wire: dict[str, object]
) -> None:
    assert model.model_dump() == dumped
    assert model.model_dump(by_alias=True) == model.to_dict() == wire
    back = type(model).from_raw(wire)
    assert isinstance(back, ConfigModel)
    assert back.to_dict() == wire
    assert type(model).from_raw({**wire, "unknown": 1}) == back
    assert type(model).from_raw(model) is model


ORDER: list[tuple[type[ConfigModel], list[str]]] = [
    (inngest.Concurrency, ["key", "limit", "scope"]),
    (inngest.Debounce, ["key", "period", "timeout"]),
    (inngest.RateLimit, ["key", "limit", "period"]),
    (inngest.Singleton, ["key", "mode"]),
    (inngest.Throttle, ["key", "limit", "period", "burst"]),
]


@pytest.mark.parametrize(("model", "names"), ORDER, ids=[row[0].__name__ for row in ORDER])
def test_members_are_in_the_order_of_the_official_sdk(model: type[ConfigModel], names: list[str]) -> None:
    assert list(model.model_fields) == names


def test_json_is_a_type_of_fields() -> None:
    class Order(pydantic.BaseModel):
        facts: inngest.JSON

    facts = {"a": [1, 2.5, None, {"b": True}]}
    assert Order(facts=facts).facts == facts
    with pytest.raises(pydantic.ValidationError):
        Order.model_validate({"facts": object()})


def test_a_wrong_configuration_is_returned_as_its_error() -> None:
    for raw in ({"maxSize": 0}, {"maxSize": 3, "timeout": "soon"}, {}):
        assert isinstance(inngest.Batch.from_raw(raw), Exception)
    assert isinstance(inngest.Batch.from_raw({"maxSize": 0}), FunctionConfigInvalidError)


def test_events() -> None:
    raw: dict[str, Any] = {"data": {"x": 1}, "id": "i", "name": "a", "ts": 5}
    event = inngest.Event.from_raw({**raw, "user": {}, "v": "1"})
    assert event == inngest.Event(**raw)
    assert isinstance(event, inngest.Event)
    assert list(event.to_dict().items()) == list(raw.items())
    assert inngest.Event.from_raw(event) is event
    assert inngest.Event.from_raw('{"name": "a", "data": null}') == inngest.Event(name="a")
    wrongs: list[object] = [{"data": {}}, "x", 5, {"name": "a", "data": []}]
    for wrong in wrongs:
        assert isinstance(inngest.Event.from_raw(wrong), pydantic.ValidationError)


def test_results_of_sending() -> None:
    result = inngest.SendEventsResult.from_raw({"ids": ["a"], "status": 200})
    assert isinstance(result, inngest.SendEventsResult)
    assert result.to_dict() == {"error": None, "ids": ["a"]}


def test_memos() -> None:
    raw = {
        "data": {"data": 1},
        "value": 5,
        "none": None,
        "error": {"error": {"name": "N", "message": "m"}},
        "other": {"data": 1, "more": 2},
        "no error": {"error": "text"},
    }
    memos = inngest.StepMemos.from_raw(raw)
    assert memos.size == 6
    taken = {name: memos.pop(name) for name in raw}
    assert {name: memo.data for name, memo in taken.items() if memo} == {
        "data": 1,
        "value": 5,
        "none": None,
        "error": None,
        "other": {"data": 1, "more": 2},
        "no error": {"error": "text"},
    }
    error = taken["error"]
    assert error is not None
    assert error.error is not None
    assert (error.error.name, error.error.message) == ("N", "m")
