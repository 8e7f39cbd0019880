"""A server of tests: it drives any SDK as the protocol says, and refuses what the protocol forbids.

It is no part of the engine, and keeps everything in memory. Its time is the machine's, and goes forward at once where
nothing happens: a sleep of a day takes no time. How requests travel is handed in.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from inngest.protocol import codec, limits, ulids
from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import Opcode
from inngest.protocol.wire import calls, checkpoints, registration, responses, signing
from inngest.runtime.clock import wall_clock_ms

from .strict_rules import DISCOVERY, Due, Open, StrictRun, Violation

MOST_CALLS = 200
"""Of one run: more are a loop."""

FUNCTION_UUID = "759d3f0d-0000-4000-8000-000000000000"

Carry = Callable[[str, str, Mapping[str, str], bytes], Awaitable[responses.Answer]]
"""Carries a request (method, URL, headers, body) to an app, and gives its answer; header names are in lower case."""


class Result(NamedTuple):
    """What became of a step."""

    name: str
    value: object  # JSON value; of a failure `{"name": …, "message": …}`
    failed: bool = False


class History(NamedTuple):
    """What became of a run."""

    status: str  # "COMPLETED", "FAILED"
    output: object  # JSON value
    error: str  # message
    steps: Sequence[Result]  # in the order in which they finished
    failed: Sequence[tuple[str, str, int]]  # attempts that others followed: step ("" the body), error, pause in ms
    calls: int
    checkpoints: int
    trace: Sequence[str]  # each call, and what it brought


class Arrivals(NamedTuple):
    """What comes to a run while it waits."""

    events: Sequence[Mapping[str, Any]] = ()  # each is given to the first step that waits for its name
    signals: Mapping[str, Any] = {}
    answers: Mapping[str, Any] = {}  # of requests, by the name of the step


@dataclass
class StrictServer:
    """Registers apps, and drives runs of their functions.

    Args:
        carry: to the apps.
        key: a signing key: calls are signed, and answers must be.
    """

    carry: Carry
    key: str = ""
    functions: dict[str, tuple[str, int]] = field(default_factory=dict)  # by id: URL, attempts
    events: list[Mapping[str, Any]] = field(default_factory=list)  # what apps have sent
    runs: dict[str, StrictRun] = field(default_factory=dict)
    skipped: int = 0  # ms that the clock went forward

    @property
    def now(self) -> int:
        """Unix ms."""
        return wall_clock_ms() + self.skipped

    # -- what apps ask of a server

    def register(self, body: bytes) -> dict[str, object]:
        """An app tells its functions."""
        told = registration.read(body)
        for wire in told.functions:
            assert isinstance(wire, dict), wire
            step = wire["steps"]["step"]
            retries = (step.get("retries") or {}).get("attempts", limits.DEFAULT_RETRIES)
            self.functions[wire["id"]] = (step["runtime"]["url"], retries + 1)
        return {"ok": True, "modified": True, "app_id": FUNCTION_UUID, "sync_id": FUNCTION_UUID}

    def accept(self, body: bytes) -> dict[str, object]:
        """An app sends events."""
        sent = json.loads(body)
        sent = sent if isinstance(sent, list) else [sent]
        self.events += sent
        return {"ids": [self._ulid() for _ in sent], "status": 200}

    def checkpoint(self, run_id: str, body: bytes) -> tuple[int, bytes]:
        """A call records steps, and goes on: the status and the body of the answer."""
        told = checkpoints.read(body)
        if told.run_id != run_id:
            raise Violation(f"a checkpoint of the run {told.run_id} is sent to {run_id}")
        run = self.runs[run_id]
        if run.has_ended or told.generation != run.generation:
            return 409, b'{"error":"stale dispatch","status":409}'
        run.checkpoint(told.ops)
        run.trace.append(f"checkpoint {[op.step.text for op in told.ops]}")
        return 200, checkpoints.saved()

    def batch(self, run_id: str) -> bytes:
        """The events of a run."""
        return f"[{','.join(self.runs[run_id].events)}]".encode()

    def actions(self, run_id: str) -> bytes:
        """The memos of a run."""
        return f"{{{','.join(self.runs[run_id].done.values())}}}".encode()

    # -- runs

    async def run(self, function_id: str, data: Mapping[str, Any], arrivals: Arrivals = Arrivals()) -> History:  # noqa: B008
        """Run a function from an event to its end."""
        event = EventData(self._ulid(), "test/started", codec.dumps(dict(data)), self.now)
        run = self._start(function_id, event)
        await self._drive(run, arrivals)
        return _history(run)

    def _start(self, function_id: str, event: EventData) -> StrictRun:
        _, most = self.functions[function_id]
        run = StrictRun(self._ulid(), function_id, most, [calls.event_text(event)])
        self.runs[run.id] = run
        return run

    async def _drive(self, run: StrictRun, arrivals: Arrivals) -> None:
        waiting = _Waiting(arrivals)
        flying: set[asyncio.Task[None]] = set()
        try:
            while not run.has_ended:
                for call in run.due(self.now):
                    run.flying.add(call.target)
                    flying.add(asyncio.create_task(self._call(run, call)))
                if flying:
                    over, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                    for task in over:
                        task.result()
                elif not await self._deliver(run, waiting):
                    self._skip(run)
        finally:
            for task in flying:
                task.cancel()

    def _skip(self, run: StrictRun) -> None:
        at = run.next_due()
        if at is None:
            raise Violation(f"the run does not go on: {run.trace}")
        self.skipped += max(0, at - self.now)
        run.wake(max(at, self.now))

    async def _call(self, run: StrictRun, call: Due) -> None:
        run.calls += 1
        if run.calls > MOST_CALLS:
            raise Violation(f"the run does not end: {run.trace}")
        known = frozenset(run.done)
        url, headers, body = self._request(run, call)
        answer = await self.carry("POST", url, headers, body)
        reply = responses.read(answer.status, answer.headers, answer.body, wall_clock_ms())
        run.trace.append(_told(run, call, answer, reply))
        self._check(answer, reply)
        run.report(call, known, reply, self.now)

    def _request(self, run: StrictRun, call: Due) -> tuple[str, Mapping[str, str], bytes]:
        head = calls.Head(
            run.id,
            FUNCTION_UUID,
            call.attempt,
            run.max_attempts,
            self._ulid(),
            run.generation,
            call.target,
            call.plan,
            list(run.done),
            run.version,
        )
        memos = list(run.done.values())
        left_out = calls.left_out(run.events, memos)
        body = calls.encode(head, run.events, memos, left_out=left_out)
        signature = ""
        if self.key:
            canonical = calls.encode(
                head,
                [signing.canonical_text(text) for text in run.events],
                [calls.canonical_member(text) for text in memos],
                left_out=left_out,
            )
            signature = signing.sign(canonical, self.key, wall_clock_ms())
        url, _ = self.functions[run.function_id]
        return calls.address(url, run.function_id, call.target), calls.headers(head, signature), body

    def _check(self, answer: responses.Answer, reply: responses.Reply) -> None:
        if not reply.sdk or reply.version not in (1, 2):
            raise Violation(f"the answer does not say whose it is: {answer}")
        if self.key and answer.status != 201:
            signing.verify(answer.body, answer.headers.get("x-inngest-signature"), [self.key], wall_clock_ms())

    # -- what waits

    async def _deliver(self, run: StrictRun, waiting: _Waiting) -> bool:
        """Give one thing to a step that waits for it; whether there was one."""
        for hashed, step in list(run.open.items()):
            kind, target = step.op.op, step.op.target
            if kind is Opcode.INVOKE and target is not None and target.name in self.functions:
                run.finish(hashed, await self._invoked(target.name, target.data))
                return True
            if (memo := waiting.memo(step)) is not None:
                run.finish(hashed, memo)
                return True
        return False

    async def _invoked(self, function_id: str, data: str) -> str:
        child = self._start(function_id, EventData(self._ulid(), "inngest/function.invoked", data, self.now))
        await self._drive(child, Arrivals())
        if child.error is None:
            return f'{{"data":{child.output}}}'
        told = {"name": child.error.name, "message": child.error.message, "stack": child.error.stack or ""}
        return codec.dumps({"error": told})

    def _ulid(self) -> str:
        return ulids.make(wall_clock_ms(), os.urandom(10))


class _Waiting:
    """What has not come yet."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._events = list(arrivals.events)
        self._signals = dict(arrivals.signals)
        self._answers = dict(arrivals.answers)

    def memo(self, step: Open) -> str | None:
        """The memo of a step for which something has come; it does not come again."""
        target = step.op.target
        if target is None:
            return None
        if step.op.op is Opcode.WAIT_FOR_EVENT:
            found = next((event for event in self._events if event["name"] == target.name), None)
            if found is None:
                return None
            self._events.remove(found)
            return codec.dumps(found)
        if step.op.op is Opcode.WAIT_FOR_SIGNAL and target.name in self._signals:
            data = {"signal": target.name, "data": self._signals.pop(target.name)}
            return codec.dumps({"data": data})
        if step.op.op in (Opcode.GATEWAY, Opcode.AI_GATEWAY) and step.op.step.id in self._answers:
            return codec.dumps({"data": self._answers.pop(step.op.step.id)})
        return None


