"""Facts that an invocation has to tell beside its steps: functions that it defers, and answers of `ctx.patched`.

A call records nothing by itself. Its report rides with the next record of a step, or with the outcome: a crash
before that leaves nothing recorded beyond, so the code comes to the same again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from inngest.protocol import codec, limits
from inngest.protocol.opcodes import Op, Opcode, OpTarget
from inngest.protocol.steps import StepName
from inngest.sdk.errors import DeferRejectedError

NO_STEP = StepName("", 0, "")
"""The name in a report that is not about a step."""


class Defers:
    """The functions that one invocation defers."""

    __slots__ = ("_aborted", "_bytes", "_count", "_recorded", "pending_ops")

    def __init__(self, recorded: Mapping[str, bool]) -> None:
        self._recorded = recorded  # by hash: whether it can be aborted
        self._aborted: dict[str, None] = {}
        self._count = 0
        self._bytes = 0
        self.pending_ops: list[Op] = []  # to be told with the next record, or with the outcome

    def add(self, step: StepName, target: OpTarget, now: int) -> None:
        """The code defers a function, for the first time or again.

        A defer counts when the code comes to it in this invocation, also if it is recorded already: so the same
        call is refused in each replay.

        Raises:
            DeferRejectedError: it is too much; nothing has changed.
        """
        size = codec.size(target.data)
        if step.hash not in self._recorded:
            self._check(step.text, size)
            op = Op(Opcode.DEFER_ADD, step, Opcode.DEFER_ADD, started_at=now, target=target)
            self.pending_ops.append(op)
        self._count += 1
        self._bytes += size

    def abort(self, step: StepName, now: int) -> None:
        """The code does not want it any more; nothing to tell if that is known."""
        if self._recorded.get(step.hash, True) and step.hash not in self._aborted:
            self._aborted[step.hash] = None
            self.pending_ops.append(Op(Opcode.DEFER_ABORT, step, Opcode.DEFER_ADD, started_at=now))

    def take(self) -> list[Op]:
        """The report; it is told now."""
        taken, self.pending_ops = self.pending_ops, []
        return taken

    def _check(self, text: str, size: int) -> None:
        if size > limits.MAX_DEFER:
            raise DeferRejectedError(
                f'defer "{text}": its data are {size:,} bytes of JSON; at most {limits.MAX_DEFER:,} are allowed: '
                "keep large values elsewhere, and hand over references to them",
                "per_defer_size",
            )
        if self._count >= limits.MAX_DEFERS:
            raise DeferRejectedError(
                f'defer "{text}": the run has deferred {limits.MAX_DEFERS} functions, those that were aborted too, '
                "and may not defer more: defer one function that does the work of several",
                "per_run_count",
            )
        if self._bytes + size > limits.MAX_DEFERRED:
            raise DeferRejectedError(
                f'defer "{text}": with it the data of all that the run has deferred are {self._bytes + size:,} bytes '
                f"of JSON; at most {limits.MAX_DEFERRED:,} are allowed: keep large values elsewhere, and hand over "
                "references to them",
                "aggregate_size",
            )


class Patches:
    """The answers that one invocation was given.

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
        """The report; it is told now."""
        taken, self.pending_ops = self.pending_ops, []
        return taken
