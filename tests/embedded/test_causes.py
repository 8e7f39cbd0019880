"""A run is entered when there is a cause, and not again and again: it goes on, waits, or ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

import inngest
from inngest import Run
from inngest.embedded.engine import host_of
from inngest.engine.domain.model import Changes, Event, Released
from inngest.engine.domain.model import Run as StoredRun
from inngest.engine.records import Claimed, Touched
from inngest.errors import RunFailedError
from tests.embedded.stage import Stage, step

Step = Callable[[inngest.Context, int], Awaitable[object]]

BUSY = inngest.RetryAfterError("busy", 50)
"""The next attempt comes when the run was let go, unless the machine is slow."""

MANY = 20


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


class Releases:
    """Notes when runs were entered and let go."""

    def __init__(self) -> None:
        self.entered_count = 0
        self.due: asyncio.Queue[int | None] = asyncio.Queue()

    def accepted(self, events: Sequence[Event], started: Sequence[StoredRun], touched: Sequence[Touched]) -> None:
        """Events were stored."""

    def entered(self, claimed: Claimed) -> None:
        """A run was entered."""
        self.entered_count += 1

    def committed(self, run: StoredRun, changes: Changes) -> None:
        """Something was written of it."""
        if isinstance(changes.transition, Released):
            self.due.put_nowait(changes.transition.due_at)

    def cancelled(self, run: StoredRun) -> None:
        """A run was cancelled."""

    def engine(self, stage: Stage, function: inngest.Function[object]) -> inngest.Engine:
        """An engine that it watches."""
        engine = inngest.Engine([function], database=stage.database, retry_interval=0, **stage.options)
        host_of(engine).observe(self)
        return engine


# -- attempts that the code does not come to


async def test_an_attempt_that_a_branch_comes_to_late_is_made_and_is_no_cause_to_enter_for_ever(stage: Stage) -> None:
    opened, diary = asyncio.Event(), Releases()
    opened.set()

    async def charge() -> str:
        if diary.entered_count == 1:  # however often that is
            raise BUSY
        return "paid"

    async def body(ctx: inngest.Context) -> str:
        async def late() -> str:
            await opened.wait()  # a call of some service outside steps
            return await ctx.step.run("charge", charge)

        waiting = ctx.step.wait_for_event("go", event="test/go", timeout=3_600_000)
        return (await asyncio.gather(late(), waiting))[0]

    function = stage.function(body, retries=MANY)
    async with diary.engine(stage, function) as engine:
        await engine.send(inngest.Event(name="test/start"))
        first = await diary.due.get()  # for the next attempt, which is due
        opened.clear()
        (run,) = await engine.runs()
        (waiting,) = [one for one in (await engine.run(run.id)).steps if one.id == "go"]
        second = await diary.due.get()
        assert first is not None
        assert second is not None
        assert second - first > 3_000_000  # it goes on with what it waits for, and not at once
        assert waiting.status == "waiting"
        opened.set()
        await engine.send(inngest.Event(name="test/go"))
        assert await engine.wait(run.id) == "paid"
    assert diary.entered_count == 3


async def test_a_branch_that_comes_to_its_attempt_in_a_moment_is_waited_for(stage: Stage) -> None:
    tried, diary = asyncio.Event(), Releases()

    async def charge() -> str:
        tried.set()
        if diary.entered_count < 3:
            raise BUSY
        return "paid"

    async def body(ctx: inngest.Context) -> str:
        async def late() -> str:
            await asyncio.sleep(0.01)  # more turns of the loop than code that rests
            return await ctx.step.run("charge", charge)

        async def nap() -> None:
            await ctx.step.run("first", tried.wait)
            await ctx.step.sleep("nap", 3_600_000)

        branches = [asyncio.ensure_future(branch) for branch in (late(), nap())]
        try:
            await asyncio.wait(branches, return_when="FIRST_COMPLETED")
            return str(branches[0].result())
        finally:
            for branch in branches:
                branch.cancel()

    function = stage.function(body, retries=MANY)
    async with diary.engine(stage, function) as engine:
        assert await engine.invoke(function) == "paid"
    assert diary.entered_count == 3


# -- runs that are larger than they may be, by an answer from outside


async def child(ctx: inngest.Context) -> str:
    size = ctx.event.data.get("size", 1)
    assert isinstance(size, int)
    return "x" * size


STEPS: dict[str, Step] = {
    "sleep": lambda ctx, number: ctx.step.sleep(f"s{number}", 1),
    "event": lambda ctx, number: ctx.step.wait_for_event(f"s{number}", event="test/never", timeout=1),
    "invoke": lambda ctx, number: ctx.step.invoke_by_id(f"s{number}", function_id="child"),
}


async def _ended(engine: inngest.Engine, function: inngest.Function[object]) -> Run:
    with pytest.raises(RunFailedError) as failed:
        await engine.invoke(function)
    return await engine.run(failed.value.run_id)


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("together", [False, True])
async def test_a_run_with_too_many_answers_fails_at_once(stage: Stage, kind: str, together: bool) -> None:
    stage.options = {"max_steps": 3}

    async def body(ctx: inngest.Context) -> None:
        if together:
            await asyncio.gather(*(STEPS[kind](ctx, number) for number in range(6)))
        for number in range(6):
            await STEPS[kind](ctx, number)

    function = stage.function(body)
    async with stage.engine(function, stage.function(child, "child")) as engine:
        run = await _ended(engine, function)
    assert run.error is not None
    assert (run.error.name, run.error.code) == ("FunctionOverflowedError", "function_overflowed")
    assert "the run has more than 3 steps" in run.error.message
    assert len([one for one in run.steps if one.status == "completed"]) == 3


async def test_a_signal_is_an_answer_too(stage: Stage) -> None:
    stage.options = {"max_steps": 1}

    async def body(ctx: inngest.Context) -> None:
        for number in range(2):
            await ctx.step.wait_for_signal(f"s{number}", signal=f"signal-{number}", timeout=3_600_000)

    function, diary = stage.function(body), Releases()
    async with diary.engine(stage, function) as engine:
        await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs()
        for number in range(2):
            await diary.due.get()
            assert await stage.client.send_signal(f"signal-{number}", 1) == run.id
        with pytest.raises(RunFailedError, match="the run has more than 1 steps"):
            await engine.wait(run.id)
    assert diary.entered_count == 3


async def test_results_of_invoked_runs_that_are_too_large_together_fail_the_run(stage: Stage) -> None:
    data = {"size": 7_900_000}

    async def body(ctx: inngest.Context) -> None:
        invoking = (ctx.step.invoke_by_id(f"s{number}", function_id="child", data=data) for number in range(5))
        await asyncio.gather(*invoking)

    function = stage.function(body)
    async with stage.engine(function, stage.function(child, "child")) as engine:
        run = await _ended(engine, function)
    assert run.error is not None
    assert (run.error.name, run.error.code) == ("StateOverflowedError", "state_overflowed")
    statuses = [step(run, f"s{number}").status for number in range(5)]
    assert sorted(statuses)[-4:] == ["completed"] * 4, statuses  # the fifth is too much; it is recorded, or was open
