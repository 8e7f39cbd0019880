"""Mistakes with steps that a checker sees."""

# pyright: standard

from __future__ import annotations

import datetime
import functools

import inngest
from inngest import experimental


async def fetch() -> int:
    return 1


@inngest.Inngest(app_id="typing").create_function(fn_id="number", trigger=inngest.TriggerEvent(event="number"))
async def number(ctx: inngest.Context) -> int:
    return 1


async def two(a: int, b: str) -> float:
    return 1.0


def plain(a: int) -> str:
    return ""


async def arguments(ctx: inngest.Context) -> None:
    await ctx.step.run("a", two)  # E: mypy[arg-type, call-arg] pyright[reportArgumentType, reportCallIssue]
    await ctx.step.run("a", two, 1)  # E: mypy[arg-type] pyright[reportArgumentType, reportCallIssue]
    await ctx.step.run("a", two, "b", 1)  # E: mypy[arg-type, call-arg] pyright[reportArgumentType, reportCallIssue]
    await ctx.step.run("a", two, 1, "b", 2)  # E: mypy[arg-type, call-arg] pyright[reportArgumentType, reportCallIssue]
    await ctx.step.run("a", plain, "1")  # E: mypy[arg-type] pyright[reportArgumentType, reportCallIssue]
    await ctx.step.run("a", plain, a=1)  # E: mypy[call-overload] pyright[reportCallIssue]
    await ctx.step.run("a", fetch, 1)  # E: mypy[arg-type] pyright[reportArgumentType, reportCallIssue]
    await ctx.step.run("a", functools.partial(two, "b"))  # E: mypy[arg-type, call-arg] pyright[reportArgumentType, reportCallIssue]
    await ctx.step.run("a", functools.partial(plain), "1")  # E: pyright[reportArgumentType, reportCallIssue]
    await ctx.step.run("a", lambda x: x, 1, 2)  # E: mypy[arg-type, call-arg, misc] pyright[reportArgumentType, reportCallIssue]


async def handlers(ctx: inngest.Context) -> None:
    await ctx.step.run("a", fetch())  # E: mypy[call-overload] pyright[reportArgumentType, reportCallIssue]
    await ctx.step.run("a", 5)  # E: mypy[call-overload] pyright[reportArgumentType, reportCallIssue]
    await ctx.step.run("a")  # E: mypy[call-overload] pyright[reportCallIssue]
    await ctx.step.run(fetch)  # E: mypy[call-overload] pyright[reportCallIssue]
    await ctx.step.run(5, fetch)  # E: mypy[call-overload] pyright[reportArgumentType, reportCallIssue]


async def options(ctx: inngest.Context) -> None:
    await ctx.step.options(retries=1).run("a", two, 1)  # E: mypy[arg-type] pyright[reportArgumentType, reportCallIssue]
    await ctx.step.ai.wrap("a", plain, "1")  # E: mypy[arg-type] pyright[reportArgumentType, reportCallIssue]
    ctx.step.options(3)  # E: mypy[call-arg] pyright[reportCallIssue]
    ctx.step.options(retry=3)  # E: mypy[call-arg] pyright[reportCallIssue]
    ctx.step.options(timeout="1s")  # E: mypy[arg-type] pyright[reportArgumentType]
    ctx.step.options(retry_on="OSError")  # E: mypy[arg-type] pyright[reportArgumentType]
    ctx.step.options(retry_on=(OSError(),))  # E: mypy[arg-type] pyright[reportArgumentType]
    await ctx.step.options(retries=1).sleep("nap", 1)  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]


async def races(ctx: inngest.Context) -> None:
    await ctx.group.race(ctx.step.run("a", fetch))  # E: mypy[call-overload] pyright[reportArgumentType, reportCallIssue]
    await ctx.group.race((ctx.step.run("a", fetch),))  # E: mypy[arg-type] pyright[reportArgumentType, reportCallIssue]
    await ctx.group.race((lambda: 5,))  # E: mypy[arg-type, return-value] pyright[reportArgumentType, reportCallIssue]


async def decorated(ctx: inngest.Context) -> None:
    await experimental.step("a")(two)(1)  # E: mypy[call-arg] pyright[reportCallIssue]
    experimental.step(two)  # E: mypy[arg-type] pyright[reportArgumentType]


