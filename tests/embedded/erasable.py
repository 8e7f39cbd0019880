"""A shop in whose database one person's value is everywhere, and a search for it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import inngest
from inngest import RunStatus
from inngest.embedded.engine import host_of
from inngest.engine.domain.run_metadata import Op, Update
from inngest.engine.records import Cancellation
from inngest.protocol.opcodes import SentEvent
from tests import postgres
from tests.embedded import databases

ANN = "ann-7f3a91"
"""The value. It is nowhere but in data, results, errors and keys of hers."""

BOB = "bob-55c2d0"
"""The value of somebody else, of whom everything stays."""

WHERE = f'event.data.user == "{ANN}"'
HOUR = 3_600_000
_ENDED = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.SKIPPED)


class Shop:
    """Functions of each kind that keep what their events say."""

    def __init__(self) -> None:
        self.client = client = inngest.Inngest(app_id="shop")
        self.tries: dict[str, int] = {}

        @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="never"))
        async def child(ctx: inngest.Context) -> object:
            return await ctx.step.run("copy", lambda: ctx.event.data)

        @client.create_function(fn_id="tidy", trigger=inngest.TriggerEvent(event="never"))
        async def tidy(ctx: inngest.Context) -> object:
            return dict(ctx.event.data)

        @client.create_function(
            fn_id="order",
            trigger=inngest.TriggerEvent(event="order/placed"),
            idempotency="event.data.user",
            rate_limit=inngest.RateLimit(limit=50, period=HOUR, key="event.data.user"),
            throttle=inngest.Throttle(limit=1_000, period=1_000, key="event.data.user"),
            concurrency=[inngest.Concurrency(limit=2, key="event.data.user")],
            singleton=inngest.Singleton(mode="skip", key="event.data.user"),
        )
        async def order(ctx: inngest.Context) -> object:
            user = str(ctx.event.data["user"])
            await ctx.step.run("charge", self.flaky, user)
            ctx.defer("tidy", function=tidy, data={"of": user})
            with contextlib.suppress(inngest.StepError):
                await ctx.step.run("broken", self.broken, user)
            await ctx.step.invoke("call", function=child, data={"of": user})
            paid = await ctx.step.wait_for_event(
                "paid", event="order/paid", timeout=HOUR, if_exp="event.data.user == async.data.user"
            )
            return [user, None if paid is None else dict(paid.data)]

        @client.create_function(fn_id="fails", trigger=inngest.TriggerEvent(event="order/fails"), retries=0)
        async def fails(ctx: inngest.Context) -> None:
            raise ValueError(f"no stock for {ctx.event.data['user']}")

        @client.create_function(fn_id="listener", trigger=inngest.TriggerEvent(event="inngest/function.finished"))
        async def listener(ctx: inngest.Context) -> object:
            return dict(ctx.event.data)

        @client.create_function(fn_id="mourner", trigger=inngest.TriggerEvent(event="inngest/function.failed"))
        async def mourner(ctx: inngest.Context) -> object:
            return await ctx.step.run("note", lambda: ctx.event.data)

        @client.create_function(fn_id="watch", trigger=inngest.TriggerEvent(event="watch"))
        async def watch(ctx: inngest.Context) -> object:
            await ctx.step.run("before", lambda: "kept")
            await ctx.step.wait_for_event("paid", event="order/paid", timeout=HOUR)
            return await ctx.step.run("after", lambda: "done")

        @client.create_function(fn_id="calls", trigger=inngest.TriggerEvent(event="calls"))
        async def calls(ctx: inngest.Context) -> object:
            await ctx.step.run("before", lambda: "kept")
            await ctx.step.invoke("call", function=child, data={"user": ANN})
            return await ctx.step.run("after", lambda: "done")

        @client.create_function(
            fn_id="batch",
            trigger=inngest.TriggerEvent(event="batched"),
            batch_events=inngest.Batch(max_size=2, timeout=60_000),
        )
        async def batch(ctx: inngest.Context) -> object:
            return [event.data["user"] for event in ctx.events]

        @client.create_function(fn_id="sleep", trigger=inngest.TriggerEvent(event="sleep"))
        async def sleep(ctx: inngest.Context) -> object:
            first = await ctx.step.run("first", lambda: ctx.event.data["user"])
            await ctx.step.sleep("rest", HOUR)
            return first

        @client.create_function(
            fn_id="debounce",
            trigger=inngest.TriggerEvent(event="debounced"),
            debounce=inngest.Debounce(key="event.data.user", period=HOUR),
        )
        async def debounce(ctx: inngest.Context) -> object:
            return ctx.event.data["user"]

        @client.create_function(
            fn_id="collect",
            trigger=inngest.TriggerEvent(event="collected"),
            batch_events=inngest.Batch(max_size=3, timeout=60_000),
        )
        async def collect(ctx: inngest.Context) -> object:
            return [event.data["user"] for event in ctx.events]

        @client.create_function(fn_id="sends", trigger=inngest.TriggerEvent(event="sends"))
        async def sends(ctx: inngest.Context) -> None:
            await ctx.step.send_event("tell", inngest.Event(name="told/on", data={"who": "somebody"}))

    def flaky(self, user: str) -> str:
        """A step whose first attempt fails."""
        self.tries[user] = self.tries.get(user, 0) + 1
        if self.tries[user] == 1:
            raise RuntimeError(f"the card of {user} was refused")
        return f"charged {user}"

    def broken(self, user: str) -> None:
        """A step that fails for good."""
        raise inngest.NonRetriableError(f"{user} has no address")

    def engine(self, database: str) -> inngest.Engine:
        """An engine for all of them."""
        return inngest.Engine(self.client, database=database, retry_interval=0.01, drain_timeout=0)


async def run_of(engine: inngest.Engine, event: str, user: str) -> str:
    """The run that an event starts; its id."""
    (event_id,) = await engine.send(inngest.Event(name=event, data={"user": user}))
    (run,) = await engine.runs(event_id=event_id)
    return run.id


async def ended(engine: inngest.Engine) -> None:
    """Until all runs have ended, and what they started."""
    while True:
        found = await engine.runs(limit=1_000)
        if all(run.status in _ENDED for run in found):
            return
        await asyncio.sleep(0.05)


async def waits(engine: inngest.Engine, run_id: str) -> None:
    """Until a run waits for what only a test sends, or sleeps."""
    last = {"paid", "rest"}
    while not any(one.id in last and one.ended_at is None for one in (await engine.run(run_id)).steps):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def live(engine: inngest.Engine) -> dict[str, str]:
    """All that happens to her and to somebody else, to its end; ids of runs by function, those that are hers alone."""
    watching = await run_of(engine, "watch", "nobody")
    await waits(engine, watching)
    runs = {"watch": watching, "calls": await run_of(engine, "calls", "nobody")}
    for user in (ANN, BOB):
        sent = SentEvent(
            "order/placed", f'{{"user":"{user}"}}', f"order-of-{user}", 0, "", f'{{"user":{{"of":"{user}"}}}}'
        )
        (event_id,) = await host_of(engine).accept([sent])
        (order,) = await engine.runs(event_id=event_id) or await engine.runs(function="shop-order", limit=1)
        runs[f"order-{user}"] = order.id
        await waits(engine, order.id)
        await engine.send(inngest.Event(name="order/paid", data={"user": user}))
        runs[f"fails-{user}"] = await run_of(engine, "order/fails", user)
        runs[f"sleep-{user}"] = await run_of(engine, "sleep", user)
        await waits(engine, runs[f"sleep-{user}"])
        await engine.cancel(runs[f"sleep-{user}"])
    (first,) = await engine.send(inngest.Event(name="batched", data={"user": BOB}))
    await engine.send(inngest.Event(name="batched", data={"user": ANN}))
    (batch,) = await engine.runs(event_id=first)
    runs["batch"] = batch.id
    await ended(engine)
    again = await engine.rerun(runs[f"fails-{ANN}"])
    await ended(engine)
    runs["rerun"] = again.id
    control = host_of(engine).on_its_loop().service.control
    said = [Update(None, None, "note", Op.SET, {"of": ANN})]
    await control.annotate(runs[f"order-{ANN}"], said)
    await control.cancel_many(Cancellation("", "shop", "shop-sleep", None, 1, WHERE, 1))
    return runs


def found(folder: Path, text: str) -> list[str]:
    """The columns of the database that belongs to a folder which hold a text: all are looked through."""
    looks = [
        f"SELECT '{table}.{column}' FROM {table} WHERE CAST(\"{column}\" AS TEXT) LIKE '%{text}%'"
        for table, column in columns(folder)
    ]
    return [place for (place,) in databases.execute(folder, " UNION ALL ".join(looks))]


def columns(folder: Path) -> list[tuple[str, str]]:
    """Each table and column of it."""
    if databases.url_in(folder).startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(folder / "inngest.db")) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return [(table, row[1]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")]
    schema = databases.execute(folder, "SELECT current_schema()")[0][0]
    return postgres.server().execute(
        f"SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = '{schema}'"
    )


def in_files(folder: Path, text: str) -> list[str]:
    """The files of a folder whose bytes hold a text."""
    return [one.name for one in sorted(folder.iterdir()) if one.is_file() and text.encode() in one.read_bytes()]
