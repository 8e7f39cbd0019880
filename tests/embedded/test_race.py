"""`group.race`: the first branch to finish wins, in every replay; the others are closed."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest import Run
from inngest.protocol.opcodes import Memo

from .reentry import Memory, after_each_crash
from .stage import Stage, failure, step

LONG = 60_000
"""Milliseconds that no test waits for."""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def step_ids(run: Run) -> list[str]:
    return [one.id for one in run.steps]


async def forever() -> None:
    await asyncio.Event().wait()


async def test_the_first_to_finish_wins_and_the_others_waits_are_closed(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> object:
        won = await ctx.group.race((lambda: ctx.step.sleep("nap", LONG), lambda: ctx.step.run("s", lambda: "done")))
        await ctx.step.sleep("after", 1)
        return won

    run = await stage.run(body)
    assert run.output == [1, "done"]
    assert {one.id: one.status for one in run.steps} == {"nap": "cancelled", "s": "completed", "after": "completed"}


async def test_an_event_that_nobody_waits_for_any_more_wakes_nobody(stage: Stage) -> None:
    over = asyncio.Event()

    async def body(ctx: inngest.Context) -> object:
        won = await ctx.group.race(
            (
                lambda: ctx.step.wait_for_event("answer", event="shop/answer", timeout=LONG),
                lambda: ctx.step.wait_for_signal("sign", signal="order-1", timeout=LONG),
                lambda: ctx.step.run("s", lambda: "done"),
            )
        )
        await ctx.step.run("over", over.set)
        # The name of the signal is free again, or this would be a conflict.
        signal = await ctx.step.wait_for_signal("again", signal="order-1", timeout=LONG, on_conflict="fail")
        return [won, signal]

    function = stage.function(body)
    async with stage.engine(function) as engine:
        running = asyncio.ensure_future(engine.invoke(function))
        await over.wait()
        while not await stage.client.send_signal("order-1", "signed"):  # noqa: ASYNC110 - until it is waited for
            await asyncio.sleep(0.001)
        assert await running == [[2, "done"], "signed"]
        await stage.client.send(inngest.Event(name="shop/answer"))
        (run,) = await engine.runs()
        run = await engine.run(run.id)
    assert {one.id: one.status for one in run.steps} == {
        "answer": "cancelled",
        "sign": "cancelled",
        "s": "completed",
        "over": "completed",
        "again": "completed",
    }


async def test_an_event_may_win(stage: Stage) -> None:
    waiting = asyncio.Event()

    async def body(ctx: inngest.Context) -> object:
        async def answer() -> object:
            event = await ctx.step.wait_for_event("answer", event="shop/answer", timeout=LONG)
            return event and event.data["text"]

        async def chain() -> None:
            await ctx.step.run("told", waiting.set)
            await ctx.step.sleep("limit", LONG)

        return await ctx.group.race((chain, answer))

    function = stage.function(body)
    async with stage.engine(function) as engine:
        running = asyncio.ensure_future(engine.invoke(function))
        await waiting.wait()
        (run,) = await engine.runs()
        while step_ids(await engine.run(run.id)) != ["told", "answer", "limit"]:  # noqa: ASYNC110 - until it is recorded
            await asyncio.sleep(0.001)
        await stage.client.send(inngest.Event(name="shop/answer", data={"text": "yes"}))
        assert await running == [1, "yes"]
        assert step(await engine.run(run.id), "limit").status == "cancelled"


async def test_the_first_to_finish_wins_in_a_plain_function(stage: Stage) -> None:
    def body(ctx: inngest.ContextSync) -> object:
        won = ctx.group.race((lambda: ctx.step.sleep("nap", LONG), lambda: ctx.step.run("s", lambda: "done")))
        ctx.step.sleep("after", 1)
        return won

    run = await stage.run(body)
    assert run.output == [1, "done"]
    assert {one.id: one.status for one in run.steps} == {"nap": "cancelled", "s": "completed", "after": "completed"}


async def test_a_sleep_may_win_over_a_handler(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> object:
        won = await ctx.group.race((lambda: ctx.step.run("slow", forever), lambda: ctx.step.sleep("limit", 20)))
        return won[0]

    run = await stage.run(body)
    assert (run.output, step(run, "slow").status) == (1, "cancelled")


async def test_a_sleep_may_win_over_a_plain_handler_that_looks(stage: Stage) -> None:
    def slow() -> None:
        while True:
            inngest.current_step().raise_if_cancelled()
            threading.Event().wait(0.001)

    def body(ctx: inngest.ContextSync) -> object:
        won = ctx.group.race((lambda: ctx.step.run("slow", slow), lambda: ctx.step.sleep("limit", 20)))
        ctx.step.run("after", lambda: None)
        return won[0]

    run = await stage.run(body)
    assert (run.output, step(run, "slow").status) == (1, "cancelled")


async def test_a_plain_handler_that_succeeds_all_the_same_is_recorded_and_its_branch_ends(stage: Stage) -> None:
    seen: list[str] = []

    def slow() -> str:
        while not inngest.current_step().cancel_requested:
            threading.Event().wait(0.001)
        return "charged"

    def body(ctx: inngest.ContextSync) -> object:
        def loser() -> None:
            try:
                seen.append(ctx.step.run("slow", slow))
                ctx.step.run("next", lambda: None)
            finally:
                ctx.step.run("release", lambda: None)

        return ctx.group.race((loser, lambda: ctx.step.sleep("limit", 20)))

    run = await stage.run(body)
    assert (run.output, step(run, "slow").output, seen) == ([1, None], "charged", [])
    assert sorted(one.id for one in run.steps) == ["limit", "release", "slow"]


async def test_a_plain_handler_that_fails_after_it_was_asked_is_not_tried_again(stage: Stage) -> None:
    stage.options["retry_interval"] = 3600.0

    def slow() -> None:
        while not inngest.current_step().cancel_requested:
            threading.Event().wait(0.001)
        raise OSError

    def body(ctx: inngest.ContextSync) -> object:
        return ctx.group.race((lambda: ctx.step.run("slow", slow), lambda: ctx.step.sleep("limit", 20)))

    run = await stage.run(body)
    assert (run.output, step(run, "slow").status) == ([1, None], "cancelled")


@pytest.mark.parametrize("index", [0, 1])
async def test_a_failure_that_finishes_first_is_raised(stage: Stage, index: int) -> None:
    def fails() -> None:
        raise inngest.NonRetriableError("stolen card")

    async def body(ctx: inngest.Context) -> None:
        branches = [lambda: ctx.step.sleep("nap", LONG)]
        branches.insert(index, lambda: ctx.step.run("s", fails))
        await ctx.group.race(branches)

    def plain(ctx: inngest.ContextSync) -> None:
        branches = [lambda: ctx.step.sleep("nap", LONG)]
        branches.insert(index, lambda: ctx.step.run("s", fails))
        ctx.group.race(branches)

    for one in (body, plain):
        run = await stage.run(one, fn_id=one.__name__)
        assert failure(run) == ("NonRetriableError", "non_retriable_error")
        assert {found.id: found.status for found in run.steps} == {"nap": "cancelled", "s": "failed"}
        stage.client = inngest.Inngest(app_id="test")


async def test_what_a_loser_raises_is_told_and_changes_nothing(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def body(ctx: inngest.Context) -> object:
        async def loser() -> None:
            try:
                await ctx.step.sleep("nap", LONG)
            finally:
                raise ValueError("in its cleanup")

        return await ctx.group.race((loser, lambda: ctx.step.run("s", int)))

    with caplog.at_level(logging.WARNING, "inngest"):
        run = await stage.run(body)
    assert run.output == [1, 0]
    assert "group.race: callables[0] lost, and raised ValueError: in its cleanup" in caplog.text


async def test_what_is_no_branch_is_refused(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> list[str]:
        said: list[str] = []
        for callables in ((), (5,), 5, (lambda: 5,)):
            try:
                await ctx.group.race(callables)  # type: ignore[arg-type]  # pyright: ignore
            except TypeError as error:
                said.append(str(error))
        return said

    run = await stage.run(body)
    assert run.output == [
        "group.race: expected at least one function, got none",
        "group.race: callables[0]: expected a function, got 5: give the function itself, without calling it",
        "group.race: expected a tuple of functions without arguments, got 5",
        "group.race: callables[0] gave 5: expected an awaitable, such as a step's",
    ]


# -- the same way after a crash at any point


async def test_a_race_of_chains_goes_the_same_way_after_every_crash() -> None:
    async def body(ctx: inngest.Context) -> object:
        async def chain(name: str, count: int) -> str:
            for _ in range(count):
                await ctx.step.run(name, lambda: None)
            return name

        return await ctx.group.race((lambda: chain("a", 5), lambda: chain("b", 2), lambda: chain("c", 4)))

    def plain(ctx: inngest.ContextSync) -> object:
        def chain(name: str, count: int) -> str:
            for _ in range(count):
                ctx.step.run(name, lambda: None)
            return name

        return ctx.group.race((lambda: chain("a", 5), lambda: chain("b", 2), lambda: chain("c", 4)))

    memory = Memory()
    assert await memory.until_done(body) == [1, "b"]
    # The winner's two; of the others what they had begun, and nothing after they had lost.
    assert {memo.step.text for memo in memory.memos} <= {"a", "a:1", "a:2", "b", "b:1", "c", "c:1", "c:2"}
    for crash_at in range(memory.records):
        assert await Memory(crash_at).until_done(body) == [1, "b"]

    # Handlers of plain functions run in threads: the system decides which record comes first, and the record who wins.
    for crash_at in (None, *range(memory.records)):
        memory = Memory(crash_at)
        won = await memory.until_done(plain)
        assert won == first_to_finish(memory.memos)
        assert await memory.again(plain) == won


def first_to_finish(memos: Sequence[Memo]) -> object:
    """The chain whose last step was recorded before those of the others."""
    ends = {"a:4": [0, "a"], "b:1": [1, "b"], "c:3": [2, "c"]}
    return next(ends[memo.step.text] for memo in memos if memo.step.text in ends)


async def test_a_closed_wait_is_closed_after_every_crash() -> None:
    async def body(ctx: inngest.Context) -> object:
        async def careful() -> None:
            try:
                await ctx.step.sleep("nap", LONG)
            finally:
                await ctx.step.run("release", lambda: None)

        async def quick() -> str:
            await ctx.step.sleep("short", 2)
            return await ctx.step.run("s", lambda: "done")

        won = await ctx.group.race((careful, quick))
        await ctx.step.sleep("after", 1)
        return [*won, await ctx.step.run("end", lambda: "end")]

    def plain(ctx: inngest.ContextSync) -> object:
        def careful() -> None:
            try:
                ctx.step.sleep("nap", LONG)
            finally:
                ctx.step.run("release", lambda: None)

        def quick() -> str:
            ctx.step.sleep("short", 2)
            return ctx.step.run("s", lambda: "done")

        won = ctx.group.race((careful, quick))
        ctx.step.sleep("after", 1)
        return [*won, ctx.step.run("end", lambda: "end")]

    for one in (body, plain):
        result, steps = await after_each_crash(one)
        assert result == [1, "done", "end"]
        assert steps == ["-nap", "after", "end", "release", "s", "short"]


async def test_groups_inside_of_branches_end_with_them() -> None:
    async def body(ctx: inngest.Context) -> object:
        async def nested() -> None:
            await asyncio.gather(ctx.step.sleep("n1", LONG), ctx.step.sleep("n2", LONG))

        async def parallel() -> None:
            await ctx.group.parallel((lambda: ctx.step.sleep("n3", LONG), lambda: ctx.step.sleep("n4", LONG)))

        async def race() -> None:
            await ctx.group.race((lambda: ctx.step.sleep("n5", LONG), lambda: ctx.step.sleep("n6", LONG)))

        return await ctx.group.race((nested, parallel, race, lambda: ctx.step.run("s", int)))

    def plain(ctx: inngest.ContextSync) -> object:
        def nested() -> None:
            ctx.group.parallel((lambda: ctx.step.sleep("n1", LONG), lambda: ctx.step.sleep("n2", LONG)))

        def parallel() -> None:
            ctx.group.parallel((lambda: ctx.step.sleep("n3", LONG), lambda: ctx.step.sleep("n4", LONG)))

        def race() -> None:
            ctx.group.race((lambda: ctx.step.sleep("n5", LONG), lambda: ctx.step.sleep("n6", LONG)))

        return ctx.group.race((nested, parallel, race, lambda: ctx.step.run("s", int)))

    for one in (body, plain):
        result, steps = await after_each_crash(one)
        assert result == [3, 0]
        assert steps == ["-n1", "-n2", "-n3", "-n4", "-n5", "-n6", "s"]


async def test_waits_that_the_code_gives_up_are_closed() -> None:
    async def body(ctx: inngest.Context) -> object:
        naps: list[asyncio.Task[Any]] = [asyncio.ensure_future(ctx.step.sleep(f"nap{n}", LONG)) for n in range(3)]
        first = asyncio.ensure_future(ctx.step.run("s", lambda: "done"))
        done, pending = await asyncio.wait([*naps, first], return_when=asyncio.FIRST_COMPLETED)
        for one in pending:
            one.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await ctx.step.sleep("after", 1)
        return [one.result() for one in done]

    result, steps = await after_each_crash(body)
    assert result == ["done"]
    assert steps == ["-nap0", "-nap1", "-nap2", "after", "s"]


# -- a branch that loses while its step is being recorded


class TwoUnderRecord:
    """A winner and a loser whose handlers end in this order; the winner's race is over before the loser is answered."""

    def __init__(self) -> None:
        self.memory = Memory(hold=True)
        self.calls: list[str] = []
        self._loser_runs, self._winner_ends = asyncio.Event(), asyncio.Event()

    async def winner(self) -> str:
        self.calls.append("winner")
        await self._loser_runs.wait()
        self._winner_ends.set()
        return "won"

    async def loser(self) -> str:
        self.calls.append("loser")
        self._loser_runs.set()
        await self._winner_ends.wait()
        return "lost"

    async def answer(self) -> None:
        await self._held(2)
        self.memory.answer()
        for _ in range(100):  # the winner goes on, and its race cancels the other, before that one is answered
            await asyncio.sleep(0)
        self.memory.answer()

    async def answer_one_more(self) -> None:
        await self.answer()
        await self._held(1)
        self.memory.answer()

    async def _held(self, count: int) -> None:
        while self.memory.held < count:  # noqa: ASYNC110 - the memory sets no event
            await asyncio.sleep(0)


