"""A small server that drives a run of a function over HTTP: one call after another, until the run has ended.

It follows the protocol where that says who executes what. It leaves out what is the matter of a real
server: time, limits, and several calls at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import Memo, Op, Opcode
from inngest.protocol.wire import calls, responses, signing
from inngest.runtime.clock import wall_clock_ms

RUN_ID = "01J00000000000000000000000"
RETRIES = 3


class Told(NamedTuple):
    """An answer of an app."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Carry = Callable[[str, str, Mapping[str, str], bytes], Told]
"""Carries a request (method, query, headers, body) to an endpoint."""


class Ended(NamedTuple):
    """How a run ended."""

    output: Any
    error: str | None  # name of the error
    steps: Sequence[str]  # ids of the finished steps, in their order
    calls: int


class Run:
    """One run.

    Args:
        carry: to the endpoint.
        function_id: `{app}-{fn}`.
        data: of its event.
        answers: what steps that wait for something get, by id.
        key: by which calls are signed.
    """

    def __init__(
        self,
        carry: Carry,
        function_id: str,
        data: Mapping[str, Any] | None = None,
        *,
        answers: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> None:
        self._carry = carry
        self._function_id = function_id
        event = EventData("e1", "test/started", json.dumps(data or {}), 1_700_000_000_000)
        self._events = [calls.event_text(event)]
        self._answers = answers or {}
        self._key = key
        self._memos: dict[str, str] = {}  # texts by hash, in their order
        self._names: dict[str, str] = {}
        self._planned: dict[str, int] = {}  # attempts by hash
        self._calls = 0

    def drive(self) -> Ended:
        """Call the app until the run has ended."""
        attempt = 0
        while self._calls < 100:
            reply = self.call(attempt, plan=bool(self._planned))
            if reply.kind is responses.ReplyKind.COMPLETED:
                return self._ended(json.loads(reply.data or "null"), None)
            if reply.kind is not responses.ReplyKind.REPORTED:
                assert reply.error is not None
                if reply.no_retry or attempt == RETRIES:
                    return self._ended(None, reply.error.name)
                attempt += 1
                continue
            failed = [op for op in reply.ops if op.op is Opcode.STEP_ERROR]
            attempt = attempt + 1 if failed else 0
            if (ended := self._take(reply.ops)) is not None:
                return ended
            for hashed in list(self._planned):
                self._run_planned(hashed)
        raise AssertionError(f"the run does not end: {list(self._names.values())}")

    def call(self, attempt: int = 0, *, plan: bool = False, target: str = "") -> responses.Reply:
        """One call, and what came back."""
        self._calls += 1
        head = calls.Head(
            RUN_ID, "uuid", attempt, RETRIES + 1, f"request-{self._calls}", 1, target, plan, list(self._memos)
        )
        body = calls.encode(head, self._events, self._memos.values())
        signature = "" if self._key is None else signing.sign(signing.canonical(body), self._key, wall_clock_ms())
        query = calls.address("http://app/x", self._function_id, target).partition("?")[2]
        told = self._carry("POST", query, calls.headers(head, signature), body)
        if self._key is not None:
            named = {name.lower(): value for name, value in told.headers.items()}
            if told.status != 201:
                signing.verify(told.body, named["x-inngest-signature"], [self._key], wall_clock_ms())
        return responses.read(told.status, told.headers, told.body, wall_clock_ms())

    def _run_planned(self, hashed: str) -> None:
        attempt = self._planned[hashed]
        reply = self.call(attempt, target=hashed)
        assert reply.kind is responses.ReplyKind.REPORTED, reply
        self._planned[hashed] = attempt + 1
        assert self._take(reply.ops) is None

    def _take(self, ops: Sequence[Op]) -> Ended | None:
        for op in ops:
            self._names[op.step.hash] = op.step.text
            memo = Memo(op.step, op.kind, 0, None, None, 0)
            if op.op is Opcode.RUN_COMPLETE:
                return self._ended(json.loads(op.data or "null"), None)
            if op.op is Opcode.STEP_PLANNED:
                self._planned.setdefault(op.step.hash, 0)
            elif op.op is Opcode.STEP_RUN:
                self._finish(memo._replace(data=op.data))
            elif op.op is Opcode.STEP_FAILED:
                self._finish(memo._replace(error=op.error))
            elif op.op is Opcode.SLEEP:
                self._finish(memo)
            elif op.op is not Opcode.STEP_ERROR:
                self._finish(memo._replace(data=json.dumps(self._answers[op.step.text])))
        return None

    def _finish(self, memo: Memo) -> None:
        assert memo.step.hash not in self._memos, f"{memo.step.text} ran again"
        self._planned.pop(memo.step.hash, None)
        self._memos[memo.step.hash] = calls.memo_text(memo)

    def _ended(self, output: Any, error: str | None) -> Ended:
        return Ended(output, error, [self._names[hashed] for hashed in self._memos], self._calls)
