"""Calls that no server makes, by chance: an endpoint refuses them by name, raises nothing, and keeps nothing."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import inngest
from inngest.protocol.steps import hash_step_id
from inngest.protocol.wire import signing
from inngest.runtime.clock import SystemClock, wall_clock_ms
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request, Response
from tests import processes
from tests.fuzzing import NASTY, body_of
from tests.processes import Talk

from .asking import KEY, URL, FakeApi, body, client_of, handler_of

CASES = int(os.environ.get("FUZZ_CASES", "400"))
"""Calls. Each has its number for a seed."""

AT_ONCE = 200
MB = 1 << 20
GROWTH = 32 * MB
"""Bytes by which the memory of an app may grow after the first third of all cases."""

REFUSED = {"query_param_missing", "function_not_found", "body_invalid", "determinism"}
"""Codes by which wrong calls are refused. The last one: their results are of steps that the code does not have."""

FUNCTIONS = ("shop-chain", "shop-fan", "shop-nap", "shop-plain")


def one(*_: object) -> int:
    """A handler; its arguments may be replaced by whatever comes."""
    return 1


RATE = 1_000
"""How much faster time lasts: code of a run that was often on hold, as its call says, is waited for up to 600 s."""


class Hurried(SystemClock):
    """A clock on which everything takes long."""

    def monotonic(self) -> int:
        return time.monotonic_ns() * RATE // 1_000_000

    def call_after(self, ms: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        return super().call_after(ms / RATE, callback)


def endpoint(*, production: bool) -> Handler:
    """An endpoint whose functions take whatever comes."""
    client = client_of(production=production)
    started = inngest.TriggerEvent(event="test/started")

    @client.create_function(fn_id="chain", trigger=started)
    async def chain(ctx: inngest.Context) -> object:
        try:
            return [await ctx.step.run(name, one) for name in "abc"]
        except inngest.StepError as error:
            return str(error)

    @client.create_function(fn_id="fan", trigger=started)
    async def fan(ctx: inngest.Context) -> object:
        found = await asyncio.gather(*(ctx.step.run(name, one) for name in "abc"), return_exceptions=True)
        return [str(value) for value in found]

    @client.create_function(fn_id="nap", trigger=started)
    async def nap(ctx: inngest.Context) -> object:
        try:
            await ctx.step.sleep("a", 1_000)
            return bool(await ctx.step.wait_for_event("b", event="test/other", timeout=1_000))
        except inngest.StepError as error:
            return str(error)

    @client.create_function(fn_id="plain", trigger=started)
    def plain(ctx: inngest.ContextSync) -> object:
        try:
            return [ctx.step.run(name, one) for name in "abc"]
        except inngest.StepError as error:
            return str(error)

    return handler_of(client, [chain, fan, nap, plain], FakeApi(checkpoints=True), clock=Hurried)


def call(draw: random.Random) -> dict[str, Any]:
    """The body of a call as a server could make it."""
    results = ({"data": 1}, {"error": {"name": "E", "message": "m"}}, {"input": [1]}, 1, None)
    memos = {name: draw.choice(results) for name in "abc" if draw.random() < 0.4}
    found: dict[str, Any] = json.loads(body(memos=memos, left_out=draw.random() < 0.05))
    found["ctx"]["qi_id"] = draw.choice(["", "bm8=", "MDA6OjA="])
    return found


def request(draw: random.Random, *, production: bool) -> Request:
    """A request that may be wrong in any part."""
    method = draw.choices(["POST", "PUT", "GET", "HEAD", "DELETE", "\x00"], [90, 6, 1, 1, 1, 1])[0]
    step = draw.choices(["step", hash_step_id("a"), "", "zzz", "\x00", "é"], [80, 14, 2, 1, 1, 2])[0]
    function = draw.choice(FUNCTIONS) if draw.random() < 0.95 else draw.choice(["", "x", "shop-\x00", "é" * 300])
    wrong = draw.choice(["", "fnId", "fnId=%ff&stepId=%00", "&&=&"])
    query = f"fnId={function}&stepId={step}" if draw.random() < 0.95 else wrong
    value: object = call(draw) if method == "POST" else {"url": URL}
    content = body_of(draw, value)
    headers: dict[str, str] = {}
    for name in ("x-inngest-job-id", "x-request-id", "x-run-id", "x-inngest-server-kind", "x-inngest-sync-kind"):
        if draw.random() < 0.1:
            headers[name] = draw.choice(
                ["", "R.1", "R.x", "." * 50, "9" * 40, "\x00", "dev", "cloud", "in_band", *NASTY[:9]]
            )
    if production:
        now = wall_clock_ms() + draw.choices([0, -(10**9), 10**15], [96, 2, 2])[0]
        made = signing.sign(content, KEY, now)
        headers["x-inngest-signature"] = (
            made if draw.random() < 0.95 else draw.choice(["", "t=&s=", made[:-1], "t=x&s=é"])
        )
    return Request(method, f"{URL}?{query}", headers, content)


class Complaints(logging.Handler):
    """Records of an endpoint that could not answer."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record)[:3_000])


def memory() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


async def asked(handlers: dict[bool, Handler], number: int, seen: Counter[str], wrong: list[str]) -> None:
    """One case."""
    draw = random.Random(number)
    production = draw.random() < 0.3
    given = request(draw, production=production)
    try:
        answer = await handlers[production].handle(given)
        assert isinstance(answer, Response)
        value = json.loads(answer.body or b"null")
        code = str(value.get("code", "")) if isinstance(value, dict) and answer.status >= 500 else ""
        seen[f"{answer.status} {code or (value.get('name', '') if isinstance(value, dict) else '')}".strip()] += 1
        if answer.status not in (200, 206, 400, 401, 403, 405, 500) or (answer.status == 500 and not value["code"]):
            wrong.append(f"case {number}: {answer.status} {answer.body[:300]!r}")
    except Exception as error:
        wrong.append(f"case {number}: {type(error).__name__}: {error}")


async def all_of_them(talk: Talk, cases: int) -> None:
    """Tell the memory after a third, and in the end; the answers; and what is wrong."""
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    handlers = {production: endpoint(production=production) for production in (False, True)}
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    before = 0
    for first in range(0, cases, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, cases))
        await asyncio.gather(*(asked(handlers, number, seen, wrong) for number in numbers))
        talk.say(first)  # it goes on
        if not before and first >= cases / 3:
            before = memory()
    talk.say((before, memory(), seen, wrong + complaints.found))


def judge(talk: Talk, cases: int) -> None:
    """All cases, in a process of their own."""
    asyncio.run(all_of_them(talk, cases))


def test_no_wrong_call_harms_an_app() -> None:
    with processes.started(judge, CASES) as process:
        while isinstance(told := process.hear(), int):
            pass
    before, after, seen, wrong = cast("tuple[int, int, Counter[str], list[str]]", told)
    print(f"{CASES} calls, seeds 0 to {CASES - 1}: {dict(seen)}; memory {before / MB:.0f} MB, then {after / MB:.0f} MB")
    assert wrong == []
    assert after - before < GROWTH
    assert {name.partition(" ")[2] for name in seen if name.startswith("500")} >= REFUSED
