"""A file of revision 0001 has, once it is migrated, the keys that today's code writes for the same events."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from inngest.engine.domain.function_rules import Limit
from inngest.engine.domain.index_keys import index_key
from inngest.engine.domain.lanes import Lane
from inngest.engine.store.migrations import long_keys
from tests.migrations import schemas
from tests.migrations.shop import execute, fill, load

KEYS = {
    "inngest_rates": "function_id || key",
    "inngest_singletons": "function_id || key",
    "inngest_idempotency": "function_id || key",
    "inngest_waits": "key",
    "inngest_timers": "CASE WHEN kind IN ('debounce', 'batch') THEN kind || key ELSE kind END",
    "inngest_batches": "CASE WHEN batch_id LIKE '0%' THEN '' ELSE batch_id END",
    "inngest_runs": "lane",
    "inngest_jobs": "lane",
    "inngest_lanes": "id || ' ' || coalesce(blocked_on, '')",
    "inngest_budgets": "budget",
    "inngest_throttles": "id",
}
LONG = "a" * 201
WIDE = "é" * 150
"""300 bytes."""


def found(path: Path) -> dict[str, list[str]]:
    return {table: sorted({str(row[0]) for row in schemas.rows(path, table, sql)}) for table, sql in KEYS.items()}


async def test_a_migrated_file_has_the_keys_of_a_new_one(tmp_path: Path) -> None:
    load("0001", tmp_path / "old.db")
    before = found(tmp_path / "old.db")
    schemas.prepare(tmp_path / "old.db")
    execute(tmp_path / "new.db", await fill(tmp_path / "filled.db"))
    old, new = found(tmp_path / "old.db"), found(tmp_path / "new.db")
    assert old == new
    assert [table for table in KEYS if before[table] == old[table]] == ["inngest_waits"]  # its keys are short


@pytest.fixture
def bind() -> sa.Connection:
    connection = sa.create_engine("sqlite://").connect()
    for table, columns in {
        "inngest_rates": "function_id, key",
        "inngest_singletons": "function_id, key",
        "inngest_waits": "run_id, hash, key",
        "inngest_idempotency": "function_id, key",
        "inngest_timers": "id, kind, key",
        "inngest_batches": "batch_id",
        "inngest_runs": "id, lane, ended_at, slots",
        "inngest_jobs": "id, lane",
        "inngest_lanes": "id, blocked_on",
        "inngest_budgets": "budget",
        "inngest_throttles": "id",
    }.items():
        connection.execute(sa.text(f"CREATE TABLE {table} ({columns})"))
    return connection


def put(bind: sa.Connection, table: str, *values: object) -> None:
    names = [f"v{index}" for index in range(len(values))]
    row = dict(zip(names, values, strict=True))
    bind.execute(sa.text(f"INSERT INTO {table} VALUES ({', '.join(':' + name for name in names)})"), row)


def rows(bind: sa.Connection, table: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in bind.execute(sa.text(f"SELECT * FROM {table}"))]


@pytest.mark.parametrize("text", ["", "short", '"text"', "a" * 200, LONG, "é" * 100, WIDE, "a\0b", "a\ud800b"])
def test_its_keys_are_those_of_the_domain(text: str) -> None:
    if "\ud800" not in text:  # no database has one
        assert long_keys.key_of(text) == index_key(text)
    assert index_key(index_key(text)) == index_key(text)
    assert len(index_key(text).encode()) <= 200


def test_ids_of_events_that_look_like_a_hash_are_ids_of_events(bind: sa.Connection) -> None:
    digest = "sha256:" + "0" * 64
    put(bind, "inngest_idempotency", "f", digest)
    put(bind, "inngest_idempotency", "f", "\x1f" + digest)
    put(bind, "inngest_idempotency", "f", LONG)
    put(bind, "inngest_idempotency", "f", "\x1f" + WIDE)
    long_keys.rewrite(bind)
    assert rows(bind, "inngest_idempotency") == [
        ("f", digest),
        ("f", "\x1f\x1e" + "0" * 64),
        ("f", index_key(LONG)),
        ("f", "\x1f" + index_key(WIDE)),
    ]


def test_wide_keys_and_long_names_of_functions(bind: sa.Connection) -> None:
    function = "app-" + "f" * 120
    for fn, value, scope in itertools.product(("app-f", function), (f'"{WIDE}"', '"x"', ""), ("fn", "env")):
        own = f"fn:{fn}:0123abcd:" if scope == "fn" else "env:"
        before = Lane(fn, (own + value,), f"{fn}:{value}")
        put(bind, "inngest_runs", "unfinished", before.id, None, 0)
        put(bind, "inngest_runs", "ended", before.id, 1, 0)
        put(bind, "inngest_lanes", before.id, before.budgets[0])
        put(bind, "inngest_budgets", before.budgets[0])
        put(bind, "inngest_throttles", before.throttle)
        long_keys.rewrite(bind)
        prefix = f"fn:{index_key(fn, 100)}:0123abcd:" if scope == "fn" else "env:"
        budget = Limit(1, "event.data.key", prefix).budget(index_key(value))
        throttle = index_key(f"{fn}:{value}")
        after = Lane(fn, (budget,), throttle)
        assert rows(bind, "inngest_runs")[-2:] == [("unfinished", after.id, None, 0), ("ended", before.id, 1, 0)]
        assert rows(bind, "inngest_lanes")[-1] == (after.id, budget)
        assert rows(bind, "inngest_budgets")[-1] == (budget,)
        assert rows(bind, "inngest_throttles")[-1] == (throttle,)
        assert len(budget.encode()) <= 200


def test_what_collects_events_is_one_key(bind: sa.Connection) -> None:
    collects = json.dumps(["app-f", WIDE], ensure_ascii=False)
    put(bind, "inngest_timers", "1", "debounce", collects)
    put(bind, "inngest_timers", "2", "cron", f"[{LONG}")
    put(bind, "inngest_batches", collects)
    long_keys.rewrite(bind)
    key = index_key(json.dumps(["app-f", index_key(WIDE)], ensure_ascii=False))
    assert rows(bind, "inngest_timers") == [("1", "debounce", key), ("2", "cron", index_key(f"[{LONG}"))]
    assert rows(bind, "inngest_batches") == [(key,)]
