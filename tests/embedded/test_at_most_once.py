"""`on_crash="fail"`: no attempt of a step is begun twice, whatever becomes of its worker."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

import inngest
from inngest.errors import EngineConfigError, RunFailedError, StepError, StepInterruptedError
from tests.embedded.stage import Stage, failure, message, step

SLOW = 20_000
"""Milliseconds after which a test that would hang fails."""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


class Charge:
    """A handler that hangs the first time, and how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.hangs = asyncio.Event()

    async def __call__(self) -> str:
        self.begun += 1
        if self.begun == 1:
            self.hangs.set()
            await asyncio.get_running_loop().create_future()
        return "charged"


async def charged(ctx: inngest.Context, charge: Callable[[], Awaitable[str]], **options: Any) -> str:
    """The body of most of these stories."""
    try:
        return await ctx.step.options(**options).run("charge", charge)
    except StepInterruptedError as error:
        said = f"unknown: {error.message}"
    return await ctx.step.run("look", lambda: said)


async def cut(stage: Stage, function: inngest.Function[Any], charge: Charge) -> str:
    """Stop an engine while the handler hangs; the run."""
    stage.options = {"drain_timeout": 0}
    async with stage.engine(function) as engine:
        (event_id,) = await engine.send(inngest.Event(name="test/start"))
        await charge.hangs.wait()
        (run,) = await engine.runs(event_id=event_id)
        return run.id


