"""The locks of a command, as values: so that writers which share a database take those of a batch in one order."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Sequence

from inngest.engine.domain import subscriptions
from inngest.engine.domain.lanes import Lane
from inngest.engine.domain.model import Ended, Event, Subscription, SubscriptionKind
from inngest.engine.records import Acceptance, Commit
from inngest.protocol.opcodes import Arrival

from .locks import THROTTLE, Kind, Lock

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
    return [READS_FUNCTIONS, *map(lives, sorted(sessions)), *topics(event.name for event in acceptance.events)]


def of_commit(commit: Commit) -> Sequence[Lock]:
    """A commit writes about its run, sends events, opens waits, and gives slots back."""
    changes, effects = commit.changes, commit.effects
    locks = runs([commit.owner.run_id])
    if effects.events or isinstance(changes.transition, Ended):
        locks.append(READS_FUNCTIONS)
    locks += topics(event.name for event in effects.events)
    locks += [topic(watch.topic) for watch in commit.subscriptions]
    if commit.lane is not None and changes.transition is not None:
        locks += of_lane_ids([commit.lane])
    return locks


def of_lanes(lanes: Iterable[Lane]) -> list[Lock]:
    """Held by a command that looks at what lanes have left, or writes them."""
    locks: list[Lock] = []
    for lane in lanes:
        locks += budgets(lane.budgets)
        if lane.throttle is not None:
            locks += throttles([lane.throttle])
        elif not lane.budgets:  # of a priority alone: its row is what others could hold
            locks.append(Lock(Kind.BUDGET, f"lane:{lane.id}"))
    return locks


def of_lane_ids(lane_ids: Iterable[object]) -> list[Lock]:
    """The same, by the ids of lanes. One that cannot be read has nothing that others could hold."""
    locks: list[Lock] = []
    for lane_id in lane_ids:
        with contextlib.suppress(ValueError, TypeError):
            locks += of_lanes([Lane.of(lane_id)] if isinstance(lane_id, str) and lane_id else [])
    return locks


def budgets(names: Iterable[str]) -> list[Lock]:
    """Held by a command that gives slots of these budgets back."""
    return [Lock(Kind.BUDGET, name) for name in names]


def throttles(ids: Iterable[str]) -> list[Lock]:
    """Held by a command that looks at when these throttles let runs begin."""
    return [Lock(Kind.BUDGET, THROTTLE + one) for one in ids]


def of_functions() -> list[Lock]:
    """Held by a command that asks which functions there are."""
    return [READS_FUNCTIONS]


def of_arrivals(arrivals: Iterable[Arrival]) -> list[Lock]:
    """Held by a command that gives steps what they wait for."""
    return runs({one.run_id for one in arrivals})


def of_waits(found: Iterable[Subscription]) -> list[Lock]:
    """Held by a command that opens waits: what it waits for does not come meanwhile."""
    return [topic(one.topic) for one in found]


def of_events(events: Iterable[Event]) -> list[Lock]:
    """Held by a command that tells events."""
    return topics(event.name for event in events)


def gate(kind: str, key: str) -> Lock:
    """Held by a start that is judged by what others of the same key have done; the key says of which function it is."""
    return Lock(Kind.GUARD, f"gate:{kind}:{key}")


def of_timers(timers: Iterable[tuple[str, str]]) -> list[Lock]:
    """Held by a command that fires these timers, by kinds and keys: what they collect does not grow meanwhile."""
    return [gate(kind, key) for kind, key in timers]


def of_time() -> list[Lock]:
    """Held by a command that keeps the time."""
    return [Lock(Kind.GUARD, "time")]


def of_broadcasts() -> list[Lock]:
    """Held by a command that counts the events which are told in pages."""
    return [Lock(Kind.GUARD, "broadcasts")]


PRUNING = Lock(Kind.GUARD, "pruning")
"""Held by a command that removes what is old: several workers do so one after the other."""

WRITERS = Lock(Kind.GUARD, "writers")
"""Held by a worker that begins, and removes what writers of others have left: each leaves its number at last."""


def of_old() -> list[Lock]:
    """Shared by commands that give a run what is old: it is not removed meanwhile."""
    return [PRUNING._replace(exclusive=False)]


def topics(names: Iterable[str]) -> list[Lock]:
    """Held by a command that tells events of these names."""
    return [topic(subscriptions.topic(SubscriptionKind.STEP, name))._replace(exclusive=False) for name in names]


def topic(name: str) -> Lock:
    """Shared by events of the topic, held by a wait that opens."""
    return Lock(Kind.GUARD, f"topic:{name}")
