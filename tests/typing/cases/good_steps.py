"""Steps of async functions: what a call returns is what its handler returns."""

from __future__ import annotations

import asyncio
import datetime
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar, assert_type, overload

import inngest
from inngest import experimental

T = TypeVar("T")
client = inngest.Inngest(app_id="app")


async def fetch() -> int:
    return 1


async def fetch_all(url: str, times: int = 1) -> dict[str, int]:
    return {url: times}


async def by_keyword(a: int, *, b: str) -> list[str]:
    return [b] * a


async def any_number(*a: int) -> int:
    return sum(a)


async def first(values: list[T]) -> T:
    return values[0]


async def nothing() -> None: ...


def plain(a: int, *rest: str, strict: bool = True) -> bytes:
    return b""


def same(x: T) -> T:
    return x


def maybe() -> int | None:
    return None


def untyped(x: Any) -> Any:
    return x


@overload
def flip(x: int) -> str: ...
@overload
def flip(x: str) -> int: ...
def flip(x: int | str) -> int | str:
    return x


class Shop:
    async def pay(self, amount: int) -> float:
        return amount / 100

    def is_open(self) -> bool:
        return True

    def __call__(self, x: int) -> str:
        return str(x)

    @classmethod
    def make(cls, name: str) -> Shop:
        return cls()

    @staticmethod
    def prices(count: int) -> list[int]:
        return [count]


@client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="a"))
async def functions(ctx: inngest.Context) -> None:
    assert_type(await ctx.step.run("a", fetch), int)
    assert_type(await ctx.step.run("a", fetch_all, "url"), dict[str, int])
    assert_type(await ctx.step.run("a", fetch_all, "url", 2), dict[str, int])
    assert_type(await ctx.step.run("a", functools.partial(by_keyword, 1, b="x")), list[str])
    assert_type(await ctx.step.run("a", functools.partial(fetch_all, "url"), 2), dict[str, int])
    assert_type(await ctx.step.run("a", any_number, 1, 2, 3), int)
    assert_type(await ctx.step.run("a", first, [1.5]), float)
    assert_type(await ctx.step.run("a", nothing), None)
    assert_type(await ctx.step.run("a", plain, 1), bytes)
    assert_type(await ctx.step.run("a", plain, 1, "a", "b"), bytes)
    assert_type(await ctx.step.run("a", same, 1), int)
    assert_type(await ctx.step.run("a", maybe), int | None)
    assert_type(await ctx.step.run("a", flip, 1), str)
    assert_type(await ctx.step.run("a", len, [1]), int)
    assert_type(await ctx.step.run("a", sum, [1]), int)
    assert_type(await ctx.step.run("a", str.upper, "a"), str)
    assert_type(await ctx.step.run("a", asyncio.sleep, 1), None)
    assert_type(await ctx.step.run("a", untyped, 1), Any)


async def with_options(ctx: inngest.Context) -> None:
    assert_type(await ctx.step.options(retries=2).run("a", fetch), int)
    slow = ctx.step.options(timeout=datetime.timedelta(minutes=1), retry_on=(OSError, TimeoutError))
    assert_type(await slow.run("a", fetch_all, "url", 2), dict[str, int])
    assert_type(await slow.run("a", plain, 1), bytes)
    assert_type(await ctx.step.options(backoff=5).run("a", Shop.prices, 1, output_type=list[int]), list[int])
    growing = inngest.Backoff(datetime.timedelta(seconds=1), 1.5, maximum=60_000)
    assert_type(await ctx.step.options(backoff=growing, retry_on=OSError).run("a", lambda: 5), int)


async def models(ctx: inngest.Context) -> None:
    assert_type(await ctx.step.ai.wrap("a", fetch_all, "url"), dict[str, int])
    assert_type(await ctx.step.ai.wrap("a", plain, 1), bytes)
    assert_type(await ctx.step.options(timeout=1).ai.wrap("a", functools.partial(by_keyword, 1, b="x")), list[str])


async def running() -> None:
    assert_type(inngest.current_step().attempt, int)
    assert_type(inngest.current_step().timeout_requested, bool)
    assert_type(inngest.current_step().state, inngest.StepState)


async def methods(ctx: inngest.Context) -> None:
    shop = Shop()
    assert_type(await ctx.step.run("a", shop.pay, 500), float)
    assert_type(await ctx.step.run("a", shop.is_open), bool)
    assert_type(await ctx.step.run("a", shop, 1), str)
    assert_type(await ctx.step.run("a", Shop.make, "x"), Shop)
    assert_type(await ctx.step.run("a", Shop.prices, 1), list[int])
    assert_type(await ctx.step.run("a", Shop), Shop)


async def lambdas(ctx: inngest.Context) -> None:
    assert_type(await ctx.step.run("a", lambda: 5), int)
    assert_type(await ctx.step.run("a", lambda: fetch()), int)
    assert_type(await ctx.step.run("a", lambda: {"user": ctx.event.data["user"]}), dict[str, object])
    assert_type(await ctx.step.run("a", lambda x: x + 1, 5), int)


