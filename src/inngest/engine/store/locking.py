"""The locks of a command, as values: so that writers which share a database take the locks of a batch in one order.

A guard is a name. It is held where something is decided by what is not stored yet: a wait is opened while its event
comes, or two acceptances count the same key. Where one transaction at a time writes, nothing is taken.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from inngest.engine.domain import subscriptions
from inngest.engine.domain.lanes import Lane
from inngest.engine.domain.model import Ended, SubscriptionKind
from inngest.engine.records import Acceptance, Commit


class Kind(enum.IntEnum):
    """Kinds of locks, in the order in which they are taken."""

    SESSION = 1
    GUARD = 2
    RUN = 3
    BUDGET = 4


class Lock(NamedTuple):
    """One lock. Locks are taken in the order of these values."""

    kind: Kind
    key: str
    exclusive: bool = True


FUNCTIONS = Lock(Kind.GUARD, "functions")
"""Held by a command that changes which functions there are, or what becomes of their events."""

READS_FUNCTIONS = FUNCTIONS._replace(exclusive=False)
"""Held by a command that asks which functions there are."""


def in_order(commands: Iterable[Sequence[Lock]]) -> list[Lock]:
    """The locks of commands, each once, as all writers take them; one that is asked for both ways is exclusive."""
    wanted: dict[tuple[Kind, str], Lock] = {}
    for lock in itertools.chain.from_iterable(commands):
        known = wanted.get(lock[:2])
        if known is None or lock.exclusive:
            wanted[lock[:2]] = lock
    return sorted(wanted.values())


def lives(session: str) -> Lock:
    """Held by a command that takes something for a worker: nobody declares the worker dead meanwhile."""
    return Lock(Kind.SESSION, session, exclusive=False)


def runs(run_ids: Iterable[str]) -> list[Lock]:
    """Held by a command that writes about existing runs."""
    return [Lock(Kind.RUN, run_id) for run_id in run_ids]


def of_acceptance(acceptance: Acceptance) -> Sequence[Lock]:
    """Events are told to waits that are open, and start runs of the functions there are."""
    sessions = {owner.session for owner in acceptance.claim}
    return [READS_FUNCTIONS, *map(lives, sorted(sessions)), *_events(event.name for event in acceptance.events)]


def of_commit(commit: Commit) -> Sequence[Lock]:
    """A commit writes about its run, sends events, opens waits, and gives slots back."""
    changes, effects = commit.changes, commit.effects
    locks = runs([commit.owner.run_id])
    if effects.events or isinstance(changes.transition, Ended):
        locks.append(READS_FUNCTIONS)
    locks += _events(event.name for event in effects.events)
    locks += [_topic(watch.topic) for watch in commit.subscriptions]
    if commit.lane is not None and changes.transition is not None:
        locks += [Lock(Kind.BUDGET, budget) for budget in Lane.of(commit.lane).budgets]
    return locks


def _events(names: Iterable[str]) -> list[Lock]:
    return [_topic(subscriptions.topic(SubscriptionKind.STEP, name))._replace(exclusive=False) for name in names]


def _topic(topic: str) -> Lock:
    """Shared by events of the topic, held by a wait that opens."""
    return Lock(Kind.GUARD, f"topic:{topic}")
