"""Runs that are entered again after each step: code that does not come to the same steps each time is found."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import pytest

import inngest
from inngest.testing import Engine, NotReachedError

from . import shop


def made(body: Any, **options: Any) -> Any:
    """A function of a client of its own."""
    client = inngest.Inngest(app_id="test")
    return client.create_function(fn_id="body", trigger=inngest.TriggerEvent(event="test"), **options)(body)


async def test_a_function_that_keeps_the_rules_ends_the_same() -> None:
    functions = [shop.trial, shop.report, shop.order, shop.parcel, shop.pay]
    ends = []
    for always_replay in (False, True):
        async with Engine(functions, always_replay=always_replay) as engine:
            ends.append(
                (
                    await engine.invoke(shop.trial, data={"user": 7}),
                    await engine.invoke(shop.report),
                    await engine.invoke(shop.pay, data={"order": 1}),
                    [run.output for run in engine.runs.of(shop.order)],
                    engine.now,
                )
            )
    assert ends[0] == ends[1]


async def test_code_runs_again_after_each_step_and_handlers_do_not() -> None:
    entries, steps = itertools.count(), itertools.count()

    async def body(ctx: inngest.Context) -> int:
        next(entries)
        for number in range(3):
            await ctx.step.run(f"step {number}", lambda: next(steps))
        return next(steps)

    replayed = made(body)
    async with Engine([replayed], always_replay=True) as engine:
        assert await engine.invoke(replayed) == 3
    assert next(entries) == 4


async def test_an_id_that_is_made_of_chance_is_found() -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run(f"save-{uuid.uuid4()}", lambda: 1)
        await ctx.step.run("mail", lambda: 2)

    random_id = made(body)
    async with Engine([random_id]) as engine:
        await engine.invoke(random_id)  # without being entered again, it is not seen
    async with Engine([random_id], always_replay=True) as engine:
        with pytest.raises(NotReachedError, match=r'ON HOLD: step "save-.*" was recorded, and the code calls "save-'):
            await engine.invoke(random_id)
        engine.expect(random_id).on_hold()


async def test_a_way_that_is_taken_by_chance_is_found() -> None:
    ways = itertools.count()

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("first" if next(ways) % 2 else "other", lambda: 1)
        await ctx.step.run("last", lambda: 2)

    chance = made(body)
    async with Engine([chance], always_replay=True) as engine:
        run = await engine.begin(chance)
        await engine.run_until_idle()
        engine.expect(run).on_hold("other")
