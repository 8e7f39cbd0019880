"""Our own SDK behind our own engine, over the bytes of the wire: with checkpoints, and without."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Sequence
from typing import Any

import pytest

import inngest
from inngest.engine.invokers.ports import Carried, RawAnswer, RemoteCall
from inngest.protocol.calls import Advice, Recorded
from inngest.protocol.http import HttpRequest, HttpResponse
from inngest.protocol.wire import checkpoints
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request, Response
from tests.serving.asking import client_of, handler_of
from tests.serving.town import Town, remote

CLIENT = client_of(production=False, app_id="app")
TRIGGER = inngest.TriggerEvent(event="app/f")


class Endpoint:
    """A carrier to an endpoint in the same process, and the server's API as that sees it.

    Args:
        functions: what it serves.
        takes_checkpoints: whether the server does.
    """

    def __init__(self, functions: Sequence[inngest.Function[Any]], *, takes_checkpoints: bool) -> None:
        self.handler: Handler = handler_of(CLIENT, functions, self)
        self.calls: list[RemoteCall] = []
        self.checkpointed = 0
        self.town: Town
        self._takes_checkpoints = takes_checkpoints

    async def carry(self, call: RemoteCall) -> Carried:
        self.calls.append(call)
        await asyncio.sleep(0.001)
        answer = await self.handler.handle(Request("POST", call.url, dict(call.headers), call.body))
        assert isinstance(answer, Response)
        return RawAnswer(answer.status, {name.lower(): one for name, one in answer.headers.items()}, answer.body)

    async def send(self, request: HttpRequest) -> HttpResponse:
        if "/checkpoint/" not in request.url or not self._takes_checkpoints:
            return HttpResponse(404, [], b"{}")
        assert request.content is not None
        given = checkpoints.read(request.content)
        owner = next(one for one in self.town.processes if one.service.executor.owns(given.run_id))
        recorded = owner.service.executor.checkpoint(given.run_id, given.generation, given.ops)
        assert recorded is not None
        advice = (recorded if isinstance(recorded, Recorded) else await recorded).advice
        self.checkpointed += len(given.ops)
        return HttpResponse(409, [], b"{}") if advice is Advice.STOP else HttpResponse(200, [], checkpoints.saved())

    async def close(self) -> None:
        await asyncio.sleep(0)


async def body(ctx: inngest.Context) -> object:
    async def plus(value: int) -> int:
        return value + 1

    first = await ctx.step.run("first", plus, 1)
    await ctx.step.sleep("nap", datetime.timedelta(seconds=3))
    both = await asyncio.gather(ctx.step.run("left", plus, first), ctx.step.run("right", plus, 10 * first))
    return [first, *both, await ctx.step.run("last", plus, 100)]


@pytest.mark.parametrize("takes_checkpoints", [False, True])
def test_our_sdk_is_driven_by_our_engine(town: Town, *, takes_checkpoints: bool) -> None:
    function = CLIENT.create_function(fn_id="f", trigger=TRIGGER)(body)
    endpoint = Endpoint([function], takes_checkpoints=takes_checkpoints)
    endpoint.town, town.carrier = town, endpoint

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        assert await town.result(worker) == [2, 3, 21, 101]
        (view,) = await town.runs(worker, "app-f")
        assert sorted(memo.step.id for memo in view.memos) == ["first", "last", "left", "nap", "right"]
        assert view.failed == []

    town.drive(main)
    targets = [json.loads(call.body)["ctx"]["step_id"] for call in endpoint.calls]
    assert len(targets) == (5 if takes_checkpoints else 7)
    assert endpoint.checkpointed == (2 if takes_checkpoints else 0)
