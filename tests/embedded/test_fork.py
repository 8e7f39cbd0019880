"""Forking after start: the child is told by name, the parent goes on as if nothing had happened."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import cast

import inngest
from inngest.errors import EngineStateError
from tests import processes
from tests.embedded import databases

client = inngest.Inngest(app_id="fork")
RELEASE = "release"


@client.create_function(fn_id="double", trigger=inngest.TriggerEvent(event="double"))
async def double(ctx: inngest.Context) -> int:
    number = ctx.event.data["number"]
    assert isinstance(number, int)
    return await ctx.step.run("double", lambda: number * 2)


def forked(child: Callable[[], object]) -> int:
    """Run `child` in a fork of this process, which ends as the interpreter ends; its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn, and rightly
        pid = os.fork()
    if pid == 0:
        try:
            child()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        sys.exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def refusal(call: Callable[[], object]) -> str:
    """What the error says that a call raises."""
    try:
        call()
    except EngineStateError as error:
        return str(error)
    raise AssertionError("nothing was raised")


def check_refusals_and_end(engine: inngest.Engine, parent: int) -> None:
    check_refusals(engine, parent)
    os._exit(0)


def check_refusals(engine: inngest.Engine, parent: int) -> None:
    expected = (
        f"the engine was started in process {parent} and this is its fork {os.getpid()}: "
        "start engines after forking, one in each process"
    )
    calls: list[Callable[[], object]] = [
        lambda: engine.invoke_sync(double, data={"number": 1}),
        lambda: engine.send_sync(inngest.Event(name="double")),
        lambda: engine.wait_sync("run"),
        engine.runs_sync,
        lambda: client.send_sync(inngest.Event(name="double")),
        lambda: asyncio.run(engine.runs()),
        lambda: asyncio.run(client.send(inngest.Event(name="double"))),
    ]
    for call in calls:
        assert refusal(call) == expected


def plain(talk: processes.Talk, database: str) -> None:
    """An engine on a thread of its own; the child leaves the `with` block."""
    with inngest.Engine([double], database=database) as engine:
        parent = os.getpid()
        codes = [forked(lambda: check_refusals(engine, parent)) for _ in range(2)]
        results = [engine.invoke_sync(double, data={"number": number}) for number in range(3)]
        if os.getpid() == parent:
            talk.say((codes, results))


def on_a_loop(talk: processes.Talk, database: str) -> None:
    """An engine on the loop from which the fork is made, also inside a step."""

    async def main() -> None:
        async with inngest.Engine([double, forks], database=database) as engine:
            parent = os.getpid()
            codes = [in_a_fork(lambda: check_refusals_and_end(engine, parent)), await engine.invoke(forks)]
            results = [await engine.invoke(double, data={"number": number}) for number in range(3)]
            talk.say((codes, results))

    asyncio.run(main())


@client.create_function(fn_id="forks", trigger=inngest.TriggerEvent(event="forks"), retries=0)
async def forks(ctx: inngest.Context) -> int:
    """In one child the step ends its process; the other returns, goes on with the parent's loop, and is ended."""
    codes: list[int] = []
    for child in (lambda: os._exit(0), lambda: None):
        code = await ctx.step.run("fork", in_a_fork, child)
        codes.append(code)
    return 0 if codes == [0, 1] else 9


def in_a_fork(child: Callable[[], object]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        child()
        return 0  # and goes on with the parent's loop
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def by_multiprocessing(talk: processes.Talk, database: str) -> None:
    with inngest.Engine([double], database=database) as engine, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process = multiprocessing.get_context("fork").Process(target=check_refusals, args=(engine, os.getpid()))
        process.start()
        process.join()
        talk.say(([process.exitcode], [engine.invoke_sync(double, data={"number": number}) for number in range(3)]))


def starts_its_own(talk: processes.Talk, database: str) -> None:
    """A child may start an engine of its own, but not on a file that its parent has open: SQLite copied its locks."""

    def child() -> None:
        said = refusal(lambda: inngest.Engine([double], database=database).__enter__())
        assert "was forked while an engine ran on" in said

    def after() -> None:
        with inngest.Engine([double], database=database) as own:
            assert own.invoke_sync(double, data={"number": 21}) == 42

    with inngest.Engine([double], database=database) as engine:
        codes = [forked(child), forked(child)]
        results = [engine.invoke_sync(double, data={"number": number}) for number in range(3)]
    codes.append(forked(after))
    talk.say((codes, results))


def check(target: Callable[..., None], tmp_path: Path) -> None:
    path = tmp_path / "inngest.db"
    with processes.started(target, f"sqlite:///{path}") as process:
        codes, results = cast("tuple[list[int], list[int]]", process.hear())
        assert process.join() == 0
    assert set(codes) == {0}
    assert results == [0, 2, 4]
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("SELECT count(*) FROM inngest_sessions").fetchone() == (0,)
    connection.close()


def test_a_fork_of_plain_code(tmp_path: Path) -> None:
    check(plain, tmp_path)


def test_a_fork_from_the_engines_loop(tmp_path: Path) -> None:
    check(on_a_loop, tmp_path)


def test_a_fork_by_multiprocessing(tmp_path: Path) -> None:
    check(by_multiprocessing, tmp_path)


def test_a_fork_that_starts_an_engine_of_its_own(tmp_path: Path) -> None:
    check(starts_its_own, tmp_path)


def dies_with_a_child(talk: processes.Talk, database: str) -> None:
    """Killed while a handler runs; a fork of it lives on."""

    async def handler() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            talk.expect(RELEASE)
            os._exit(0)
        talk.say(child)
        await asyncio.Event().wait()

    @client.create_function(fn_id="outlived", trigger=inngest.TriggerEvent(event="outlived"))
    async def outlived(ctx: inngest.Context) -> None:
        await ctx.step.run("fork", handler)

    with inngest.Engine([outlived], database=database) as engine:
        engine.invoke_sync(outlived)


async def test_a_killed_worker_is_taken_over_though_a_fork_of_it_lives(tmp_path: Path) -> None:
    database = databases.url_in(tmp_path)

    @client.create_function(fn_id="outlived", trigger=inngest.TriggerEvent(event="outlived"))
    async def outlived(ctx: inngest.Context) -> str:
        return await ctx.step.run("fork", lambda: "taken over")

    with processes.started(dies_with_a_child, database) as process:
        child = process.hear()
        assert isinstance(child, int)
        process.kill()
        async with inngest.Engine([outlived], database=database) as engine:
            (run,) = await engine.runs()
            assert await engine.wait(run.id) == "taken over"
        os.kill(child, 0)  # it lives
        process.say(RELEASE)
