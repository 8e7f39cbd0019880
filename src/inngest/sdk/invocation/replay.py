"""PURE. The decision about a step call: answer from its memo, run, or wait; and whose turn it is to resume.

Each memo carries its commit sequence within the run. When more than one call is open, calls resume in commit order,
one at a time, so that counters of repeated ids, `asyncio.wait(FIRST_COMPLETED)` and races go the same way in the first
run and in every replay.

New code waits for the history: while the code has not asked for every memo and every open step that was recorded before
this invocation, a call of which nothing is recorded does nothing (docs/decisions/0039).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import NamedTuple

from inngest.protocol.calls import Mode
from inngest.protocol.opcodes import Entry, Memo, Opcode, OpenStep
from inngest.protocol.steps import StepName

PATIENCE = 1_000
SPAN_MAX = 60_000
PATIENCE_MAX = 600_000
"""How long (ms) new code waits for a step that was recorded and is not called: the body may await something outside
steps first. PATIENCE is the least. The time between the records counts up to SPAN_MAX, and each time on hold adds
to it, up to PATIENCE_MAX.
"""

STOOD_STILL = 100
"""Milliseconds by which a timer that comes late shows that the loop was blocked, or the process stood still."""

TIMES_LATE = 10
"""How often patience is given anew because of that, at most: the loop may be blocked all the time."""


class Answer(NamedTuple):
    """The step is finished: resume the call with its memo when its turn comes."""

    memo: Memo


class Execute(NamedTuple):
    """Run the handler, or do what the step does by being recorded, now."""

    attempt: int


class Park(NamedTuple):
    """Wait; `open` is what is recorded of it, None if it is not recorded yet."""

    open: OpenStep | None


class Behind(NamedTuple):
    """Nothing is recorded of it, and the code has not come to all that is: do nothing until it has."""


class Propose(NamedTuple):
    """The handler could run now: say so, and wait."""

    attempt: int


class Ignore(NamedTuple):
    """It is not the target: wait, and say nothing."""


class Changed(NamedTuple):
    """The record of this name is of another kind: the code changed while the run was under way."""

    recorded: Opcode


Decision = Answer | Execute | Park | Behind | Propose | Ignore | Changed

NOT_YET = 253_402_300_799_000
"""Unix ms: when an attempt is due that waits for the history."""

EXECUTED = frozenset((Opcode.STEP_RUN, Opcode.SEND_SIGNAL))
"""Kinds of steps that do something here and now; all others wait."""

_FIRST = Execute(0)
_BEHIND = Behind()
_IGNORE = Ignore()


class History:
    """The record of a run, and the memos that its code has not been given yet.

    Args:
        memos: finished steps.
        open_steps: unfinished ones.
        defers: hashes of what was deferred.
        follows: memos are found by their names alone, and come when they are asked for, in any order.
        probes: the run is on hold: attempts wait for the history as new calls do.
    """

    def __init__(
        self,
        memos: Iterable[Memo],
        open_steps: Iterable[OpenStep],
        defers: Iterable[str] = (),
        *,
        follows: bool = False,
        probes: bool = False,
    ) -> None:
        self.follows = follows
        self._probes = probes
        self.strayed = False  # it was not replayed in order: it never can be again
        self.last: Memo | None = None  # that was given
        self._entries: dict[str, Entry] = {step.step.hash: step for step in open_steps}
        self._undelivered: list[tuple[int, Memo]] = []
        self._out_of_order: set[int] = set()  # seqs of undelivered memos that were given, or passed over
        self._passed: dict[str, Entry] = {}  # passed over: they come when they are asked for
        self._arrived: set[str] = set()  # what these open steps have been waiting for has come
        for memo in memos:
            self.add(memo)
        self._unasked: dict[str, Entry] = dict(self._entries)  # recorded before, and not asked for
        self._ungiven = set(self._entries)  # recorded before, and not given
        for hashed in defers:  # nobody waits for them: they are here so that no step takes their place
            self._entries[hashed] = OpenStep(StepName("", 0, hashed), Opcode.DEFER_ADD, 0, 0, 0)

    # -- what a call does

    def decide(self, entry: Entry | None, step: StepName, kind: Opcode, now: int) -> Decision:
        """Decides what a call of a step does, given its record, at a time (unix ms)."""
        if entry is None:
            if self._unasked:
                if not self.follows:
                    return _BEHIND
                self.strayed = True
            return _FIRST if kind in EXECUTED else Park(None)
        if entry.kind is not kind and entry.kind is not None:
            if not self.follows or entry.kind is Opcode.DEFER_ADD or kind is Opcode.DEFER_ADD:
                return Changed(entry.kind)
            self.strayed = True
        if isinstance(entry, Memo):
            return Answer(entry)
        if kind is Opcode.STEP_RUN and entry.due_at <= now:
            return Park(entry._replace(due_at=NOT_YET)) if self._probes and not self.through else Execute(entry.attempt)
        return Park(entry)

    def entry(self, step: StepName) -> Entry | None:
        """The record of a step."""
        return self._entries.get(step.hash)

    def reach(self, step: StepName) -> Entry | None:
        """The record of a step that the code has come to."""
        if self._unasked:
            self._unasked.pop(step.hash, None)
        return self._entries.get(step.hash)

    def add(self, entry: Entry) -> Entry:
        """Note what was recorded just now; as it is by now, since what an open step waits for may have come already."""
        if isinstance(entry, OpenStep) and entry.step.hash in self._arrived:
            entry = entry._replace(due_at=0)
        self._entries[entry.step.hash] = entry
        if isinstance(entry, Memo):
            heapq.heappush(self._undelivered, (entry.seq, entry))
        return entry

    def arrived(self, hashes: Iterable[str]) -> None:
        """The answers to these open steps have come, or their next attempts are to be made: they are due."""
        for hashed in hashes:
            entry = self._entries.get(hashed)
            if isinstance(entry, OpenStep):
                self._entries[hashed] = entry._replace(due_at=0)
            if entry is None or entry.kind is not Opcode.STEP_RUN:  # an attempt after the next one waits as ever
                self._arrived.add(hashed)

    # -- how far the code has come

    @property
    def replaying(self) -> bool:
        """Whether the code has not come yet to where it was: to all its memos, and to each step that is open."""
        return bool(self._unasked) or self.next is not None

    @property
    def through(self) -> bool:
        """Whether the code has asked for all that was recorded before this invocation; else new code waits."""
        return self.follows or not self._unasked

    @property
    def given(self) -> bool:
        """Whether the code was given all that was recorded before this invocation."""
        return not self._ungiven

    @property
    def unasked(self) -> list[Entry]:
        """Records from before that are not asked for: memos in their order, then open steps by age."""
        return sorted(self._unasked.values(), key=_age)

    @property
    def left(self) -> list[Entry]:
        """Records from before that are not used: not asked for, or passed over."""
        if not self._passed and not self._unasked:
            return []
        return sorted((*self._passed.values(), *self._unasked.values()), key=_age)

    @property
    def missing(self) -> Entry | None:
        """The oldest record that the code has not asked for."""
        return min(self._unasked.values(), key=_age, default=None)

    # -- whose turn it is

    @property
    def unreached(self) -> list[str]:
        """Hashes of the open steps that the code has not come to yet, sorted."""
        return sorted(hashed for hashed, entry in self._unasked.items() if isinstance(entry, OpenStep))

    def overdue(self, now: int) -> bool:
        """Whether the code has not come yet to a step whose next attempt is due."""
        entries = (self._entries[hashed] for hashed in self._unasked)
        return any(
            isinstance(entry, OpenStep) and entry.kind is Opcode.STEP_RUN and entry.due_at <= now for entry in entries
        )

    @property
    def next(self) -> Memo | None:
        """The memo whose turn it is."""
        undelivered = self._undelivered
        while undelivered and undelivered[0][0] in self._out_of_order:
            self._out_of_order.discard(heapq.heappop(undelivered)[0])
        return undelivered[0][1] if undelivered else None

    def may_come(self, memo: Memo) -> bool:
        """Whether the code may be given the memo now, if nobody asks for an earlier one."""
        undelivered = self._undelivered
        if undelivered and undelivered[0][1] is memo:  # as mostly
            return True
        return memo is self.next or self.follows or memo.step.hash in self._passed

    @property
    def in_order(self) -> bool:
        """Whether `next` is the only one that may come."""
        return not self.follows and not self._passed

    @property
    def is_waited_for(self) -> bool:
        """Whether a memo may have to wait for its turn: one is not given yet, or they may come in any order."""
        return bool(self._undelivered) or self.follows or bool(self._passed)

    def deliver(self, memo: Memo) -> None:
        """The code is given a memo."""
        undelivered = self._undelivered
        upcoming = undelivered[0][1] if undelivered and undelivered[0][1] is memo else self.next
        if upcoming is memo:
            heapq.heappop(undelivered)
        elif self._passed.pop(memo.step.hash, None) is None:
            assert self.follows, f"memo {memo.seq} given before memo {None if upcoming is None else upcoming.seq}"
            self._out_of_order.add(memo.seq)
            self.strayed = True
        self.last = memo
        if self._ungiven:
            self._unasked.pop(memo.step.hash, None)
            self._ungiven.discard(memo.step.hash)

    def pass_over(self, began_before: int | None = None) -> list[Entry]:
        """Wait no more for what is not asked for, or for what of it began before a time (unix ms).

        A memo that is asked for nevertheless comes then.
        """
        passed = [entry for entry in self.unasked if began_before is None or _began(entry) < began_before]
        for entry in passed:
            hashed = entry.step.hash
            del self._unasked[hashed]
            self._ungiven.discard(hashed)
            self._passed[hashed] = entry
            if isinstance(entry, Memo):
                self._out_of_order.add(entry.seq)
        return passed

    def patience(self, missing: Entry, holds: int) -> int:
        """How long to wait at rest (ms) until the code asks for what is missing, or gives it up as it once did.

        Args:
            missing: what the code does not come to; or a memo of a call that was given up, and is not now.
            holds: how often the run was put on hold before.
        """
        if isinstance(missing, Memo) and missing.cancelled and missing.step.hash not in self._unasked:
            least = PATIENCE + 2 * (missing.ended_at - missing.started_at)
        else:
            least = PATIENCE + min(2 * self._span(missing), SPAN_MAX)
        return max(least, min(least << min(holds, 20), PATIENCE_MAX))

    def _span(self, missing: Entry) -> int:
        """The recorded time from the memo before a step to its begin."""
        began = _began(missing)
        before = [
            entry.ended_at
            for entry in self._entries.values()
            if isinstance(entry, Memo) and entry.ended_at <= began and entry is not missing
        ]
        return began - max(before) if before else 0


class ServedHistory(History):
    """The record of a run whose function is behind HTTP.

    Args:
        memos: finished steps.
        open_steps: unfinished ones, as far as the server tells them.
        defers: hashes of what was deferred.
        mode: what the function is entered for.
        target: hash of the step that is the target.
        attempt: of the body, and of the step that runs next; of the target, if there is one.
        follows: see `History`.

    Attributes:
        attempt: of the step that runs next.
        met: the code has come to its target.
    """

    def __init__(
        self,
        memos: Iterable[Memo],
        open_steps: Iterable[OpenStep] = (),
        defers: Iterable[str] = (),
        *,
        mode: Mode,
        target: str = "",
        attempt: int = 0,
        follows: bool = False,
    ) -> None:
        super().__init__(memos, open_steps, defers, follows=follows)
        self._mode = mode
        self._target = target
        self._allowed = ""  # hash of the step that may run
        self.attempt = attempt
        self.met = False

    def decide(self, entry: Entry | None, step: StepName, kind: Opcode, now: int) -> Decision:
        """Decides what a call of a step does.

        | mode                     | memo   | open: due, not due, another kind | new: runs, waits, before the history |
        |--------------------------|--------|----------------------------------|--------------------------------------|
        | RUN                      | Answer | Execute, Park, Park              | Execute, Park, Behind                |
        | REPORT, CHECKPOINT, PLAN | Answer | Propose, Park, Park              | Propose, Park, Behind                |
        | these, if it is allowed  | Answer | Execute, Park, Park              | Execute, Park, Behind                |
        | TARGET                   | Answer | Execute, Execute, Park           | Execute, Park, Execute               |
        | TARGET other             | Answer | Ignore                           | Ignore                               |

        "Another kind" is one that waits, such as a sleep. Beside these, a step of a changed kind is Changed.
        """
        if self._mode is Mode.TARGET and not isinstance(entry, Memo):
            if step.hash != self._target:
                return _IGNORE
            if kind in EXECUTED and (entry is None or entry.kind is kind):
                return Execute(self.attempt if entry is None else entry.attempt)
        decision = super().decide(entry, step, kind, now)
        if not isinstance(decision, Execute):
            return decision
        attempt = self.attempt if entry is None else decision.attempt
        return Execute(attempt) if self._allowed == step.hash else Propose(attempt)

    def allow(self, step: StepName) -> None:
        """A step that was proposed may run now."""
        self._allowed = step.hash

    def reach(self, step: StepName) -> Entry | None:
        """The record of a step that the code has come to."""
        if step.hash == self._target:
            self.met = True
        return super().reach(step)

    def add(self, entry: Entry) -> Entry:
        """Note what was recorded just now. The attempts of what follows a finished step are counted from 0."""
        if isinstance(entry, Memo):
            self.attempt = 0
        return super().add(entry)

    @property
    def replaying(self) -> bool:
        """Whether the code has not come yet to where it was: to its target, if there is one."""
        return not self.met if self._mode is Mode.TARGET else super().replaying

    @property
    def given(self) -> bool:
        """Whether the code was given all that was recorded before. Nobody knows when the server asks for a plan, or for
        one step: others are open then, and it does not tell which.
        """
        return super().given and self._mode in (Mode.REPORT, Mode.CHECKPOINT)


def _age(entry: Entry) -> tuple[bool, int, str]:
    if isinstance(entry, Memo):
        return (False, entry.seq, "")
    return (True, entry.created_at, entry.step.hash)


def _began(entry: Entry) -> int:
    return entry.started_at if isinstance(entry, Memo) else entry.created_at
