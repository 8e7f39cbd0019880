"""Each framework serves the same: introspection, registration, and runs with steps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

import inngest

from .asking import KEY, FakeApi, client_of
from .carriers import ENDPOINTS
from .driving import Carry, Ended, Run

DEV = client_of(production=False)
CLOUD = client_of(production=True)
STARTED = inngest.TriggerEvent(event="test/started")
NAMES = {"starlette mounted": "starlette", "django under asgi": "django", "digital_ocean": "digitalocean"}
NO_HEAD = ("litestar", "tornado")
NAMES |= dict.fromkeys(("function url", "api gateway"), "aws_lambda")


def functions_of(client: inngest.Inngest) -> list[inngest.Function[Any]]:
    @client.create_function(fn_id="async", trigger=STARTED, retries=3)
    async def in_turn(ctx: inngest.Context) -> list[Any]:
        async def plus(number: int) -> int:
            return number + 1

        first = await ctx.step.run("a", plus, 1)
        await ctx.step.sleep("nap", 1000)
        second = await ctx.step.run("b", plus, first)
        return [second, ctx.event.data["ü"]]

    @client.create_function(fn_id="plain", trigger=STARTED, retries=3)
    def in_turn_plain(ctx: inngest.ContextSync) -> list[Any]:
        first = ctx.step.run("a", lambda: 1)
        ctx.step.sleep("nap", 1000)
        return [ctx.step.run("b", lambda: first + 1), ctx.event.data["ü"]]

    failures: dict[str, int] = {"async": 0, "plain": 0}

    def once_more(kind: str) -> str:
        failures[kind] += 1
        if failures[kind] == 1:
            raise ValueError("not yet")
        return "at last"

    @client.create_function(fn_id="wide-async", trigger=STARTED, retries=3)
    async def wide(ctx: inngest.Context) -> list[Any]:
        async def value(of: str) -> str:
            return of

        async def flaky() -> str:
            return once_more("async")

        both = await ctx.group.parallel((lambda: ctx.step.run("x", value, "x"), lambda: ctx.step.run("y", value, "y")))
        event = await ctx.step.wait_for_event("wait", event="test/came", timeout=1000)
        gathered = await asyncio.gather(ctx.step.run("z", value, "z"), ctx.step.run("flaky", flaky))
        return [*both, event and event.name, *gathered]

    @client.create_function(fn_id="wide-plain", trigger=STARTED, retries=3)
    def wide_plain(ctx: inngest.ContextSync) -> list[Any]:
        both = ctx.group.parallel((lambda: ctx.step.run("x", str, "x"), lambda: ctx.step.run("y", str, "y")))
        event = ctx.step.wait_for_event("wait", event="test/came", timeout=1000)
        more = ctx.group.parallel(
            (lambda: ctx.step.run("z", str, "z"), lambda: ctx.step.run("flaky", once_more, "plain"))
        )
        return [*both, event and event.name, *more]

    return [in_turn, in_turn_plain, wide, wide_plain]


@pytest.fixture(params=ENDPOINTS)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def dev(framework: str) -> Iterator[Carry]:
    with ENDPOINTS[framework](DEV, functions_of(DEV)) as carry:
        yield carry


@pytest.fixture
def cloud(framework: str) -> Iterator[Carry]:
    with ENDPOINTS[framework](CLOUD, functions_of(CLOUD)) as carry:
        yield carry


def test_it_is_looked_at(framework: str, dev: Carry) -> None:
    told = dev("GET", "", {}, b"")
    named = {name.lower(): value for name, value in told.headers.items()}
    assert (told.status, json.loads(told.body)["function_count"]) == (200, 4)
    assert named["x-inngest-framework"] == NAMES.get(framework, framework)
    assert named["content-type"] == "application/json"
    assert "comm_handler;dur=" in named["server-timing"]


def test_it_registers_where_it_was_asked(framework: str, dev: Carry, api: FakeApi) -> None:
    told = dev("PUT", "deployId=d", {"x-inngest-server-kind": "dev"}, b"")
    assert (told.status, json.loads(told.body)) == (200, {"ok": True, "modified": True})
    (sent,) = api.asked
    url = json.loads(sent.content or b"")["url"]
    path = {"starlette mounted": "/under/", "digital_ocean": "/api/v1/web/fn-00000000/fake-name"}
    assert url.partition("://")[2].partition("/")[1:] == ("/", path.get(framework, "/api/inngest")[1:])
    assert sent.url.endswith("/fn/register?deployId=d")
    assert sent.headers["x-inngest-expected-server-kind"] == "dev"


def test_other_methods_are_refused(dev: Carry) -> None:
    assert dev("DELETE", "", {}, b"").status == 405


@pytest.mark.parametrize("function", ["async", "plain"])
def test_a_run_goes_through_its_steps(dev: Carry, function: str) -> None:
    ended = Run(dev, f"shop-{function}", {"ü": "ß"}).drive()
    assert ended == Ended([3 if function == "async" else 2, "ß"], None, ["a", "nap", "b"], 4)


@pytest.mark.parametrize("function", ["async", "plain"])
def test_steps_beside_each_other_are_planned_and_each_is_asked_for(dev: Carry, function: str) -> None:
    came = {"name": "test/came", "data": {}, "id": "e2", "ts": 1}
    ended = Run(dev, f"shop-wide-{function}", answers={"wait": came}).drive()
    assert (ended.output, ended.error) == (["x", "y", "test/came", "z", "at last"], None)
    assert ended.steps == ["x", "y", "wait", "z", "flaky"]


@pytest.mark.parametrize("function", ["async", "plain"])
def test_a_run_of_a_signed_server(cloud: Carry, function: str) -> None:
    assert Run(cloud, f"shop-{function}", {"ü": "ß"}, key=KEY).drive().error is None
    assert cloud("POST", f"fnId=shop-{function}", {}, b"{}").status == 401


def test_a_large_state_comes_in(dev: Carry) -> None:
    """A server sends up to 4 MB with a call; Django refuses over 2.5 MB of a form by itself."""
    ended = Run(dev, "shop-plain", {"ü": "x" * 3_500_000}).drive()
    assert (ended.error, len(ended.output[1])) == (None, 3_500_000)


def test_it_is_looked_at_without_a_body(framework: str, dev: Carry) -> None:
    told = dev("HEAD", "", {}, b"")
    assert (told.status, told.body) == (200, b"") or (framework in NO_HEAD and told.status == 405)
