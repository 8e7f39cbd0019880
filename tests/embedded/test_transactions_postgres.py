"""`step.transaction` on PostgreSQL: who is in the way, what is refused at the COMMIT, and who has which rights."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest

import inngest
from inngest.embedded.transactions.of_psycopg import PsycopgConnection
from inngest.errors import RunFailedError
from tests import postgres
from tests.embedded.orders import Orders, add, alchemy_of
from tests.embedded.stage import Stage, failure, message, step

pytestmark = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def orders(stage: Stage) -> Orders:
    return Orders(stage.database)


async def test_others_in_the_way_have_it_called_again(stage: Stage, orders: Orders) -> None:
    tries: list[int] = []

    def busy(connection: Any, run_id: str) -> int:
        tries.append(1)
        found = add(connection, orders)
        if len(tries) == 1:  # the snapshot is older than what is written here: the record cannot be
            orders.execute(
                f"UPDATE {orders.table.rpartition('.')[0]}.inngest_runs SET watched = 0 WHERE id = '{run_id}'"
            )
        return found

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", busy, ctx.run_id)

    stage.options["transactions"] = alchemy_of(stage.database, isolation_level="REPEATABLE READ")
    run = await stage.run(body)
    assert run.output == 1
    assert len(tries) == 2
    assert [attempt.number for attempt in step(run, "add").attempts] == [0]
    assert orders.count() == 1


async def test_a_transaction_that_holds_its_run_rests_for_a_third_of_the_lease(
    stage: Stage, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, limits = PsycopgConnection.commit, []

    def looked_at(self: PsycopgConnection) -> None:
        limits.append(self.connection.execute("SHOW idle_in_transaction_session_timeout").fetchone())
        commit(self)

    def write(connection: Any) -> object:
        limits.append(connection.execute("SHOW idle_in_transaction_session_timeout").fetchone())
        return add(connection, orders)

    monkeypatch.setattr(PsycopgConnection, "commit", looked_at)

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", write)

    stage.options["lease"] = 6_000
    assert (await stage.run(body)).output == 1
    assert limits == [("0",), ("2s",)]


async def test_others_that_are_always_in_the_way_fail_the_attempt(stage: Stage, orders: Orders) -> None:
    tries: list[int] = []

    def busy(connection: Any, run_id: str) -> int:
        tries.append(1)
        orders.execute(f"UPDATE {orders.table.rpartition('.')[0]}.inngest_runs SET watched = 0 WHERE id = '{run_id}'")
        return add(connection, orders)

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.options(retries=0).transaction("add", busy, ctx.run_id)

    stage.options["transactions"] = alchemy_of(stage.database, isolation_level="REPEATABLE READ")
    run = await stage.run(body)
    assert message(run) == 'step "add": others were in the way of its transaction 10 times'
    assert len(tries) == 10
    assert orders.count() == 0


async def test_a_commit_that_the_database_refuses_fails_the_attempt(stage: Stage, orders: Orders) -> None:
    orders.execute(f"ALTER TABLE {orders.table} ADD UNIQUE (number) DEFERRABLE INITIALLY DEFERRED")

    async def body(ctx: inngest.Context) -> object:
        await ctx.step.transaction("first", add, orders)
        return await ctx.step.options(retries=0).transaction("second", add, orders)

    run = await stage.run(body)
    assert failure(run)[0] == "UniqueViolation"
    assert orders.count() == 1


async def test_an_error_that_the_function_has_caught_does_not_pass_for_success(stage: Stage, orders: Orders) -> None:
    def caught(connection: Any) -> str:
        add(connection, orders)
        with contextlib.suppress(psycopg.Error):
            connection.execute("SELECT nothing FROM nowhere")
        return "fine"

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", caught)

    run = await stage.run(body)
    assert failure(run)[0] == "TransactionError"
    assert "have the statement that may fail in a savepoint of its own" in message(run)
    assert orders.count() == 0


async def test_a_missing_right_is_said_as_the_statements_that_give_it(stage: Stage, orders: Orders) -> None:
    server, user = postgres.server(), "u" + uuid.uuid4().hex
    server.execute(f"CREATE ROLE {user} LOGIN")
    conninfo = server.conninfo.replace(f"user={postgres.USER}", f"user={user}")
    stage.options["transactions"] = lambda: psycopg.connect(conninfo)
    calls: list[object] = []

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", lambda _: calls.append(1))

    function = stage.function(body, retries=0)
    try:
        async with stage.engine(function) as engine:
            for tried in range(3):
                try:
                    await engine.invoke(function)
                except RunFailedError as error:
                    said = error.error.message
                    assert "lacks a right (permission denied for " in said
                    assert len(calls) == tried
                    grants = said.partition("): ")[2].split("; ")
                    assert len(grants) == 3
                    for grant in grants[:2] if tried == 0 else grants:
                        server.execute(grant)
        assert len(calls) == 2
    finally:
        server.execute(f"DROP OWNED BY {user}")
        server.execute(f"DROP ROLE {user}")
