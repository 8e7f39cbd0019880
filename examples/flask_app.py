"""An engine beside a Flask application, with plain functions: no async anywhere.

Run it:

    flask --app examples.flask_app:create_app run
    curl -X POST 'localhost:5000/orders?item=apple'

The engine has a thread of its own, which starts with the application, and must not be carried through a fork. A server
that forks its workers takes `app`, and calls `start` in each of them after the fork; of gunicorn, the hook `post_fork`
does. Runs that wait go on then, even if no request comes.
"""

from __future__ import annotations

import atexit
import contextlib
import os

from flask import Flask, request
from flask.typing import ResponseReturnValue

import inngest
from inngest.errors import RunFailedError, RunNotFoundError

client = inngest.Inngest(app_id="fruit-shop")
PRICES = {"apple": 120, "pear": 150}


@client.create_function(fn_id="fulfil-order", trigger=inngest.TriggerEvent(event="shop/order.placed"))
def fulfil_order(ctx: inngest.ContextSync) -> dict[str, object]:
    item = str(ctx.event.data["item"])
    receipt = ctx.step.run("charge", charge, item)
    ctx.step.sleep("pack", 100)
    parcel = ctx.step.run("ship", ship, item)
    return {"receipt": receipt, "parcel": parcel}


def charge(item: str) -> str:
    if item not in PRICES:
        raise inngest.NonRetriableError(f"we do not sell {item}")
    return f"{PRICES[item]} cents"


def ship(item: str) -> str:
    return f"one {item}"


opened = contextlib.ExitStack()
atexit.register(opened.close)
engine = inngest.Engine(client, database=os.environ.get("DATABASE", "sqlite:///fruit-shop.db"))


def start() -> None:
    """Start the engine of this process."""
    opened.enter_context(engine)


def stop() -> None:
    """Stop it: its runs rest in the file, and go on when an engine starts on it."""
    opened.close()


app = Flask(__name__)


@app.post("/orders")
def place_order() -> ResponseReturnValue:
    """Answers when the order is stored, with all that follows from it; it is fulfilled meanwhile."""
    (event_id,) = client.send_sync(inngest.Event(name="shop/order.placed", data={"item": request.args["item"]}))
    (run,) = engine.runs_sync(event_id=event_id)
    return {"order": run.id}, 202


@app.get("/orders/<order>/result")
def wait_for_order(order: str) -> ResponseReturnValue:
    """Answers when the order is fulfilled."""
    try:
        return {"result": engine.wait_sync(order, timeout=30_000)}
    except RunNotFoundError as error:
        return {"error": error.message}, 404
    except RunFailedError as error:
        return {"error": error.error.message}, 409
    except TimeoutError as error:
        return {"error": str(error)}, 504


def create_app() -> Flask:
    """The application with its engine, for a server that does not fork."""
    start()
    return app
