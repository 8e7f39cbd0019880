"""A shop whose runs wait for everything that a run can wait for; and a process to kill: `on_call DATABASE [EVENT]`."""

from __future__ import annotations

import asyncio
import sys
import threading

import inngest

client = inngest.Inngest(app_id="shop")
HOUR = 3_600_000


class Gate:
    """Told when a handler was entered that never ends, and asked when another one may end."""

    entered: asyncio.Event
    leave: asyncio.Event


def on(event: str) -> inngest.TriggerEvent:
    """The trigger of a function."""
    return inngest.TriggerEvent(event=event)


@client.create_function(fn_id="fulfil", trigger=on("why/sleep"))
async def fulfil(ctx: inngest.Context) -> None:
    await ctx.step.sleep("cool off", HOUR)


@client.create_function(fn_id="order", trigger=on("why/event"))
async def order(ctx: inngest.Context) -> None:
    await ctx.step.wait_for_event(
        "paid",
        event="order/paid",
        timeout=HOUR,
        if_exp="event.data.order == async.data.order && async.data.cents >= 4200",
    )


@client.create_function(fn_id="approval", trigger=on("why/signal"))
async def approval(ctx: inngest.Context) -> None:
    await ctx.step.wait_for_signal("approved", signal="approve/42", timeout=HOUR)


@client.create_function(fn_id="import", trigger=on("why/invoke"))
async def parent(ctx: inngest.Context) -> None:
    await ctx.step.invoke("fulfil", function=fulfil)


class Written:
    """The code as it is written now."""

    charging = "charge"


@client.create_function(fn_id="checkout", trigger=on("why/changed"))
async def checkout(ctx: inngest.Context) -> None:
    await ctx.step.run(Written.charging, lambda: "receipt")
    await ctx.step.wait_for_event("shipped", event="order/shipped", timeout=HOUR)


@client.create_function(fn_id="pay", trigger=on("why/retry"))
async def pay(ctx: inngest.Context) -> None:
    await ctx.step.run("charge", charge)


class Halls:
    """Where a plain handler is, which nothing interrupts."""

    entered = threading.Event()
    leave = threading.Event()

    @classmethod
    def enter(cls) -> None:
        """Stay until told to leave."""
        cls.entered.set()
        cls.leave.wait()


@client.create_function(fn_id="print", trigger=on("why/print"), concurrency=[inngest.Concurrency(limit=1)])
def prints(ctx: inngest.ContextSync) -> None:
    ctx.step.run("print", Halls.enter)


def charge() -> None:
    raise ConnectionError("the bank is closed\nuntil Monday")


@client.create_function(fn_id="report", trigger=on("why/body"))
async def report(ctx: inngest.Context) -> None:
    raise KeyError("total")


@client.create_function(fn_id="torn", trigger=on("why/torn"))
async def torn(ctx: inngest.Context) -> None:
    async def look() -> None:
        await ctx.step.run("look", list)
        raise KeyError("total")

    await asyncio.gather(ctx.step.sleep("rest", HOUR), look())


@client.create_function(fn_id="offer", trigger=on("why/both"))
async def offer(ctx: inngest.Context) -> None:
    await asyncio.gather(
        ctx.step.sleep("remind", HOUR),
        ctx.step.wait_for_event("answer", event="offer/answered", timeout=2 * HOUR),
    )


@client.create_function(fn_id="parted", trigger=on("why/parted"))
async def parted(ctx: inngest.Context) -> None:
    await asyncio.gather(ctx.step.run("first", fail, "of the first"), ctx.step.run("second", fail, "of the second"))


def fail(message: str) -> None:
    raise ValueError(message)


@client.create_function(fn_id="invoice", trigger=on("why/request"))
async def invoice(ctx: inngest.Context) -> None:
    await ctx.step.fetch("invoice", str(ctx.event.data["url"]), method="POST")


