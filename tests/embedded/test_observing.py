"""An observer sees what an engine does, after it is durable and in order."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

import inngest
from inngest.embedded.engine import host_of
from inngest.engine.domain.model import Changes, Ended, Event, Released, Run
from inngest.engine.records import Claimed, Touched
from inngest.protocol.errors import ErrorInfo
from tests.embedded import databases


class Diary:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = asyncio.Event()

    async def next(self, begin: str) -> None:
        """Wait for a line that begins so and was not waited for before; it is marked as seen."""
        while (found := next((line for line in self.lines if line.startswith(begin)), None)) is None:
            self._changed.clear()
            await self._changed.wait()
        self.lines[self.lines.index(found)] = f"seen: {found}"

    def accepted(self, events: Sequence[Event], started: Sequence[Run], touched: Sequence[Touched]) -> None:
        line = f"accepted {[event.name for event in events]} starts {[run.function_id for run in started]}"
        did = Counter("cancels" if one.cancelled else "wakes" for one in touched)
        self.lines.append(", ".join([line, *(f"{verb} {count}" for verb, count in did.items())]))

    def entered(self, claimed: Claimed) -> None:
        self.lines.append(f"entered {claimed.run.function_id} with {len(claimed.memos)} memos")

    def committed(self, run: Run, changes: Changes) -> None:
        self.lines += [f"failed {one.attempt} {one.error.message}" for one in changes.failed]
        self.lines += [f"open {one.step.text}" for one in changes.open]
        self.lines += [f"memo {one.step.text} {one.data}" for one in changes.memos]
        if isinstance(changes.transition, Ended):
            self.lines.append(f"ended {run.function_id} {changes.transition.status}")
        elif isinstance(changes.transition, Released):
            self.lines.append("released")
        self._changed.set()

    def cancelled(self, run: Run) -> None:
        assert run.error is not None
        self.lines.append(f"cancelled {run.function_id}: {ErrorInfo.from_json(run.error).message}")
        self._changed.set()


def flaky(client: inngest.Inngest) -> inngest.Function[str]:
    tries = iter((OSError("busy"), None))

    async def charge() -> str:
        if error := next(tries):
            raise error
        return "paid"

    @client.create_function(fn_id="flaky", trigger=inngest.TriggerEvent(event="t/go"))
    async def fn(ctx: inngest.Context) -> str:
        return await ctx.step.run("charge", charge)

    return fn


async def test_an_observer_sees_events_runs_attempts_and_ends_in_order(tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="shop")
    diary = Diary()
    engine = inngest.Engine([flaky(client)], database=databases.url_in(tmp_path), retry_interval=0)
    host_of(engine).observe(diary)
    async with engine:
        (event_id,) = await engine.send(inngest.Event(name="t/go"))
        (run,) = await engine.runs(event_id=event_id)
        assert await engine.wait(run.id) == "paid"
    assert [line for line in diary.lines if line != "released"] == [
        "accepted ['t/go'] starts ['shop-flaky']",
        "entered shop-flaky with 0 memos",
        "failed 0 busy",
        "open charge",
        *(["entered shop-flaky with 0 memos"] if "released" in diary.lines else []),
        'memo charge "paid"',
        "ended shop-flaky COMPLETED",
    ]


def waiting(client: inngest.Inngest) -> inngest.Function[None]:
    cancel = [inngest.Cancel(event="t/lost")]

    @client.create_function(fn_id="waiting", trigger=inngest.TriggerEvent(event="t/sent"), cancel=cancel)
    async def fn(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("arrival", event="t/arrived", timeout=3_600_000)

    return fn


async def test_an_observer_sees_each_run_that_is_cancelled_once_whoever_cancels_it(tmp_path: Path) -> None:
    database = databases.url_in(tmp_path)
    diary = Diary()
    engine = inngest.Engine([waiting(inngest.Inngest(app_id="shop"))], database=database)
    host_of(engine).observe(diary)
    async with engine, inngest.Engine([], database=database) as elsewhere:
        for cancel in (engine.cancel, elsewhere.cancel, None):
            (event_id,) = await engine.send(inngest.Event(name="t/sent"))
            (run,) = await engine.runs(event_id=event_id)
            await diary.next("open arrival")
            if cancel is None:
                await engine.send(inngest.Event(name="t/lost"))
            else:
                assert await cancel(run.id)
            await diary.next("cancelled")
    assert [line for line in diary.lines if "cancelled" in line] == [
        *["seen: cancelled shop-waiting: cancelled by Engine.cancel"] * 2,
        "seen: cancelled shop-waiting: an event came that cancels it (t/lost)",
    ]
    assert "accepted ['t/lost'] starts [], cancels 1" in diary.lines


async def test_an_observer_hears_whom_an_event_wakes(tmp_path: Path) -> None:
    diary = Diary()
    engine = inngest.Engine([waiting(inngest.Inngest(app_id="shop"))], database=databases.url_in(tmp_path))
    host_of(engine).observe(diary)
    async with engine:
        (event_id,) = await engine.send(inngest.Event(name="t/sent"))
        (run,) = await engine.runs(event_id=event_id)
        await diary.next("open arrival")
        await engine.send([inngest.Event(name="t/other"), inngest.Event(name="t/arrived")])
        await engine.wait(run.id)
    assert "accepted ['t/other', 't/arrived'] starts [], wakes 1" in diary.lines


class Broken(Diary):
    """Raises whatever it is told."""

    def accepted(self, events: Sequence[Event], started: Sequence[Run], touched: Sequence[Touched]) -> None:
        raise BrokenPipeError("nobody reads")

    def entered(self, claimed: Claimed) -> None:
        raise BrokenPipeError("nobody reads")

    def committed(self, run: Run, changes: Changes) -> None:
        raise BrokenPipeError("nobody reads")

    def cancelled(self, run: Run) -> None:
        raise BrokenPipeError("nobody reads")


async def test_an_observer_that_raises_is_logged_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = inngest.Inngest(app_id="shop")
    fn = flaky(client)
    engine = inngest.Engine([fn], database=databases.url_in(tmp_path), retry_interval=0)
    host_of(engine).observe(Broken())
    with caplog.at_level(logging.ERROR, "inngest.engine"):
        async with engine:
            assert await engine.invoke(fn) == "paid"
    assert "an observer failed" in caplog.text


async def test_each_of_several_observers_is_told_until_it_is_removed(tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="shop")
    one, other, later = Diary(), Diary(), Diary()
    engine = inngest.Engine([flaky(client)], database=databases.url_in(tmp_path), retry_interval=0)
    remove = host_of(engine).observe(one)
    host_of(engine).observe(Broken())
    host_of(engine).observe(other)
    async with engine:
        await engine.send(inngest.Event(name="t/other"))
        remove()
        remove()  # once is enough
        host_of(engine).observe(later)
        await engine.send(inngest.Event(name="t/another"))
    assert one.lines == ["accepted ['t/other'] starts []"]
    assert other.lines == [*one.lines, *later.lines]
    assert later.lines == ["accepted ['t/another'] starts []"]


async def test_an_observer_that_was_added_twice_is_removed_once(tmp_path: Path) -> None:
    diary = Diary()
    engine = inngest.Engine([], database=databases.url_in(tmp_path))
    host_of(engine).observe(diary)
    host_of(engine).observe(diary)()
    async with engine:
        await engine.send(inngest.Event(name="t/go"))
    assert diary.lines == ["accepted ['t/go'] starts []"]
