"""Which hooks of middleware are called, in which order and how often, in invocations that go on after a step."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import inngest

from .stage import Stage, failure, message

Noted = list[str]


def described(result: inngest.TransformOutputResult) -> str:
    where = f"{result.step.op.value} {result.step.id}" if result.step else "function"
    what = repr(result.output) if result.has_output() else f"{type(result.error).__name__}: {result.error}"
    return f"out {where}: {what}"


def memos(steps: inngest.StepMemos) -> str:
    found = [repr(memo.data) if memo.error is None else memo.error.name for memo in steps.values()]
    assert steps.size == len(found)
    return f"in {' '.join(found)}".rstrip()


def noting(noted: Noted, name: str = "") -> type[inngest.Middleware]:
    """Middleware that notes its hooks."""

    class Notes(inngest.Middleware):
        def __init__(self, client: Any, raw_request: object) -> None:
            super().__init__(client, raw_request)
            assert raw_request is None
            noted.append(f"{name}made")

        async def transform_input(self, ctx: object, function: object, steps: inngest.StepMemos) -> None:
            noted.append(f"{name}{memos(steps)}")

        async def before_execution(self) -> None:
            noted.append(f"{name}before")

        async def after_execution(self) -> None:
            noted.append(f"{name}after")

        async def transform_output(self, result: inngest.TransformOutputResult) -> None:
            noted.append(f"{name}{described(result)}")

        async def before_response(self) -> None:
            noted.append(f"{name}response")

        async def before_send_events(self, events: list[inngest.Event]) -> None:
            noted.append(f"{name}send {' '.join(event.name for event in events)}")

        async def after_send_events(self, result: inngest.SendEventsResult) -> None:
            noted.append(f"{name}sent {len(result.ids)} {result.error}")

    return Notes


def noting_sync(noted: Noted, name: str = "") -> type[inngest.MiddlewareSync]:
    """The same, for plain functions; it works in async ones too."""

    class Notes(inngest.MiddlewareSync):
        def __init__(self, client: Any, raw_request: object) -> None:
            super().__init__(client, raw_request)
            noted.append(f"{name}made")

        def transform_input(self, ctx: object, function: object, steps: inngest.StepMemos) -> None:
            noted.append(f"{name}{memos(steps)}")

        def before_execution(self) -> None:
            noted.append(f"{name}before")

        def after_execution(self) -> None:
            noted.append(f"{name}after")

        def transform_output(self, result: inngest.TransformOutputResult) -> None:
            noted.append(f"{name}{described(result)}")

        def before_response(self) -> None:
            noted.append(f"{name}response")

        def before_send_events(self, events: list[inngest.Event]) -> None:
            noted.append(f"{name}send {' '.join(event.name for event in events)}")

        def after_send_events(self, result: inngest.SendEventsResult) -> None:
            noted.append(f"{name}sent {len(result.ids)} {result.error}")

    return Notes


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


KINDS = pytest.mark.parametrize(
    ("is_async", "middleware_is_async"),
    [(True, True), (True, False), (False, False)],
    ids=["async", "async, plain middleware", "plain"],
)


def staged(stage: Stage, noted: Noted, middleware_is_async: bool) -> Stage:
    make: Any = noting if middleware_is_async else noting_sync
    stage.client = inngest.Inngest(app_id="test", middleware=[make(noted)])
    return stage


@KINDS
async def test_an_invocation_that_goes_on(stage: Stage, is_async: bool, middleware_is_async: bool) -> None:
    noted: Noted = []

    def handler() -> int:
        noted.append("handler a")
        return 1

    async def body(ctx: inngest.Context) -> str:
        await ctx.step.run("a", handler)
        noted.append("body")
        await ctx.step.run("b", lambda: 2)
        return "done"

    def plain(ctx: inngest.ContextSync) -> str:
        ctx.step.run("a", handler)
        noted.append("body")
        ctx.step.run("b", lambda: 2)
        return "done"

    await staged(stage, noted, middleware_is_async).run(body if is_async else plain)
    assert noted == [
        "made",
        "in",
        "before",
        "handler a",
        "out StepRun a: 1",
        "in 1",
        "body",
        "out StepRun b: 2",
        "in 2",
        "after",
        "out function: 'done'",
        "response",
    ]


@KINDS
async def test_an_invocation_that_waits_and_its_replay(stage: Stage, is_async: bool, middleware_is_async: bool) -> None:
    noted: Noted = []

    async def body(ctx: inngest.Context) -> str:
        await ctx.step.run("a", lambda: 1)
        await ctx.step.sleep("nap", 1)
        noted.append("body")
        return "done"

    def plain(ctx: inngest.ContextSync) -> str:
        ctx.step.run("a", lambda: 1)
        ctx.step.sleep("nap", 1)
        noted.append("body")
        return "done"

    await staged(stage, noted, middleware_is_async).run(body if is_async else plain)
    first = ["made", "in", "before", "out StepRun a: 1", "in 1", "out Sleep nap: None", "after", "response"]
    replay = ["made", "in 1 None", "before", "body", "after", "out function: 'done'", "response"]
    assert noted == first + replay


@KINDS
async def test_a_function_that_raises(stage: Stage, is_async: bool, middleware_is_async: bool) -> None:
    noted: Noted = []

    async def body(ctx: inngest.Context) -> None:
        raise inngest.NonRetriableError("stop")

    def plain(ctx: inngest.ContextSync) -> None:
        raise inngest.NonRetriableError("stop")

    await staged(stage, noted, middleware_is_async).run(body if is_async else plain)
    assert noted == ["made", "in", "before", "out function: NonRetriableError: stop", "response"]


@KINDS
async def test_a_step_that_fails_and_is_tried_again(stage: Stage, is_async: bool, middleware_is_async: bool) -> None:
    noted: Noted = []
    tries: list[int] = []

    def handler() -> None:
        tries.append(1)
        raise ValueError(len(tries))

    async def body(ctx: inngest.Context) -> str:
        try:
            await ctx.step.run("s", handler)
        except inngest.StepError as error:
            return error.message
        return ""

    def plain(ctx: inngest.ContextSync) -> str:
        try:
            ctx.step.run("s", handler)
        except inngest.StepError as error:
            return error.message
        return ""

    await staged(stage, noted, middleware_is_async).run(body if is_async else plain, retries=1)
    told = [one for one in noted if "ValueError" in one or "function" in one]
    assert told == [
        "out StepError s: ValueError: 1",
        "out StepFailed s: ValueError: 2",
        "in ValueError",
        "out function: '2'",
    ]
    assert noted.count("before") == noted.count("made") == noted.count("response")


@KINDS
async def test_sending_events_in_a_step(stage: Stage, is_async: bool, middleware_is_async: bool) -> None:
    noted: Noted = []

    async def body(ctx: inngest.Context) -> None:
        ids = await ctx.step.send_event("tell", [inngest.Event(name="x"), inngest.Event(name="y")])
        assert len(ids) == 2
        await ctx.step.sleep("nap", 1)

    def plain(ctx: inngest.ContextSync) -> None:
        ids = ctx.step.send_event("tell", [inngest.Event(name="x"), inngest.Event(name="y")])
        assert len(ids) == 2
        ctx.step.sleep("nap", 1)

    await staged(stage, noted, middleware_is_async).run(body if is_async else plain)
    before, after = noted.index("before"), noted.index("after")
    assert before < noted.index("send x y") < noted.index("sent 2 None") < after
    assert noted.count("send x y") == noted.count("sent 2 None") == 1  # and not on the replay
    outputs = [one.partition(":")[0] for one in noted if one.startswith("out")]
    assert outputs == ["out StepRun tell", "out Sleep nap", "out function"]


@KINDS
async def test_parallel_steps(stage: Stage, is_async: bool, middleware_is_async: bool) -> None:
    noted: Noted = []

    async def body(ctx: inngest.Context) -> tuple[int, ...]:
        gathered = await asyncio.gather(*(ctx.step.run(name, lambda: 1) for name in "ab"))
        return await ctx.group.parallel((lambda: ctx.step.run("c", lambda: sum(gathered)),))

    def plain(ctx: inngest.ContextSync) -> tuple[int, ...]:
        branches = tuple((lambda name=name: ctx.step.run(name, lambda: 1)) for name in "abc")
        return ctx.group.parallel(branches)

    await staged(stage, noted, middleware_is_async).run(body if is_async else plain)
    outputs = sorted(one for one in noted if one.startswith("out"))
    assert [one.partition(":")[0] for one in outputs] == [
        "out StepRun a",
        "out StepRun b",
        "out StepRun c",
        "out function",
    ]
    assert [one for one in noted if one in ("made", "in", "before", "after", "response")] == [
        "made",
        "in",
        "before",
        "after",
        "response",
    ]
    assert len([one for one in noted if one.startswith("in ")]) == 3


async def test_order_is_that_of_the_list_on_the_way_in_and_reversed_on_the_way_out(stage: Stage) -> None:
    noted: Noted = []
    stage.client = inngest.Inngest(app_id="test", middleware=[noting(noted, "client ")])
    stage.client.add_middleware(noting_sync(noted, "added "))

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.send_event("tell", inngest.Event(name="x"))

    await stage.run(body, middleware=[noting(noted, "function ")])
    names = ("client", "added", "function")
    for hook, order in {
        "made": names,
        "in": names,
        "before": names,
        "send x": names,
        "sent 1 None": names[::-1],
        "after": names[::-1],
        "out function: None": names[::-1],
        "response": names,
    }.items():
        assert [one for one in noted if one in [f"{name} {hook}" for name in names]] == [
            f"{name} {hook}" for name in order
        ]


async def test_async_middleware_on_a_plain_function_is_refused(stage: Stage) -> None:
    stage.client = inngest.Inngest(app_id="test", middleware=[inngest.Middleware])
    entered: list[int] = []

    def plain(ctx: inngest.ContextSync) -> None:
        entered.append(1)

    run = await stage.run(plain)
    assert failure(run) == ("AsyncUnsupportedError", "async_unsupported")
    assert "Derive it from MiddlewareSync" in message(run)
    assert entered == []


HOOKS = ["__init__", "transform_input", "before_execution", "after_execution", "transform_output", "before_response"]


@pytest.mark.parametrize("hook", HOOKS)
async def test_a_hook_that_raises_fails_the_attempt_and_is_tried_again(stage: Stage, hook: str) -> None:
    raised: list[int] = []

    def fail(*args: object) -> None:
        if not raised:
            raised.append(1)
            raise RuntimeError(f"{hook} is broken")
        if hook == "__init__":
            inngest.MiddlewareSync.__init__(*args)  # type: ignore[arg-type]  # pyright: ignore

    stage.client = inngest.Inngest(app_id="test", middleware=[type("Broken", (inngest.MiddlewareSync,), {hook: fail})])

    async def body(ctx: inngest.Context) -> str:
        return await ctx.step.run("s", lambda: "done")

    run = await stage.run(body)
    assert run.output == "done"
    assert [one.error.message for one in run.attempts if one.error] == [f"{hook} is broken"]


@pytest.mark.parametrize("hook", HOOKS)
async def test_a_hook_that_always_raises_fails_the_run(stage: Stage, hook: str) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError(f"{hook} is broken")

    stage.client = inngest.Inngest(app_id="test", middleware=[type("Broken", (inngest.MiddlewareSync,), {hook: fail})])

    def plain(ctx: inngest.ContextSync) -> str:
        return ctx.step.run("s", lambda: "done")

    run = await stage.run(plain, retries=1)
    assert (failure(run), message(run)) == (("RuntimeError", "unknown"), f"{hook} is broken")
