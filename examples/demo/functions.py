"""What the demo runs: the function of the documentation's first page, and an order.

Try them yourself: inngest dev examples/demo/functions.py
"""

from __future__ import annotations

import asyncio
import functools
import os
from pathlib import Path

import inngest

from . import ledger

inngest_client = inngest.Inngest(app_id="demo")


# -- the page


@inngest_client.create_function(
    fn_id="my_function",
    trigger=inngest.TriggerEvent(event="app/my_function"),
)
async def fn(ctx: inngest.Context) -> None:
    # Pass a function to step.run
    await ctx.step.run("my_fn", my_fn)

    # Args are passed after the function
    await ctx.step.run("my_fn_with_args", my_fn_with_args, 1, "a")

    # Kwargs require functools.partial
    await ctx.step.run(
        "my_fn_with_args_and_kwargs",
        functools.partial(my_fn_with_args_and_kwargs, 1, b="a"),
    )

    # Defining functions like this gives you easy access to scoped variables
    def use_scoped_variable() -> None:
        print(ctx.event.data["user_id"])

    await ctx.step.run("use_scoped_variable", use_scoped_variable)


async def my_fn() -> None:
    with ledger.tried("page", "my_fn"):
        pass


async def my_fn_with_args(a: int, b: str) -> None:
    with ledger.tried("page", "my_fn_with_args"):
        assert (a, b) == (1, "a")


async def my_fn_with_args_and_kwargs(a: int, *, b: str) -> None:
    with ledger.tried("page", "my_fn_with_args_and_kwargs"):
        assert (a, b) == (1, "a")


# -- the order

CARRIER = Path(os.environ.get("DEMO_CARRIER", "carrier-is-open"))
"""The carrier takes parcels while this file exists."""

REFUSALS = 2
"""How often the mail server refuses each order's e-mail."""


@inngest_client.create_function(
    fn_id="fulfil-order",
    retries=10,
    trigger=inngest.TriggerEvent(event="shop/order.placed"),
)
async def fulfil_order(ctx: inngest.Context) -> str:
    order = str(ctx.event.data["order"])
    receipt = await ctx.step.run("charge", charge, order)
    await ctx.step.run("e-mail", send_email, order, receipt)
    await ctx.step.sleep("let the ink dry", 300)
    return await ctx.step.run("ship", ship, order)


async def charge(order: str) -> str:
    """Takes the money. Doing it twice would cost a customer."""
    with ledger.tried(order, "charge") as value:
        receipt = ledger.numbered("receipt", order)
        value.append(receipt)
        return receipt


async def send_email(order: str, receipt: str) -> str:
    """Goes through a mail server that is never there when you need it."""
    with ledger.tried(order, "e-mail") as value:
        refused = ledger.count(ledger.read(ledger.FILE), order, "e-mail", "failed")
        if refused < REFUSALS:
            raise ConnectionError("the mail server refused the connection")
        mail = ledger.numbered("mail", receipt)
        value.append(mail)
        return mail


async def ship(order: str) -> str:
    """Waits for the carrier, and hands the parcel over."""
    with ledger.tried(order, "ship") as value:
        await carrier_opens()
        parcel = ledger.numbered("parcel", order)
        value.append(parcel)
        return parcel


async def carrier_opens() -> None:
    while not await asyncio.to_thread(CARRIER.exists):  # noqa: ASYNC110 - it opens in another process
        await asyncio.sleep(0.02)
