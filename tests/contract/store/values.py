"""Values to store, with what does not matter filled in."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from inngest.engine.domain import triggers
from inngest.engine.domain.following import Plan
from inngest.engine.domain.model import Changes, Ended, Event, FunctionSpec, Released, RunStatus, Start
from inngest.engine.ports import Acceptance, Accepted, Claimed, Commit, Owner, Receipt, Session, Store, Written
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


def plan_for(events: Sequence[Event], now: int) -> Plan:
    """Whatever these events start."""
    return lambda registry: triggers.starts(events, registry, now, new_id)


def acceptance(
    *events: Event,
    claim: Sequence[Owner] = (),
    functions: frozenset[str] = FUNCTIONS,
    now: int = NOW,
    plan: Plan | None = None,
) -> Acceptance:
    """Events to accept."""
    return Acceptance(events, plan or plan_for(events, now), claim, functions, now)


async def accept(store: Store, *events: Event, now: int = NOW) -> Sequence[tuple[Start, Owner | None]]:
    """Accept events that nobody claims; what they started."""
    return (await store.accept(acceptance(*events, now=now), accepted)).started


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
    return await committing(store, claimed, changes, events=events, now=now, busy=busy)


def committing(
    store: Store, claimed: Claimed, changes: Changes, *, events: Sequence[Event] = (), now: int = NOW, busy: int = 0
) -> asyncio.Future[Written]:
    """The same, under way."""
    plan = plan_for(events, now)
    run, anew = claimed.run, bool(changes.memos)
    committed = Commit(claimed.owner, run.function_id, changes, events, plan, now, anew, lane=run.lane, busy=busy)
    return store.commit(committed, as_is)


def record(*memos: Memo, open_steps: Sequence[OpenStep] = (), attempt: int = 0) -> Changes:
    """The owner goes on."""
    return Changes(attempt, memos=memos, open=open_steps)


def end(ended: Ended = COMPLETED, *memos: Memo) -> Changes:
    """The run ends."""
    return Changes(0, memos=memos, transition=ended)


def release(due_at: int | None, *, attempt: int = 0, open_steps: Sequence[OpenStep] = ()) -> Changes:
    """The owner lets the run go."""
    return Changes(attempt, open=open_steps, transition=Released(due_at))


def freed(done: bool) -> bool:
    """The reply of slots that are given back."""
    return done


def accepted(answer: Accepted) -> Accepted:
    """The reply of an acceptance."""
    return answer


def as_is(receipt: Receipt) -> Written:
    """The reply of a commit."""
    return receipt.written
