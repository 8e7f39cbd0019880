"""Steps in transactions, and sends on connections: no connection leads to the database of a test's engine."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

import pytest

import inngest
from inngest.errors import TransactionError
from inngest.testing import Engine

from .test_replay import made


def book(connection: sqlite3.Connection, order: int) -> str:
    connection.execute("insert into payments values (?)", [order])
    return f"booked {order}"


async def booking(ctx: inngest.Context) -> str:
    return await ctx.step.transaction("book", book, 42)


def booking_plainly(ctx: inngest.ContextSync) -> str:
    return ctx.step.transaction("book", book, 42)


@pytest.mark.parametrize("body", [booking, booking_plainly])
async def test_a_step_in_a_transaction_is_stubbed_as_any_other(body: Any) -> None:
    function = made(body)
    async with Engine([function]) as engine:
        stub = engine.stub(function, "book", calls=lambda _, order: f"as if {order}", fail=1)
        assert await engine.invoke(function) == "as if 42"
        engine.expect(function).ran("book").attempts("book", 2)
        assert stub.calls[1].args[1:] == (42,)


@pytest.mark.parametrize("body", [booking, booking_plainly])
async def test_its_own_handler_is_told_why_there_is_no_connection(body: Any) -> None:
    function = made(body)
    async with Engine([function]) as engine:
        await engine.begin(function)
        engine.expect(function).failed(
            'step "book": the engine of a test has its database in memory, where no connection of yours leads to. Stub '
            'the step, engine.stub(fn, "book", returns=…), and test its function by itself, with a connection of yours'
            "; or test both together on inngest.Engine with a database of its own"
        ).attempts("book", 1)


async def test_a_send_on_a_connection_is_told_why_it_is_refused() -> None:
    function = made(booking)
    event = inngest.Event(name="order/placed")
    connection = sqlite3.connect(":memory:")
    async with Engine([function]) as engine:
        await engine.settle()
        with pytest.raises(TransactionError) as told:
            await function.client.send(event, connection=connection)
    assert str(told.value) == (
        "send: connection: the engine of a test has its database in memory, where no connection of yours leads to, so "
        '"order/placed" cannot go with its transaction. Test that the code commits by itself, with a send of yours in '
        "its place, and what the event starts with engine.send; or test both together on inngest.Engine with a "
        "database of its own"
    )
    connection.close()


def test_a_plain_send_on_a_connection_too() -> None:
    function = made(booking)
    connection = sqlite3.connect(":memory:")
    with Engine([function]) as engine:
        engine.settle_sync()
        with pytest.raises(TransactionError, match=re.escape('so "order/placed" cannot go')):
            function.client.send_sync(inngest.Event(name="order/placed"), connection=connection)
    connection.close()
