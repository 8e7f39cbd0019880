"""Runs are run again, as people ask for it: from the start, from a step on, with other data or arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.errors import EngineConfigError, EngineStateError, RunFailedError, RunNotFoundError
from tests.embedded import databases


class Shop:
    """A function with steps of several kinds, and what it did."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.did: list[object] = []
        self.broken = False
        self.folder = folder
        self.client = client = inngest.Inngest(app_id="shop")

        @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="never"))
        async def child(ctx: inngest.Context) -> object:
            self.did.append("child")
            return "of the child"

        @client.create_function(fn_id="later", trigger=inngest.TriggerEvent(event="later"), retries=0)
        async def later(ctx: inngest.Context) -> object:
            self.did.append("later")
            return None

        @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="order"), retries=0, **options)
        async def order(ctx: inngest.Context) -> object:
            ctx.defer("later", function=later, data={})
            first = await ctx.step.run("reserve", self.reserve, int(str(ctx.event.data["items"])))
            told = await ctx.step.invoke("ask", function=child)
            await ctx.step.sleep("nap", 1)
            paid = await ctx.step.run("charge", self.charge, first, 2)
            for number in range(2):
                await ctx.step.run("mail", self.mail, number)
            return [first, told, paid]

        self.order, self.later = order, later

    def reserve(self, items: int) -> int:
        self.did.append(("reserve", items))
        return items

    def charge(self, items: int, price: int) -> int:
        if self.broken:
            raise RuntimeError("no connection")
        self.did.append(("charge", items, price))
        return items * price

    def mail(self, number: int) -> None:
        self.did.append(("mail", number))

    def engine(self) -> inngest.Engine:
        return inngest.Engine(self.client, database=databases.url_in(self.folder), retry_interval=0)

    async def ran(self, engine: inngest.Engine, items: int = 3) -> inngest.Run:
        """A run that has ended, well or not."""
        (event_id,) = await engine.send(inngest.Event(name="order", data={"items": items}))
        (run,) = await engine.runs(event_id=event_id)
        try:
            await engine.wait(run.id)
        except RunFailedError:
            assert self.broken
        for deferred in await engine.runs(function=self.later):
            await engine.wait(deferred.id)
        self.did.clear()
        return await engine.run(run.id)

    async def result(self, engine: inngest.Engine, run: inngest.Run) -> object:
        """What a run gave, when what it deferred has ended too."""
        found = await engine.wait(run.id)
        for deferred in await engine.runs(function=self.later):
            await engine.wait(deferred.id)
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


MAILS = [("mail", 0), ("mail", 1)]


async def test_a_run_is_run_again_from_the_start(shop: Shop) -> None:
    async with shop.engine() as engine:
        run = await shop.ran(engine)
        again = await engine.rerun(run.id)
        assert (again.origin_id, again.origin_step, again.event_id) == (run.id, None, run.event_id)
        assert await shop.result(engine, again) == [3, "of the child", 6]
        assert shop.did == [("reserve", 3), "child", ("charge", 3, 2), *MAILS, "later"]
        assert (await engine.run(run.id)).reruns == (again.id,)


async def test_a_failed_run_goes_on_from_the_step_that_failed_once_it_is_mended(shop: Shop) -> None:
    shop.broken = True
    async with shop.engine() as engine:
        run = await shop.ran(engine)
        assert run.status == "FAILED"
        shop.broken = False
        again = await engine.rerun(run.id, "charge")
        assert await shop.result(engine, again) == [3, "of the child", 6]
        assert shop.did == [("charge", 3, 2), *MAILS, "later"]  # what it defers starts at its own end
        found = await engine.run(again.id)
        assert [(step.id, step.kept) for step in found.steps] == [
            *((step_id, True) for step_id in ("reserve", "ask", "nap")),
            *((step_id, False) for step_id in ("charge", "mail", "mail:1")),
        ]
        assert [step.output for step in found.steps[:2]] == [3, "of the child"]


async def test_a_repeat_of_a_step_is_named_with_its_number(shop: Shop) -> None:
    async with shop.engine() as engine:
        run = await shop.ran(engine)
        await shop.result(engine, await engine.rerun(run.id, "mail:1"))
        assert shop.did == [("mail", 1), "later"]


async def test_arguments_of_a_step_are_replaced(shop: Shop) -> None:
    async with shop.engine() as engine:
        run = await shop.ran(engine)
        again = await engine.rerun(run.id, "charge", [10, 5])
        assert (again.origin_step, again.origin_input) == ("charge", (10, 5))
        assert await shop.result(engine, again) == [3, "of the child", 50]
        assert shop.did == [("charge", 10, 5), *MAILS, "later"]