@pytest.mark.parametrize("then", ["a step", "something else", "nothing"])
async def test_a_result_under_record_is_kept_and_its_branch_ends_after_it(then: str) -> None:
    two = TwoUnderRecord()

    async def body(ctx: inngest.Context) -> object:
        async def loser() -> None:
            assert await ctx.step.run("kept", two.loser) == "lost"
            if then == "a step":
                await ctx.step.run("never", lambda: None)
            if then != "nothing":
                await forever()

        return await ctx.group.race((lambda: ctx.step.run("winner", two.winner), loser))

    answering = asyncio.ensure_future(two.answer())
    assert await two.memory.until_done(body) == [0, "won"]
    await answering
    assert [(memo.step.text, memo.data, memo.cancelled) for memo in two.memory.memos] == [
        ("winner", '"won"', False),
        ("kept", '"lost"', False),
    ]
    replayed = Memory()
    replayed.memos, replayed.state = two.memory.memos, two.memory.state
    assert await replayed.until_done(body) == [0, "won"]
    assert (two.calls, replayed.records) == (["winner", "loser"], 0)


async def test_a_failed_attempt_under_record_is_the_last_of_its_branch() -> None:
    two = TwoUnderRecord()

    async def fails() -> None:
        raise OSError(await two.loser())

    async def body(ctx: inngest.Context) -> object:
        return await ctx.group.race((lambda: ctx.step.run("winner", two.winner), lambda: ctx.step.run("fails", fails)))

    answering = asyncio.ensure_future(two.answer_one_more())
    assert await two.memory.until_done(body) == [0, "won"]
    await answering
    assert two.calls == ["winner", "loser"]
    assert [(memo.step.text, memo.cancelled) for memo in two.memory.memos] == [("winner", False), ("fails", True)]
