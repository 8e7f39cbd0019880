"""The rules of a server, as the protocol has them: which calls of a run are due, and what an answer changes.

Nothing here is of the engine. It is what an SDK is driven by in tests, and what the engine can be compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from inngest.protocol import codec, limits
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Op, Opcode
from inngest.protocol.steps import hash_step_id
from inngest.protocol.wire.operations import COMPLETE, LAZY
from inngest.protocol.wire.responses import Reply, ReplyKind

DISCOVERY = ""
"""The target of a call that asks the code what there is to do."""

FIRST = (Opcode.WAIT_FOR_EVENT, Opcode.DEFER_ADD, Opcode.DEFER_ABORT)
BACKOFF = [15, 30, 60, 120, 300, 600, 1_200, 2_400, 3_600, 7_200]
"""Seconds before another attempt."""

MOST_IDLE = 3
"""Discoveries in a row that may bring nothing."""


class Violation(AssertionError):
    """An SDK did what the protocol forbids."""


class Due(NamedTuple):
    """A call that is due."""

    target: str  # hash of a step; DISCOVERY
    attempt: int
    plan: bool


@dataclass
class Open:
    """A step that is not finished."""

    op: Op
    mode: str  # "wait" or "race"
    due_at: int | None  # ms: it is called, or its waiting is over
    attempt: int = 0

    @property
    def is_planned(self) -> bool:
        return self.op.op is Opcode.STEP_PLANNED


@dataclass
class StrictRun:
    """One run. Times are ms."""

    id: str
    function_id: str
    max_attempts: int
    events: Sequence[str]  # their texts
    done: dict[str, str] = field(default_factory=dict)  # texts of memos by hash, in the order of their commits
    open: dict[str, Open] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # by hash
    failed: list[tuple[str, str, int]] = field(default_factory=list)  # name ("" the body), error, pause
    trace: list[str] = field(default_factory=list)  # each call and what it brought, for people
    flying: set[str] = field(default_factory=set)
    attempt: int = 0  # of the body
    discover_at: int = 0
    owed: bool = True
    version: int = -1
    generation: int = 1
    idle: int = 0  # discoveries in a row that brought nothing
    output: str | None = None  # JSON text
    error: ErrorInfo | None = None
    calls: int = 0
    checkpoints: int = 0

    @property
    def has_ended(self) -> bool:
        return self.output is not None or self.error is not None

    # -- which calls

    def due(self, now: int) -> list[Due]:
        """The calls that are to leave now."""
        if self.has_ended:
            return []
        calls = [
            Due(hashed, step.attempt, False)
            for hashed, step in self.open.items()
            if step.is_planned and hashed not in self.flying and step.due_at is not None and step.due_at <= now
        ]
        if self.owed and DISCOVERY not in self.flying and self.discover_at <= now:
            calls.append(Due(DISCOVERY, self.attempt, bool(self.open)))
        return calls

    def next_due(self) -> int | None:
        """The time at which something falls due; None if nothing ever does by itself."""
        times = [step.due_at for step in self.open.values() if step.due_at is not None]
        return min([*times, *([self.discover_at] if self.owed else [])], default=None)

    def wake(self, now: int) -> bool:
        """What has waited until now is over: sleeps, and waits without an answer."""
        over = [
            hashed
            for hashed, step in self.open.items()
            if not step.is_planned and step.due_at is not None and step.due_at <= now
        ]
        for hashed in over:
            kind = self.open[hashed].op.op
            timed_out = {"error": {"name": "InngestInvokeTimeoutError", "message": "Timed out"}}
            self.finish(hashed, codec.dumps(timed_out) if kind is Opcode.INVOKE else "null")
        return bool(over)

    # -- what an answer changes

    def report(self, call: Due, known: frozenset[str], reply: Reply, now: int) -> None:
        """An answer has come.

        Args:
            call: that it is of.
            known: hashes of the memos that the call had.
            reply: what it says.
            now: when.
        """
        self.flying.discard(call.target)
        self.version = reply.version if self.version < 0 else self.version
        if self.has_ended:
            return
        if reply.kind is ReplyKind.COMPLETED:
            self.output = reply.data
        elif reply.kind is ReplyKind.REPORTED:
            self._reported(call, known, reply, now)
        else:
            self.generation += reply.kind is ReplyKind.BROKEN and not call.target
            assert reply.error is not None
            self._attempt_failed(call, reply.error, reply, now)

    def _reported(self, call: Due, known: frozenset[str], reply: Reply, now: int) -> None:
        if not call.target:
            self.owed = False
        before = (len(self.done), len(self.open), len(self.failed))
        race = any(op.mode == "race" for op in reply.ops)
        for op in sorted(reply.ops, key=lambda one: one.op not in FIRST):
            if not self.has_ended:
                self._take(op, call, known, reply, "race" if race else "wait", now)
        brought = (len(self.done), len(self.open), len(self.failed)) != before
        self.idle = 0 if brought or call.target else self.idle + 1
        if call.target or brought or self.has_ended or self.open:
            return
        self.owed, self.discover_at = True, now + limits.SECOND
        if self.idle > MOST_IDLE:
            self._attempt_failed(call, ErrorInfo("Idle", "the app answers, and nothing comes of it"), reply, now)

    def _take(self, op: Op, call: Due, known: frozenset[str], reply: Reply, mode: str, now: int) -> None:
        hashed = op.step.hash
        if op.op is Opcode.RUN_COMPLETE:
            self.output = op.data
            return
        if op.op is Opcode.DISCOVERY_REQUEST:
            self.owed = True
        if op.op in LAZY or op.op in (Opcode.DISCOVERY_REQUEST, Opcode.NONE):
            return
        if hashed == COMPLETE.hash and op.error is not None:
            self._attempt_failed(call, op.error, reply._replace(no_retry=op.op is Opcode.STEP_FAILED), now)
            return
        self._check_name(op)
        if hashed in self.done:
            if hashed in known and op.op in (Opcode.STEP_RUN, Opcode.STEP_ERROR, Opcode.STEP_FAILED):
                raise Violation(f"{op.step.text} ran again, though the call had its result")
            return
        if op.op is Opcode.STEP_RUN:
            self.finish(hashed, f'{{"data":{op.data}}}')
        elif op.op is Opcode.STEP_FAILED:
            self._step_failed(op)
        elif op.op is Opcode.STEP_ERROR:
            self._step_error(op, call, reply, now)
        elif hashed not in self.open:
            self.open[hashed] = Open(op, mode, now if op.op is Opcode.STEP_PLANNED else _over_at(op, now))

    def _check_name(self, op: Op) -> None:
        if hash_step_id(op.step.text) != op.step.hash:
            raise Violation(f"the id of {op.step.text!r} is not the SHA-1 of its name: {op}")
        self.names[op.step.hash] = op.step.text

    def _step_error(self, op: Op, call: Due, reply: Reply, now: int) -> None:
        if call.attempt + 1 >= self.max_attempts or reply.no_retry:
            self._step_failed(op)
            return
        pause = self._pause(call, reply)
        self.failed.append((op.step.text, _name_of(op), pause))
        if op.step.hash in self.open:
            self.open[op.step.hash].attempt = call.attempt + 1
            self.open[op.step.hash].due_at = now + pause
        else:
            self.attempt, self.discover_at, self.owed = call.attempt + 1, now + pause, True

    def _step_failed(self, op: Op) -> None:
        error = op.error or ErrorInfo("Error", "")
        told = {"name": error.name, "message": error.message, "stack": error.stack or ""}
        self.finish(op.step.hash, codec.dumps({"error": told}))

    def _attempt_failed(self, call: Due, error: ErrorInfo, reply: Reply, now: int) -> None:
        if call.attempt + 1 >= self.max_attempts or reply.no_retry:
            self.error = error
            return
        pause = self._pause(call, reply)
        self.failed.append((self.names.get(call.target, ""), error.name, pause))
        if call.target:
            self.open[call.target].attempt = call.attempt + 1
            self.open[call.target].due_at = now + pause
        else:
            self.attempt, self.discover_at, self.owed = call.attempt + 1, now + pause, True

    def finish(self, hashed: str, memo: str) -> None:
        """A step has its result.

        Args:
            hashed: of the step.
            memo: JSON text.
        """
        if hashed in self.done:
            return
        self.done[hashed] = f'"{hashed}":{memo}'
        self.attempt = 0
        step = self.open.pop(hashed, None)
        waited_for = any(one.mode == "wait" for one in self.open.values())
        if step is None or self.version < 2 or step.mode == "race" or not waited_for:
            self.owed, self.discover_at = True, 0

    def checkpoint(self, ops: Sequence[Op]) -> None:
        """A call records steps, and goes on."""
        self.checkpoints += 1
        call = Due(DISCOVERY, self.attempt, False)
        for op in ops:
            self._take(op, call, frozenset(self.done), Reply(ReplyKind.REPORTED), "wait", 0)

    def _pause(self, call: Due, reply: Reply) -> int:
        if reply.retry_after is not None:
            return reply.retry_after
        return BACKOFF[min(call.attempt, len(BACKOFF) - 1)] * limits.SECOND


def _over_at(op: Op, now: int) -> int:
    if op.until is not None:
        return op.until
    return now + (limits.MAX_SLEEP if op.duration is None else op.duration)


def _name_of(op: Op) -> str:
    return "" if op.error is None else op.error.name
