"""Accepting events: the events, and every run they start, in one transaction (P1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inngest.engine.domain import effects, triggers
from inngest.engine.domain.model import Event, Registry, RunStatus
from inngest.engine.domain.starts import Start
from inngest.engine.records import Acceptance, Accepted, Owner, Touched

from . import events, locking, outbox, parcels, waits
from .context import WriteContext
from .sessions import lives
from .starting import LaneEntry, Wanted, gatekeeper, insert_starts
from .telling import Teller
from .timers import ACCEPT


def accept(context: WriteContext, acceptances: Sequence[Acceptance]) -> list[Accepted]:
    """Write events and the runs they start; what became of each acceptance."""
    now, registry, new_id = acceptances[-1].now, context.registry, context.ids.ulid
    context.keep_time(now)
    pages = [_page(context, one) for one in acceptances]
    acceptances = [one for one, _ in pages]
    alive = {session: lives(context, session) for session in {one.claim[0].session for one in acceptances if one.claim}}
    sent = [event for acceptance in acceptances for event in acceptance.events]
    if any(one.is_page for one in acceptances):  # its topics were not known before: no wait of them opens from here on
        context.hold(locking.of_events, sent)
    new = events.insert(context, sent)
    sought = waits.sought(context, [event for event in sent if event.id in new])
    teller = Teller(context)
    touched: list[tuple[Touched, ...]] = []
    for acceptance in acceptances:
        teller.tell([one for one in acceptance.events if one.id in new], now, sought)
        touched.append(tuple(teller.touched))
        teller.touched.clear()
    wanted = Wanted(context, new, gatekeeper(context))
    planned: list[tuple[Acceptance, list[Start]]] = []
    for one in acceptances:
        starts = effects.starts_of_accepted(one.events, one.invoke, registry, one.now, new_id)
        planned.append((one, wanted.of(starts)))
    wanted.mark(now)
    entry = LaneEntry(context, [start for _, starts in planned for start in starts])
    answers = [
        Accepted(_started(acceptance, starts, entry, alive), touched=did)
        for (acceptance, starts), did in zip(planned, touched, strict=True)
    ]
    insert_starts(context, [one for answer in answers for one in answer.started], entry)
    return [
        answer._replace(events=one.events, more=more) if one.is_page else answer
        for answer, (one, more) in zip(answers, pages, strict=True)
    ]


def rows_of(events: Sequence[Event], registry: Registry | None) -> int:
    """How many rows events are with the runs that they start, about; the functions are those that were known last."""
    if registry is None:
        return 3 * len(events)
    return sum(1 + 2 * max(1, len(triggers.hearing(event, registry))) for event in events)


def _page(context: WriteContext, acceptance: Acceptance) -> tuple[Acceptance, bool]:
    """An acceptance, with the next events of its parcel or of the outbox, if it is of one; whether others are left."""
    if acceptance.outbox is not None:
        taken = outbox.take(context, acceptance.outbox, acceptance.now)
        return acceptance._replace(events=taken.events), taken.more
    if not acceptance.parcel:
        return acceptance, False
    parcel, now, timers = acceptance.parcel, acceptance.now, context.timers
    marker = timers.get(ACCEPT, parcel)
    if marker is None:  # others have gone on with it
        return acceptance, False
    timers.remove(ACCEPT, parcel)
    place = parcels.Marker(*marker.payload)
    found = parcels.page(context, parcel, place, context.registry, now, now + parcels.PATIENCE, timers)
    return acceptance._replace(events=found.events), found.more


def _started(
    acceptance: Acceptance, starts: Sequence[Start], entry: LaneEntry, alive: Mapping[str, bool]
) -> list[tuple[Start, Owner | None]]:
    """The runs to create, and who owns them from the start."""
    owners = [owner for owner in acceptance.claim if alive[owner.session]]
    owners.reverse()
    threads = acceptance.threads
    started: list[tuple[Start, Owner | None]] = []
    for start in starts:
        function_id = start.run.function_id
        mine = _may_begin(start) and start.due_at <= acceptance.now and function_id in acceptance.functions
        plain = function_id in acceptance.plain
        room = bool(owners) and (not plain or threads > 0)
        begins = mine and room and (start.position is None or entry.admits(start))
        threads -= begins and plain
        started.append((start, _owner_of(start, owners.pop()) if begins else None))
        if not begins:
            entry.queue(start)
    return started


def _owner_of(start: Start, place: Owner) -> Owner:
    return Owner(place.session, place.token, start.run.id)


def _may_begin(start: Start) -> bool:
    """Whether a run may have an owner at once. One that has passed gates may be cancelled by the next in line."""
    return start.gates is None and not start.held and start.run.status is RunStatus.QUEUED
