"""PURE. What a step call does: answer from its memo, run, or wait; and whose turn it is to resume.

`design §4.1 Order`: each memo carries its commit sequence within the run. When more than one call is open, calls
resume in commit order, one at a time, so that counters of repeated ids, `asyncio.wait(FIRST_COMPLETED)` and races go
the same way in the first run and in every replay.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import NamedTuple

from inngest.protocol.opcodes import Entry, Memo, Opcode, OpenStep
from inngest.protocol.steps import StepName

from .errors import DeterminismError


class Answer(NamedTuple):
    """The step is finished: resume the call with its memo when its turn comes."""

    memo: Memo


class Execute(NamedTuple):
    """Run the handler now."""

    attempt: int


class Park(NamedTuple):
    """Wait; `open` is what is recorded of it, None if it is not recorded yet."""

    open: OpenStep | None


Decision = Answer | Execute | Park

_FIRST = Execute(0)


def decide(entry: Entry | None, step: StepName, kind: Opcode, now: int) -> Decision:
    """What a call of a step does, given what is recorded of it.

    Raises:
        DeterminismError: the record is of another kind of step.
    """
    if entry is None:
        return _FIRST if kind is Opcode.STEP_RUN else Park(None)
    if entry.kind is not kind:
        raise DeterminismError(
            f'step "{step.text}" was recorded as {entry.kind.value} and is now {kind.value}: the code changed '
            "while the run was under way. Give the new step a new id."
        )
    if isinstance(entry, Memo):
        return Answer(entry)
    if kind is Opcode.STEP_RUN and entry.due_at <= now:
        return Execute(entry.attempt)
    return Park(entry)


class History:
    """What is recorded of a run, and which memos its code has not been given yet.

    Args:
        memos: finished steps.
        open_steps: unfinished ones.
        defers: hashes of what was deferred.
    """

    def __init__(self, memos: Iterable[Memo], open_steps: Iterable[OpenStep], defers: Iterable[str] = ()) -> None:
        self._entries: dict[str, Entry] = {step.step.hash: step for step in open_steps}
        self._unreached = set(self._entries)
        for hashed in defers:  # nobody waits for them: they are here so that no step takes their place
            self._entries[hashed] = OpenStep(StepName("", 0, hashed), Opcode.DEFER_ADD, 0, 0, 0)
        self._arrived: set[str] = set()  # what these open steps have been waiting for has come
        self._undelivered: list[tuple[int, Memo]] = []
        self.began_at = 0  # unix ms: when the first recorded step began
        for memo in memos:
            self.add(memo)

    def entry(self, step: StepName) -> Entry | None:
        """What is recorded of a step."""
        return self._entries.get(step.hash)

    def reach(self, step: StepName) -> Entry | None:
        """What is recorded of a step that the code has come to."""
        self._unreached.discard(step.hash)
        return self._entries.get(step.hash)

    def add(self, entry: Entry) -> Entry:
        """Note what was recorded just now; as it is by now, since what an open step waits for may have come already."""
        if isinstance(entry, OpenStep) and entry.step.hash in self._arrived:
            entry = entry._replace(due_at=0)
        self._entries[entry.step.hash] = entry
        if isinstance(entry, Memo):
            heapq.heappush(self._undelivered, (entry.seq, entry))
            self.began_at = self.began_at or entry.started_at or entry.ended_at
        return entry

    def arrived(self, hashes: Iterable[str]) -> None:
        """What these open steps have been waiting for has come: they are due."""
        for hashed in hashes:
            self._arrived.add(hashed)
            entry = self._entries.get(hashed)
            if isinstance(entry, OpenStep):
                self._entries[hashed] = entry._replace(due_at=0)

    @property
    def replaying(self) -> bool:
        """Whether the code has not come yet to where it was: to all its memos, and to each step that is open."""
        return bool(self._undelivered or self._unreached)

    @property
    def unreached(self) -> list[str]:
        """Hashes of the open steps that the code has not come to yet, sorted."""
        return sorted(self._unreached)

    def overdue(self, now: int) -> bool:
        """Whether the code has not come yet to a step whose next attempt is due."""
        entries = (self._entries[hashed] for hashed in self._unreached)
        return any(
            isinstance(entry, OpenStep) and entry.kind is Opcode.STEP_RUN and entry.due_at <= now for entry in entries
        )

    @property
    def next(self) -> Memo | None:
        """The memo whose turn it is."""
        return self._undelivered[0][1] if self._undelivered else None

    def deliver(self, memo: Memo) -> None:
        """The code is given the memo whose turn it is."""
        seq, upcoming = heapq.heappop(self._undelivered)
        assert upcoming is memo, f"memo {memo.seq} given before memo {seq}"
