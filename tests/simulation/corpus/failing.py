"""Programs whose steps, or bodies, fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import FlakyError, Outside
from tests.simulation.scenario import APP, End, Program


def _after(ms: int) -> inngest.RetryAfterError:
    return inngest.RetryAfterError("later", ms, quiet=True)


def _retries(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="retries", retries=3, trigger=inngest.TriggerEvent(event=f"{APP}/retries"))
    async def retries(ctx: inngest.Context) -> list[str]:
        said = [
            await ctx.step.run("flaky", out.does("first", fails=2)),
            await ctx.step.run("flaky", out.does("second", fails=3)),
            await ctx.step.run("later", out.does("later", fails=1, error=lambda: _after(2_500))),
        ]
        for step, fails, error in (("never", 9, None), ("no", 9, lambda: inngest.NonRetriableError("no", quiet=True))):
            try:
                await ctx.step.run(step, out.does("?", fails=fails, error=error))
            except inngest.StepError as caught:
                said.append(f"{caught.name}: {caught.message}")
        return said

    return [retries]


_SAID = ["first", "second", "later", "FlakyError: attempt 3", "NonRetriableError: no"]


def _siblings(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="siblings", retries=2, trigger=inngest.TriggerEvent(event=f"{APP}/siblings"))
    async def siblings(ctx: inngest.Context) -> list[str]:
        async def slow(number: int) -> str:
            first = await ctx.step.run("slow", out.does(f"slow{number}"))
            return first + await ctx.step.run("slower", out.does("er"))

        given = await asyncio.gather(
            ctx.step.run("flaky", out.does("flaky", fails=2)),
            slow(0),
            ctx.step.run("bad", out.does("?", fails=9)),
            slow(1),
            return_exceptions=True,
        )
        return [f"{one.name}: {one.message}" if isinstance(one, inngest.StepError) else str(one) for one in given]

    return [siblings]


def _task_group(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="task-group", trigger=inngest.TriggerEvent(event=f"{APP}/task-group"))
    async def task_group(ctx: inngest.Context) -> list[str]:
        said: list[str] = []

        async def slow(name: str) -> None:
            try:
                said.append(await ctx.step.run(name, out.does(name)))
            finally:
                said.append(await ctx.step.run(f"tidy-{name}", out.does(f"tidied {name}")))

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(slow("one"))
                group.create_task(
                    ctx.step.run("bad", out.does("?", fails=9, error=lambda: inngest.NonRetriableError("bad")))
                )
                group.create_task(slow("two"))
        except* inngest.StepError as caught:
            said.append(str(caught.exceptions[0]))
        return [*sorted(said), await ctx.step.run("end", out.does("end"))]

    return [task_group]


def _said_what_was_done(end: End) -> bool:
    steps = {"one": "one", "two": "two", "tidy-one": "tidied one", "tidy-two": "tidied two"}
    said = ["bad"]
    for name, text in steps.items():
        memo = end.memo(name)
        if memo is None:  # each is begun, whatever becomes of it
            return False
        said += [] if memo["cancelled"] else [text]
    return end.value == [*sorted(said), "end"]


def _body(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="body", retries=2, trigger=inngest.TriggerEvent(event=f"{APP}/body"))
    async def body(ctx: inngest.Context) -> str:
        await ctx.step.run("before", out.does(None))
        if ctx.attempt < 2:
            raise FlakyError(f"body {ctx.attempt}")
        await ctx.step.sleep("nap", 1_000)
        await ctx.step.run("after", out.does(None))
        return "through"

    return [body]


def _latecomer(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="latecomer", retries=2, trigger=inngest.TriggerEvent(event=f"{APP}/latecomer"))
    async def latecomer(ctx: inngest.Context) -> list[str]:
        async def late() -> str:
            await asyncio.sleep(0.1)  # something outside steps, in each invocation
            return await ctx.step.run("late", out.does("late", fails=2))

        coming = asyncio.ensure_future(late())
        first = await ctx.step.run("first", out.does("first", ms=400))
        await ctx.step.sleep("nap", 8_000)
        return [first, await coming]

    return [latecomer]


def _hopeless(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    async def failed(ctx: inngest.Context) -> str:
        name = ctx.event.data["error"]["name"]  # type: ignore[index]  # pyright: ignore
        return str(await ctx.step.run("sorry", out.does(f"sorry: {name}")))

    @client.create_function(
        fn_id="hopeless", retries=1, on_failure=failed, trigger=inngest.TriggerEvent(event=f"{APP}/hopeless")
    )
    async def hopeless(ctx: inngest.Context) -> None:
        await ctx.step.run("fine", out.does(None))
        await ctx.step.run("bad", out.does(None, fails=9))

    return [hopeless]


def _bodiless(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    async def failed(ctx: inngest.Context) -> str:
        return await ctx.step.run("sorry", out.does("sorry"))

    @client.create_function(
        fn_id="bodiless", retries=2, on_failure=failed, trigger=inngest.TriggerEvent(event=f"{APP}/bodiless")
    )
    async def bodiless(ctx: inngest.Context) -> None:
        await ctx.step.run("fine", out.does(None))
        raise FlakyError("always")

    return [bodiless]


def _killer(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    async def failed(ctx: inngest.Context) -> str:
        return await ctx.step.run("sorry", out.does("sorry"))

    @client.create_function(fn_id="killer", on_failure=failed, trigger=inngest.TriggerEvent(event=f"{APP}/killer"))
    async def killer(ctx: inngest.Context) -> None:
        await ctx.step.run("fine", out.does(None))
        await ctx.step.run("kill", out.kills)

    return [killer]


def _kills_late(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    async def kill() -> None:
        await asyncio.sleep(5)
        await out.kills()

    @client.create_function(fn_id="kills-late", trigger=inngest.TriggerEvent(event=f"{APP}/kills-late"))
    async def kills_late(ctx: inngest.Context) -> None:
        await ctx.step.run("kill", kill)

    return [kills_late]


def _lingers(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="lingers", trigger=inngest.TriggerEvent(event=f"{APP}/lingers"))
    async def lingers(ctx: inngest.Context) -> int:
        return await ctx.step.run("linger", out.does(5, ms=150_000))

    return [lingers]


def _failed(name: str, message: str) -> Any:
    return lambda end: end.status == "FAILED" and end.error["name"] == name and message in end.error["message"]


def _value(value: object) -> Any:
    return lambda end: end.status == "COMPLETED" and end.value == value


PROGRAMS = (
    Program("retries", _retries, {"retries": _value(_SAID)}),
    Program("siblings", _siblings, {"siblings": _value(["flaky", "slow0er", "FlakyError: attempt 2", "slow1er"])}),
    Program("task-group", _task_group, {"task-group": _said_what_was_done}),
    Program("latecomer", _latecomer, {"latecomer": _value(["first", "late"])}),
    Program("body", _body, {"body": _value("through")}, replays=False),  # it asks for its attempt
    Program(
        "hopeless",
        _hopeless,
        {"hopeless": _failed("FlakyError", "attempt 1"), "hopeless-failure": _value("sorry: FlakyError")},
    ),
    Program("bodiless", _bodiless, {"bodiless": _failed("FlakyError", "always"), "bodiless-failure": _value("sorry")}),
)

KILLER = Program(
    "killer",
    _killer,
    {"killer": _failed("WorkerLostError", "workers died"), "killer-failure": _value("sorry")},
    replays=False,
)

KILLER_LATE = Program(
    "kills-late", _kills_late, {"kills-late": _failed("WorkerLostError", "workers died")}, replays=False
)
"""Ends its process, but not at once."""

LINGERING = Program("lingers", _lingers, {"lingers": _value(5)})
"""Keeps its worker busy for minutes."""
