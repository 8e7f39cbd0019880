"""Values to store, with what does not matter filled in."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
from collections.abc import Generator, Iterable, Sequence
from typing import Any
from unittest import mock

import pytest

from inngest.engine.domain import triggers
from inngest.engine.domain.effects import Effects
from inngest.engine.domain.model import Changes, Ended, Event, FunctionSpec, Registry, Released, RunStatus
from inngest.engine.domain.starts import Start
from inngest.engine.ports import Store
from inngest.engine.records import (
    NO_NOTIFICATIONS,
    Acceptance,
    Claimed,
    Commit,
    Notifications,
    Owner,
    Receipt,
    Session,
    Written,
)
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Opcode, OpenStep
from inngest.protocol.steps import StepName, hash_step_id

NOW = 1_700_000_000_000
FUNCTIONS = frozenset({"app-a", "app-b", "app-c"})
_numbers = itertools.count(1)


def new_id(now: int) -> str:
    """An id that was never there before."""
    return f"{now:013}{next(_numbers):013}"


def function(
    name: str,
    *events: str,
    app: str = "app",
    retries: int = 4,
    version: str = "v1",
    failure_of: str | None = None,
    config: str = "{}",
) -> FunctionSpec:
    """A function."""
    return FunctionSpec(f"{app}-{name}", app, name, version, retries, tuple(events), failure_of, config)


def event(
    name: str = "go",
    *,
    now: int = NOW,
    key: str = "",
    ts: int | None = None,
    event_id: str = "",
    data: str = '{"a":1}',
) -> Event:
    """An event."""
    return Event(event_id or new_id(now), name, data, now if ts is None else ts, key, now)


def session(name: str = "worker", *functions: str, now: int = NOW) -> Session:
    """A worker."""
    return Session(name, now, "host", 1, functions)


def owner(session_id: str = "worker") -> Owner:
    """A new owner."""
    return Owner(session_id, f"token-{next(_numbers)}", "")


class Heard:
    """A listener that keeps what it is told.

    Attributes:
        commands: what was committed, with the answers.
        told: what was done to other runs, in order.
        refused: what was not written, and whose callers had gone.
    """

    def __init__(self) -> None:
        self.commands: list[tuple[object, Any]] = []
        self.told: list[Notifications] = []
        self.refused: list[object] = []

    def on_committed(self, command: object, answer: Any) -> Any:
        """A command was written."""
        self.commands.append((command, answer))
        return answer

    def on_refused(self, command: object) -> None:
        """A command is not written."""
        self.refused.append(command)

    def notify(self, notifications: Notifications) -> None:
        """Other runs were changed."""
        self.told.append(notifications)

    def take(self) -> Notifications:
        """All that was told since this was asked last."""
        told = functools.reduce(Notifications.and_then, self.told, NO_NOTIFICATIONS)
        self.told.clear()
        return told


def hear(store: Store) -> Heard:
    """What a store tells from now on."""
    heard = Heard()
    store.listen(heard)
    return heard


@contextlib.contextmanager
def seen_by_the_domain() -> Generator[list[Registry]]:
    """The functions with which the domain decides what events start."""
    seen: list[Registry] = []
    starts = triggers.starts

    def watched(events: Iterable[Event], registry: Registry, *more: Any) -> list[Start]:
        seen.append(registry)
        return starts(events, registry, *more)

    with mock.patch.object(triggers, "starts", watched):
        yield seen


def break_planning(monkeypatch: pytest.MonkeyPatch, bad: Event) -> None:
    """Have the domain fail where it is to say what one event starts."""
    starts = triggers.starts

    def failing(events: Iterable[Event], *more: Any) -> list[Start]:
        events = list(events)
        if bad in events:
            raise RuntimeError("cannot be planned")
        return starts(events, *more)

    monkeypatch.setattr(triggers, "starts", failing)


def acceptance(
    *events: Event, claim: Sequence[Owner] = (), functions: frozenset[str] = FUNCTIONS, now: int = NOW
) -> Acceptance:
    """Events to accept."""
    return Acceptance(events, claim, functions, now)


async def accept(store: Store, *events: Event, now: int = NOW) -> Sequence[tuple[Start, Owner | None]]:
    """Accept events that nobody claims; what they started."""
    return (await store.accept(acceptance(*events, now=now))).started


async def begin(store: Store, *, session_id: str = "worker", name: str = "go", now: int = NOW) -> Claimed:
    """Accept an event, and claim the one run that it starts."""
    await accept(store, event(name, now=now), now=now)
    return await claim_one(store, session_id, now=now)


async def claim_one(store: Store, session_id: str = "worker", *, now: int = NOW, alone: bool = True) -> Claimed:
    """Claim the run that is due."""
    claims = await store.claim(owner(session_id), 1, sorted(FUNCTIONS), now, alone=alone)
    (claimed,) = claims.runs
    return claimed


def step(step_id: str, repeat: int = 0) -> StepName:
    """The name of a step."""
    return StepName(step_id, repeat, hash_step_id(step_id if repeat == 0 else f"{step_id}:{repeat}"))


def memo(step_id: str, seq: int, data: str | None = "1", *, error: ErrorInfo | None = None, now: int = NOW) -> Memo:
    """A finished step."""
    return Memo(step(step_id), Opcode.STEP_RUN, seq, data, error, now, 0, now)


def open_step(step_id: str, *, attempt: int = 1, due_at: int = NOW + 1_000, created_at: int = NOW) -> OpenStep:
    """A step that waits for its next attempt."""
    return OpenStep(step(step_id), Opcode.STEP_RUN, attempt, due_at, created_at)


def sleeping(step_id: str, due_at: int, created_at: int = NOW) -> OpenStep:
    """A sleep."""
    return OpenStep(step(step_id), Opcode.SLEEP, 0, due_at, created_at)


COMPLETED = Ended(RunStatus.COMPLETED, '"done"', None)
FAILED = Ended(RunStatus.FAILED, None, ErrorInfo("Error", "no"))


async def commit(
    store: Store, claimed: Claimed, changes: Changes, *, events: Sequence[Event] = (), now: int = NOW, busy: int = 0
) -> Written:
    """Commit for the owner of a run, of which `busy` slots are still used."""
    return (await committing(store, claimed, changes, events=events, now=now, busy=busy)).written


def committing(
    store: Store, claimed: Claimed, changes: Changes, *, events: Sequence[Event] = (), now: int = NOW, busy: int = 0
) -> asyncio.Future[Receipt]:
    """The same, under way."""
    run, anew, effects = claimed.run, bool(changes.memos), Effects(events)
    committed = Commit(claimed.owner, run.function_id, changes, now, effects, anew, lane=run.lane, busy=busy)
    return store.commit(committed)


def record(*memos: Memo, open_steps: Sequence[OpenStep] = (), attempt: int = 0) -> Changes:
    """The owner goes on."""
    return Changes(attempt, memos=memos, open=open_steps)


def end(ended: Ended = COMPLETED, *memos: Memo) -> Changes:
    """The run ends."""
    return Changes(0, memos=memos, transition=ended)


def release(due_at: int | None, *, attempt: int = 0, open_steps: Sequence[OpenStep] = ()) -> Changes:
    """The owner lets the run go."""
    return Changes(attempt, open=open_steps, transition=Released(due_at))
