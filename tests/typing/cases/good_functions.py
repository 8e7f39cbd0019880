"""Clients, functions and engines: a function knows what it returns."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import logging
from collections.abc import Sequence
from typing import Any, assert_type

import inngest
from inngest import Run


@dataclasses.dataclass
class Order:
    number: int


client = inngest.Inngest(
    app_id="shop",
    app_version="1",
    env="branch",
    is_production=False,
    logger=logging.getLogger("shop"),
    request_timeout=datetime.timedelta(seconds=5),
    serializer=inngest.PydanticSerializer(restore=True),
)
placed = inngest.TriggerEvent(event="shop/order.placed")


async def tell(ctx: inngest.Context) -> None: ...


def tell_plainly(ctx: inngest.ContextSync) -> str:
    return ctx.event.name


@client.create_function(fn_id="pay", trigger=placed, on_failure=tell)
async def pay(ctx: inngest.Context) -> Order:
    return Order(1)


@client.create_function(fn_id="ship", trigger=placed, on_failure=tell_plainly, retries=5, name="Ship")
def ship(ctx: inngest.ContextSync) -> list[int]:
    return [1]


@client.create_function(fn_id="typed", trigger=placed, output_type=Order)
async def typed(ctx: inngest.Context) -> Order:
    return Order(2)


@client.create_function(fn_id="nothing", trigger=[placed, inngest.TriggerCron(cron="0 9 * * *", jitter="30s")])
async def nothing(ctx: inngest.Context) -> None: ...


class Service:
    def __init__(self, discount: int) -> None:
        self.discount = discount

    async def bill(self, ctx: inngest.Context) -> int:
        return self.discount


async def with_argument(name: str, ctx: inngest.Context) -> str:
    return name


triggers = [inngest.TriggerEvent(event=name) for name in ("a", "b")]
bill = client.create_function(fn_id="bill", trigger=triggers)(Service(5).bill)
partial = client.create_function(fn_id="partial", trigger=placed)(functools.partial(with_argument, "x"))

assert_type(pay, inngest.Function[Order])
assert_type(ship, inngest.Function[list[int]])
assert_type(typed, inngest.Function[Order])
assert_type(nothing, inngest.Function[None])
assert_type(bill, inngest.Function[int])
assert_type(partial, inngest.Function[str])
assert_type(pay.id, str)
assert_type(pay.on_failure_fn_id, str | None)


@client.create_function(
    fn_id="all",
    trigger=placed,
    batch_events=None,
    cancel=[inngest.Cancel(event="shop/order.cancelled", if_exp="event.data.id == async.data.id", timeout=60_000)],
    concurrency=[inngest.Concurrency(limit=1, key="event.data.id", scope="fn")],
    debounce=inngest.Debounce(period=datetime.timedelta(seconds=5), timeout=60_000),
    idempotency="event.data.id",
    priority=inngest.Priority(run="event.data.vip ? 60 : 0"),
    rate_limit=inngest.RateLimit(limit=1, period=1_000),
    singleton=inngest.Singleton(mode="skip"),
    throttle=inngest.Throttle(limit=1, period=1_000, burst=2),
    timeouts=inngest.Timeouts(start=1_000, finish=2_000),
    middleware=[inngest.MiddlewareSync],
)
async def everything(ctx: inngest.Context) -> None: ...


async def sending() -> None:
    event = inngest.Event(name="a", data={"b": [1, None]}, id="c", ts=1)
    assert_type(await client.send(event), list[str])
    assert_type(await client.send([event, event], skip_middleware=True), list[str])
    assert_type(client.send_sync(event), list[str])
    kept: Sequence[inngest.Event] = (event,)
    assert_type(await client.send(kept), list[str])


async def running() -> None:
    functions: list[inngest.Function[Any]] = [pay, ship]
    async with inngest.Engine(functions, database="sqlite:///a.db", retry_interval=0.5) as engine:
        assert_type(engine, inngest.Engine)
        assert_type(await engine.invoke(pay), Order)
        assert_type(await engine.invoke(ship, data={"a": 1}, timeout=1_000), list[int])
        assert_type(await engine.invoke(bill, timeout=datetime.timedelta(seconds=1)), int)
        await engine.invoke(nothing)
        assert_type(await engine.send([inngest.Event(name="a")]), list[str])
        assert_type(await engine.wait("id"), object)
        assert_type(await engine.run("id"), Run)
        assert_type(await engine.runs(function=pay, limit=5), list[Run])
    with inngest.Engine([pay, ship, nothing]) as engine:
        assert_type(engine.invoke_sync(pay), Order)
        assert_type(engine.send_sync(inngest.Event(name="a")), list[str])
        assert_type(engine.wait_sync("id", timeout=5), object)
    with inngest.Engine(client):
        pass


def any_function(function: inngest.Function[object]) -> str:
    return function.name


any_function(pay)
any_function(nothing)
