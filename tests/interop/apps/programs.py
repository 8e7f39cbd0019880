"""The programs of the scenarios, as coroutine functions: what any SDK with the public names of `inngest` can run."""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import urlsplit

import inngest
from inngest.experimental.ai.openai import Adapter

LARGE = 1_700_000
"""Three of them are over 5 MB."""


class Flaky(Exception):
    """The mistake of a program."""


async def _one() -> int:
    return 1


async def _add(number: int, more: int) -> int:
    return number + more


async def steps(ctx: inngest.Context) -> object:
    first = await ctx.step.run("a", _one)
    second = await ctx.step.run("b", _add, first, 1)
    return {"sum": first + second, "text": "é\u2028😀"}


async def values(ctx: inngest.Context) -> object:
    async def same() -> Any:
        return dict(ctx.event.data)

    return await ctx.step.run("same", same)


async def loop(ctx: inngest.Context) -> object:
    return [await ctx.step.run("s", _add, number, 10) for number in range(3)]


async def retried(ctx: inngest.Context) -> object:
    async def flaky() -> str:
        if ctx.attempt < 2:
            raise Flaky("not yet")
        return f"attempt {ctx.attempt}"

    found = await ctx.step.run("flaky", flaky)
    await ctx.step.run("after", _one)
    return found


async def _bad() -> None:
    raise Flaky("no")


async def exhausted(ctx: inngest.Context) -> object:
    try:
        await ctx.step.run("bad", _bad)
    except inngest.StepError:
        await ctx.step.run("after", _one)
        return "caught"
    return "not caught"


async def uncaught(ctx: inngest.Context) -> object:
    await ctx.step.run("a", _one)
    return await ctx.step.run("bad", _bad)


async def final(ctx: inngest.Context) -> object:
    raise inngest.NonRetriableError("stop")


async def final_step(ctx: inngest.Context) -> object:
    async def stop() -> None:
        raise inngest.NonRetriableError("stop")

    await ctx.step.run("stop", stop)
    return "not stopped"


async def body_retried(ctx: inngest.Context) -> object:
    found = await ctx.step.run("a", _one)
    if ctx.attempt == 0:
        raise Flaky("not yet")
    return found


async def paused(ctx: inngest.Context) -> object:
    if ctx.attempt == 0:
        raise inngest.RetryAfterError("later", 90_000)
    return "ok"


async def naps(ctx: inngest.Context) -> object:
    await ctx.step.sleep("nap", datetime.timedelta(hours=1))
    return await ctx.step.run("after", _one)


async def naps_until(ctx: inngest.Context) -> object:
    await ctx.step.sleep_until("nap", datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1))
    return await ctx.step.run("after", _one)


async def waits(ctx: inngest.Context) -> object:
    found = await ctx.step.wait_for_event(
        "answer", event="test/answer", timeout=datetime.timedelta(days=7), if_exp="async.data.x == 42"
    )
    return None if found is None else found.data["x"]


async def calls(ctx: inngest.Context) -> object:
    return await ctx.step.invoke_by_id("child", function_id="steps", data={"a": 1})


async def calls_failing(ctx: inngest.Context) -> object:
    try:
        await ctx.step.invoke_by_id("child", function_id="final", timeout=datetime.timedelta(days=1))
    except inngest.StepError:
        return "caught"
    return "not caught"


async def together(ctx: inngest.Context) -> object:
    found = await ctx.group.parallel(
        (
            lambda: ctx.step.run("p0", _add, 0, 0),
            lambda: ctx.step.run("p1", _add, 1, 0),
            lambda: ctx.step.run("p2", _add, 2, 0),
        )
    )
    return [*found, await ctx.step.run("z", _add, 3, 0)]


