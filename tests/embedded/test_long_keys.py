"""Keys of any length, and of any character that JSON can hold: they count as they are, and are stored as hashes."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.embedded.reader import Reader
from inngest.engine.domain.index_keys import LONGEST

from .stage import Stage

HOUR = 3_600_000
LONG = "💶" * 2_000
OTHER = LONG[:-1] + "€"
KEYED = {
    "inngest_idempotency": ("key",),
    "inngest_rates": ("key",),
    "inngest_singletons": ("key",),
    "inngest_timers": ("key",),
    "inngest_batches": ("batch_id",),
    "inngest_waits": ("path", "key"),
    "inngest_budgets": ("budget",),
    "inngest_throttles": ("id",),
}
MEMBER = "very" * 60


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def texts(path: Path) -> dict[str, list[str]]:
    connection = sqlite3.connect(path)
    try:
        found = {
            table: connection.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
            for table, columns in KEYED.items()
        }
    finally:
        connection.close()
    return {table: [str(text) for row in rows for text in row] for table, rows in found.items()}


KEYS = [(LONG, OTHER), ("a\0b", "a\0c"), ("a\ud800b", "a\ud800c"), ("x" * 197, "x" * 198), ("x" * 198, "x" * 199)]


@pytest.mark.parametrize("keys", KEYS, ids=["long", "NUL", "half of a pair", "200 bytes", "201 bytes"])
async def test_keys_count_as_they_are(stage: Stage, keys: tuple[str, str]) -> None:
    """Each gate gets two events of one key, and one of another that differs in its end."""
    first, other = keys
    key = "event.data.key"

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event(
            "w", event="never", timeout=HOUR, if_exp=f"event.data.key == async.data.key && async.data.{MEMBER} == 1"
        )

    def gated(gate: str, **options: Any) -> inngest.Function[Any]:
        trigger = inngest.TriggerEvent(event=gate)
        return stage.client.create_function(fn_id=gate, trigger=trigger, **options)(body)

    functions = [
        gated("idempotency", idempotency=key),
        gated("rate", rate_limit=inngest.RateLimit(limit=1, period=HOUR, key=key)),
        gated("singleton", singleton=inngest.Singleton(mode="skip", key=key)),
        gated("debounce", debounce=inngest.Debounce(period=HOUR, key=key)),
        gated("batch", batch_events=inngest.Batch(max_size=2, timeout=HOUR, key=key)),
        gated("throttle", throttle=inngest.Throttle(limit=1, period=HOUR, key=key)),
        gated("lane", concurrency=[inngest.Concurrency(limit=1, key=key)]),
    ]
    async with stage.engine(*functions) as engine:
        for gate in functions:
            for value in (first, first, other):
                data = {"key": value, "gate": gate.local_id}
                await engine.send(inngest.Event(name=gate.local_id, data=data))
        stored = texts(stage.folder / "inngest.db")
        runs = {gate.local_id: await engine.runs(function=gate) for gate in functions}
    counts = {gate: len([run for run in of if run.status != "SKIPPED"]) for gate, of in runs.items()}
    assert counts == {
        "idempotency": 2,
        "rate": 2,
        "singleton": 2,
        "debounce": 0,
        "batch": 1,
        "throttle": 3,
        "lane": 3,
    }
    assert len(stored["inngest_timers"]) == 3  # two debounces, and a batch of one
    assert len(set(stored["inngest_throttles"])) == 2
    for table, keys_of_table in stored.items():
        assert keys_of_table, table
        assert max(len(one.encode()) for one in keys_of_table) <= LONGEST, table


async def test_a_long_id_of_an_event_is_its_id(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        return ctx.event.id

    function = stage.function(body)
    async with stage.engine(function) as engine:
        for event_id in (LONG, LONG, OTHER):
            await engine.send(inngest.Event(name="test/start", id=event_id))
        runs = await engine.runs()
        assert {await engine.wait(run.id) for run in runs} == {LONG, OTHER}
        stored = texts(stage.folder / "inngest.db")
    assert max(len(key.encode()) for key in stored["inngest_idempotency"]) <= LONGEST


async def test_a_wait_finds_its_event_by_a_long_key_and_by_a_long_path(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> object:
        by_key, by_path = await ctx.group.parallel(
            (
                lambda: ctx.step.wait_for_event(
                    "key", event="back", timeout=HOUR, if_exp="event.data.key == async.data.key"
                ),
                lambda: ctx.step.wait_for_event(
                    "path", event="back", timeout=HOUR, if_exp=f"async.data.{MEMBER} == event.data.key"
                ),
            )
        )
        return [by_key and by_key.data["n"], by_path and by_path.data["n"]]

    function = stage.function(body)
    async with stage.engine(function) as engine:
        await engine.send(inngest.Event(name="test/start", data={"key": LONG}))
        (run,) = await engine.runs()
        while len([one for one in (await engine.run(run.id)).steps if one.kind == "WaitForEvent"]) < 2:
            pass
        stored = texts(stage.folder / "inngest.db")
        for n, value in enumerate((OTHER, LONG)):
            data = {"key": value, "n": n, MEMBER: value}
            await engine.send(inngest.Event(name="back", data=data))
        assert await engine.wait(run.id) == [1, 1]
    assert max(len(one.encode()) for one in stored["inngest_waits"]) <= LONGEST


async def test_people_are_not_shown_a_hash(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("w", event="never", timeout=HOUR, if_exp="event.data.key == async.data.key")

    limited = stage.function(body, concurrency=[inngest.Concurrency(limit=1, key="event.data.key")])
    collected = stage.client.create_function(
        fn_id="late",
        trigger=inngest.TriggerEvent(event="test/start"),
        debounce=inngest.Debounce(period=HOUR, key="event.data.key"),
    )(body)
    async with stage.engine(limited, collected) as engine:
        (event_id,) = await engine.send(inngest.Event(name="test/start", data={"key": LONG}))
        reader = Reader(stage.folder / "inngest.db")
        (pending,) = reader.pending(event_id)
        assert (pending.function_id, pending.key) == ("test-late", "…")
        (run,) = await engine.runs()
        while not (await engine.run(run.id)).steps:
            pass
        assert "`async.data.key == …`" in str(await engine.explain(run.id))
