"""Steps that wait for what came before, too: stored events are searched beside the writer, in pages (P8).

A commit that opens such a step waits until that is done, and later ones of its run after it. All events that there were
when the search began are searched by readers; those that were stored since then are few, and are searched in the
transaction of the commit. So none is missed, and the writer's transaction does not grow with what is stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from inngest.engine.domain.effects import BYTES_AT_ONCE
from inngest.engine.domain.event_view import EventView, text_of
from inngest.engine.domain.model import Event, Subscription
from inngest.engine.errors import StoreClosedError
from inngest.engine.records import Commit, Owner
from inngest.protocol.opcodes import Arrival
from inngest.runtime.careful import CarefulLogger

from . import events as stored
from . import locking
from .core import ClauseElement, bindparam, select, tables, tuple_
from .records import EVENT_COLUMNS
from .statement import SqlDialect, Statement, Transaction

LOGGER = CarefulLogger(logging.getLogger(__name__))

R = TypeVar("R")

_events = tables.events

LOOKS = 500
"""Events that are searched in one transaction of a reader."""

_COLUMNS = [_events.c[name] for name in EVENT_COLUMNS]
_RECEIVED_AT = EVENT_COLUMNS.index("received_at")


def _last(words: SqlDialect) -> ClauseElement:
    place = words.inserted(_events)
    return select(place, _events.c.id).order_by(place.desc()).limit(1)


def _at(words: SqlDialect) -> ClauseElement:
    return select(_events.c.id).where(words.inserted(_events) == bindparam("place"))


def _until(words: SqlDialect) -> ClauseElement:
    return (
        select(*_COLUMNS)
        .where(
            _events.c.name == bindparam("of_name"),
            tuple_(_events.c.received_at, _events.c.id) > tuple_(bindparam("after"), bindparam("after_id")),
            words.inserted(_events) <= bindparam("place"),
        )
        .order_by(_events.c.received_at, _events.c.id)
        .limit(bindparam("count"))
    )


def _since(words: SqlDialect) -> ClauseElement:
    name = _events.c.name.concat("")  # so that no index by name is used: what was stored lately is less
    return select(*_COLUMNS).where(
        words.inserted(_events) > bindparam("place"),
        name == bindparam("of_name"),
        _events.c.received_at >= bindparam("since"),
    )


LAST = Statement("A search notes the last event that is stored when it begins.", _last)
AT = Statement("A commit reads which event stands at the place where a search began.", _at)
UNTIL = Statement("A search reads a page of events of a name that were stored before it began.", _until)
SINCE = Statement("A commit reads the events of a name that were stored since a search began.", _since)


class _Read(Protocol):
    def __call__(self, read: Callable[[Transaction], R]) -> Awaitable[R]: ...


class _Stage(Protocol):
    def __call__(self, events: Sequence[Event], now: int) -> Awaitable[str]: ...


class _Late(asyncio.Future[Any]):
    """The answer to a commit that waits for a search. A command that was handed in is written, also if nobody waits
    for it any more.
    """

    def __init__(self, commit: Commit, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.commit = commit

    def cancel(self, msg: Any | None = None) -> bool:
        """Does nothing."""
        return False

    def take(self, inner: asyncio.Future[Any]) -> None:
        """The writer has answered."""
        error = inner.exception()
        if error is None:
            self.set_result(inner.result())
        else:
            self.refuse(error)

    def refuse(self, error: BaseException) -> None:
        """It is not written."""
        self.set_exception(error)
        self.exception()  # seen: its caller may have gone


class LookingBack:
    """Holds commits back that wait for a search, or for events that are too large to be stored with them.

    Args:
        read: reads in a transaction of its own, beside the writer.
        submit: hands a commit to the writer.
        stage: stores the events of a parcel, in transactions of its own; the parcel.
    """

    def __init__(self, read: _Read, submit: Callable[[Commit], asyncio.Future[Any]], stage: _Stage) -> None:
        self._read = read
        self._submit = submit
        self._stage = stage
        self._queues: dict[Owner, deque[_Late]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        """Whether it holds nothing back."""
        return not self._queues

    def holds(self, commit: Commit) -> bool:
        """Whether a commit must wait: for a search of its own, or behind another of its run."""
        if not commit.subscriptions and not commit.effects.parcel and not self._queues:
            return False  # as mostly: each step comes by here
        if commit.owner in self._queues or _is_to_stage(commit):
            return True
        return any(watch.since is not None for watch in commit.subscriptions)

    def commit(self, commit: Commit) -> asyncio.Future[Any]:
        """Hand it to the writer when it is its turn."""
        loop = asyncio.get_running_loop()
        late = _Late(commit, loop)
        queue = self._queues.get(commit.owner)
        if queue is not None:
            queue.append(late)
            return late
        self._queues[commit.owner] = deque([late])
        task = loop.create_task(self._work(commit.owner))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return late

    async def _work(self, owner: Owner) -> None:
        queue = self._queues[owner]
        try:
            while queue:
                commit = queue[0].commit
                found = [await self._search(watch, commit.now) for watch in commit.subscriptions]
                staged = await self._staged(commit)
                self._submit(commit._replace(subscriptions=found, staged=staged)).add_done_callback(queue[0].take)
                queue.popleft()
        except Exception as error:  # what comes after it is not written either: commits of a run keep their order
            while queue:
                queue.popleft().refuse(error)
        finally:
            del self._queues[owner]
            for late in queue:  # the loop is torn down
                late.refuse(StoreClosedError("the engine is stopped"))

    async def _staged(self, commit: Commit) -> str:
        """The parcel that a commit sends, if it is stored before."""
        if not _is_to_stage(commit):
            return ""
        try:
            return await self._stage(commit.effects.parcel, commit.now)
        except Exception as error:  # then it is stored with it
            LOGGER.debug("a parcel could not be stored before its commit: %s", error)
            return ""

    async def _search(self, watch: Subscription, now: int) -> Subscription:
        if watch.since is None:
            return watch
        search = _Search(watch, now)
        try:
            while not search.is_over:
                await self._read(search.page)
        except Exception as error:
            LOGGER.debug("stored events could not be searched beside the writer: %s", error)
            return watch
        return watch._replace(searched=search.until, found=search.found)


def _is_to_stage(commit: Commit) -> bool:
    parcel = commit.effects.parcel
    return bool(parcel) and sum(len(event.data) for event in parcel) > BYTES_AT_ONCE


class _Search:
    """One search, page by page."""

    def __init__(self, watch: Subscription, now: int) -> None:
        self._watch = watch
        self._now = now
        self._after: tuple[int, str] = (watch.since or 0, "")
        self.until: tuple[int, str] | None = None  # the last event that there was when it began
        self.found = ""
        self.is_over = False
        self._waited = False  # for events that had been inserted, and were not committed yet

    def page(self, tx: Transaction) -> None:
        """Search the next page."""
        if tx.is_shared and not self._waited:
            self._waited = True
            tx.lock([locking.topic(self._watch.topic)])  # and let go when this transaction ends: what follows sees all
            return
        if self.until is None:
            row = tx.execute(LAST).fetchone()
            self.until = (0, "") if row is None else (row[0], row[1])
        name = self._watch.topic.partition(":")[2]
        asked = {"of_name": name, "after": self._after[0], "after_id": self._after[1], "place": self.until[0]}
        rows = tx.execute(UNTIL, {**asked, "count": LOOKS}).fetchall()
        found = first(self._watch, [Event(*row) for row in rows], self._now)
        self.found = "" if found is None else found.id
        self.is_over = found is not None or len(rows) < LOOKS
        if rows:
            event = Event(*rows[-1])
            self._after = (event.received_at, event.id)


def first(watch: Subscription, among: Sequence[Event], now: int) -> Event | None:
    """The first of these events that is looked for."""
    for event in among:
        if event.public_id == watch.own:
            continue
        view = EventView(event, now)
        if view.key(watch.path) == watch.key and view.matches(watch.expression, watch.parameters):
            return event
    return None


class _Place(NamedTuple):
    at: int
    id: str


def earlier(tx: Transaction, watch: Subscription, now: int) -> list[Arrival]:
    """Events that came before a step began to wait: what a search has found, or what was stored since it began."""
    tx.hold(locking.of_old)
    event = stored.event(tx, watch.found) if watch.found else None
    if event is None:
        place = _Place(*(watch.searched or (0, "")))
        row = tx.execute(AT, {"place": place.at}).fetchone()
        known = not watch.found and row is not None and row[0] == place.id  # else what was searched is gone
        name = watch.topic.partition(":")[2]
        asked = {"place": place.at if known else 0, "of_name": name, "since": watch.since}
        rows = sorted(tx.execute(SINCE, asked).fetchall(), key=lambda row: (row[_RECEIVED_AT], row[0]))
        event = first(watch, [Event(*row) for row in rows], now)
    return [] if event is None else [arrival(watch, event, now)]


def arrival(watch: Subscription, event: Event, now: int) -> Arrival:
    """The event for who looked for it."""
    return Arrival(watch.run_id, watch.hash, text_of(event), None, now, event_id=event.id)
