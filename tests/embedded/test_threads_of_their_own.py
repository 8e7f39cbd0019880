"""Steps in threads that a plain function starts itself: they are durable, and no such thread waits for ever."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest import Run
from inngest.errors import RunCancelledError, StepOutsideError

from .stage import Stage, failure, step

GO = inngest.Event(name="test/go")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Python prints nothing of exceptions that leave threads. (pytest looks at those that it would not print, too.)"""
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    yield
    assert "Exception in thread" not in capfd.readouterr().err


async def until_recorded(engine: inngest.Engine, run_id: str, *step_ids: str) -> None:
    """Wait until these steps are recorded, open ones too, and nobody executes the run."""
    while True:
        run = await engine.run(run_id)
        executed = {one.run_id for one in engine.running_steps}
        if {one.id for one in run.steps} >= set(step_ids) and run_id not in executed:
            return
        await asyncio.sleep(0.01)


async def test_steps_in_a_pool_are_recorded_and_their_handlers_run_at_once(stage: Stage) -> None:
    together = threading.Barrier(3)

    def work(number: int) -> int:
        together.wait(60)
        return number * 2

    def body(ctx: inngest.ContextSync) -> list[int]:
        with ThreadPoolExecutor(3) as pool:
            return list(pool.map(lambda number: ctx.step.run(f"item-{number}", work, number), range(6)))

    run = await stage.run(body)
    assert run.output == [0, 2, 4, 6, 8, 10]
    assert sorted(one.id for one in run.steps) == [f"item-{number}" for number in range(6)]


async def test_a_replay_repeats_nothing_whatever_the_threads_do_in_between(stage: Stage) -> None:
    ran: list[str] = []

    def chain(ctx: inngest.ContextSync, name: str, pause: float) -> None:
        for number in range(3):
            time.sleep(pause)  # of the program, not of the test: each thread has its own pace, in each attempt another
            ctx.step.run(f"{name}-{number}", ran.append, f"{name}-{number}")

    def body(ctx: inngest.ContextSync) -> int:
        pauses = (0, 0.003, 0.02)
        with ThreadPoolExecutor(3) as pool:
            paces = pauses if ctx.attempt == 0 else pauses[::-1]
            list(pool.map(lambda name, pause: chain(ctx, name, pause), "abc", paces))
        ctx.step.run("end", ran.append, "end")
        if ctx.attempt < 2:
            raise RuntimeError("again")
        return ctx.attempt

    run = await stage.run(body, retries=2)
    assert (run.status, run.output) == ("COMPLETED", 2)
    assert sorted(ran) == sorted([*(f"{name}-{number}" for name in "abc" for number in range(3)), "end"])