async def test_a_step_that_a_stop_cuts_fails_and_the_code_can_catch_it(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    charge = Charge()

    async def body(ctx: inngest.Context) -> str:
        return await charged(ctx, charge, on_crash="fail")

    function = stage.function(body)
    run_id = await cut(stage, function, charge)
    async with stage.engine(function) as engine:
        output = await engine.wait(run_id, timeout=SLOW)
        assert output == (
            'unknown: step "charge" was cut while its handler ran: its worker died, or was stopped. What the handler '
            'has done is not known, and with on_crash="fail" it is not run again'
        )
        run = await engine.run(run_id)
    assert charge.begun == 1
    assert [one.error and one.error.name for one in step(run, "charge").attempts] == ["StepInterruptedError"]
    (told,) = [record for record in caplog.records if "was cut while its handler ran" in record.getMessage()]
    assert [getattr(told, name) for name in ("run_id", "function_id", "step", "attempt")] == [
        run_id,
        run.function_id,
        "charge",
        0,
    ]


async def test_a_logger_that_raises_does_not_keep_it_from_failing(stage: Stage) -> None:
    charge = Charge()

    class Broken(logging.Logger):
        """Raises whatever it is told."""

        def handle(self, record: logging.LogRecord) -> None:
            raise RuntimeError(record.getMessage())

    stage.client = inngest.Inngest(app_id="test", logger=Broken("broken"))

    async def body(ctx: inngest.Context) -> str:
        return await charged(ctx, charge, on_crash="fail")

    function = stage.function(body, retries=0)
    run_id = await cut(stage, function, charge)
    async with stage.engine(function) as engine:
        assert str(await engine.wait(run_id, timeout=SLOW)).startswith("unknown")


async def test_it_is_run_again_without_the_option(stage: Stage) -> None:
    charge = Charge()

    async def body(ctx: inngest.Context) -> str:
        return await charged(ctx, charge, on_crash="retry")

    function = stage.function(body)
    run_id = await cut(stage, function, charge)
    async with stage.engine(function) as engine:
        assert await engine.wait(run_id, timeout=SLOW) == "charged"
    assert charge.begun == 2


def test_it_is_a_step_error() -> None:
    assert issubclass(StepInterruptedError, StepError)


async def test_who_does_not_catch_it_fails_at_once(stage: Stage) -> None:
    charge = Charge()

    async def body(ctx: inngest.Context) -> str:
        return await ctx.step.options(on_crash="fail").run("charge", charge)

    function = stage.function(body)
    run_id = await cut(stage, function, charge)
    async with stage.engine(function) as engine:
        with pytest.raises(RunFailedError):
            await engine.wait(run_id, timeout=SLOW)
        run = await engine.run(run_id)
    assert failure(run) == ("StepInterruptedError", "step_interrupted")
    assert charge.begun == 1


async def test_a_handler_that_raised_is_tried_again(stage: Stage) -> None:
    begun: list[int] = []

    def flaky() -> str:
        begun.append(inngest.current_step().attempt)
        if len(begun) < 3:
            raise ConnectionError("the bank is closed")
        return "charged"

    async def body(ctx: inngest.Context) -> str:
        return await ctx.step.options(on_crash="fail", retries=2).run("charge", flaky)

    assert (await stage.run(body)).output == "charged"
    assert begun == [0, 1, 2]


async def test_without_retries_it_runs_once_in_all(stage: Stage) -> None:
    begun: list[int] = []

    def flaky() -> None:
        begun.append(inngest.current_step().attempt)
        raise ConnectionError("the bank is closed")

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.options(on_crash="fail", retries=0).run("charge", flaky)

    assert failure(await stage.run(body)) == ("ConnectionError", "step_errored")
    assert begun == [0]


async def test_the_attempt_after_one_that_raised_is_not_repeated_either(stage: Stage) -> None:
    charge = Charge()
    raised: list[int] = []

    async def flaky() -> str:
        if not raised:
            raised.append(1)
            raise ConnectionError("the bank is closed")
        return await charge()

    async def body(ctx: inngest.Context) -> str:
        return await charged(ctx, flaky, on_crash="fail")

    function = stage.function(body)
    run_id = await cut(stage, function, charge)
    async with stage.engine(function) as engine:
        assert str(await engine.wait(run_id, timeout=SLOW)).startswith("unknown")
        run = await engine.run(run_id)
    names = [one.error and one.error.name for one in step(run, "charge").attempts]
    assert names == ["ConnectionError", "StepInterruptedError"]
    assert charge.begun == 1


async def test_branches_beside_it_keep_what_they_have(stage: Stage) -> None:
    charge = Charge()
    reserved: list[int] = []

    async def body(ctx: inngest.Context) -> list[str]:
        def reserve() -> str:
            reserved.append(1)
            return "reserved"

        async def reserving() -> str:
            return await ctx.step.run("reserve", reserve)

        done = await ctx.group.parallel((lambda: charged(ctx, charge, on_crash="fail"), reserving))
        return [one[:8] for one in done]

    function = stage.function(body)
    stage.options = {"drain_timeout": 0}
    async with stage.engine(function) as engine:
        await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs()
        await charge.hangs.wait()  # its begin is recorded before it is called
        while not any(one.status == "completed" for one in (await engine.run(run.id)).steps):  # noqa: ASYNC110 - a record
            await asyncio.sleep(0)
    async with stage.engine(function) as engine:
        assert await engine.wait(run.id, timeout=SLOW) == ["unknown:", "reserved"]
    assert (charge.begun, len(reserved)) == (1, 1)


async def test_a_caller_that_gives_up_in_time_begins_nothing_more(stage: Stage) -> None:
    charge = Charge()

    async def body(ctx: inngest.Context) -> str:
        task = asyncio.ensure_future(ctx.step.options(on_crash="fail").run("charge", charge))
        await charge.hangs.wait()
        task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            return "given up"

    assert (await stage.run(body)).output == "given up"
    assert charge.begun == 1


async def test_plain_functions_too(stage: Stage) -> None:
    begun: list[int] = []
    entered, leave = threading.Event(), threading.Event()

    def charge() -> str:
        begun.append(1)
        entered.set()
        leave.wait()
        return "charged"

    def body(ctx: inngest.ContextSync) -> str:
        try:
            return ctx.step.options(on_crash="fail").run("charge", charge)
        except StepInterruptedError:
            return "unknown"

    function = stage.function(body)
    stage.options = {"drain_timeout": 0}
    async with stage.engine(function) as engine:
        await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs()
        await asyncio.to_thread(entered.wait)
        (shown,) = (await engine.run(run.id)).steps
        assert (shown.status, shown.due_at, shown.ended_at) == ("running", None, None)
        said = [reason.text for reason in (await engine.explain(run.id)).reasons]
        assert said[1:] == [
            'Step "charge" has begun, and is not run again: if its worker dies, it fails with StepInterruptedError.'
        ]
    leave.set()
    async with stage.engine(function) as engine:
        assert await engine.wait(run.id, timeout=SLOW) == "unknown"
    assert len(begun) == 1


PROGRAM = """
import asyncio, os, sys
import inngest
from inngest.errors import StepInterruptedError

client = inngest.Inngest(app_id="test")

def charge():
    with open(sys.argv[2], "a") as ledger:
        ledger.write("begun\\n")
    if sys.argv[3] == "die":
        os.kill(os.getpid(), 9)

@client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="test/start"))
async def f(ctx):
    try:
        await ctx.step.options(on_crash="fail").run("charge", charge)
    except StepInterruptedError:
        return await ctx.step.run("look", lambda: "unknown")

async def main():
    async with inngest.Engine(client, database=sys.argv[1]) as engine:
        if sys.argv[3] == "die":
            await engine.invoke(f)
        (run,) = await engine.runs()
        print(await engine.wait(run.id))

asyncio.run(main())
"""


async def test_a_process_that_is_killed_in_the_handler(stage: Stage) -> None:
    ledger = stage.folder / "ledger"

    async def ran(how: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            stage.database,
            str(ledger),
            how,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ,
        )
        out, _ = await process.communicate()
        return process.returncode, out.decode().strip()

    assert await ran("die") == (-signal.SIGKILL, "")
    assert await ran("live") == (0, "unknown")
    assert ledger.read_text() == "begun\n"


async def test_a_wrong_option_is_told(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.options(on_crash=cast("Any", "never")).run("charge", lambda: None)

    said = message(await stage.run(body, retries=0))
    assert said == """on_crash: expected "retry" or "fail", got 'never'"""


# -- how many workers may die


async def test_max_takeovers_is_checked() -> None:
    for wrong in (0, -1, True, 1.5, 1_001):
        with pytest.raises(EngineConfigError, match="max_takeovers: expected a whole number from 1 to 1,000"):
            inngest.Engine([], max_takeovers=cast("int", wrong))


async def test_a_run_on_which_so_many_workers_died_fails(stage: Stage) -> None:
    killer = PROGRAM.replace('on_crash="fail"', 'on_crash="retry"').replace("database=", "max_takeovers=2, database=")

    async def ran(program: str, how: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stage.database, str(stage.folder / "ledger"), how,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, err = await process.communicate()
        return process.returncode, err.decode()

    again = killer.replace("await engine.invoke(f)", "pass")
    assert (await ran(killer, "die"))[0] == -signal.SIGKILL
    assert (await ran(again, "die"))[0] == -signal.SIGKILL
    code, said = await ran(again, "die")
    assert code == 1
    assert "WorkerLostError" in said
    assert (stage.folder / "ledger").read_text() == "begun\n" * 2