def _told(run: StrictRun, call: Due, answer: responses.Answer, reply: responses.Reply) -> str:
    aim = run.names.get(call.target, call.target) if call.target != DISCOVERY else "plan" if call.plan else "discovery"
    brought = [f"{op.op.value} {op.step.text}" for op in reply.ops]
    error = "" if reply.error is None else f" {reply.error.name}: {reply.error.message[:200]}"
    return f"{aim}#{call.attempt} -> {answer.status} {reply.kind.value} {brought}{error}"


def _history(run: StrictRun) -> History:
    steps: list[Result] = []
    for hashed, text in run.done.items():
        (memo,) = json.loads(f"{{{text}}}").values()
        wrapped = isinstance(memo, dict) and memo.keys() <= {"data", "error"}
        if wrapped and "error" in memo:
            error = {"name": memo["error"]["name"], "message": memo["error"]["message"]}
            steps.append(Result(run.names[hashed], error, failed=True))
        else:
            steps.append(Result(run.names[hashed], memo["data"] if wrapped else memo))
    return History(
        "COMPLETED" if run.error is None else "FAILED",
        None if run.output is None else json.loads(run.output),
        "" if run.error is None else run.error.message,
        steps,
        run.failed,
        run.calls,
        run.checkpoints,
        run.trace,
    )