async def test_a_thread_that_comes_late_in_a_replay_is_waited_for(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """The body is at its step long before the thread is at the step that was recorded first: no sign of change."""
    ran: list[str] = []
    recorded = threading.Event()

    def body(ctx: inngest.ContextSync) -> str:
        def elsewhere() -> None:
            time.sleep(0.3 * ctx.attempt)
            ctx.step.run("first", ran.append, "first")
            recorded.set()

        thread = threading.Thread(target=elsewhere)
        thread.start()
        recorded.wait(60)
        ctx.step.run("second", ran.append, "second")
        thread.join()
        if ctx.attempt == 0:
            raise RuntimeError("again")
        return "ok"

    function = stage.function(body, retries=1)
    async with stage.engine(function) as engine:
        assert await engine.invoke(function, timeout=60_000) == "ok"
    assert ran == ["first", "second"]
    assert not any("on hold" in record.getMessage() for record in caplog.records)


async def test_a_run_that_waits_in_a_thread_goes_on_in_another_engine(stage: Stage) -> None:
    ran: list[str] = []
    over: list[threading.Thread] = []

    def body(ctx: inngest.ContextSync) -> list[object]:
        def waits() -> object:
            over.append(threading.current_thread())
            ctx.step.run("before", ran.append, "before")
            ctx.step.wait_for_event("wait", event="test/go", timeout=3_600_000)
            return ctx.step.run("after", lambda: "after")

        def works() -> object:
            over.append(threading.current_thread())
            for number in range(5):
                ctx.step.run(f"item-{number}", ran.append, str(number))
            return "worked"

        with ThreadPoolExecutor(2) as pool:
            return [task.result() for task in [pool.submit(waits), pool.submit(works)]]

    function = stage.function(body)
    async with stage.engine(function) as engine:
        await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs()
        await until_recorded(engine, run.id, "before", "wait", "item-4")
        for thread in over:
            await asyncio.to_thread(thread.join, 60)
        assert not any(thread.is_alive() for thread in over)

    again = Stage(stage.folder).function(body)
    async with stage.engine(again) as engine:
        await engine.send(GO)
        assert await engine.wait(run.id, timeout=60_000) == ["after", "worked"]
    assert sorted(ran) == ["0", "1", "2", "3", "4", "before"]


@pytest.mark.usefixtures("silence")
async def test_a_bare_thread_is_unwound_without_noise_and_its_function_is_entered_again(stage: Stage) -> None:
    unwound: list[str] = []
    over = threading.Event()

    def body(ctx: inngest.ContextSync) -> str:
        given: list[str] = []

        def elsewhere() -> None:
            try:
                ctx.step.wait_for_event("wait", event="test/go", timeout=3_600_000)
            except Exception as error:
                unwound.append(f"caught {error!r}")
            except BaseException as error:
                unwound.append(type(error).__name__)
                over.set()
                raise
            given.append(ctx.step.run("after", lambda: "after"))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return given[0]

    function = stage.function(body)
    async with stage.engine(function) as engine:
        await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs()
        await until_recorded(engine, run.id, "wait")
        assert await asyncio.to_thread(over.wait, 60)
        await engine.send(GO)
        assert await engine.wait(run.id, timeout=60_000) == "after"
    assert unwound == ["SystemExit"]


@pytest.mark.usefixtures("silence")
async def test_a_body_that_returns_normally_after_its_thread_was_unwound_has_swallowed_nothing(stage: Stage) -> None:
    def body(ctx: inngest.ContextSync) -> str:
        thread = threading.Thread(target=lambda: ctx.step.sleep("nap", 1_500))
        thread.start()
        thread.join()
        return "slept"

    run = await stage.run(body)
    assert (run.status, run.output) == ("COMPLETED", "slept")


@pytest.mark.usefixtures("silence")
async def test_a_call_that_is_open_when_the_body_returns_is_not_recorded_and_its_thread_ends(stage: Stage) -> None:
    entered, go_on = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []
    late: list[str] = []

    def body(ctx: inngest.ContextSync) -> str:
        def works() -> None:
            def handler() -> None:
                entered.set()
                go_on.wait(60)

            ctx.step.run("left", handler)

        def waits() -> None:
            ctx.step.wait_for_event("wait", event="never", timeout=3_600_000)

        def comes_late() -> None:
            go_on.wait(60)
            try:
                ctx.step.run("late", lambda: 1)
            except StepOutsideError as error:
                late.append(error.message)

        threads.extend(threading.Thread(target=one) for one in (works, waits, comes_late))
        for thread in threads:
            thread.start()
        entered.wait(60)
        return "ok"

    function = stage.function(body)
    async with stage.engine(function) as engine:
        assert await engine.invoke(function) == "ok"
        go_on.set()
        for thread in threads:
            await asyncio.to_thread(thread.join, 60)
        assert not any(thread.is_alive() for thread in threads)
        (run,) = await engine.runs()
        assert step_ids(await engine.run(run.id)) <= {"wait"}
    assert late == ['step "late" was called after its function had ended']


@pytest.mark.usefixtures("silence")
@pytest.mark.parametrize("kind", ["a thread", "a task"])
async def test_a_function_that_does_not_wait_for_what_calls_its_steps_is_told_of(
    stage: Stage, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    entered, may_end, threads = threading.Event(), threading.Event(), list[threading.Thread]()

    def handler() -> None:
        entered.set()
        may_end.wait(60)

    def plain(ctx: inngest.ContextSync) -> str:
        threads.append(threading.Thread(target=lambda: ctx.step.run("left", handler)))
        threads[0].start()
        entered.wait(60)
        return "ok"

    async def on_loop(ctx: inngest.Context) -> str:
        began = asyncio.Event()

        async def waits() -> None:
            began.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(ctx.step.run("left", waits))
        await began.wait()
        return "not cancelled" if not task.done() else ""

    run = await stage.run(plain if kind == "a thread" else on_loop)
    may_end.set()
    for thread in threads:
        await asyncio.to_thread(thread.join, 60)
    assert (run.status, step_ids(run)) == ("COMPLETED", set())
    told = [record.getMessage() for record in caplog.records if "steps were not done" in record.getMessage()]
    assert len(told) == 1
    assert "test-f has returned while steps were not done, of which nothing more is recorded: left." in told[0]


def step_ids(run: Run) -> set[str]:
    return {one.id for one in run.steps}


@pytest.mark.parametrize("how", ["cancel", "stop"])
async def test_a_thread_that_waits_is_told_when_its_run_is_cancelled_or_its_engine_stops(
    stage: Stage, how: str
) -> None:
    entered, told = threading.Event(), threading.Event()

    def body(ctx: inngest.ContextSync) -> None:
        def waits() -> None:
            try:
                ctx.step.wait_for_event("wait", event="never", timeout=3_600_000)
            finally:
                told.set()

        def holds() -> None:
            def handler() -> None:
                entered.set()
                told.wait(60)

            ctx.step.run("hold", handler)

        with ThreadPoolExecutor(2) as pool:
            for task in [pool.submit(waits), pool.submit(holds)]:
                task.result()

    function = stage.function(body)
    async with stage.engine(function) as engine:
        await engine.send(inngest.Event(name="test/start"))
        await asyncio.to_thread(entered.wait, 60)
        (run,) = await engine.runs()
        if how == "cancel":
            await engine.cancel(run.id)
            with pytest.raises(RunCancelledError):
                await engine.wait(run.id)
        else:
            stopping = asyncio.create_task(engine.stop())
            await asyncio.sleep(0)
            told.set()  # the engine waits for the handler
            await stopping
    assert await asyncio.to_thread(told.wait, 60)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # asyncio's own, of a task that is lost
@pytest.mark.parametrize("turns", [0, 2, 4, 6])
def test_a_thread_that_calls_a_step_while_the_loop_is_being_closed_is_told(stage: Stage, turns: int) -> None:
    go_on, posted, threads = threading.Event(), threading.Event(), list[threading.Thread]()

    def body(ctx: inngest.ContextSync) -> None:
        def comes_late() -> None:
            go_on.wait(60)
            with pytest.raises(SystemExit):
                ctx.step.run("late", lambda: None)

        threads.append(threading.Thread(target=comes_late))
        threads[0].start()
        ctx.step.wait_for_event("wait", event="never", timeout=3_600_000)

    async def main() -> None:
        async with stage.engine(stage.function(body)) as engine:
            await engine.send(inngest.Event(name="test/start"))
            (run,) = await engine.runs()
            await until_recorded(engine, run.id, "wait")
        let_it_call(turns)

    def let_it_call(after: int) -> None:
        if after:
            loop.call_soon(let_it_call, after - 1)
        else:
            go_on.set()
            posted.wait(60)

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        post = loop.call_soon_threadsafe

        def noticed(*args: Any, **options: Any) -> asyncio.Handle:
            handle = post(*args, **options)
            if threading.current_thread() in threads:
                posted.set()
            return handle

        vars(loop)["call_soon_threadsafe"] = noticed
        runner.run(main())
    go_on.set()
    threads[0].join(60)
    assert not threads[0].is_alive()
    gc.collect()  # here, and not in another test


def sleep_a_little(ctx: inngest.ContextSync) -> str:
    ctx.step.sleep("s", 1)
    return "value"


Call = Callable[[inngest.ContextSync], object]
KINDS: dict[str, Call] = {
    "run": lambda ctx: ctx.step.run("s", lambda: "value"),
    "wrap": lambda ctx: ctx.step.ai.wrap("s", lambda: "value"),
    "sleep": sleep_a_little,
    "send_event": lambda ctx: ctx.step.send_event("s", inngest.Event(name="a")) and "value",
    "parallel": lambda ctx: ctx.group.parallel((lambda: ctx.step.run("s", lambda: "value"),))[0],
    "race": lambda ctx: ctx.group.race((lambda: ctx.step.run("s", lambda: "value"),))[1],
    "patched": lambda ctx: ctx.patched("p") and "value",
    "defer": lambda ctx: ctx.defer("s", function="test-nobody") and "value",
}


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_works_in_such_a_thread(stage: Stage, kind: str) -> None:
    def body(ctx: inngest.ContextSync) -> object:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(KINDS[kind], ctx).result()

    assert (await stage.run(body)).output == "value"


async def test_a_step_that_fails_in_such_a_thread_is_tried_again_and_raises_there(stage: Stage) -> None:
    tries: list[int] = []

    def fails() -> None:
        tries.append(1)
        raise ValueError("no")

    def body(ctx: inngest.ContextSync) -> str:
        def elsewhere() -> str:
            try:
                ctx.step.run("s", fails)
            except inngest.StepError as error:
                return f"{error.name}: {error.message}"
            return ""

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(elsewhere).result()

    run = await stage.run(body, retries=2)
    assert (run.output, len(tries)) == ("ValueError: no", 3)
    assert len(step(run, "s").attempts) == 3


async def test_a_step_of_a_plain_function_on_the_loops_thread_is_refused(stage: Stage) -> None:
    loop = asyncio.get_running_loop()

    def body(ctx: inngest.ContextSync) -> None:
        async def on_the_loop() -> None:
            ctx.step.run("s", lambda: 1)

        asyncio.run_coroutine_threadsafe(on_the_loop(), loop).result()

    run = await stage.run(body, retries=0)
    assert failure(run)[0] == "StepOutsideError"


async def test_code_that_has_changed_is_put_on_hold_all_the_same(stage: Stage) -> None:
    ran: list[str] = []

    def before(ctx: inngest.ContextSync) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(ctx.step.run, "old", ran.append, "old").result()
            pool.submit(lambda: ctx.step.wait_for_event("wait", event="test/go", timeout=3_600_000)).result()

    function = stage.function(before)
    async with stage.engine(function) as engine:
        await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs()
        await until_recorded(engine, run.id, "old", "wait")

    def after(ctx: inngest.ContextSync) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(ctx.step.run, "new", ran.append, "new").result()

    changed = Stage(stage.folder).function(after)
    async with stage.engine(changed) as engine:
        await engine.send(GO)
        while True:
            found = await engine.run(run.id)
            if found.hold is not None:
                break
            await asyncio.sleep(0.01)
        assert (found.hold.step, found.hold.call, ran) == ("old", "new", ["old"])
