"""`ctx.patched`: whether a run takes the new way through code that was changed while it was under way.

A call records nothing by itself. Its yes rides with the next record of a step, or with the outcome, as what is deferred
does: a crash before that leaves nothing recorded beyond, so the answer is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

from inngest.protocol.opcodes import Op, Opcode
from inngest.protocol.steps import StepName
from inngest.sdk.errors import StepOutsideError

from .defers import Portal

NO_STEP = StepName("", 0, "")
"""What a report names that is not about a step."""


class Patches:
    """What one invocation was told.

    Args:
        recorded: ids that were answered with yes before.
    """

    __slots__ = ("_answers", "pending_ops")

    def __init__(self, recorded: Collection[str]) -> None:
        self._answers = dict.fromkeys(recorded, True)
        self.pending_ops: list[Op] = []  # to be told with the next record, or with the outcome

    def says(self, patch_id: str, *, beyond: bool) -> bool:
        """Whether the run takes the new way. The first call of an id decides, so that a loop does not change its way.

        Args:
            patch_id: names the change.
            beyond: the code was given all that had been recorded before.
        """
        answer = self._answers.get(patch_id)
        if answer is None:
            answer = self._answers[patch_id] = beyond
            if beyond:
                self.pending_ops.append(Op(Opcode.PATCHED, NO_STEP._replace(id=patch_id), Opcode.PATCHED))
        return answer

    def take(self) -> list[Op]:
        """What is to be told; it is told now."""
        taken, self.pending_ops = self.pending_ops, []
        return taken


class InvocationThatIsPatched(Protocol):
    """An invocation, as `ctx.patched` sees it. To be called on its loop."""

    def patched(self, patch_id: str) -> bool:
        """Whether the run takes the new way."""
        ...


def patched_on_loop(invocation: InvocationThatIsPatched) -> Callable[[str], bool]:
    """`ctx.patched` of an async function."""
    return lambda patch_id: _asked(invocation, patch_id)


def patched_by_portal(invocation: InvocationThatIsPatched, portal: Portal) -> Callable[[str], bool]:
    """`ctx.patched` of a plain function."""

    def patched(patch_id: str) -> bool:
        async def ask() -> bool:
            return invocation.patched(patch_id)

        return portal.call(patch_id, ask)

    return patched


def _asked(invocation: InvocationThatIsPatched, patch_id: str) -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise StepOutsideError(f'patched "{patch_id}" was asked in a thread that is not its function\'s') from None
    return invocation.patched(patch_id)