async def mixed(ctx: inngest.Context) -> object:
    async def napped() -> str:
        await ctx.step.sleep("nap", datetime.timedelta(minutes=1))
        return "napped"

    async def awaited() -> str:
        found = await ctx.step.wait_for_event("answer", event="test/answer", timeout=datetime.timedelta(days=1))
        return "nothing" if found is None else "answered"

    async def ran() -> str:
        return f"ran {await ctx.step.run('p', _one)}"

    return list(await ctx.group.parallel((napped, awaited, ran)))


async def _chain(ctx: inngest.Context, name: str) -> list[int]:
    return [await ctx.step.run(f"{name}1", _one), await ctx.step.run(f"{name}2", _one)]


async def chains(ctx: inngest.Context) -> object:
    found = await ctx.group.parallel((lambda: _chain(ctx, "a"), lambda: _chain(ctx, "b")))
    return [*found, await ctx.step.run("z", _one)]


async def raced(ctx: inngest.Context) -> object:
    found = await ctx.group.parallel(
        (lambda: _chain(ctx, "a"), lambda: _chain(ctx, "b")), parallel_mode=inngest.ParallelMode.RACE
    )
    return [*found, await ctx.step.run("z", _one)]


async def failing_together(ctx: inngest.Context) -> object:
    async def guarded() -> str:
        try:
            await ctx.step.run("bad", _bad)
        except inngest.StepError:
            return "caught"
        return "not caught"

    return list(await ctx.group.parallel((guarded, lambda: ctx.step.run("p", _one))))


async def sends(ctx: inngest.Context) -> object:
    events = [inngest.Event(name="test/sent", data={"n": number}) for number in range(2)]
    return len(await ctx.step.send_event("send", events))


async def large(ctx: inngest.Context) -> object:
    async def text(letter: str) -> str:
        return letter * LARGE

    found = [await ctx.step.run(f"large {letter}", text, letter) for letter in "abc"]
    return [len(one) for one in found]


async def asks(ctx: inngest.Context) -> object:
    url = str(ctx.event.data.get("url", "http://model.example/v1"))
    adapter = Adapter(auth_key="secret", model="m", base_url=url)
    found = await ctx.step.ai.infer("ask", adapter=adapter, body={"messages": []})
    return found["answer"]


async def signals(ctx: inngest.Context) -> object:
    return await ctx.step.wait_for_signal("signal", signal="go", timeout=datetime.timedelta(days=1))


async def fetches(ctx: inngest.Context) -> object:
    url = str(ctx.event.data.get("url", "http://fetched.example/x"))
    found = await ctx.step.fetch(f"step.fetch: {urlsplit(url).hostname}", url, method="POST", body="b")
    return found.status_code


PROGRAMS = {
    "steps": (steps, 0),
    "values": (values, 0),
    "loop": (loop, 0),
    "retried": (retried, 2),
    "exhausted": (exhausted, 1),
    "uncaught": (uncaught, 1),
    "final": (final, 3),
    "final-step": (final_step, 3),
    "body-retried": (body_retried, 1),
    "paused": (paused, 1),
    "naps": (naps, 0),
    "naps-until": (naps_until, 0),
    "waits": (waits, 0),
    "calls": (calls, 0),
    "calls-failing": (calls_failing, 0),
    "together": (together, 0),
    "mixed": (mixed, 0),
    "chains": (chains, 0),
    "raced": (raced, 0),
    "failing-together": (failing_together, 1),
    "sends": (sends, 0),
    "large": (large, 0),
    "asks": (asks, 0),
    "signals": (signals, 0),
    "fetches": (fetches, 0),
}
"""The handler of each program, and how often what fails is tried again."""


def functions(client: inngest.Inngest) -> list[inngest.Function[Any]]:
    """All of them, as functions of a client."""
    made: list[inngest.Function[Any]] = []
    for name, (handler, retries) in PROGRAMS.items():
        trigger = inngest.TriggerEvent(event="test/started")
        made.append(client.create_function(fn_id=name, trigger=trigger, retries=retries)(handler))
    return made