async def results(ctx: inngest.Context) -> str:
    number: str = await ctx.step.run("a", fetch)  # E: mypy[arg-type, call-arg] pyright[reportAssignmentType]
    (await ctx.step.run("a", fetch)).upper()  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    ctx.step.run("a", fetch) + 1  # E: mypy[operator] pyright[reportOperatorIssue]
    for n in range(3):
        await ctx.step.run("a", lambda n=n: n)  # E: mypy[call-arg, misc]
    return await ctx.step.run("a", two, 1, number)  # E: mypy[arg-type, call-arg] pyright[reportReturnType]


async def other_steps(ctx: inngest.Context) -> None:
    await ctx.step.sleep("nap", 1.5)  # E: mypy[arg-type] pyright[reportArgumentType]
    await ctx.step.sleep("nap", "1s")  # E: mypy[arg-type] pyright[reportArgumentType]
    await ctx.step.sleep("nap")  # E: mypy[call-arg] pyright[reportCallIssue]
    await ctx.step.sleep_until("nap", 5)  # E: mypy[arg-type] pyright[reportArgumentType]
    await ctx.step.sleep_until("nap", datetime.date(2030, 1, 1))  # E: mypy[arg-type] pyright[reportArgumentType]
    await ctx.step.send_event("tell", {"name": "a"})  # E: mypy[arg-type] pyright[reportArgumentType]
    await ctx.step.send_event("tell", [inngest.Event(name="a"), "b"])  # E: mypy[list-item] pyright[reportArgumentType]
    await ctx.step.wait_for_anything("wait", timeout=1)  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]


async def waiting(ctx: inngest.Context) -> None:
    await ctx.step.wait_for_event("wait", event="a")  # E: mypy[call-arg] pyright[reportCallIssue]
    await ctx.step.wait_for_event("wait", event="a", timeout="1h")  # E: mypy[arg-type] pyright[reportArgumentType]
    await ctx.step.wait_for_event("wait", "a", timeout=1)  # E: mypy[call-arg] pyright[reportCallIssue]
    await ctx.step.invoke("call", function=fetch)  # E: mypy[arg-type] pyright[reportArgumentType]
    await ctx.step.invoke("call", function=number, data=1)  # E: mypy[arg-type] pyright[reportArgumentType]
    wrong: str = await ctx.step.invoke("call", function=number)  # E: mypy[arg-type] pyright[reportAssignmentType]
    await ctx.step.wait_for_signal("s", signal="a", timeout=1, on_conflict="x")  # E: mypy[arg-type] pyright[reportArgumentType]
    print(wrong)


async def parallel(ctx: inngest.Context) -> None:
    await ctx.group.parallel((ctx.step.run("a", fetch),))  # E: mypy[arg-type] pyright[reportArgumentType, reportCallIssue]
    await ctx.group.parallel((lambda: 5,))  # E: mypy[arg-type, return-value] pyright[reportArgumentType, reportCallIssue]
    await ctx.group.parallel((fetch,), "race")  # E: mypy[call-overload] pyright[reportArgumentType, reportCallIssue]
    # Pyright does not see through a partial of what takes any arguments: a partial of the handler is the idiom.
    await ctx.group.parallel(tuple(functools.partial(ctx.step.run, f"{n}", two, n, "x") for n in range(3)))  # E: pyright[reportCallIssue]
    pair: tuple[str, int] = await ctx.group.parallel((fetch, fetch))  # E: mypy[assignment] pyright[reportAssignmentType]


def of_a_plain_function(ctx: inngest.ContextSync) -> int:
    ctx.step.run("a", plain)  # E: mypy[arg-type] pyright[reportArgumentType]
    ctx.step.run("a", plain, "1")  # E: mypy[arg-type] pyright[reportArgumentType]
    ctx.step.run("a", plain, 1, 2)  # E: mypy[arg-type] pyright[reportArgumentType]
    ctx.step.run("a", 5)  # E: mypy[arg-type] pyright[reportArgumentType]
    ctx.step.sleep("nap", 1.5)  # E: mypy[arg-type] pyright[reportArgumentType]
    ctx.group.parallel((plain,))  # E: mypy[arg-type] pyright[reportArgumentType, reportCallIssue]
    pair: tuple[int, str] = ctx.group.parallel((lambda: "a", lambda: "b"))  # E: mypy[assignment] pyright[reportAssignmentType]
    return ctx.step.run("a", plain, 1)  # E: mypy[return-value] pyright[reportReturnType]


async def names(ctx: inngest.Context) -> None:
    inngest.TriggerEvnt(event="a")  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    ctx.stp.run("a", fetch)  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    ctx.event.payload  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    ctx.logger.inform("a")  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]
