"""`Engine(stop_on_signals=True)`: a signal ends the block of a plain script, and its runs go on later."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast

import pytest

import inngest
from inngest.errors import EngineConfigError, EngineStateError

ASYNC = """
import asyncio, sys, time
import inngest

client = inngest.Inngest(app_id="shop")

@client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="go"))
async def f(ctx: inngest.Context) -> None:
    await ctx.step.run("first", work)
    await ctx.step.run("second", lambda: print("second", flush=True))

async def work() -> None:
    print("begun", flush=True)
    await asyncio.to_thread(sys.stdin.readline)  # until the test has sent its signal

async def main() -> None:
    async with inngest.Engine(client, database=sys.argv[1], stop_on_signals=True) as engine:
        try:
            await engine.send(inngest.Event(name="go"))
            await asyncio.Event().wait()
        finally:
            print("left", flush=True)

asyncio.run(main())
"""
PLAIN = """
import sys, threading
import inngest

client = inngest.Inngest(app_id="shop")

@client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="go"))
def f(ctx: inngest.ContextSync) -> None:
    ctx.step.run("first", work)
    ctx.step.run("second", lambda: print("second", flush=True))

def work() -> None:
    print("begun", flush=True)
    sys.stdin.readline()

with inngest.Engine(client, database=sys.argv[1], stop_on_signals=True) as engine:
    try:
        engine.send_sync(inngest.Event(name="go"))
        while not threading.Event().wait(0.1):  # for ever: a signal just before it is not seen where no time is given
            pass
    finally:
        print("left", flush=True)
"""


@pytest.mark.parametrize("code", [ASYNC, PLAIN], ids=["async", "plain"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_engine_as_the_end_of_its_block_does(
    tmp_path: Path, code: str, number: signal.Signals
) -> None:
    path = tmp_path / "shop.db"
    pipe = subprocess.PIPE
    script = [sys.executable, "-c", code, f"sqlite:///{path}"]
    with subprocess.Popen(script, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        assert process.stdout.readline() == "left\n"
        process.stdin.write("go on\n")
        process.stdin.close()
        assert process.stdout.read() == ""  # it let go after the step that was under way
        assert process.stderr.read() == ""
    assert process.returncode == 128 + number
    assert asyncio.run(what_is_recorded(path)) == ("RUNNING", ["first"])


def test_a_second_signal_that_cuts_the_stop_short_ends_the_script_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    pipe = subprocess.PIPE
    script = [sys.executable, "-c", ASYNC, f"sqlite:///{path}"]
    with subprocess.Popen(script, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "left\n"
        process.send_signal(signal.SIGINT)
        process.stdin.close()  # after it: the handler is waited for until then
        assert process.stderr.read() == ""
    assert process.returncode == 128 + signal.SIGINT
    status, steps = asyncio.run(what_is_recorded(path))
    assert (status, steps in ([], ["first"])) == ("RUNNING", True)


STARTING = """
import asyncio, os, sys
import inngest

class Slow(inngest.Engine):
    async def start(self) -> None:
        os.kill(os.getpid(), int(sys.argv[2]))
        await asyncio.Event().wait()  # a start that takes long

async def main() -> None:
    async with Slow([], database=sys.argv[1], stop_on_signals=True):
        print("entered")

if sys.argv[3] == "async":
    asyncio.run(main())
else:
    with Slow([], database=sys.argv[1], stop_on_signals=True):
        print("entered")
"""


@pytest.mark.parametrize("kind", ["async", "plain"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_start_too(tmp_path: Path, kind: str, number: signal.Signals) -> None:
    script = [sys.executable, "-c", STARTING, f"sqlite:///{tmp_path}/shop.db", str(int(number)), kind]
    ran = subprocess.run(script, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (128 + number, "", "")


async def test_the_log_names_the_steps_that_a_stop_waits_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    client = inngest.Inngest(app_id="shop")
    began, leave = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        await leave.wait()

    @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="go"))
    async def order(ctx: inngest.Context) -> None:
        await ctx.step.run("charge", work)

    with caplog.at_level(logging.INFO, "inngest.engine"):
        async with inngest.Engine([order], database=tmp_path / "shop.db", drain_timeout=5_000) as engine:
            await engine.send(inngest.Event(name="go"))
            await began.wait()
            asyncio.get_running_loop().call_later(0.01, leave.set)
    assert "the engine stops, and waits at most 5000 ms for step charge of shop-order" in caplog.messages


async def what_is_recorded(path: Path) -> tuple[str, list[str]]:
    """The status of the one run, and its steps."""
    async with inngest.Engine([], database=path) as engine:
        (run,) = await engine.runs()
        return run.status, [step.id for step in (await engine.run(run.id)).steps]


async def test_signals_are_as_before_when_the_block_has_ended(tmp_path: Path) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    async with inngest.Engine([], database=tmp_path / "shop.db", stop_on_signals=True):
        pass
    assert {number: signal.getsignal(number) for number in before} == before


def test_another_thread_than_the_main_one_is_refused(tmp_path: Path) -> None:
    caught: list[Exception] = []

    def enter() -> None:
        try:
            with inngest.Engine([], database=tmp_path / "shop.db", stop_on_signals=True):
                pass
        except EngineStateError as error:
            caught.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert "only the main thread is told of signals" in str(caught[0])


def test_a_text_does_not_count_as_true() -> None:
    with pytest.raises(EngineConfigError, match="stop_on_signals: expected True or False, got 'false'"):
        inngest.Engine([], stop_on_signals=cast("bool", "false"))
