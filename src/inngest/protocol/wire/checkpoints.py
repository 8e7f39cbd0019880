"""Checkpoints: steps that an app records while its call goes on; and the server's word about each of them."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from inngest.protocol import codec, limits
from inngest.protocol.calls import Call
from inngest.protocol.errors import BodyInvalidError
from inngest.protocol.headers import RETRY_AFTER
from inngest.protocol.opcodes import MARKS, Op, Opcode

from . import calls, members, operations

MAX_BODY = 8 * limits.MB
"""Bytes of a checkpoint that a server reads."""

MAX_PAUSE = 5 * limits.SECOND
"""Milliseconds: the longest pause for which an app waits before it sends a checkpoint again."""

ALLOWED = MARKS | {
    Opcode.STEP_RUN,
    Opcode.STEP_FAILED,
    Opcode.STEP_CANCELLED,
    Opcode.STEP_PLANNED,
    Opcode.RUN_COMPLETE,
    Opcode.DEFER_ADD,
    Opcode.DEFER_ABORT,
}
"""Reports that a checkpoint may hold: what is over. All others belong into the answer of the call."""


class Checkpoint(NamedTuple):
    """The steps that a call records while it goes on."""

    run_id: str
    generation: int  # of the call; the server refuses what an older one records. -1: nobody told
    ops: Sequence[Op]  # in the order in which they happened
    qi_id: str = ""  # as the call had it
    request_id: str = ""
    function_uuid: str = ""


def write(call: Call, ops: Sequence[Op], started_at: int, now: int) -> bytes:
    """The body of a checkpoint.

    Args:
        call: which goes on.
        ops: what is recorded.
        started_at: unix ms when the call came.
        now: unix ms.

    Raises:
        ValueError: something else than results is recorded.
    """
    reported = [operations.final(op, call.max_attempts) for op in ops]
    if odd := [op.op.value for op in reported if op.op not in ALLOWED]:
        raise ValueError(f"a checkpoint holds results only, not {', '.join(odd)}")
    texts = [text for op in reported if (text := operations.dumps(op, call.foreign))]
    head = {
        "fn_id": call.function_uuid,
        "generation_id": call.generation,
        "qi_id": call.qi_id,
        "request_id": call.request_id,
        "request_started_at": started_at,
        "run_id": call.run_id,
        "ts": now,
    }
    return f'{codec.dumps(head)[:-1]},"steps":[{",".join(texts)}]}}'.encode()


def read(body: bytes) -> Checkpoint:
    """The checkpoint that an app sends.

    Raises:
        BodyInvalidError: it is none, or holds what belongs into the answer of the call.
    """
    wire = members.mapping(members.document(body, "the checkpoint"), "the checkpoint")
    run_id = members.text(wire.get("run_id"), "run_id")
    qi_id = str(wire.get("qi_id") or "")
    listed = members.sequence(wire.get("steps"), "steps")
    ops = [operations.read(one, f"steps[{index}]") for index, one in enumerate(listed)]
    for index, op in enumerate(ops):
        if op.op not in ALLOWED:
            raise members.wrong(f"steps[{index}].op", "a step that is over", op.op.value)
    return Checkpoint(
        run_id,
        _generation(wire, run_id, qi_id),
        ops,
        qi_id,
        str(wire.get("request_id") or ""),
        str(wire.get("fn_id") or ""),
    )


def _generation(wire: Mapping[str, object], run_id: str, qi_id: str) -> int:
    """The generation of the call. The item in the queue tells it too, and comes back as it was given."""
    told = calls.generation_of(qi_id)
    if told is not None:
        if told[0] != run_id:
            raise BodyInvalidError(f"qi_id: it is of the run {told[0]}, and the checkpoint is of {run_id}")
        return told[1]
    given = wire.get("generation_id")
    return -1 if given is None else members.integer(given, "generation_id")


class Verdict(enum.Enum):
    """The meaning of an answer to a checkpoint, for the call that sent it."""

    SAVED = "saved"  # recorded: go on
    YIELD = "yield"  # recorded, and the server asks to let the run go
    STALE = "stale"  # another call goes on with the run: stop, and report nothing
    AGAIN = "again"  # nobody knows whether it is recorded: send the same again
    CLOSED = "closed"  # it is not recorded, and will not be: report in the answer of the call
    TOO_LARGE = "too large"  # as CLOSED, for all of it together: one by one, it may be recorded
    LACKING = "lacking"  # the server knows no checkpoints: as CLOSED, and send it no more


class Answered(NamedTuple):
    """An answer to a checkpoint."""

    verdict: Verdict
    pause: int | None = None  # AGAIN: ms that the server asks to wait, at most 5 s


def answered(status: int, headers: Mapping[str, str], body: bytes) -> Answered:
    """The meaning of an answer. This raises nothing, whatever has come.

    Args:
        status: of HTTP.
        headers: names in lower case.
        body: as it has come.
    """
    if 200 <= status < 300:
        return Answered(Verdict.YIELD if _asks_to_yield(body) else Verdict.SAVED)
    if status == 409:
        return Answered(Verdict.STALE)
    if status in (404, 501):
        return Answered(Verdict.LACKING)
    if status == 413:
        return Answered(Verdict.TOO_LARGE)
    if status == 429 or status >= 500:
        given = headers.get(RETRY_AFTER, "")
        pause = int(given) * limits.SECOND if re.fullmatch(r"[0-9]{1,7}", given) else None
        return Answered(Verdict.AGAIN, None if pause is None else min(pause, MAX_PAUSE))
    return Answered(Verdict.CLOSED)


def saved(yields: bool = False) -> bytes:
    """The body of an answer that says that a checkpoint is recorded.

    Args:
        yields: ask the app to let the run go. Only ours knows this; others go on.
    """
    return b'{"data":{"yield":true}}' if yields else b'{"data":{}}'


def _asks_to_yield(body: bytes) -> bool:
    try:
        value = members.document(body, "the answer")
    except BodyInvalidError:
        return False
    data = value.get("data") if isinstance(value, dict) else None
    return isinstance(data, dict) and data.get("yield") is True
