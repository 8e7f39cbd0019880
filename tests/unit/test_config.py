"""The configuration models: what is refused, in which words, and what goes on the wire."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest

import inngest
from inngest.errors import FunctionConfigInvalidError
from inngest.protocol.config import ConfigModel

SECOND = datetime.timedelta(seconds=1)
DAY = datetime.timedelta(days=1)

ON_THE_WIRE: list[tuple[ConfigModel, dict[str, object]]] = [
    (inngest.Batch(max_size=10), {"maxSize": 10}),
    (
        inngest.Batch(max_size=2, timeout=DAY, key="event.data.user", if_exp="event.data.paid"),
        {"maxSize": 2, "timeout": "24h", "key": "event.data.user", "if": "event.data.paid"},  # no days here
    ),
    (inngest.Cancel(event="a/b"), {"event": "a/b"}),
    (
        inngest.Cancel(event="a/b", if_exp="async.data.id == event.data.id", timeout=3_600_000),
        {"event": "a/b", "if": "async.data.id == event.data.id", "timeout": "1h"},
    ),
    (inngest.Concurrency(limit=3), {"limit": 3}),
    (
        inngest.Concurrency(limit=1, key="event.data.user", scope="account"),
        {"limit": 1, "key": "event.data.user", "scope": "account"},
    ),
    (inngest.Debounce(period=7 * DAY), {"period": "1w"}),
    (
        inngest.Debounce(period=90_000, key="event.data.user", timeout=DAY),
        {"period": "90s", "key": "event.data.user", "timeout": "1d"},
    ),
    (inngest.Priority(run="event.data.vip ? 60 : 0"), {"run": "event.data.vip ? 60 : 0"}),
    (inngest.RateLimit(limit=1, period=60_000), {"limit": 1, "period": "1m"}),
    (inngest.Singleton(mode="cancel", key="event.data.user"), {"mode": "cancel", "key": "event.data.user"}),
    (inngest.Throttle(limit=5, period=SECOND), {"limit": 5, "period": "1s", "burst": 1}),
    (inngest.Timeouts(start=10_000, finish=2 * DAY), {"start": "10s", "finish": "2d"}),
    (inngest.Timeouts(), {}),
    (inngest.TriggerEvent(event="a/b"), {"event": "a/b"}),
    (inngest.TriggerEvent(event="a/*", expression="event.ts > 1"), {"event": "a/*", "expression": "event.ts > 1"}),
    (inngest.TriggerCron(cron="TZ=Europe/Paris 0 9 * * mon-fri"), {"cron": "TZ=Europe/Paris 0 9 * * mon-fri"}),
    (inngest.TriggerCron(cron="0 0 29 2 *", jitter="30s"), {"cron": "0 0 29 2 *", "jitter": "30s"}),
    (
        inngest.TriggerCron(cron="0 9 * * *", catch_up="none", overlap="allow", catch_up_limit=100),
        {"cron": "0 9 * * *"},
    ),
    (
        inngest.TriggerCron(cron="0 9 * * *", catch_up="all", overlap="skip", catch_up_limit=10),
        {"cron": "0 9 * * *", "catchUp": "all", "overlap": "skip", "catchUpLimit": 10},
    ),
]


@pytest.mark.parametrize(("model", "wire"), ON_THE_WIRE, ids=[repr(model) for model, _ in ON_THE_WIRE])
def test_a_model_has_its_wire_form(model: ConfigModel, wire: dict[str, object]) -> None:
    assert model.to_wire() == wire


def bad(build: Callable[..., object], words: str, **values: object) -> object:
    return pytest.param(build, values, words, id=f"{build.__name__} {values}"[:80])


WRONG = [
    bad(inngest.Batch, "Batch.max_size: Field required"),
    bad(inngest.Batch, "Batch.max_size: Input should be greater than or equal to 2 (got 1)", max_size=1),
    bad(inngest.Batch, "Batch.max_size: Input should be a valid integer (got '5')", max_size="5"),
    bad(inngest.Batch, "Batch.max_size: Input should be a valid integer (got True)", max_size=True),
    bad(inngest.Batch, "Batch.timeout: must be at least 1 second, got 999 ms", max_size=2, timeout=999),
    bad(inngest.Batch, "Batch.key: must not be empty", max_size=2, key=" "),
    bad(inngest.Batch, "Batch.size: Extra inputs are not permitted (got 3)", max_size=2, size=3),
    bad(inngest.Cancel, "Cancel.event: must not be empty", event=""),
    bad(inngest.Cancel, "Cancel.event: String should have at most 255 characters", event="x" * 256),
    bad(inngest.Cancel, "Cancel.event: must not contain the character NUL", event="a\0"),
    bad(inngest.Cancel, "Cancel.timeout: must be at most 366d, got 367d", event="a", timeout=367 * DAY),
    bad(inngest.Concurrency, "Concurrency.limit: Input should be greater than or equal to 0 (got -1)", limit=-1),
    bad(inngest.Concurrency, "Concurrency.scope: Input should be 'account', 'env' or 'fn'", limit=1, scope="x"),
    bad(inngest.Concurrency, "Concurrency.key: scope 'env' needs a key", limit=1, scope="env"),
    bad(inngest.Debounce, "Debounce.period: must be at least 1 second, got 0 ms", period=0),
    bad(inngest.Debounce, "Debounce.period: must be at most 1w, got 8d", period=8 * DAY),
    bad(inngest.Debounce, "Debounce.period: expected milliseconds as int, or a timedelta, got 1.5", period=1.5),
    bad(inngest.Debounce, "Debounce.period: expected milliseconds as int, or a timedelta, got '5s'", period="5s"),
    bad(inngest.Debounce, "Debounce.period: expected milliseconds as int, or a timedelta, got True", period=True),
    bad(inngest.Debounce, "Debounce.period: must be a whole number of seconds, got 1500 ms", period=1_500),
    bad(inngest.Debounce, "must be a whole number of seconds", period=datetime.timedelta(seconds=1, microseconds=1)),
    bad(inngest.Priority, "Priority.run: Input should be a valid string (got 5)", run=5),
    bad(inngest.RateLimit, "RateLimit.limit: Input should be greater than or equal to 1", limit=0, period=60_000),
    bad(inngest.RateLimit, "RateLimit.period: must be at most 1d, got 2d", limit=1, period=2 * DAY),
    bad(inngest.Singleton, "Singleton.mode: Input should be 'skip' or 'cancel' (got 'stop')", mode="stop"),
    bad(inngest.Throttle, "Throttle.burst: Input should be greater than or equal to 1", limit=1, period=1_000, burst=0),
    bad(inngest.Timeouts, "Timeouts.start: must be at least 1 second, got -1 ms", start=-1),
    bad(inngest.TriggerEvent, "TriggerEvent.event: must not be empty", event="  "),
    bad(inngest.TriggerEvent, "TriggerEvent.expression: must not be empty", event="a", expression=""),
    bad(
        inngest.TriggerEvent,
        "TriggerEvent.expression: line 1, column 16: expected a value, found the end\n  event.data.a ==\n",
        event="a",
        expression="event.data.a ==",
    ),
    bad(
        inngest.TriggerEvent,
        "TriggerEvent.expression: line 1, column 1: 'async' is not known here",
        event="a",
        expression="async.data.a == 1",
    ),
    bad(inngest.Batch, "Batch.if_exp: line 1, column 1: unknown name 'evnt'", max_size=2, if_exp="evnt.x"),
    bad(inngest.Batch, "Batch.key: line 1, column 1: unknown name 'data'", max_size=2, key="data.x"),
    bad(
        inngest.Cancel,
        "Cancel.if_exp: line 1, column 14: only comparisons and logic may stand here, not a function",
        event="a",
        if_exp="async.data.x.startsWith('a')",
    ),
    bad(inngest.Concurrency, "Concurrency.key: line 1, column 1: unknown name 'x'", limit=1, key="x"),
    bad(inngest.Debounce, "Debounce.key: line 1, column 1: unknown name 'x'", period=SECOND, key="x"),
    bad(inngest.Priority, "Priority.run: line 1, column 1: unknown name 'x'", run="x"),
    bad(inngest.RateLimit, "RateLimit.key: line 1, column 1: unknown name 'x'", limit=1, period=SECOND, key="x"),
    bad(inngest.Singleton, "Singleton.key: line 1, column 1: unknown name 'x'", mode="skip", key="x"),
    bad(inngest.Throttle, "Throttle.key: line 1, column 1: unknown name 'x'", limit=1, period=SECOND, key="x"),
    bad(inngest.TriggerCron, "TriggerCron.cron: column 1: expected five fields", cron=""),
    *(
        bad(inngest.TriggerEvent, 'TriggerEvent.event: "*" may only stand at the end, after "/" or "."', event=name)
        for name in ("*", "a*", "/*", "a/*/b", "a/**", "*/a", "a.*.*")
    ),
    bad(inngest.TriggerCron, "TriggerCron.cron: column 1: expected five fields", cron="@hourly"),
    bad(inngest.TriggerCron, "TriggerCron.cron: column 11: expected five fields", cron="* * * * * *"),
    bad(inngest.TriggerCron, "TriggerCron.cron: column 1: minute '61': expected 0 to 59", cron="61 * * * *"),
    bad(inngest.TriggerCron, "TriggerCron.cron: column 5: no date ever matches", cron="0 0 30 2 *"),
    bad(
        inngest.TriggerCron, "TriggerCron.cron: column 4: unknown time zone 'Mars/Base'", cron="TZ=Mars/Base 0 0 * * *"
    ),
    bad(inngest.TriggerCron, "TriggerCron.cron: column 4: unknown time zone '../x'", cron="TZ=../x 0 0 * * *"),
    bad(
        inngest.TriggerCron, "TriggerCron.cron: column 256: a cron has at most 255 characters, got 256", cron="0" * 256
    ),
    bad(inngest.TriggerCron, "TriggerCron.jitter: must be from 1s to 5m, got '6m'", cron="* * * * *", jitter="6m"),
    bad(inngest.TriggerCron, "TriggerCron.jitter: expected a duration such as", cron="* * * * *", jitter="soon"),
    bad(
        inngest.TriggerCron,
        "TriggerCron.catch_up: Input should be 'none', 'last' or 'all' (got 'some')",
        cron="* * * * *",
        catch_up="some",
    ),
    bad(
        inngest.TriggerCron,
        "TriggerCron.overlap: Input should be 'allow', 'skip' or 'cancel' (got None)",
        cron="* * * * *",
        overlap=None,
    ),
    bad(
        inngest.TriggerCron,
        "TriggerCron.catch_up_limit: Input should be greater than or equal to 1 (got 0)",
        cron="* * * * *",
        catch_up_limit=0,
    ),
    bad(
        inngest.TriggerCron,
        "TriggerCron.catch_up_limit: Input should be less than or equal to 10000 (got 10001)",
        cron="* * * * *",
        catch_up_limit=10_001,
    ),
]


KEYED: list[tuple[Callable[..., ConfigModel], str, dict[str, object]]] = [
    (inngest.Batch, "key", {"max_size": 2}),
    (inngest.Batch, "if_exp", {"max_size": 2}),
    (inngest.Concurrency, "key", {"limit": 1}),
    (inngest.Debounce, "key", {"period": SECOND}),
    (inngest.Priority, "run", {}),
    (inngest.RateLimit, "key", {"limit": 1, "period": SECOND}),
    (inngest.Singleton, "key", {"mode": "skip"}),
    (inngest.Throttle, "key", {"limit": 1, "period": SECOND}),
    (inngest.TriggerEvent, "expression", {"event": "a"}),
]


@pytest.mark.parametrize(("build", "field", "values"), KEYED)
def test_what_is_computed_as_a_run_starts_sees_no_other_event(
    build: Callable[..., ConfigModel], field: str, values: dict[str, object]
) -> None:
    text = "event.data.user || vars.user"
    assert getattr(build(**values, **{field: text}), field) == text
    with pytest.raises(FunctionConfigInvalidError, match=f"{field}: line 1, column 1: 'async' is not known here"):
        build(**values, **{field: "async.data.user"})


def test_a_cancellation_sees_both_events() -> None:
    text = "async.data.user == event.data.user"
    assert inngest.Cancel(event="a", if_exp=text).if_exp == text


@pytest.mark.parametrize(("build", "values", "words"), WRONG)
def test_what_is_wrong_is_refused_by_field_and_reason(
    build: Callable[..., object], values: dict[str, object], words: str
) -> None:
    with pytest.raises(FunctionConfigInvalidError) as raised:
        build(**values)
    assert words in raised.value.message
