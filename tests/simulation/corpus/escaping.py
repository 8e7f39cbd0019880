"""Programs that raise what ends tasks and loops: each is a failed attempt, and the run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NoReturn

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import FlakyError, Outside
from tests.simulation.scenario import APP, Program


class Cancelled(inngest.Middleware):
    """Awaits something of its own that was cancelled, on each first attempt."""

    async def transform_input(self, ctx: Any, function: Any, steps: Any) -> None:
        if ctx.attempt == 0:
            raise asyncio.CancelledError


class Exiting(inngest.MiddlewareSync):
    """Ends the process, as it thinks."""

    def transform_input(self, ctx: Any, function: Any, steps: Any) -> None:
        if ctx.attempt == 0:
            raise SystemExit


def _escaping(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    trigger = inngest.TriggerEvent(event=f"{APP}/escaping")

    @client.create_function(fn_id="escaping", trigger=trigger, middleware=[Cancelled])
    async def escaping(ctx: inngest.Context) -> list[str]:
        first = await ctx.step.run("first", out.does("first", fails=1, error=GeneratorExit))
        await ctx.step.sleep("rest", 50)
        return [first, await ctx.step.run("second", out.does("second", fails=1, error=SystemExit))]

    return [escaping]


def _escaping_plainly(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    trigger = inngest.TriggerEvent(event=f"{APP}/escaping-plainly")

    @client.create_function(fn_id="escaping-plainly", trigger=trigger, middleware=[Exiting])
    def escaping(ctx: inngest.ContextSync) -> list[str]:
        first = ctx.step.run("first", out.does_plain("first", fails=1, error=KeyboardInterrupt))
        ctx.step.sleep("rest", 50)
        return [first, ctx.step.run("second", out.does_plain("second", fails=1, error=asyncio.CancelledError))]

    return [escaping]


def _own_cancel() -> BaseException:
    """Cancels the task that it is called in, and gives something else to raise."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    return FlakyError("it has cancelled itself")


def _cancelling_itself(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="cancelling-itself", trigger=inngest.TriggerEvent(event=f"{APP}/cancelling-itself"))
    async def cancelling(ctx: inngest.Context) -> list[object]:
        async def cancels() -> NoReturn:
            _own_cancel()
            await asyncio.sleep(0)
            raise AssertionError("it was cancelled")

        said: list[object] = [await ctx.step.run("first", out.does("first", fails=1, error=_own_cancel))]
        await ctx.step.sleep("rest", 50)
        try:
            await ctx.step.options(retries=1).run("second", cancels)
        except inngest.StepError as error:
            said.append(error.name)
        return said

    return [cancelling]


def _leaving(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="leaving", trigger=inngest.TriggerEvent(event=f"{APP}/leaving"))
    async def leaving(ctx: inngest.Context) -> list[str]:
        """Its branch leaves the process, as it thinks, when nothing was recorded since it was entered."""

        async def branch() -> NoReturn:
            raise SystemExit

        said: list[str] = []
        for number in range(3):
            try:
                await ctx.group.parallel((branch, lambda: ctx.step.run(f"beside{number}", out.does("beside"))))  # noqa: B023
            except SystemExit:
                said.append("left")
        return said

    return [leaving]


PROGRAMS = (
    Program("escaping", _escaping, {"escaping": lambda end: end.value == ["first", "second"]}),
    Program("escaping-plainly", _escaping_plainly, {"escaping-plainly": lambda end: end.value == ["first", "second"]}),
    Program(
        "cancelling-itself",
        _cancelling_itself,
        {"cancelling-itself": lambda end: end.value == ["first", "CancelledError"]},
        retries={"second": 1},
    ),
    Program("leaving", _leaving, {"leaving": lambda end: end.value == ["left"] * 3}),
)