async def closures(ctx: inngest.Context) -> int:
    total = 0
    for page in range(3):

        async def load() -> int:
            return page

        total += await ctx.step.run("load", load)
        assert_type(await ctx.step.run("each", functools.partial(fetch_all, "url", page)), dict[str, int])

    handler: Callable[[int], Awaitable[str]] | None = None
    if handler is not None:
        assert_type(await ctx.step.run("a", handler, 1), str)
    return total


def takes(number: float, texts: Sequence[str] = ()) -> None: ...


async def in_context(ctx: inngest.Context) -> dict[str, object]:
    number: float = await ctx.step.run("a", fetch)
    wider: int | None = await ctx.step.run("a", fetch)
    anything: object = await ctx.step.run("a", fetch_all, "url")
    mapping: Mapping[str, float] = await ctx.step.run("a", fetch_all, "url")
    takes(await ctx.step.run("a", fetch), await ctx.step.run("b", functools.partial(by_keyword, 1, b="x")))
    numbers: list[float] = [await ctx.step.run("a", any_number, n) for n in range(3)]
    if await ctx.step.run("a", maybe) is None:
        return {}
    return {"a": await ctx.step.run("a", fetch), "b": [number, wider, anything, mapping, numbers]}


async def returned(ctx: inngest.Context) -> float | None:
    return await ctx.step.run("a", fetch)


async def wrapped(ctx: inngest.Context, step_id: str, handler: Callable[[], Awaitable[T]]) -> T:
    return await ctx.step.run(step_id, handler)


async def other_steps(ctx: inngest.Context) -> None:
    assert_type(await ctx.step.sleep("nap", 1_000), None)
    assert_type(await ctx.step.sleep("nap", datetime.timedelta(days=1)), None)
    assert_type(await ctx.step.sleep_until("nap", datetime.datetime(2030, 1, 1)), None)
    assert_type(await ctx.step.send_event("tell", inngest.Event(name="a")), list[str])
    assert_type(await ctx.step.send_event("tell", [inngest.Event(name="a")]), list[str])


async def concurrently(ctx: inngest.Context) -> None:
    number, text = await asyncio.gather(ctx.step.run("a", fetch), ctx.step.run("b", flip, 1))
    assert_type(number, int)
    assert_type(text, str)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ctx.step.run("a", fetch))
    assert_type(task.result(), int)

    pair = await ctx.group.parallel((lambda: ctx.step.run("a", fetch), lambda: ctx.step.run("b", flip, 1)))
    assert_type(pair, tuple[int, str])
    mode = inngest.ParallelMode.RACE
    assert_type(await ctx.group.parallel((lambda: ctx.step.run("a", fetch),), mode), tuple[int])
    many = tuple(functools.partial(any_number, n) for n in range(20))
    assert_type(await ctx.group.parallel(many, parallel_mode=mode), tuple[int, ...])

    won = await ctx.group.race((lambda: ctx.step.run("a", fetch), lambda: ctx.step.run("b", flip, 1)))
    assert_type(won, tuple[int, int | str])
    nap = await ctx.group.race((lambda: ctx.step.run("a", fetch_all, "url"), lambda: ctx.step.sleep("nap", 1)))
    assert_type(nap, tuple[int, dict[str, int] | None])
    assert_type(await ctx.group.race(many), tuple[int, int])

    steps = tuple[Callable[[], Awaitable[dict[str, int]]], ...]()
    for n in range(20):
        steps += (functools.partial(ctx.step.run, f"{n}", functools.partial(fetch_all, "url", n)),)
    assert_type(await ctx.group.parallel(steps), tuple[dict[str, int], ...])


@inngest.Inngest(app_id="typing").create_function(fn_id="count", trigger=inngest.TriggerEvent(event="count"))
async def count(ctx: inngest.Context) -> int:
    return 1


async def waiting(ctx: inngest.Context) -> None:
    found = await ctx.step.wait_for_event("w", event="a", timeout=1, if_exp="async.data.x == 1", since=1)
    assert_type(found, inngest.Event | None)
    assert_type(await ctx.step.invoke("call", function=count, data={"a": 1}, timeout=1), int)
    assert_type(await ctx.step.invoke_by_id("call", function_id="f", app_id="a"), object)
    assert_type(await ctx.step.wait_for_signal("s", signal="s", timeout=1, on_conflict="replace"), object | None)
    assert_type(await ctx.step.send_signal("s", "s", {"a": 1}), str | None)


async def typed_by_a_serializer(ctx: inngest.Context) -> None:
    assert_type(await ctx.step.run("a", Shop, output_type=Shop), Shop)
    assert_type(await ctx.step.run("a", Shop.prices, 1, output_type=list[int]), list[int])


async def context(ctx: inngest.Context) -> None:
    assert_type(ctx.attempt, int)
    assert_type(ctx.run_id, str)
    assert_type(ctx.event, inngest.Event)
    assert_type(ctx.events, list[inngest.Event])
    assert_type(ctx.event.data["user"], object)
    assert_type(ctx.job_id, str | None)
    ctx.logger.info("hello %s", ctx.event.name)


@experimental.step("decorated")
async def decorated(a: int, *, b: str = "") -> list[str]:
    return [b] * a


async def by_decorator() -> None:
    assert_type(await decorated(1, b="x"), list[str])
