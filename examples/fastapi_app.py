"""An engine inside a FastAPI application: it starts and stops with the application.

Run it:

    uvicorn examples.fastapi_app:app
    curl -X POST 'localhost:8000/orders?item=apple'

Several workers (`uvicorn --workers 4`) may share the database: each has an engine, and takes over from one that dies.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

import inngest
from inngest.errors import RunFailedError, RunNotFoundError

client = inngest.Inngest(app_id="fruit-shop")
PRICES = {"apple": 120, "pear": 150}


@client.create_function(fn_id="fulfil-order", trigger=inngest.TriggerEvent(event="shop/order.placed"))
async def fulfil_order(ctx: inngest.Context) -> dict[str, object]:
    item = str(ctx.event.data["item"])
    receipt = await ctx.step.run("charge", charge, item)
    await ctx.step.sleep("pack", 100)
    parcel = await ctx.step.run("ship", ship, item)
    return {"receipt": receipt, "parcel": parcel}


async def charge(item: str) -> str:
    if item not in PRICES:
        raise inngest.NonRetriableError(f"we do not sell {item}")
    return f"{PRICES[item]} cents"


async def ship(item: str) -> str:
    return f"one {item}"


engine = inngest.Engine(client, database=os.environ.get("DATABASE", "sqlite:///fruit-shop.db"))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with engine:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/orders", status_code=202)
async def place_order(item: str) -> dict[str, str]:
    """Answers when the order is stored, with all that follows from it; it is fulfilled meanwhile."""
    (event_id,) = await client.send(inngest.Event(name="shop/order.placed", data={"item": item}))
    (run,) = await engine.runs(event_id=event_id)
    return {"order": run.id}


@app.get("/orders/{order}")
async def show_order(order: str) -> dict[str, object]:
    """Where the order is."""
    try:
        run = await engine.run(order)
    except RunNotFoundError as error:
        raise HTTPException(404, error.message) from None
    return {
        "status": run.status,
        "done": [step.id for step in run.steps if step.status == "completed"],
        "result": run.output,
        "error": run.error and run.error.message,
    }


@app.get("/orders/{order}/result")
async def wait_for_order(order: str) -> object:
    """Answers when the order is fulfilled."""
    try:
        return await engine.wait(order, timeout=30_000)
    except RunNotFoundError as error:
        raise HTTPException(404, error.message) from None
    except RunFailedError as error:
        raise HTTPException(409, error.error.message) from None
    except TimeoutError as error:
        raise HTTPException(504, str(error)) from None