async def test_data_of_the_event_are_replaced(shop: Shop) -> None:
    async with shop.engine() as engine:
        run = await shop.ran(engine)
        again = await engine.rerun(run.id, input={"items": 4})
        assert await shop.result(engine, again) == [4, "of the child", 8]
        assert ((await engine.run(again.id)).event or {})["data"] == {"items": 4}
        assert ((await engine.run(run.id)).event or {})["data"] == {"items": 3}


async def test_no_gate_swallows_a_rerun(tmp_path: Path) -> None:
    shop = Shop(
        tmp_path,
        idempotency="event.data.items",
        rate_limit=inngest.RateLimit(limit=1, period=3_600_000),
        singleton=inngest.Singleton(mode="skip"),
        concurrency=[inngest.Concurrency(limit=1)],
    )
    async with shop.engine() as engine:
        run = await shop.ran(engine)
        reruns = [await engine.rerun(run.id) for _ in range(3)]
        assert [await engine.wait(again.id) for again in reruns] == [[3, "of the child", 6]] * 3


async def test_a_cancelled_run_and_one_under_way_are_run_again(shop: Shop) -> None:
    async with shop.engine() as engine:
        await engine.pause(shop.order)
        await engine.send(inngest.Event(name="order", data={"items": 1}))
        (run,) = await engine.runs(function=shop.order)
        waiting = await engine.rerun(run.id)
        await engine.cancel(run.id)
        cancelled = await engine.rerun(run.id)
        await engine.resume(shop.order)
        for again in (waiting, cancelled):
            assert await engine.wait(again.id) == [1, "of the child", 2]


async def test_an_invoked_run_is_run_again_by_itself(shop: Shop) -> None:
    async with shop.engine() as engine:
        await shop.ran(engine)
        (child,) = await engine.runs(function="shop-child")
        assert await engine.wait((await engine.rerun(child.id, input={"more": 1})).id) == "of the child"


async def test_what_cannot_be_is_refused_by_name(shop: Shop) -> None:
    async with shop.engine() as engine:
        run = await shop.ran(engine)
        wrong: list[tuple[tuple[Any, ...], str]] = [
            (("mial",), r"from_step: run .* has no step 'mial': expected one of 'reserve', 'ask', 'nap', .*'mail:1'$"),
            ((7,), "from_step: expected an id as str, got 7"),
            (("nap", [1]), "input: step 'nap' is a Sleep, and only the arguments of steps with a handler"),
            (("charge", 5), "input: expected a list of the step's arguments, got 5"),
            (("charge", "ab"), "input: expected a list of the step's arguments, got 'ab'"),
            (("charge", [object()]), r"input: \$\[0\]: .*object"),
            (("charge", ["x" * 5_000_000]), "input: 5,000,004 bytes of JSON; at most 4,194,304 are allowed"),
            ((None, [1]), r"input: expected a dict, as without from_step it is the event's data, got \[1\]"),
        ]
        for asked, words in wrong:
            with pytest.raises(EngineConfigError, match=words):
                await engine.rerun(run.id, *asked)
        with pytest.raises(RunNotFoundError):
            await engine.rerun("01ARZ3NDEKTSV4RRFFQ69G5FAV")
        assert len(await engine.runs(function=shop.order)) == 1


async def test_the_function_may_be_gone(shop: Shop, tmp_path: Path) -> None:
    async with shop.engine() as engine:
        run = await shop.ran(engine)
    shop.client = inngest.Inngest(app_id="shop")
    shop.client.create_function(fn_id="other", trigger=inngest.TriggerEvent(event="x"))(_nothing)
    async with shop.engine() as engine:
        with pytest.raises(EngineStateError, match=r"function shop-order of run .* is not known any more"):
            await engine.rerun(run.id)


async def _nothing(ctx: inngest.Context) -> None:
    return None


def test_plain_code_runs_a_run_again(tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="plain", trigger=inngest.TriggerEvent(event="plain"))
    def plain(ctx: inngest.ContextSync) -> object:
        return ctx.step.run("double", lambda number: 2 * number, 1)

    with inngest.Engine(client, database=databases.url_in(tmp_path)) as engine:
        assert engine.invoke_sync(plain) == 2
        (run,) = engine.runs_sync()
        assert engine.wait_sync(engine.rerun_sync(run.id, "double", [4]).id) == 8
