"""Seconds from nothing to the first result of a run of one step: `… DATABASE`.

A file of its own: each program is a process that is measured from its first line.
"""

import time

began = time.perf_counter()
import asyncio  # noqa: E402
import sys  # noqa: E402

import inngest  # noqa: E402

client = inngest.Inngest(app_id="bench")


async def echo(value: int) -> int:
    return value


@client.create_function(fn_id="first", trigger=inngest.TriggerEvent(event="bench/first"))
async def first(ctx: inngest.Context) -> int:
    return await ctx.step.run("echo", echo, 1)


async def main() -> None:
    async with inngest.Engine([first], database=f"sqlite:///{sys.argv[1]}") as engine:
        assert await engine.invoke(first) == 1
        print(time.perf_counter() - began)


asyncio.run(main())
