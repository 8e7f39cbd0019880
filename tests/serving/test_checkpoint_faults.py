"""Checkpoints through faults: requests and answers are lost, servers refuse, calls are cut. No recorded step runs
again, and the code goes on with what is recorded.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

import inngest
from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.protocol.opcodes import Memo, Op, Opcode
from inngest.protocol.steps import hash_step_id
from inngest.protocol.wire import calls, checkpoints, responses
from inngest.sdk.serving import checkpoint
from inngest.sdk.serving.messages import Response

from .asking import EVENT, client_of, handler_of, reply, request

STEPS = ("a", "b", "c", "d", "e")
WORLDS = 150
TROUBLES = ("request lost", "answer lost", "busy")


class FaultyServer:
    """Keeps the results of one run, and is in trouble by chance: the API of an endpoint.

    Args:
        chance: draws what happens.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.memos: dict[str, tuple[str, str]] = {}  # by id of the step: its text, and its value
        self.known: frozenset[str] = frozenset()  # steps that the call under way was told
        self.met: set[str] = set()  # faults
        self.ran: set[str] = set()  # steps whose handlers returned in the call under way
        self._fault, self._lasts = "", 0  # what is wrong, and for how many requests

    async def send(self, request: HttpRequest) -> HttpResponse:
        assert request.content is not None
        found = checkpoints.read(request.content)
        if self._lasts == 0:
            self._fault = self.chance.choice(["", "", "", "request lost", "answer lost", "busy", "refused", "yield"])
            self._lasts = self.chance.randrange(1, 9) if self._fault in TROUBLES else 1
        self._lasts -= 1
        fault = self._fault
        if fault:
            self.met.add(fault)
        if fault == "request lost":
            raise HttpError("reset")
        if fault == "busy":
            return reply(503, {})
        if fault == "refused":
            return reply(413, {})
        for op in found.ops:
            self.keep(op)
        if fault == "answer lost":
            raise HttpError("reset")
        return HttpResponse(200, [], checkpoints.saved(fault == "yield"))

    async def close(self) -> None: ...

    def keep(self, op: Op) -> None:
        """A result, unless it is there."""
        assert op.op is Opcode.STEP_RUN
        assert op.data is not None
        text = calls.memo_text(Memo(op.step, op.kind, 0, op.data, None, 0))
        kept = self.memos.setdefault(op.step.text, (text, op.data))
        assert kept[1] == op.data or op.step.text not in self.known, "a recorded step has another result"


async def drive(seed: int, options: dict[str, Any]) -> FaultyServer:
    chance = random.Random(seed)
    server = FaultyServer(chance)
    client = client_of(production=False)
    ran = 0

    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="e"), **options)
    async def f(ctx: inngest.Context) -> list[int]:
        async def handler(name: str) -> int:
            nonlocal ran
            assert name not in server.known, f"{name} is recorded, and runs again"
            ran += 1
            server.ran.add(name)
            return ran

        return [await ctx.step.run(name, handler, name) for name in STEPS]

    handler = handler_of(client, [f], server)
    for number in range(1, 200):
        server.known, server.ran = frozenset(server.memos), set()
        stack = [hash_step_id(name) for name in server.memos]
        head = calls.Head("R1", "uuid", 0, 4, f"req{number}", number, stack=stack)
        body = calls.encode(head, [EVENT], [text for text, _ in server.memos.values()])
        answer = await handler.handle(request("POST", "fnId=shop-f&stepId=step", body))
        assert isinstance(answer, Response)
        if chance.random() < 0.2:
            server.met.add("call cut")
            continue
        told = responses.read(answer.status, answer.headers, answer.body, 0)
        assert told.kind in (responses.ReplyKind.REPORTED, responses.ReplyKind.COMPLETED), told
        output = told.data
        for op in told.ops:
            if op.op is Opcode.RUN_COMPLETE:
                output = op.data
            elif op.op is not Opcode.DISCOVERY_REQUEST:
                server.keep(op)
        assert server.ran <= server.memos.keys(), "a result is lost"
        if output is not None:
            assert list(server.memos) == list(STEPS)
            assert output == f"[{','.join(data for _, data in server.memos.values())}]"
            return server
    raise AssertionError("the run does not end")


@pytest.mark.parametrize(
    "options",
    [{}, *({"checkpointing": inngest.Checkpointing(buffered_steps=number)} for number in (2, 9))],
    ids=["each", "two", "all"],
)
async def test_no_result_is_lost_or_doubled(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FIRST_PAUSE", 0)
    monkeypatch.setattr(checkpoint, "UNREACHABLE", 0)
    met: set[str] = set()
    for seed in range(WORLDS):
        met |= (await drive(seed, options)).met
    assert met >= {"call cut"}
    assert met == {"call cut", "request lost", "answer lost", "busy", "refused", "yield"} or options
