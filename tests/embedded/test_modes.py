"""Forms of what some databases lack, on PostgreSQL: engines share the work in each, and all have the same."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import inngest
from inngest.errors import StoreError
from tests import postgres
from tests.embedded.orders import Orders, add, alchemy_of
from tests.embedded.stage import Stage, failure, message
from tests.embedded.test_several_engines import Shop

pytestmark = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)

MODES = ("guards=rows", "isolation=serializable", "isolation=serializable&wake=poll&index=plain")
SENT = 30


@pytest.fixture
def schema() -> Iterator[str]:
    """The name of a schema that is not there yet; it is removed afterwards."""
    name = "s" + uuid.uuid4().hex
    yield name
    postgres.server().execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@pytest.mark.parametrize("modes", MODES)
async def test_engines_share_what_one_of_them_is_sent(schema: str, modes: str) -> None:
    url = postgres.server().url(schema=schema, modes=modes)
    async with (
        inngest.Engine([], database=url) as sender,
        inngest.Engine(Shop().client, database=url),
        inngest.Engine(Shop().client, database=url),
    ):
        ids = await sender.send([inngest.Event(name="pack", data={"number": number}) for number in range(SENT)])
        runs = [run for event_id in ids for run in await sender.runs(event_id=event_id)]
        assert await asyncio.gather(*(sender.wait(run.id) for run in runs)) == list(range(SENT))


@pytest.mark.parametrize("modes", ["guards=rows", "isolation=serializable", "isolation=serializable&guards=rows"])
async def test_engines_that_are_kept_apart_in_another_way_are_refused(schema: str, modes: str) -> None:
    usual, other = (postgres.server().url(schema=schema, modes=given) for given in ("", modes))
    for first, second in ((usual, other), (other, usual)):
        async with inngest.Engine([], database=first):
            pass
        with pytest.raises(StoreError, match="all who write to a database are kept apart in the same way") as caught:
            async with inngest.Engine([], database=second):
                pass
        mend = str(caught.value).partition("change it: ")[2]
        postgres.server().execute(mend)
        async with inngest.Engine([], database=second):
            pass
        postgres.server().execute(f"DROP SCHEMA {schema} CASCADE")


async def test_guards_that_are_lost_are_there_again_when_an_engine_starts(schema: str) -> None:
    url = postgres.server().url(schema=schema, modes="guards=rows")
    async with inngest.Engine([], database=url) as engine:
        postgres.server().execute(f"DELETE FROM {schema}.inngest_guards")
        with pytest.raises(StoreError, match="inngest_guards has lost rows"):
            await engine.send(inngest.Event(name="noted"))
    async with inngest.Engine([], database=url) as engine:
        await engine.send(inngest.Event(name="noted"))


class _Serializable(Stage):
    @property
    def database(self) -> str:
        return f"{super().database}&isolation=serializable"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return _Serializable(tmp_path)


@pytest.mark.parametrize("own", [True, False])
async def test_a_transaction_of_the_users_is_serializable_too(stage: Stage, own: bool) -> None:
    orders = Orders(stage.database)
    stage.options["transactions"] = None if own else alchemy_of(stage.database, isolation_level="SERIALIZABLE")

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", add, orders)

    assert (await stage.run(body)).output == 1
    assert orders.count() == 1


async def test_a_transaction_that_is_not_is_refused(stage: Stage) -> None:
    orders = Orders(stage.database)
    stage.options["transactions"] = alchemy_of(stage.database)

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.options(retries=0).transaction("add", add, orders)

    run = await stage.run(body)
    assert failure(run)[0] == "TransactionError"
    assert "the connection's transaction is read committed" in message(run)
    assert orders.count() == 0