@client.create_function(
    fn_id="sync-customer",
    trigger=on("why/limit"),
    concurrency=[inngest.Concurrency(limit=1, key="event.data.customer")],
)
async def sync_customer(ctx: inngest.Context) -> None:
    await ctx.step.run("sync", hold)


PAYMENTS = [inngest.Concurrency(limit=1, key="'payments'", scope="env")]


@client.create_function(fn_id="collect", trigger=on("why/pay"), concurrency=PAYMENTS)
async def collect(ctx: inngest.Context) -> None:
    await ctx.step.run("collect", hold)


@client.create_function(fn_id="refund", trigger=on("why/refund"), concurrency=PAYMENTS)
async def refund(ctx: inngest.Context) -> None: ...


@client.create_function(
    fn_id="ranked",
    trigger=on("why/ranked"),
    concurrency=[inngest.Concurrency(limit=1)],
    priority=inngest.Priority(run="event.data.plan == 'business' ? 120 : 0"),
)
async def ranked(ctx: inngest.Context) -> None:
    await ctx.step.run("sync", hold)


@client.create_function(
    fn_id="strict",
    trigger=on("why/strict"),
    concurrency=[inngest.Concurrency(limit=1), inngest.Concurrency(limit=1, key="'disk'", scope="env")],
    throttle=inngest.Throttle(limit=1, period=HOUR),
)
async def strict(ctx: inngest.Context) -> None:
    await ctx.step.run("sync", hold)


@client.create_function(
    fn_id="remind",
    trigger=on("why/throttle"),
    throttle=inngest.Throttle(limit=2, period=HOUR, key="event.data.customer"),
)
async def remind(ctx: inngest.Context) -> None: ...


@client.create_function(
    fn_id="index",
    trigger=on("why/debounce"),
    debounce=inngest.Debounce(period=HOUR, key="event.data.document"),
)
async def index(ctx: inngest.Context) -> None: ...


@client.create_function(fn_id="clicks", trigger=on("why/batch"), batch_events=inngest.Batch(max_size=100, timeout=HOUR))
async def clicks(ctx: inngest.Context) -> None: ...


@client.create_function(fn_id="crowd", trigger=on("why/crowd"), batch_events=inngest.Batch(max_size=3))
async def crowd(ctx: inngest.Context) -> None: ...


@client.create_function(fn_id="greet", trigger=on("why/done"))
async def greet(ctx: inngest.Context) -> None: ...


@client.create_function(fn_id="check", trigger=on("why/fail"), retries=0)
async def check(ctx: inngest.Context) -> None:
    raise ValueError("the order has no lines")


@client.create_function(fn_id="clean", trigger=on("why/skip"), singleton=inngest.Singleton(mode="skip"))
async def clean(ctx: inngest.Context) -> None:
    await ctx.step.run("clean", hold)


@client.create_function(fn_id="backup", trigger=on("why/hold"))
async def backup(ctx: inngest.Context) -> None:
    await ctx.step.run("look", list)
    await ctx.step.run("copy", hold)


@client.create_function(fn_id="tidy", trigger=on("why/between"))
async def tidy(ctx: inngest.Context) -> None:
    await ctx.step.run("look", list)
    await hold()


@client.create_function(fn_id="slow", trigger=on("why/slow"))
async def slow(ctx: inngest.Context) -> None:
    async def upload() -> None:
        if ctx.attempt == 0:
            raise inngest.RetryAfterError("busy", 1)
        await Gate.leave.wait()

    await ctx.step.run("upload", upload)


async def hold() -> None:
    Gate.entered.set()
    await asyncio.Event().wait()


@client.create_function(fn_id="convert", trigger=on("why/kill"))
async def convert(ctx: inngest.Context) -> None:
    await ctx.step.run("convert", wait_to_be_killed, ctx.run_id)


async def wait_to_be_killed(run_id: str) -> None:
    sys.stdout.write(f"{run_id}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def _main(database: str, *events: str) -> None:
    async with inngest.Engine([convert], database=database) as engine:
        await engine.send([inngest.Event(name=name) for name in events])
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
