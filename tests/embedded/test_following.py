"""Runs that follow changed code: what was given up when it was recorded, and values of another type."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.errors import RunFailedError
from tests.embedded import databases
from tests.embedded.stage import failure, message, until_held

TRIGGER = inngest.TriggerEvent(event="app/start")
GO = inngest.Event(name="app/go")


class App:
    """One function with several bodies, on one database; each waits for `app/go` in the middle."""

    def __init__(self, folder: Path) -> None:
        self.database = databases.url_in(folder)
        self.run_id = ""

    def engine(self, body: Any, **options: Any) -> inngest.Engine:
        """An engine with one of them."""
        client = inngest.Inngest(app_id="app")
        function = client.create_function(fn_id="f", retries=0, trigger=TRIGGER, **options)(body)
        return inngest.Engine([function], database=self.database, drain_timeout=100)

    async def begin(self, body: Any) -> None:
        """A run comes to where it waits, and its worker stops."""
        async with self.engine(body) as engine:
            await engine.send(inngest.Event(name="app/start"))
            (run,) = await engine.runs()
            self.run_id = run.id
            while "go" not in {step.id for step in (await engine.run(run.id)).steps}:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)


@pytest.fixture
async def app(tmp_path: Path) -> App:
    return App(tmp_path)


BEGUN: set[str] = set()
"""Runs whose slow step has begun: before, no limit is to end it, however long that takes."""


async def gives_up(ctx: inngest.Context) -> str:
    """The old code: it does not wait for the slow step."""
    try:
        async with asyncio.timeout(0.05 if ctx.run_id in BEGUN else None) as limit:

            async def slow() -> None:
                BEGUN.add(ctx.run_id)
                limit.reschedule(asyncio.get_running_loop().time())
                await asyncio.Event().wait()

            await ctx.step.run("slow", slow)
    except TimeoutError:
        await ctx.step.wait_for_event("go", event="app/go", timeout=3_600_000)
    return "too slow"


async def waits(ctx: inngest.Context) -> str:
    """The new code: it does."""
    try:
        await ctx.step.run("slow", asyncio.Event().wait)
    except inngest.StepError as error:
        await ctx.step.wait_for_event("go", event="app/go", timeout=3_600_000)
        return f"{error.name}: {error.message}"
    return "done"


GIVEN_UP = 'StepCancelledError: step "slow" was given up when it was recorded, and has no result'


async def test_a_step_that_was_given_up_raises_a_step_error(app: App) -> None:
    await app.begin(gives_up)
    async with app.engine(waits, on_change="follow") as engine:
        await engine.send(GO)
        assert await engine.wait(app.run_id) == GIVEN_UP


async def test_it_puts_a_run_on_hold_that_does_not_follow_until_it_is_released(app: App) -> None:
    await app.begin(gives_up)
    async with app.engine(waits) as engine:
        await engine.send(GO)
        run = await until_held(engine, app.run_id)
        assert run.hold is not None
        assert (run.hold.sign, run.hold.step) == ("given up", "slow")
        await engine.release(app.run_id)
        assert await engine.wait(app.run_id) == GIVEN_UP


async def test_code_that_gives_it_up_again_sees_no_error(app: App) -> None:
    await app.begin(gives_up)
    async with app.engine(gives_up, on_change="follow") as engine:
        await engine.send(GO)
        assert await engine.wait(app.run_id) == "too slow"
        assert not (await engine.run(app.run_id)).follows


def counts(kind: type[object] | None) -> Any:
    async def body(ctx: inngest.Context) -> object:
        options: dict[str, Any] = {} if kind is None else {"output_type": kind}
        count = await ctx.step.run("count", lambda: "three", **options)
        await ctx.step.wait_for_event("go", event="app/go", timeout=3_600_000)
        return count

    return body


async def test_a_recorded_value_of_another_type_fails_a_run_that_follows(tmp_path: Path) -> None:
    app = TypedApp(tmp_path)
    await app.begin(counts(str))
    async with app.engine(counts(int), on_change="follow") as engine:
        await engine.send(GO)
        with pytest.raises(RunFailedError):
            await engine.wait(app.run_id)
        run = await engine.run(app.run_id)
        assert failure(run) == ("DeterminismError", "determinism")
        assert "count" in message(run)


async def test_it_puts_one_on_hold_that_does_not(tmp_path: Path) -> None:
    app = TypedApp(tmp_path)
    await app.begin(counts(str))
    async with app.engine(counts(int)) as engine:
        await engine.send(GO)
        run = await until_held(engine, app.run_id)
        assert run.hold is not None
        assert (run.hold.sign, run.hold.step) == ("value", "count")
    async with app.engine(counts(str)) as engine:
        assert await engine.wait(app.run_id) == "three"


class TypedApp(App):
    """Its values come back as types."""

    def engine(self, body: Any, **options: Any) -> inngest.Engine:
        client = inngest.Inngest(app_id="app", serializer=inngest.PydanticSerializer())
        function = client.create_function(fn_id="f", retries=0, trigger=TRIGGER, **options)(body)
        return inngest.Engine([function], database=self.database, drain_timeout=100)
