"""Answers of `ctx.patched`, as steps: a server that is not ours keeps steps, and nothing else of a run."""

from __future__ import annotations

from inngest.protocol import codec
from inngest.protocol.calls import Call
from inngest.protocol.opcodes import Memo, Op, Opcode
from inngest.protocol.steps import StepName, hash_step_id

_MARK = "inngest/patched"
"""The only member of the value of such a step; its value is the id that was asked for."""


def as_step(op: Op) -> Op:
    """The report of a step that stands for a report that `ctx.patched` said yes."""
    text = f"{_MARK}:{op.step.id}"
    return Op(Opcode.STEP_RUN, StepName(text, 0, hash_step_id(text)), data=codec.dumps({_MARK: op.step.id}))


def read(call: Call) -> Call:
    """The call without such steps among its memos, and with what they say."""
    found = {memo.step.hash: patch for memo in call.memos if (patch := _patch_of(memo)) is not None}
    if not found:
        return call
    memos = [memo for memo in call.memos if memo.step.hash not in found]
    return call._replace(memos=memos, patches=[*call.patches, *found.values()])


def _patch_of(memo: Memo) -> str | None:
    if memo.data is None or _MARK not in memo.data[:64]:
        return None
    value = codec.loads(memo.data)
    patch = value.get(_MARK) if isinstance(value, dict) and len(value) == 1 else None
    return patch if isinstance(patch, str) else None
