"""Mistakes with clients, functions, configuration and engines that a checker sees."""

# pyright: standard

from __future__ import annotations

import datetime

import inngest

client = inngest.Inngest(app_id="shop")
placed = inngest.TriggerEvent(event="a")


@client.create_function(fn_id="pay", trigger=placed)
async def pay(ctx: inngest.Context) -> int:
    return 1


def ship(ctx: inngest.ContextSync) -> str:
    return ""


inngest.Inngest()  # E: mypy[call-arg] pyright[reportCallIssue]
inngest.Inngest("shop")  # E: mypy[call-arg] pyright[reportCallIssue]
inngest.Inngest(app_id=5)  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.Inngest(app_id="shop", request_timeout=1.5)  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.Inngest(app_id="shop", middleware=[5])  # E: mypy[list-item] pyright[reportArgumentType]
inngest.Inngest(app_id="shop", serializer=object())  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.Inngest(app_id="shop", key="secret")  # E: mypy[call-arg] pyright[reportCallIssue]

client.create_function(fn_id="a")  # E: mypy[call-arg] pyright[reportCallIssue]
client.create_function(fn_id="a", trigger="b")  # E: mypy[arg-type] pyright[reportArgumentType]
client.create_function(fn_id="a", trigger=[placed, "b"])  # E: mypy[list-item] pyright[reportArgumentType]
client.create_function(fn_id="a", trigger=placed, retries="5")  # E: mypy[arg-type] pyright[reportArgumentType]
client.create_function(fn_id="a", trigger=placed, retry=5)  # E: mypy[call-arg] pyright[reportCallIssue]
client.create_function(fn_id="a", trigger=placed, cancel=inngest.Cancel(event="a"))  # E: mypy[arg-type] pyright[reportArgumentType]
client.create_function(fn_id="a", trigger=placed, concurrency=[inngest.Timeouts()])  # E: mypy[list-item] pyright[reportArgumentType]
client.create_function(fn_id="a", trigger=placed, on_failure=5)  # E: mypy[arg-type] pyright[reportArgumentType]
client.create_function(fn_id="a", trigger=placed)(5)  # E: mypy[call-overload] pyright[reportArgumentType, reportCallIssue]
client.create_function(fn_id="a", trigger=placed)(lambda: 5)  # E: mypy[arg-type, misc] pyright[reportArgumentType, reportCallIssue]


@client.create_function(fn_id="b", trigger=placed)  # E: mypy[arg-type] pyright[reportArgumentType, reportCallIssue]
async def no_context() -> None: ...


@client.create_function(fn_id="c", trigger=placed)  # E: mypy[arg-type] pyright[reportArgumentType, reportCallIssue]
async def wrong_context(ctx: str) -> None: ...


@client.create_function(fn_id="d", trigger=placed)  # E: mypy[arg-type] pyright[reportArgumentType, reportCallIssue]
def two(ctx: inngest.ContextSync, more: int) -> None: ...


async def two_async(ctx: inngest.Context, more: int) -> None: ...


client.create_function(fn_id="a", trigger=placed, on_failure=two_async)  # E: mypy[arg-type] pyright[reportArgumentType]

inngest.Batch(max_size="5")  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.Batch()  # E: mypy[call-arg] pyright[reportCallIssue]
inngest.Cancel(event="a", timeout="5m")  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.Concurrency(limit=1, scope="all")  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.Debounce(period=1.5)  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.Singleton(mode="stop")  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.Throttle(limit=1)  # E: mypy[call-arg] pyright[reportCallIssue]
inngest.Timeouts(5)  # E: mypy[call-arg] pyright[reportCallIssue]
inngest.TriggerEvent("a")  # E: mypy[call-arg] pyright[reportCallIssue]
inngest.TriggerCron(cron="* * * * *", jitter=datetime.timedelta(seconds=5))  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.Event(data={})  # E: mypy[call-arg] pyright[reportCallIssue]
inngest.Event(name="a", data=[1])  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.Event(name="a", ts="now")  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.NonRetriableError(5)  # E: mypy[arg-type] pyright[reportArgumentType]
inngest.RetryAfterError("later")  # E: mypy[call-arg] pyright[reportCallIssue]
inngest.RetryAfterError("later", 1.5)  # E: mypy[arg-type] pyright[reportArgumentType]


async def calling(ctx: inngest.Context) -> None:
    pay(ctx)  # E: mypy[operator] pyright[reportCallIssue]
    number: str = await client.send(inngest.Event(name="a"))  # E: mypy[assignment] pyright[reportAssignmentType]
    await client.send({"name": "a"})  # E: mypy[arg-type] pyright[reportArgumentType]
    await client.send("a")  # E: mypy[arg-type] pyright[reportArgumentType]


async def running() -> None:
    async with inngest.Engine([pay]) as engine:
        wrong: str = await engine.invoke(pay)  # E: mypy[arg-type] pyright[reportAssignmentType]
        await engine.invoke(ship)  # E: mypy[arg-type] pyright[reportArgumentType]
        await engine.invoke("pay")  # E: mypy[arg-type] pyright[reportArgumentType]
        await engine.invoke(pay, {"a": 1})  # E: mypy[call-arg] pyright[reportCallIssue]
        await engine.invoke(pay, data=[1])  # E: mypy[arg-type] pyright[reportArgumentType]
        await engine.invoke(pay, timeout=1.5)  # E: mypy[arg-type] pyright[reportArgumentType]
        await engine.runs(limit="5")  # E: mypy[arg-type] pyright[reportArgumentType]
        engine.invoke_sync(pay).upper()  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    inngest.Engine([ship])  # E: mypy[list-item] pyright[reportArgumentType]
    inngest.Engine([pay], durability="some")  # E: mypy[arg-type] pyright[reportArgumentType]
    inngest.Engine([pay], drain_timeout=1.5)  # E: mypy[arg-type] pyright[reportArgumentType]
    inngest.Engine(functions=[pay], db="x")  # E: mypy[call-arg] pyright[reportCallIssue]
