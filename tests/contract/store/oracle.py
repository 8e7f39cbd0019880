"""What a store must do, in plain Python: lists and dictionaries, one thing after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from inngest.engine.domain.model import (
    Changes,
    Ended,
    Event,
    FailedAttempt,
    FunctionSpec,
    Policy,
    Released,
    Run,
    RunStatus,
)
from inngest.engine.domain.starts import Start
from inngest.engine.records import Owner, Written
from inngest.protocol import limits
from inngest.protocol.opcodes import Memo, OpenStep

FINAL = {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED}


@dataclass
class StoredRun:
    """A run and what is recorded of it."""

    run: Run
    owner: tuple[str, str] | None  # session and token
    job: tuple[int, bool] | None  # due at, alone
    memos: dict[str, Memo] = field(default_factory=dict)
    open: dict[str, OpenStep] = field(default_factory=dict)
    failed: dict[tuple[str, int, int], FailedAttempt] = field(default_factory=dict)
    takeover_steps: int = 0

    @property
    def due_at(self) -> int:
        """When its job falls due."""
        assert self.job is not None
        return self.job[0]

    @property
    def alone(self) -> bool:
        """Whether it must be resumed alone."""
        return self.job is not None and self.job[1]

    @property
    def in_order(self) -> list[Memo]:
        """Memos in the order of their commits."""
        return sorted(self.memos.values(), key=lambda memo: memo.seq)


@dataclass(frozen=True)
class Taken:
    """What a claim must give."""

    runs: list[tuple[int, str]]  # when they fell due, and their ids
    next_due: int | None
    alone_due: bool = False
    fenced: bool = False


class Oracle:
    """A store."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._keys: dict[tuple[str, str], int] = {}  # when they expire
        self.functions: dict[str, FunctionSpec] = {}
        self.sessions: dict[str, tuple[str, ...]] = {}
        self.events: dict[str, Event] = {}
        self.runs: dict[str, StoredRun] = {}

    # -- workers and functions

    def register(self, functions: Sequence[FunctionSpec], replace_app: str | None) -> None:
        """Functions become known, others are forgotten."""
        given = {one.id: one for one in functions}
        served = {name for names in self.sessions.values() for name in names}
        self.functions = {
            name: one
            for name, one in self.functions.items()
            if one.app_id != replace_app or name in given or name in served
        } | given

    def end_session(self, session: str, now: int, *, died: bool) -> bool:
        """A worker is gone."""
        if self.sessions.pop(session, None) is None:
            return False
        for stored in sorted(self.runs.values(), key=lambda one: one.run.id):
            if stored.owner is None or stored.owner[0] != session:
                continue
            takeovers = stored.run.takeovers
            if died:
                takeovers = 1 if len(stored.memos) > stored.takeover_steps else takeovers + 1
                stored.takeover_steps = len(stored.memos)
            stored.run = stored.run._replace(takeovers=takeovers)
            stored.owner = None
            stored.job = (now, takeovers >= self._policy.alone_after)
        return True

    # -- events

    def accept(
        self, events: Sequence[Event], starts: Sequence[Start], claim: Sequence[Owner], served: Iterable[str], now: int
    ) -> list[tuple[Start, Owner | None]]:
        """Events and what they start; who owns it."""
        owners = [owner for owner in claim if owner.session in self.sessions]
        given: list[tuple[Start, Owner | None]] = []
        for start in self._wanted(events, starts):
            owner = None
            if owners and start.due_at <= now and start.run.function_id in served:
                owner = owners.pop(0)._replace(run_id=start.run.id)
            self._create(start, owner)
            given.append((start, owner))
        return given

    def _wanted(self, events: Sequence[Event], starts: Sequence[Start]) -> list[Start]:
        new = {event.id for event in events if event.id not in self.events}
        for event in events:
            self.events.setdefault(event.id, event)
        wanted: dict[tuple[str, str], Start] = {}
        for start in starts:
            place = (start.run.event_id, start.run.function_id)
            if place[0] in new and place not in wanted and self._key_is_free(start):
                wanted[place] = start
        return list(wanted.values())

    def _key_is_free(self, start: Start) -> bool:
        key, now = (start.run.function_id, start.key), start.run.created_at
        if start.key and self._keys.get(key, now) > now:
            return False
        if start.key:
            self._keys[key] = now + limits.IDEMPOTENCY_PERIOD
        return True

    def _create(self, start: Start, owner: Owner | None) -> None:
        run = start.run
        if owner is None:
            self.runs[run.id] = StoredRun(run, None, (start.due_at, False))
        else:
            begun = run._replace(status=RunStatus.RUNNING, started_at=run.created_at)
            self.runs[run.id] = StoredRun(begun, (owner.session, owner.token), None)

    # -- owning

    def claim(
        self, owner: Owner, count: int, served: Iterable[str], now: int, *, alone: bool, given: Sequence[str]
    ) -> Taken:
        """Runs that are due. Which of those that fell due at the same time is not promised: those that were `given`."""
        if owner.session not in self.sessions:
            return Taken([], None, fenced=True)
        waiting = [one for one in self.runs.values() if one.job is not None and one.run.function_id in served]
        waiting.sort(key=lambda one: (one.due_at, one.run.id not in given, one.run.id))
        suspects = [one for one in waiting if one.alone]
        alone_due = bool(suspects) and suspects[0].due_at <= now
        if alone_due and alone:
            return Taken(self._take(suspects[:1], owner, now), now)
        due = [one for one in waiting if not one.alone and one.due_at <= now][:count]
        left = [one.due_at for one in waiting if one not in due and not (one.alone and alone_due)]
        return Taken(self._take(due, owner, now), min(left, default=None), alone_due=alone_due)

    def _take(self, due: Sequence[StoredRun], owner: Owner, now: int) -> list[tuple[int, str]]:
        taken = [(stored.due_at, stored.run.id) for stored in due]
        for stored in due:
            began = stored.run.started_at if stored.run.started_at is not None else now
            calls = stored.run.discovery
            stored.run = stored.run._replace(
                status=RunStatus.RUNNING,
                started_at=began,
                discovery=calls._replace(generation=calls.generation + 1),
            )
            stored.owner = (owner.session, owner.token)
            stored.job = None
        return taken

    def commit(
        self, owner: Owner, changes: Changes, events: Sequence[Event], starts: Sequence[Start], now: int
    ) -> Written:
        """What an owner decided."""
        stored = self.runs[owner.run_id]
        if stored.owner != (owner.session, owner.token):
            return Written.LOST
        self._write_steps(stored, changes)
        for start in self._wanted(events, starts):
            self._create(start, None)
        transition = changes.transition
        if transition is not None or changes.memos:
            stored.run = stored.run._replace(attempt=changes.attempt)
        if changes.memos:
            stored.run = stored.run._replace(takeovers=0)
        if transition is not None:
            stored.owner = None
        if isinstance(transition, Ended):
            error = None if transition.error is None else transition.error.to_json()
            stored.run = stored.run._replace(
                status=transition.status, output=transition.output, error=error, ended_at=now
            )
        elif isinstance(transition, Released) and transition.due_at is not None:
            stored.job = (transition.due_at, False)
        return Written.DONE

    def _write_steps(self, stored: StoredRun, changes: Changes) -> None:
        for step in changes.open:
            known = stored.open.get(step.step.hash)
            if step.step.hash in stored.memos:
                continue
            if known is None:
                stored.open[step.step.hash] = step
            elif known.attempt < step.attempt:
                stored.open[step.step.hash] = known._replace(attempt=step.attempt, due_at=step.due_at)
        for memo in changes.memos:
            if memo.step.hash not in stored.memos:
                stored.memos[memo.step.hash] = memo
                stored.open.pop(memo.step.hash, None)
        for failed in changes.failed:
            stored.failed.setdefault((failed.step, failed.attempt, failed.ended_at), failed)

    # -- removing

    def remove(self, before: int) -> None:
        """Runs that ended before a time are gone, and events of before that time that no run is of."""
        self.runs = {
            run_id: one for run_id, one in self.runs.items() if one.run.ended_at is None or one.run.ended_at >= before
        }
        needed = {one.run.event_id for one in self.runs.values()}
        self.events = {
            event_id: one for event_id, one in self.events.items() if one.received_at >= before or event_id in needed
        }

    # -- reading

    def listed(
        self,
        *,
        event_id: str | None,
        function_id: str | None,
        status: RunStatus | None,
        limit: int,
        before: str | None,
    ) -> list[Run]:
        """Runs, newest first."""
        found = [
            stored.run
            for stored in self.runs.values()
            if event_id in (None, stored.run.event_id)
            and function_id in (None, stored.run.function_id)
            and status in (None, stored.run.status)
            and (before is None or stored.run.id < before)
        ]
        return sorted(found, key=lambda run: run.id, reverse=True)[:limit]
