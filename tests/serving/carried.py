"""A call, and its answer, as bytes in between: written by one side of the protocol, and read by the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from inngest.protocol import codec, headers
from inngest.protocol.calls import Call, Completed, Failed, Held, Mode, Outcome, Yielded
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Op, Opcode
from inngest.protocol.wire import calls, operations, responses

RAW = (Opcode.SLEEP, Opcode.WAIT_FOR_EVENT)
"""Kinds of steps whose results stand on the wire as they are; others are wrapped."""


def call_over_bytes(call: Call, kinds: Mapping[str, Opcode]) -> Call:
    """The call as an app reads it.

    Args:
        call: as the server means it.
        kinds: of finished steps, by hash.
    """
    head = calls.Head(
        call.run_id,
        "00000000-0000-0000-0000-000000000000",
        call.attempt,
        call.max_attempts or 0,
        request_id="01J00000000000000000000002",
        generation=1,
        target=call.target,
        plan=call.mode is Mode.PLAN,
        stack=[memo.step.hash for memo in call.memos],
        defers=call.defers,
        patches=tuple(call.patches),
    )
    body = calls.encode(head, [calls.event_text(event) for event in call.events], _texts(call.memos, kinds))
    if call.foreign:
        told = codec.loads(body.decode())
        del told["ctx"][calls.OURS]
        body = codec.dumps(told).encode()
    query = {"fnId": call.function_id, "stepId": call.target or calls.DISCOVERY}
    sent = {name.lower(): value for name, value in calls.headers(head).items()}
    read = calls.decode(body, query, sent).call
    assert (read.foreign, read.target, len(read.memos)) == (call.foreign, call.target, len(call.memos))
    assert read.mode is (Mode.REPORT if call.mode is Mode.CHECKPOINT else call.mode)
    return read._replace(mode=call.mode)


def _texts(memos: Iterable[Memo], kinds: Mapping[str, Opcode]) -> list[str]:
    known = [(memo, kinds.get(memo.step.hash)) for memo in memos]
    return [calls.memo_text(memo._replace(kind=kind if kind in RAW else Opcode.STEP_RUN)) for memo, kind in known]


def answer_over_bytes(outcome: Outcome, ops: Sequence[Op], call: Call, now: int) -> tuple[Sequence[Op], Outcome]:
    """What a server reads of an answer: reports about steps, and how the entry ended."""
    answer = responses.write(outcome, ops, call, now)
    sent = {**answer.headers, headers.SDK_NAME: "inngest-py:v1.0.0"}
    reply = responses.read(answer.status, sent, answer.body, now)
    if reply.kind is responses.ReplyKind.COMPLETED:
        assert reply.data is not None
        return (), Completed(reply.data)
    if reply.kind is responses.ReplyKind.HELD:
        assert isinstance(reply.held, Held)
        return (), reply.held
    if reply.kind is not responses.ReplyKind.REPORTED:
        assert reply.kind is responses.ReplyKind.FAILED, reply
        return (), Failed(reply.error or ErrorInfo("Error", ""), not reply.no_retry, reply.retry_after)
    told = [op for op in reply.ops if op.step.hash != operations.COMPLETE.hash]
    read = [
        op._replace(attempt=call.attempt, retry_after=reply.retry_after if op.op is Opcode.STEP_ERROR else None)
        for op in told
    ]
    return read, _end_of(reply, call)


def _end_of(reply: responses.Reply, call: Call) -> Outcome:
    for op in reply.ops:
        if op.op is Opcode.RUN_COMPLETE:
            return Completed(op.data or "null")
        if op.step.hash == operations.COMPLETE.hash and op.error is not None:
            return Failed(op.error, op.op is Opcode.STEP_ERROR, reply.retry_after)
    return Yielded(at_once=any(op.op is Opcode.DISCOVERY_REQUEST for op in reply.ops))
