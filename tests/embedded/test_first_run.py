"""The page of `step.run`, on an embedded engine."""

from __future__ import annotations

import functools
from pathlib import Path

import inngest


async def test_the_page(tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="page")
    seen: list[object] = []

    async def my_fn() -> None:
        seen.append("my_fn")

    async def my_fn_with_args(a: int, b: str) -> None:
        seen.append((a, b))

    async def my_fn_with_args_and_kwargs(a: int, *, b: str) -> None:
        seen.append((a, {"b": b}))

    @client.create_function(fn_id="my_function", trigger=inngest.TriggerEvent(event="app/my_function"))
    async def fn(ctx: inngest.Context) -> None:
        await ctx.step.run("my_fn", my_fn)
        await ctx.step.run("my_fn_with_args", my_fn_with_args, 1, "a")
        await ctx.step.run(
            "my_fn_with_args_and_kwargs",
            functools.partial(my_fn_with_args_and_kwargs, 1, b="a"),
        )

        def use_scoped_variable() -> None:
            seen.append(ctx.event.data["user_id"])

        await ctx.step.run("use_scoped_variable", use_scoped_variable)

    async with inngest.Engine([fn], database=f"sqlite:///{tmp_path}/inngest.db") as engine:
        await engine.invoke(fn, data={"user_id": "u1"})

    assert seen == ["my_fn", (1, "a"), (1, {"b": "a"}), "u1"]
