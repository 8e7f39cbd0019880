"""Tests of functions.

A file of its own: a case is a file that the checkers read whole.
"""

from __future__ import annotations

import datetime
import re
from typing import assert_type

import inngest
from inngest.testing import Engine, Expect, Idle, Run, Stub, at

client = inngest.Inngest(app_id="app")
DAY = datetime.timedelta(days=1)


@client.create_function(fn_id="async", trigger=inngest.TriggerEvent(event="asked"))
async def slowly(ctx: inngest.Context) -> dict[str, int]:
    return {}


@client.create_function(fn_id="plain", trigger=inngest.TriggerEvent(event="asked"))
def plainly(ctx: inngest.ContextSync) -> str:
    return ""


async def test_async() -> None:
    async with Engine([slowly, client], seed=7) as engine:
        assert_type(engine, Engine)
        assert_type(await engine.invoke(slowly, data={"order": 1}), dict[str, int])
        assert_type(await engine.begin(plainly), Run[str])
        assert_type(await engine.send(inngest.Event(name="asked")), list[str])
        assert_type(engine.runs.one(slowly), Run[dict[str, int]])
        assert_type(engine.runs.one(slowly).output, dict[str, int])
        assert_type(engine.runs.of(plainly), list[Run[str]])
        assert_type(engine.expect(plainly), Expect[str])
        assert_type(engine.expect(engine.runs.one(slowly)).completed(), Expect[dict[str, int]])
        assert_type(await engine.run_until_idle(within=DAY), Idle)
        await engine.run_until(at.step("charge", of=slowly))
        await engine.run_until(lambda: True)
        assert_type(engine.stub(slowly, "charge", returns=7, nth=1), Stub)
        engine.stub(None, re.compile("charge .*"), fail=[ConnectionError, TimeoutError("late")])
        engine.stub("app-async", "charge", fail=2, optional=True)
        engine.stub_function(plainly, returns="free")
        assert_type(engine.block(None, "charge").reached, bool)
        assert_type(engine.now, datetime.datetime)
        assert_type(await engine.rerun(engine.runs.one(slowly)), Run[dict[str, int]])


def test_plain() -> None:
    with Engine(client) as engine:
        assert_type(engine.invoke_sync(plainly), str)
        assert_type(engine.begin_sync(slowly), Run[dict[str, int]])
        assert_type(engine.advance_sync(DAY), None)
