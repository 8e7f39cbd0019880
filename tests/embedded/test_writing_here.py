"""What is written on the event loop, and when code on it has come to rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.engine.records import Commit
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.writer import Writer
from inngest.errors import RunFailedError
from inngest.runtime import idle, writer_thread
from tests.embedded.stage import Stage

PATIENCE = 30.0


class Posted(asyncio.SelectorEventLoop):
    """As loops on top of a toolkit's: what is to run soon does not stand in `_ready`."""

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> Any:
        return self.call_later(0, callback, *args, context=context)


async def _turns() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


async def _timer() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    loop.call_later(0, done.set_result, None)
    await done


async def _runs_before_the_run_is_let_go(folder: Path, pause: Callable[[], Awaitable[None]]) -> None:
    stage = Stage(folder)
    ran = asyncio.Event()

    async def body(ctx: inngest.Context) -> None:
        async def late() -> None:
            await pause()
            await ctx.step.run("late", ran.set)

        await asyncio.gather(late(), ctx.step.sleep("nap", 3_600_000))

    async with stage.engine(stage.function(body)):
        await stage.client.send(inngest.Event(name="test/start"))
        await asyncio.wait_for(ran.wait(), PATIENCE)


@pytest.mark.parametrize("pause", [_turns, _timer])
def test_a_branch_that_is_about_to_call_a_step_is_not_at_rest(
    tmp_path: Path, pause: Callable[[], Awaitable[None]]
) -> None:
    asyncio.run(_runs_before_the_run_is_let_go(tmp_path, pause))


def test_a_loop_that_keeps_its_callbacks_elsewhere_is_not_at_rest(tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=Posted) as runner:
        runner.run(_runs_before_the_run_is_let_go(tmp_path, _turns))


async def test_a_run_that_overflows_in_several_branches_starts_what_it_deferred_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path, options={"max_steps": 1})

    @stage.client.create_function(fn_id="clean", trigger=inngest.TriggerEvent(event="test/never"))
    async def clean(ctx: inngest.Context) -> None: ...

    async def body(ctx: inngest.Context) -> None:
        ctx.defer("tidy", function=clean)
        await asyncio.gather(*(ctx.step.run(name, lambda: None) for name in "abcd"))

    function = stage.function(body)
    async with stage.engine(function, clean) as engine:
        with pytest.raises(RunFailedError):
            await engine.invoke(function)
        assert len(await engine.runs(function=clean)) == 1


@pytest.mark.parametrize("after", [0, 10], ids=["the first", "one where its result was made"])
def test_a_signal_that_ends_the_process_during_a_write_leaves_nothing_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr(writer_thread, "QUICK", PATIENCE)
    monkeypatch.setattr(idle, "SLICE", PATIENCE)
    real = SqliteDatabase.alone
    fired: list[str] = []

    def alone(self: Any, connection: Any, sql: str, parameters: Any, *, patient: bool = True) -> Any:
        rows = real(self, connection, sql, parameters, patient=patient)
        if not patient and len(fired) <= after:
            fired.append(sql)
            if len(fired) > after:
                raise SystemExit(3)  # as a handler of SIGTERM does
        return rows

    monkeypatch.setattr(SqliteDatabase, "alone", alone)
    stage = Stage(tmp_path, options={"drain_timeout": 500})

    async def body(ctx: inngest.Context) -> None:
        for _ in range(60):
            await ctx.step.run("s", lambda: None)

    function = stage.function(body, retries=0)

    async def main() -> None:
        async with stage.engine(function) as engine:
            await engine.invoke(function)

    async def again() -> None:
        async with stage.engine(function) as engine:
            [run] = await engine.runs()
            await engine.wait(run.id)  # it has not failed: the exception was for the process

    with pytest.raises(SystemExit):
        asyncio.run(main())
    assert len(fired) > after
    asyncio.run(again())


async def test_lone_results_are_written_where_they_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_thread, "QUICK", PATIENCE)
    monkeypatch.setattr(idle, "SLICE", PATIENCE)
    submit = Writer.submit
    commands: list[Any] = []

    def submitting(writer: Writer, command: Any) -> Any:
        commands.append(command)
        return submit(writer, command)

    monkeypatch.setattr(Writer, "submit", submitting)
    stage = Stage(tmp_path)

    async def body(ctx: inngest.Context) -> None:
        for _ in range(100):
            await ctx.step.run("s", lambda: None)

    run = await stage.run(body)
    assert len(run.steps) == 100
    # Its end, and its first steps; what an engine writes beside its runs is a matter of time.
    assert sum(isinstance(command, Commit) for command in commands) < 30
