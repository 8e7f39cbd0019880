"""`step.transaction`: what its function writes, and the record of the step, are there together or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy

import inngest
from inngest.embedded.transactions.of_psycopg import PsycopgConnection
from inngest.embedded.transactions.of_sqlite3 import Sqlite3Connection
from inngest.errors import EngineConfigError, StepError
from tests import postgres
from tests.embedded.orders import MAKES, Make, Orders, add, alchemy_of, driver_of, is_file
from tests.embedded.stage import Stage, failure, message, step


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def orders(stage: Stage) -> Orders:
    return Orders(stage.database)


def nothing(_: object) -> None:
    """Writes nothing."""


@pytest.fixture(params=MAKES)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKES[request.param]


async def test_its_writes_and_its_record_commit_together(stage: Stage, orders: Orders, make: Make) -> None:
    async def body(ctx: inngest.Context) -> list[object]:
        first = await ctx.step.transaction("first", add, orders)
        second = await ctx.step.transaction("second", add, orders)
        return [first, second, await ctx.step.run("count", orders.count)]

    stage.options["transactions"] = make(stage.database)
    run = await stage.run(body)
    assert run.output == [1, 2, 2]
    assert [one.id for one in run.steps] == ["first", "second", "count"]


async def test_plain_functions_have_it_too(stage: Stage, orders: Orders, make: Make) -> None:
    def body(ctx: inngest.ContextSync) -> list[object]:
        return [ctx.step.transaction("first", add, orders), ctx.step.run("count", orders.count)]

    stage.options["transactions"] = make(stage.database)
    assert (await stage.run(body)).output == [1, 1]


async def test_a_function_that_raises_has_written_nothing(stage: Stage, orders: Orders, make: Make) -> None:
    tries: list[int] = []

    def twice(connection: Any) -> int:
        tries.append(1)
        return add(connection, orders, ValueError("no stock") if len(tries) == 1 else None)

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", twice)

    stage.options["transactions"] = make(stage.database)
    run = await stage.run(body)
    assert run.output == 1  # the second attempt does not see what the first has written
    assert [attempt.error.message for attempt in step(run, "add").attempts if attempt.error] == ["no stock"]
    assert orders.count() == 1


async def test_a_value_that_cannot_be_recorded_is_not_committed(stage: Stage, orders: Orders) -> None:
    def wrong(connection: Any) -> object:
        add(connection, orders)
        return object()

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.options(retries=0).transaction("add", wrong)

    assert failure(await stage.run(body))[0] == "OutputUnserializableError"
    assert orders.count() == 0


async def test_a_run_that_may_have_no_more_steps_commits_nothing(stage: Stage, orders: Orders) -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.transaction("first", add, orders)
        await ctx.step.transaction("second", add, orders)

    stage.options["max_steps"] = 1
    assert failure(await stage.run(body))[0] == "FunctionOverflowedError"
    assert orders.count() == 1


COMMITS = {
    "commit": lambda connection: connection.commit(),
    "rollback": lambda connection: connection.rollback(),
    "text": lambda connection: connection.execute(
        sqlalchemy.text("COMMIT") if hasattr(connection, "scalar") else "COMMIT"
    ),
}


@pytest.mark.parametrize("how", COMMITS)
async def test_a_function_that_commits_is_refused(stage: Stage, orders: Orders, make: Make, how: str) -> None:
    tries: list[int] = []

    def commits(connection: Any) -> None:
        tries.append(1)
        add(connection, orders)
        COMMITS[how](connection)
        with contextlib.suppress(Exception):  # a closed one of SQLAlchemy
            add(connection, orders)

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.transaction("add", commits)

    stage.options["transactions"] = make(stage.database)
    run = await stage.run(body)
    assert failure(run)[0] == "TransactionError" or (failure(run)[0] == "ProgrammingError" and how != "text"), run.error
    if failure(run)[0] == "TransactionError":
        assert len(tries) == 1
        assert "it neither commits nor rolls back" in message(run) or "it does neither" in message(run)
    # SQLite and the libraries refuse it; a COMMIT as text is found afterwards, and the text says so.
    committed = how == "text" and not is_file(stage.database)
    assert orders.count() == (1 if committed else 0)
    if committed:
        assert "What it has committed stays" in message(run)


async def test_savepoints_are_the_functions_own(stage: Stage, orders: Orders) -> None:
    def nested(connection: Any) -> int:
        add(connection, orders)
        inner = connection.begin_nested()
        add(connection, orders)
        inner.rollback()
        return add(connection, orders)

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", nested)

    stage.options["transactions"] = alchemy_of(stage.database)
    assert (await stage.run(body)).output == 2
    assert orders.count() == 2


async def test_a_connection_that_commits_by_itself_is_refused_before_the_function(stage: Stage, orders: Orders) -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.transaction("add", add, orders)

    stage.options["transactions"] = alchemy_of(stage.database, isolation_level="AUTOCOMMIT")
    run = await stage.run(body)
    assert failure(run)[0] == "TransactionError"
    assert "(autocommit)" in message(run)
    assert orders.count() == 0


async def test_a_connection_in_use_is_refused(stage: Stage, orders: Orders, make: Make) -> None:
    kept: list[Any] = []
    given: Any = MAKES["driver"](stage.database) if make is MAKES["own"] else make(stage.database)

    def in_use() -> object:
        connection: Any = given.connect() if isinstance(given, sqlalchemy.Engine) else given()
        select = f"SELECT count(*) FROM {orders.table}"
        if hasattr(connection, "scalar"):
            connection.execute(sqlalchemy.text(select))
        else:
            connection.execute("BEGIN" if is_file(stage.database) else select)
        kept.append(connection)
        return connection

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.transaction("add", add, orders)

    stage.options["transactions"] = in_use
    run = await stage.run(body)
    for connection in kept:  # it is as it was
        assert (
            connection.in_transaction() if hasattr(connection, "scalar") else not getattr(connection, "closed", False)
        )
        connection.close()
    assert failure(run)[0] == "TransactionError"
    assert "has a transaction under way" in message(run)


@pytest.mark.parametrize("happened", [True, False])
async def test_a_commit_without_an_answer_is_looked_up(
    stage: Stage, orders: Orders, monkeypatch: pytest.MonkeyPatch, happened: bool
) -> None:
    kind: Any = Sqlite3Connection if is_file(stage.database) else PsycopgConnection
    commit, times = kind.commit, []

    def lost(self: Any) -> None:
        times.append(1)
        if happened or len(times) > 1:
            commit(self)
        if len(times) == 1:
            raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(kind, "commit", lost)

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", add, orders), await ctx.step.run("then", orders.count)

    run = await stage.run(body)
    assert run.output == [1, 1]
    assert len(times) == (1 if happened else 2)
    assert orders.count() == 1


async def test_another_database_is_refused_by_name(stage: Stage, orders: Orders, tmp_path: Path) -> None:
    calls: list[object] = []
    other = tmp_path / "other.db"

    def make() -> object:
        if is_file(stage.database):
            return driver_of(f"sqlite:///{other}")()
        return psycopg.connect(f"{postgres.server().conninfo.replace('dbname=postgres', 'dbname=template1')}")

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.transaction("add", calls.append)

    stage.options["transactions"] = make
    run = await stage.run(body)
    assert failure(run)[0] == "TransactionError"
    assert (str(other) if is_file(stage.database) else "template1") in message(run)
    assert "and the engine's database is " in message(run)
    assert calls == []
    assert orders.count() == 0


@pytest.mark.parametrize("given", [5, "sqlite:///x.db", object()])
def test_what_gives_no_connections_is_refused_when_the_engine_is_made(given: object) -> None:
    with pytest.raises(EngineConfigError, match="transactions: expected an Engine of SQLAlchemy"):
        inngest.Engine([], transactions=given)


async def test_what_a_callable_gives_must_be_a_connection(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.transaction("add", nothing)

    stage.options["transactions"] = lambda: 5
    assert message(await stage.run(body)).startswith("transactions: expected a connection of psycopg or sqlite3")


async def test_a_context_manager_gives_a_connection_and_takes_it_back(stage: Stage, orders: Orders) -> None:
    closed: list[object] = []

    @contextlib.contextmanager
    def lent() -> Generator[object]:
        connection: Any = driver_of(stage.database)()
        try:
            yield connection
        finally:
            closed.append(connection)
            connection.close()

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", add, orders)

    stage.options["transactions"] = lent
    assert (await stage.run(body)).output == 1
    assert len(closed) == 1


async def test_what_gives_something_else_gets_it_back(stage: Stage) -> None:
    back: list[int] = []

    @contextlib.contextmanager
    def lent() -> Generator[object]:
        try:
            yield 5
        finally:
            back.append(5)

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.transaction("add", nothing)

    stage.options["transactions"] = lent
    assert message(await stage.run(body)).startswith("transactions: expected a connection of psycopg or sqlite3")
    assert back == [5]


async def test_an_async_function_is_refused_where_it_is_written(stage: Stage) -> None:
    async def wrong(_: object) -> None:
        raise AssertionError("it is not called")

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", wrong)

    assert "step.transaction takes a plain function" in message(await stage.run(body))


async def test_one_that_nobody_awaits_is_named_as_it_is_written(stage: Stage) -> None:
    calls: list[object] = []

    async def body(ctx: inngest.Context) -> None:
        calls.append(ctx.step.transaction("add", nothing))

    assert 'write `await ctx.step.transaction("add", ...)`' in message(await stage.run(body))


async def test_steps_beside_it_are_recorded_after_it(stage: Stage, orders: Orders) -> None:
    begun, done = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(connection: Any) -> int:
        loop.call_soon_threadsafe(begun.set)
        assert done.wait(20)
        return add(connection, orders)

    async def quick() -> str:
        await begun.wait()
        done.set()
        return "quick"

    async def body(ctx: inngest.Context) -> object:
        steps = (lambda: ctx.step.transaction("slow", slow), lambda: ctx.step.run("quick", quick))
        return await ctx.group.parallel(steps)

    run = await stage.run(body)
    assert run.output == [1, "quick"]
    assert [one.id for one in run.steps] == ["slow", "quick"]


async def test_two_beside_each_other_take_turns(stage: Stage, orders: Orders) -> None:
    def body(ctx: inngest.ContextSync) -> tuple[int, int]:
        return ctx.group.parallel(
            (
                lambda: ctx.step.transaction("one", add, orders),
                lambda: ctx.step.transaction("other", add, orders),
            )
        )

    assert (await stage.run(body)).output in ([1, 2], [2, 1])
    assert orders.count() == 2


async def test_a_run_that_was_taken_from_its_worker_commits_nothing(stage: Stage, orders: Orders) -> None:
    begun, cancelled = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def late(connection: Any) -> int:
        loop.call_soon_threadsafe(begun.set)
        assert cancelled.wait(20)
        return add(connection, orders)

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", late)

    function = stage.function(body)
    async with stage.engine(function) as engine:
        await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs()
        await begun.wait()
        if is_file(stage.database):  # nobody else writes while it runs: it is over first
            cancelling = asyncio.create_task(engine.cancel(run.id))
            await asyncio.sleep(0)
            cancelled.set()
            await cancelling
        else:
            assert await engine.cancel(run.id)
            cancelled.set()
        ended = await engine.run(run.id)
    assert orders.count() == len(ended.steps)


async def test_middleware_sees_it_as_a_step(stage: Stage, orders: Orders) -> None:
    seen: list[object] = []

    class Watch(inngest.Middleware):
        async def transform_output(self, result: inngest.TransformOutputResult) -> None:
            await asyncio.sleep(0)
            seen.append(result.output)
            if result.step is not None:
                result.output = f"{result.output} of them"

    stage.client.add_middleware(Watch)

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", add, orders)

    assert (await stage.run(body)).output == "1 of them"
    assert seen == [1, "1 of them"]


async def test_a_step_that_does_not_end_in_time_commits_nothing(stage: Stage, orders: Orders) -> None:
    over = threading.Event()

    def late(connection: Any) -> int:
        assert over.wait(20)
        return add(connection, orders)

    async def body(ctx: inngest.Context) -> object:
        try:
            return await ctx.step.options(timeout=1, retries=0).transaction("add", late)
        except StepError as error:
            return error.name
        finally:
            over.set()

    # The step's record waits for the file, which the function holds; it is let go as soon as it has timed out.
    timer = threading.Timer(0.2, over.set)
    timer.start()
    run = await stage.run(body)
    timer.cancel()
    assert run.output == "StepTimeoutError"
    assert orders.count() == 0
