"""What the methods of an engine are given wrongly is told by name, before anything is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.errors import EngineConfigError, EngineStateError
from tests.embedded.stage import Stage

Call = Callable[[inngest.Engine, inngest.Function[Any]], Coroutine[Any, Any, object]]


async def body(ctx: inngest.Context) -> str:
    return "done"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda engine, _: engine.invoke(body), r"fn: expected a function made by create_function, got <function"),
        (lambda engine, fn: engine.invoke(fn, data=[1]), r"data: expected a dict, or None, got \[1\]"),
        (lambda engine, fn: engine.invoke(fn, timeout="5"), "timeout: expected milliseconds as int, or a timedelta"),
        (lambda engine, _: engine.wait("x", timeout=0.5), "timeout: expected milliseconds as int, or a timedelta"),
        (lambda engine, _: engine.runs(status="done"), "status: expected one of QUEUED, .*got 'done'"),
        (lambda engine, _: engine.runs(limit=-1), "limit: expected a whole number from 1 to 10,000, got -1"),
        (lambda engine, _: engine.runs(limit="x"), "limit: expected a whole number from 1 to 10,000, got 'x'"),
        (lambda engine, _: engine.runs(limit=True), "limit: expected a whole number from 1 to 10,000, got True"),
    ],
)
async def test_a_wrong_argument_is_told_and_starts_nothing(stage: Stage, call: Call, words: str) -> None:
    function = stage.function(body)
    async with stage.engine(function) as engine:
        with pytest.raises(EngineConfigError, match=words):
            await call(engine, function)
        assert await engine.runs() == []


def test_an_engine_is_not_stopped_from_another_loop(stage: Stage) -> None:
    function = stage.function(body)
    with inngest.Engine([function], database=stage.database) as engine:
        with pytest.raises(EngineStateError, match="runs on another event loop"):
            asyncio.run(engine.stop())
        assert engine.invoke_sync(function) == "done"
