"""The configuration models: what is refused, in which words, and what goes on the wire."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest

import inngest
from inngest.errors import FunctionConfigInvalidError
from inngest.protocol.config import ConfigModel
from inngest.protocol.cron import Cron, parse

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
    bad(inngest.Debounce, "Debounce.period: must be a whole number of seconds, got 1500", period=1_500),
    bad(inngest.Debounce, "must be a whole number of seconds", period=datetime.timedelta(seconds=1, microseconds=1)),
    bad(inngest.Priority, "Priority.run: Input should be a valid string (got 5)", run=5),
    bad(inngest.RateLimit, "RateLimit.limit: Input should be greater than or equal to 1", limit=0, period=60_000),
    bad(inngest.RateLimit, "RateLimit.period: must be at most 1d, got 2d", limit=1, period=2 * DAY),
    bad(inngest.Singleton, "Singleton.mode: Input should be 'skip' or 'cancel' (got 'stop')", mode="stop"),
    bad(inngest.Throttle, "Throttle.burst: Input should be greater than or equal to 1", limit=1, period=1_000, burst=0),
    bad(inngest.Timeouts, "Timeouts.start: must be at least 1 second, got -1 ms", start=-1),
    bad(inngest.TriggerEvent, "TriggerEvent.event: must not be empty", event="  "),
    bad(inngest.TriggerEvent, "TriggerEvent.expression: must not be empty", event="a", expression=""),
    bad(inngest.TriggerCron, "TriggerCron.cron: expected five fields", cron=""),
    bad(inngest.TriggerCron, "TriggerCron.cron: expected five fields", cron="@hourly"),
    bad(inngest.TriggerCron, "TriggerCron.cron: expected five fields", cron="* * * * * *"),
    bad(inngest.TriggerCron, "TriggerCron.cron: bad minute in '61 * * * *'", cron="61 * * * *"),
    bad(inngest.TriggerCron, "TriggerCron.cron: bad day-of-month in '0 0 30 2 *'", cron="0 0 30 2 *"),
    bad(inngest.TriggerCron, "TriggerCron.cron: unknown time zone 'Mars/Base'", cron="TZ=Mars/Base 0 0 * * *"),
    bad(inngest.TriggerCron, "TriggerCron.cron: unknown time zone '../x'", cron="TZ=../x 0 0 * * *"),
    bad(inngest.TriggerCron, "TriggerCron.cron: String should have at most 255", cron="0" * 256),
    bad(inngest.TriggerCron, "TriggerCron.jitter: must be from 1s to 5m, got '6m'", cron="* * * * *", jitter="6m"),
    bad(inngest.TriggerCron, "TriggerCron.jitter: expected a duration such as", cron="* * * * *", jitter="soon"),
]


@pytest.mark.parametrize(("build", "values", "words"), WRONG)
def test_what_is_wrong_is_refused_by_field_and_reason(
    build: Callable[..., object], values: dict[str, object], words: str
) -> None:
    with pytest.raises(FunctionConfigInvalidError) as raised:
        build(**values)
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("text", "cron"),
    [
        ("*/5 * * * *", Cron("*/5 * * * *", "UTC")),
        ("TZ=Asia/Tokyo 0 9 * * mon-fri", Cron("0 9 * * mon-fri", "Asia/Tokyo")),
        ("CRON_TZ=America/New_York  30 8 1 jan,jul *", Cron("30 8 1 jan,jul *", "America/New_York")),
    ],
)
def test_a_cron_has_a_zone_and_five_fields(text: str, cron: Cron) -> None:
    assert parse(text) == cron
