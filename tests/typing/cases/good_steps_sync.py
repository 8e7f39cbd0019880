"""Steps of plain functions: the same, without await."""

from __future__ import annotations

import datetime
import functools
from typing import Any, TypeVar, assert_type

import inngest

T = TypeVar("T")
client = inngest.Inngest(app_id="app")


def fetch() -> int:
    return 1


def fetch_all(url: str, times: int = 1) -> dict[str, int]:
    return {url: times}


def by_keyword(a: int, *, b: str) -> list[str]:
    return [b] * a


def same(x: T) -> T:
    return x


def nothing() -> None: ...


class Shop:
    def pay(self, amount: int) -> float:
        return amount / 100


@client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="a"))
def steps(ctx: inngest.ContextSync) -> None:
    assert_type(ctx.step.run("a", fetch), int)
    assert_type(ctx.step.run("a", fetch_all, "url"), dict[str, int])
    assert_type(ctx.step.run("a", fetch_all, "url", 2), dict[str, int])
    assert_type(ctx.step.run("a", functools.partial(by_keyword, 1, b="x")), list[str])
    assert_type(ctx.step.run("a", same, 1), int)
    ctx.step.run("a", nothing)
    assert_type(ctx.step.run("a", Shop().pay, 5), float)
    assert_type(ctx.step.run("a", Shop), Shop)
    assert_type(ctx.step.run("a", lambda: 5), int)
    assert_type(ctx.step.run("a", len, [1]), int)
    assert_type(ctx.step.run("a", Shop, output_type=Shop), Shop)
    assert_type(ctx.step.options(retries=1).run("a", fetch_all, "url", 2), dict[str, int])
    assert_type(ctx.step.ai.wrap("a", fetch_all, "url"), dict[str, int])
    assert_type(ctx.step.options(timeout=1).ai.wrap("a", fetch), int)
    for page in range(3):

        def load() -> int:
            return page

        assert_type(ctx.step.run("load", load), int)

    ctx.step.sleep("nap", datetime.timedelta(days=1))
    ctx.step.sleep_until("nap", datetime.datetime(2030, 1, 1))
    assert_type(ctx.step.send_event("tell", [inngest.Event(name="a")]), list[str])


def concurrently(ctx: inngest.ContextSync) -> None:
    pair = ctx.group.parallel((lambda: ctx.step.run("a", fetch), lambda: ctx.step.run("b", str, 5)))
    assert_type(pair, tuple[int, str])
    many = tuple(functools.partial(fetch_all, "url", n) for n in range(20))
    assert_type(ctx.group.parallel(many), tuple[dict[str, int], ...])


def racing(ctx: inngest.ContextSync) -> None:
    won = ctx.group.race((lambda: ctx.step.run("a", fetch), lambda: ctx.step.run("b", str, 5)))
    assert_type(won, tuple[int, int | str])
    many = tuple(functools.partial(fetch_all, "url", n) for n in range(20))
    assert_type(ctx.group.race(many), tuple[int, dict[str, int]])


def context(ctx: inngest.ContextSync) -> Any:
    assert_type(ctx.attempt, int)
    assert_type(ctx.event, inngest.Event)
    return ctx.event.data
