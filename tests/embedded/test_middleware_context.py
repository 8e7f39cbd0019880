"""Context variables that middleware sets, as loggers bind them, are seen by the code that it stands around."""

from __future__ import annotations

import asyncio
import contextvars
from pathlib import Path

import inngest

from .stage import Stage

INPUT: contextvars.ContextVar[str] = contextvars.ContextVar("input", default="-")
BEFORE: contextvars.ContextVar[str] = contextvars.ContextVar("before", default="-")
BODY: contextvars.ContextVar[str] = contextvars.ContextVar("body", default="-")
LATER: list[str] = []


class Binding(inngest.MiddlewareSync):
    def transform_input(
        self, ctx: inngest.Context | inngest.ContextSync, function: inngest.Function[object], steps: inngest.StepMemos
    ) -> None:
        INPUT.set(ctx.run_id)

    def before_execution(self) -> None:
        BEFORE.set("before")

    def after_execution(self) -> None:
        LATER.append(BODY.get())


def seen() -> list[str]:
    return [INPUT.get(), BEFORE.get()]


async def test_a_plain_function_sees_them(tmp_path: Path) -> None:
    LATER.clear()

    def plain(ctx: inngest.ContextSync) -> object:
        BODY.set("body")
        branches = ctx.group.parallel((lambda: ctx.step.run("x", seen), lambda: ctx.step.run("y", seen)))
        return [seen(), ctx.step.run("s", seen), *branches]

    run = await Stage(tmp_path).run(plain, middleware=[Binding])
    assert run.output == [[run.id, "before"]] * 4
    assert LATER == ["body"]


async def test_an_async_function_sees_them(tmp_path: Path) -> None:
    async def body(ctx: inngest.Context) -> object:
        return [seen(), await ctx.step.run("s", seen), await ctx.step.run("t", asyncio.to_thread, seen)]

    run = await Stage(tmp_path).run(body, middleware=[Binding])
    assert run.output == [[run.id, "before"]] * 3


async def test_runs_do_not_see_those_of_others(tmp_path: Path) -> None:
    stage = Stage(tmp_path, options={"thread_pool_size": 2})

    def plain(ctx: inngest.ContextSync) -> list[str]:
        before = BODY.get()
        BODY.set(ctx.run_id)
        ctx.step.run("s", lambda: None)
        ctx.step.sleep("replay", 1)
        return [before, BODY.get(), INPUT.get(), ctx.run_id]

    function = stage.function(plain, middleware=[Binding])
    async with stage.engine(function) as engine:
        results = await asyncio.gather(*(engine.invoke(function) for _ in range(20)))
    for before, body, given, run_id in results:
        assert (before, body, given) == ("-", run_id, run_id)
    assert BODY.get() == "-"
