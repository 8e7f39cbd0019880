"""Functions of each kind, whose runs are left in the middle, and are to complete under a later schema.

`python -m tests.migrations.shop` stores a file of the current revision: runs that sleep, wait, are debounced, batched,
throttled, in lanes, paused, between two attempts, on hold, with a request, and under way in a worker that is gone; and
of an app behind HTTP. Run it once, when a revision is released.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import inngest
from inngest.engine.store.schema import CURRENT
from tests.migrations import served

STORED = Path(__file__).with_name("stored")
ROOT = Path(__file__).parents[2]
DAY_MS = 86_400_000
HOUR = 3_600_000
LONG_KEY = "key-" * 100
NOBODY = "http://127.0.0.1:1/"


class Shop:
    """The functions.

    Args:
        blocked: whether handlers of runs under way wait for ever, as they do when the file is stored.
    """

    def __init__(self, *, blocked: bool = False) -> None:
        self.blocked = blocked
        self.changed = False  # whether the code of one function is another than the one that began its run
        self.begun: list[str] = []
        self.effects: list[str] = []
        self.client = client = inngest.Inngest(app_id="shop")

        @client.create_function(fn_id="sleep", trigger=inngest.TriggerEvent(event="sleep"))
        async def sleep(ctx: inngest.Context) -> object:
            first = await ctx.step.run("first", self.effect, "sleep")
            await ctx.step.sleep("rest", HOUR)
            return first

        @client.create_function(
            fn_id="wait",
            trigger=inngest.TriggerEvent(event="wait"),
            cancel=[inngest.Cancel(event="wait/cancel", if_exp="event.data.id == async.data.id")],
        )
        async def wait(ctx: inngest.Context) -> object:
            same = "event.data.id == async.data.id"
            paid = await ctx.step.wait_for_event("paid", event="wait/paid", timeout=300 * 24 * HOUR, if_exp=same)
            return None if paid is None else paid.data["amount"]

        @client.create_function(fn_id="wait-late", trigger=inngest.TriggerEvent(event="wait-late"))
        async def wait_late(ctx: inngest.Context) -> object:
            return await ctx.step.wait_for_event("never", event="never", timeout=HOUR)

        @client.create_function(
            fn_id="debounce",
            trigger=inngest.TriggerEvent(event="debounce"),
            debounce=inngest.Debounce(key="event.data.key", period=HOUR),
        )
        async def debounce(ctx: inngest.Context) -> object:
            return ctx.event.data["number"]

        @client.create_function(
            fn_id="batch",
            trigger=inngest.TriggerEvent(event="batch"),
            batch_events=inngest.Batch(max_size=9, timeout=60_000, key="event.data.key"),
        )
        async def batch(ctx: inngest.Context) -> object:
            return [event.data["number"] for event in ctx.events]

        @client.create_function(
            fn_id="lane",
            trigger=inngest.TriggerEvent(event="lane"),
            concurrency=[inngest.Concurrency(limit=1, key="event.data.key")],
            priority=inngest.Priority(run="event.data.priority"),
        )
        async def lane(ctx: inngest.Context) -> object:
            return await ctx.step.run("work", self.work, f"lane {ctx.event.data['number']}")

        @client.create_function(
            fn_id="throttle",
            trigger=inngest.TriggerEvent(event="throttle"),
            throttle=inngest.Throttle(limit=1, period=HOUR, key="event.data.key"),
        )
        async def throttle(ctx: inngest.Context) -> object:
            return ctx.event.data["number"]

        @client.create_function(fn_id="paused", trigger=inngest.TriggerEvent(event="paused"))
        async def paused(ctx: inngest.Context) -> object:
            return ctx.event.data["number"]

        @client.create_function(fn_id="retry", trigger=inngest.TriggerEvent(event="retry"))
        async def retry(ctx: inngest.Context) -> object:
            return await ctx.step.run("flaky", self.flaky)

        @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="never"))
        async def child(ctx: inngest.Context) -> object:
            await ctx.step.sleep("rest", HOUR)
            return "of the child"

        @client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="parent"))
        async def parent(ctx: inngest.Context) -> object:
            return await ctx.step.invoke("call", function=child)

        @client.create_function(
            fn_id="once",
            trigger=inngest.TriggerEvent(event="once"),
            idempotency="event.data.key",
            rate_limit=inngest.RateLimit(limit=5, period=HOUR, key="event.data.key"),
        )
        async def once(ctx: inngest.Context) -> object:
            await ctx.step.sleep("rest", HOUR)
            return "once"

        @client.create_function(
            fn_id="single",
            trigger=inngest.TriggerEvent(event="single"),
            singleton=inngest.Singleton(mode="skip", key="event.data.key"),
        )
        async def single(ctx: inngest.Context) -> object:
            await ctx.step.sleep("rest", HOUR)
            return "single"

        @client.create_function(fn_id="under-way", trigger=inngest.TriggerEvent(event="under-way"))
        def under_way(ctx: inngest.ContextSync) -> object:
            return [ctx.step.run("before", self.effect, "before"), ctx.step.run("work", self.work_sync, "under way")]

        @client.create_function(fn_id="fail", trigger=inngest.TriggerEvent(event="fail"), retries=0)
        async def fail(ctx: inngest.Context) -> None:
            raise ValueError("no stock")

        @client.create_function(fn_id="changed", trigger=inngest.TriggerEvent(event="changed"))
        async def changed(ctx: inngest.Context) -> object:
            first = await ctx.step.run("renamed" if self.changed else "first", self.effect, "changed")
            self.changed = self.blocked
            await ctx.step.sleep("rest", 1)
            return first

        @client.create_function(fn_id="ask", trigger=inngest.TriggerEvent(event="ask"), retries=1)
        async def ask(ctx: inngest.Context) -> object:
            try:
                await ctx.step.fetch("get", NOBODY)
            except inngest.StepError:
                return "nobody answers"
            return "somebody answers"

    def effect(self, name: str) -> str:
        """A step that must not be done again."""
        self.effects.append(name)
        return name

    async def work(self, name: str) -> str:
        """A step that is under way when the file is stored."""
        self.begun.append(name)
        if self.blocked:
            await asyncio.Event().wait()
        return name

    def work_sync(self, name: str) -> str:
        """The same in a plain function; it ends, and is not recorded, when the file is stored."""
        self.begun.append(name)
        while self.blocked:
            time.sleep(0.01)
        return name

    def flaky(self) -> str:
        """A step whose first attempt fails."""
        self.begun.append("flaky")
        if self.blocked:
            raise RuntimeError("busy")
        return "mended"

    def engine(self, database: Path | str) -> inngest.Engine:
        """An engine for all of them, on a file or a URL."""
        return inngest.Engine(self.client, database=database, drain_timeout=0)


EVENTS: Sequence[tuple[str, Mapping[str, object]]] = [
    ("sleep", {}),
    ("wait", {"id": 1}),
    ("wait-late", {}),
    *[("debounce", {"key": LONG_KEY, "number": number}) for number in (1, 2)],
    *[("batch", {"key": LONG_KEY, "number": number}) for number in (1, 2)],
    *[("lane", {"key": LONG_KEY, "number": number, "priority": 0}) for number in (1, 2, 3)],
    *[("throttle", {"key": LONG_KEY, "number": number}) for number in (1, 2)],
    *[("paused", {"number": number}) for number in (1, 2)],
    ("retry", {}),
    ("parent", {}),
    ("once", {"key": LONG_KEY}),
    ("single", {"key": LONG_KEY}),
    ("under-way", {}),
    ("fail", {}),
    ("changed", {}),
    ("ask", {}),
    *[(name, {}) for name in served.EVENTS],
]


async def fill(path: Path) -> str:
    """Leave a run of each kind in the middle; what the file holds then, as SQL."""
    shop = Shop(blocked=True)
    engine = shop.engine(path)
    async with served.serving(engine, blocked=True) as app, engine:
        await app.register(engine)
        await engine.pause("shop-paused")
        for name, data in EVENTS:
            await engine.send(inngest.Event(name=name, data=data))
        await _settled(path)
        stored = _dump(path)
        shop.blocked = False
    return stored


async def _settled(path: Path) -> None:
    """Until each run has recorded all that it can."""
    waiting = (
        "SELECT (SELECT count(*) FROM inngest_steps WHERE seq IS NULL) = 10"
        " AND (SELECT count(*) FROM inngest_steps WHERE seq IS NOT NULL) = 5"
        " AND (SELECT count(*) FROM inngest_jobs WHERE held_at IS NOT NULL) = 1"
        " AND (SELECT count(*) FROM inngest_requests WHERE attempt = 1) = 1"
        " AND (SELECT count(*) FROM inngest_runs WHERE ended_at IS NOT NULL) = 2"
        " AND (SELECT count(*) FROM inngest_runs WHERE session_id IS NOT NULL) = 3"
    )
    while True:
        connection = sqlite3.connect(path)
        try:
            ((settled,),) = connection.execute(waiting).fetchall()
        finally:
            connection.close()
        if settled:
            return
        await asyncio.sleep(0.01)


def _dump(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        connection.execute("BEGIN")
        connection.execute("UPDATE inngest_sessions SET host = 'elsewhere', pid = 1")
        return "\n".join(connection.iterdump()).replace(f"{ROOT}/", "") + "\n"
    finally:
        connection.close()


def load(revision: str, path: Path) -> int:
    """Make a database of a stored file; when it was stored, unix ms."""
    script = (STORED / f"{revision}.sql").read_text()
    execute(path, script)
    return int(script.partition("\n")[0].removeprefix("-- "))


def execute(path: Path, script: str) -> None:
    """Make a database of what `fill` gave."""
    connection = sqlite3.connect(path)
    try:
        connection.executescript(script)
    finally:
        connection.close()


@contextmanager
def later(stored_at: int) -> Generator[None]:
    """The wall clock says that it is two days after a file was stored."""
    real = time.time_ns
    ahead = (stored_at + 2 * DAY_MS) * 1_000_000 - real()

    def now_ns() -> int:
        return real() + ahead

    def now() -> float:
        return now_ns() / 10**9

    with mock.patch("time.time_ns", now_ns), mock.patch("time.time", now):
        yield


def main() -> None:
    """Store a file of the current revision."""
    with tempfile.TemporaryDirectory() as folder:
        stored = asyncio.run(fill(Path(folder) / "inngest.db"))
    (STORED / f"{CURRENT.revision}.sql").write_text(f"-- {time.time_ns() // 1_000_000}\n{stored}")


if __name__ == "__main__":
    main()
