"""The recorder of a call without checkpoints: the first report ends the invocation, and travels in the answer.

A file of its own: it is one of two recorders, and each has a file.
"""

from __future__ import annotations

from collections.abc import Sequence

from inngest.protocol.calls import Advice, Outcome, Recorded
from inngest.protocol.opcodes import Op


class Reporting:
    """Keeps what is reported for the answer.

    Attributes:
        ops: reports that nobody has recorded yet, in their order.
        slots: nothing limits handlers here: the server counts calls.
    """

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.slots = None

    def record(self, ops: Sequence[Op]) -> Recorded:
        """Keep it, and end the invocation."""
        self.ops.extend(ops)
        return Recorded(Advice.STOP, ())

    @property
    def stopped(self) -> bool:
        """Whether another call goes on with the run: nobody has said so."""
        return False

    async def finish(self, outcome: Outcome) -> None:
        """Nothing is left to be done: it all travels in the answer."""
