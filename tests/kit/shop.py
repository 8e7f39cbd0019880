"""Functions of a user: a trial month, a payment that is flaky, a parent and its child, a plain one."""

from __future__ import annotations

import datetime

import inngest

DAY = datetime.timedelta(days=1)
client = inngest.Inngest(app_id="shop")


async def send_mail(kind: str) -> str:
    return f"sent {kind}"


def charge_card(order: int) -> str:
    return f"receipt for {order}"


@client.create_function(fn_id="trial", trigger=inngest.TriggerEvent(event="trial/started"))
async def trial(ctx: inngest.Context) -> str:
    await ctx.step.run("welcome", send_mail, "welcome")
    await ctx.step.sleep("month", 30 * DAY)
    paid = await ctx.step.wait_for_event(
        "paid", event="trial/paid", if_exp="async.data.user == event.data.user", timeout=7 * DAY
    )
    if paid is None:
        await ctx.step.run("goodbye", send_mail, "goodbye")
        return "left"
    return "stayed"


@client.create_function(fn_id="pay", retries=3, trigger=inngest.TriggerEvent(event="order/placed"))
async def pay(ctx: inngest.Context) -> str:
    receipt = await ctx.step.run("charge", charge_card, int(str(ctx.event.data["order"])))
    await ctx.step.send_event("tell", inngest.Event(name="order/paid", data={"order": ctx.event.data["order"]}))
    return receipt


@client.create_function(fn_id="parcel", retries=1, trigger=inngest.TriggerEvent(event="unused"))
async def parcel(ctx: inngest.Context) -> str:
    return await ctx.step.run("label", charge_card, 7)


@client.create_function(fn_id="order", retries=0, trigger=inngest.TriggerEvent(event="order/paid"))
async def order(ctx: inngest.Context) -> str:
    label = await ctx.step.invoke("ship", function=parcel, data={"order": 42})
    return f"shipped: {label}"


@client.create_function(fn_id="report", trigger=inngest.TriggerEvent(event="report/asked"))
def report(ctx: inngest.ContextSync) -> int:
    first = ctx.step.run("count", lambda: 20)
    ctx.step.sleep("night", DAY)
    return first + ctx.step.run("count more", lambda: 22)


@client.create_function(fn_id="hourly", retries=0, trigger=inngest.TriggerCron(cron="0 * * * *"))
async def hourly(ctx: inngest.Context) -> None:
    await ctx.step.run("tick", send_mail, "tick")


@client.create_function(fn_id="fetching", retries=2, trigger=inngest.TriggerEvent(event="weather/asked"))
async def fetching(ctx: inngest.Context) -> object:
    found = await ctx.step.fetch("ask", "https://weather.example/today?city=Bern")
    return found.json()


ALL = [trial, pay, parcel, order, report, hourly, fetching]
