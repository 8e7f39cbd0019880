"""What the methods of an engine are given wrongly is told by name, before anything is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import pytest

import inngest
from inngest.errors import EngineConfigError, EngineStateError, EventInvalidError, RunNotFoundError
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
        (
            lambda engine, _: engine.invoke("test-f"),
            "fn: expected a function made by create_function, got 'test-f': Engine.start_run starts a function by its ",
        ),
        (lambda engine, _: engine.invoke(body), r"fn: expected a function made by create_function, got <function"),
        (lambda engine, fn: engine.invoke(fn, data=[1]), r"data: expected a dict, or None, got \[1\]"),
        (lambda engine, fn: engine.invoke(fn, timeout="5"), "timeout: expected milliseconds as int, or a timedelta"),
        (lambda engine, _: engine.wait("x", timeout=0.5), "timeout: expected milliseconds as int, or a timedelta"),
        (lambda engine, _: engine.runs(status="done"), "status: expected one of QUEUED, .*got 'done'"),
        (lambda engine, _: engine.runs(limit=-1), "limit: expected a whole number from 1 to 10,000, got -1"),
        (lambda engine, _: engine.runs(limit="x"), "limit: expected a whole number from 1 to 10,000, got 'x'"),
        (lambda engine, _: engine.runs(limit=True), "limit: expected a whole number from 1 to 10,000, got True"),
        (lambda engine, _: engine.runs(event_id=7), "event_id: expected an id as str, got 7"),
        (lambda engine, _: engine.runs(function="w"), "function: expected an id as app-function, got 'w'"),
        (
            lambda engine, _: engine.runs(function=7),
            "function: expected a function made by create_function, or its id, ",
        ),
        (lambda engine, _: engine.runs(before="x"), "before: expected the id of a run, got 'x'"),
        (lambda engine, _: engine.runs(before=7), "before: expected an id as str, got 7"),
        (lambda engine, _: engine.kept_back(7), "event_id: expected an id as str, got 7"),
        (lambda engine, _: engine.woken(None), "event_id: expected an id as str, got None"),
        (lambda engine, _: engine.start_run(7, {}), "function_id: expected an id as str, got 7"),
        (lambda engine, _: engine.pause(7), "fn: expected a function made by create_function, or its id, got 7"),
        (lambda engine, _: engine.resume(None), "fn: expected a function made by create_function, or its id, got None"),
    ],
)
async def test_a_wrong_argument_is_told_and_starts_nothing(stage: Stage, call: Call, words: str) -> None:
    function = stage.function(body)
    async with stage.engine(function) as engine:
        with pytest.raises(EngineConfigError, match=words):
            await call(engine, function)
        assert await engine.runs() == []


@pytest.mark.parametrize("name", ["cancel", "explain", "release", "rerun", "retry_now", "run", "wait"])
async def test_what_is_no_id_of_a_run_is_told(stage: Stage, name: str) -> None:
    function = stage.function(body)
    async with stage.engine(function) as engine:
        await engine.invoke(function)
        (run,) = await engine.runs()
        method = getattr(engine, name)
        for wrong in (7, None, b"run"):
            with pytest.raises(EngineConfigError, match="run_id: expected an id as str, got"):
                await method(wrong)
        with pytest.raises(EngineConfigError, match=f"run_id: expected an id as str, got .*: its id is '{run.id}'"):
            await method(run)
        for unknown in ("", "x", "\ud800", "\0"):
            with pytest.raises(RunNotFoundError):
                await method(unknown)


async def test_what_is_no_event_is_told_as_what_it_is(stage: Stage) -> None:
    async with stage.engine(stage.function(body)) as engine:
        send = cast("Any", engine).send
        for wrong, name in (({"name": "a/b"}, "dict"), ("a/b", "str"), (None, "NoneType"), (7, "int")):
            with pytest.raises(EventInvalidError, match=f"expected an inngest.Event or a list of them, got {name}"):
                await send(wrong)


def test_an_engine_is_not_stopped_from_another_loop(stage: Stage) -> None:
    function = stage.function(body)
    with inngest.Engine([function], database=stage.database) as engine:
        with pytest.raises(EngineStateError, match="runs on another event loop"):
            asyncio.run(engine.stop())
        assert engine.invoke_sync(function) == "done"
