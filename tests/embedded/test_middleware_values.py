"""Middleware that changes values: user code sees the same the first time and on every replay."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import inngest

from .stage import TRIGGER, Stage, step

AnyContext = inngest.Context | inngest.ContextSync


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def sealed(value: object) -> dict[str, object]:
    return {"sealed": base64.b64encode(json.dumps(value).encode()).decode()}


def opened(value: object) -> Any:
    if isinstance(value, Mapping) and set(value) == {"sealed"}:
        return json.loads(base64.b64decode(str(value["sealed"])))
    return value


def nothing() -> object:
    return None


class Seals(inngest.MiddlewareSync):
    """Keeps values sealed wherever they are stored."""

    def transform_input(
        self, ctx: inngest.Context | inngest.ContextSync, function: Any, steps: inngest.StepMemos
    ) -> None:
        for event in ctx.events:
            event.data = opened(event.data)
        for memo in steps.values():
            memo.data = opened(memo.data)

    def transform_output(self, result: inngest.TransformOutputResult) -> None:
        if result.has_output():
            result.output = sealed(result.output)

    def before_send_events(self, events: list[inngest.Event]) -> None:
        for event in events:
            event.data = sealed(dict(event.data))


class Counts(inngest.MiddlewareSync):
    """Changes what it sees each time it sees it: twice changed is not once changed."""

    def transform_input(
        self, ctx: inngest.Context | inngest.ContextSync, function: Any, steps: inngest.StepMemos
    ) -> None:
        ctx.event.data = {**ctx.event.data, "seen": int(str(ctx.event.data.get("seen", 0))) + 1}
        for memo in steps.values():
            if isinstance(memo.data, int):
                memo.data += 1

    def transform_output(self, result: inngest.TransformOutputResult) -> None:
        if result.has_output() and isinstance(result.output, int):
            result.output *= 10


async def in_two_lives(stage: Stage, middleware: list[Any], kind: str) -> tuple[list[object], Any]:
    """What a function sees after each of its steps: first alive, then again after its engine was stopped."""
    seen: list[object] = []
    stage.client = inngest.Inngest(app_id="test", middleware=middleware)
    stage.options = {"drain_timeout": 0}
    stopped = asyncio.Event()
    reached = asyncio.Event()

    async def body(ctx: inngest.Context) -> object:
        seen.append(("event", ctx.event.data))
        one = await ctx.step.run("one", lambda: 1)
        seen.append(("one", one, ctx.event.data, ctx.events[0].data))
        branches = await ctx.group.parallel((lambda: ctx.step.run("two", lambda: {"of": one}), lambda: pair(ctx)))
        seen.append(("branches", branches))
        if not stopped.is_set():
            reached.set()
            await asyncio.Event().wait()  # for the engine to be stopped
        return one

    async def pair(ctx: inngest.Context) -> object:
        return await ctx.step.run("three", lambda: "three"), await ctx.step.run("four", nothing)

    function = stage.function(body, kind)
    async with stage.engine(function):
        await stage.client.send(inngest.Event(name=TRIGGER.event, data={"order": 42}))
        await reached.wait()
    first = list(seen)
    seen.clear()
    stopped.set()
    async with stage.engine(function) as engine:
        (run,) = await engine.runs()
        await engine.wait(run.id)
        recorded = await engine.run(run.id)
    assert seen == first
    return first, recorded


async def test_sealed_values_are_open_to_the_code_alone(stage: Stage) -> None:
    seen, run = await in_two_lives(stage, [Seals], "sealed")
    assert seen == [
        ("event", {"order": 42}),
        ("one", 1, {"order": 42}, {"order": 42}),
        ("branches", ({"of": 1}, ("three", None))),
    ]
    assert step(run, "one").output == sealed(1)
    assert step(run, "two").output == sealed({"of": 1})
    assert step(run, "four").output == sealed(None)
    assert run.event["data"] == sealed({"order": 42})
    assert run.output == sealed(1)


async def test_values_that_are_changed_each_time_are_the_same_again(stage: Stage) -> None:
    seen, run = await in_two_lives(stage, [Counts], "counted")
    assert seen == [
        ("event", {"order": 42, "seen": 1}),
        ("one", 11, {"order": 42, "seen": 1}, {"order": 42, "seen": 1}),  # ten times, stored, plus one
        ("branches", ({"of": 11}, ("three", None))),
    ]
    assert (step(run, "one").output, run.output) == (10, 110)


async def test_both_together_in_either_order(stage: Stage) -> None:
    seen, run = await in_two_lives(stage, [Seals, Counts], "both")
    assert seen[1] == ("one", 11, {"order": 42, "seen": 1}, {"order": 42, "seen": 1})
    assert step(run, "one").output == sealed(10)


async def test_a_plain_function_sees_the_same_too(stage: Stage) -> None:
    seen: list[object] = []
    stage.client = inngest.Inngest(app_id="test", middleware=[Seals, Counts])

    def plain(ctx: inngest.ContextSync) -> object:
        def branch(n: int) -> Callable[[], int]:
            return lambda: ctx.step.run(f"{n}", int, n)

        first = ctx.group.parallel(tuple(branch(n) for n in range(3)))
        seen.append((first, {name: ctx.event.data[name] for name in ("order", "seen")}))
        ctx.step.sleep("replay after this", 1)
        return None

    await stage.run(plain, data={"order": 42})
    assert seen == [((1, 11, 21), {"order": 42, "seen": 1})] * 2


async def test_the_context_may_be_replaced_and_annotated(stage: Stage) -> None:
    class Replaces(inngest.MiddlewareSync):
        def transform_input(self, ctx: Any, function: inngest.Function[Any], steps: inngest.StepMemos) -> None:
            assert (function.id, self.client.app_id, self.raw_request) == ("test-f", "test", None)
            ctx.event = inngest.Event(name="other", data={"replaced": True})
            ctx.database = "a connection"

    stage.client = inngest.Inngest(app_id="test", middleware=[Replaces])

    async def body(ctx: Any) -> object:
        await ctx.step.run("s", lambda: 1)
        return [ctx.event.name, dict(ctx.event.data), ctx.database]

    run = await stage.run(body)
    assert run.output == ["other", {"replaced": True}, "a connection"]


async def test_failures_pass_too_and_may_be_taken_back(stage: Stage) -> None:
    told: list[object] = []

    class Forgives(inngest.MiddlewareSync):
        def transform_input(self, ctx: Any, function: Any, steps: inngest.StepMemos) -> None:
            for memo in steps.values():
                if memo.error is not None and memo.step == "s":
                    told.append((memo.error.name, memo.error.message))
                    memo.error, memo.data = None, "forgiven"

    stage.client = inngest.Inngest(app_id="test", middleware=[Forgives])

    def fail() -> str:
        raise ValueError("no")

    async def body(ctx: inngest.Context) -> str:
        forgiven = await ctx.step.run("s", fail)
        await ctx.step.sleep("replay after this", 1)
        return forgiven

    run = await stage.run(body, retries=0)
    assert run.output == "forgiven"
    assert told == [("ValueError", "no")] * 2


async def test_an_output_that_middleware_spoilt_is_told_by_step(stage: Stage) -> None:
    class Spoils(inngest.MiddlewareSync):
        def transform_output(self, result: inngest.TransformOutputResult) -> None:
            if result.step is not None:
                result.output = {"at": object()}

    stage.client = inngest.Inngest(app_id="test", middleware=[Spoils])

    async def body(ctx: inngest.Context) -> str:
        try:
            await ctx.step.run("s", lambda: 1)
        except inngest.StepError as error:
            return error.message
        return ""

    run = await stage.run(body)
    assert str(run.output).startswith('"s" returned unserializable data: $.at: object is not JSON serializable')


async def test_what_an_output_is_of_can_be_told(stage: Stage) -> None:
    told: list[object] = []

    class Tells(inngest.MiddlewareSync):
        def transform_output(self, result: inngest.TransformOutputResult) -> None:
            told.append(None if result.step is None else (result.step.id, result.step.op, result.step.opts))
            assert result.error is None

    stage.client = inngest.Inngest(app_id="test", middleware=[Tells])

    async def body(ctx: inngest.Context) -> None:
        for _ in range(2):
            await ctx.step.run("s", lambda: 1)

    await stage.run(body)
    assert told == [("s", "StepRun", None), ("s:1", "StepRun", None), None]


async def test_memos_are_looked_at_and_taken_by_hash(stage: Stage) -> None:
    taken: list[object] = []

    class Takes(inngest.MiddlewareSync):
        def transform_input(self, ctx: Any, function: Any, steps: inngest.StepMemos) -> None:
            if steps.size == 2:
                taken.append(steps.pop("86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"))  # SHA-1 of "a"
                taken.append(steps.pop("unknown"))
                taken.append(steps.size)

    stage.client = inngest.Inngest(app_id="test", middleware=[Takes])

    async def body(ctx: inngest.Context) -> int:
        found = await ctx.step.run("a", lambda: 5)
        await ctx.step.sleep("nap", 1)
        return found

    run = await stage.run(body)
    assert run.output == 5  # what is recorded is not run again, whatever middleware takes out
    assert [getattr(one, "data", one) for one in taken] == [5, None, 1]
