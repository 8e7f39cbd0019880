"""Data that belong to a person are erased: looked for, ended if their runs go on, and written over part by part.

One that is interrupted has erased what it has erased; the next one with the same condition goes on with the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from inngest.protocol import codec

from .domain import erasing
from .domain.erasing import ACTION, Affected, AuditEntry, Done, Part, UnderWay
from .worker_context import WorkerContext

T = TypeVar("T")

ROUNDS = 20
"""How often is looked again for what has come, or begun, meanwhile."""

RUNS_AT_ONCE, ROWS_AT_ONCE, CANCELLED_AT_ONCE = 50, 200, 80
"""Runs, other rows, and runs that are cancelled, of one transaction."""


class Erase(NamedTuple):
    """The data that are to be erased."""

    where: str  # an expression of events
    actor: str  # who asks for it
    cancel: bool  # whether runs that go on are ended; else nothing is erased while there are any


class Erased(NamedTuple):
    """The result of an erasure."""

    audit_id: str
    at: int  # unix ms
    counts: Counter[str]  # events, runs, steps, memos, keys, dropped
    cancelled: Sequence[str]  # ids of runs that it ended
    others: Sequence[str]  # ids of runs that have had something of it, and of which only that was erased
    sent: Sequence[str]  # names of events that the runs sent, and that do not match
    kept: Sequence[str]  # ids of runs whose code has not returned: their slots are kept, and named by their keys
    unreadable: int  # events of which nobody can say whether they match
    under_way: Sequence[UnderWay]  # what has begun meanwhile, and goes on
    is_whole: bool  # whether nothing is left that the tables tie to it


class UnderWayError(Exception):
    """Something goes on that is to be erased, and nothing was changed.

    Attributes:
        under_way: that.
    """

    def __init__(self, under_way: Sequence[UnderWay]) -> None:
        super().__init__(f"{len(under_way)} under way")
        self.under_way = under_way


class Erasure:
    """One erasure.

    Args:
        worker: has the store, the clock and the ids.
        asked: what is to be erased.

    Raises:
        ExpressionError: its condition is none.
    """

    def __init__(self, worker: WorkerContext, asked: Erase) -> None:
        self._store = worker.store
        self._clock = worker.clock
        self._asked = asked
        self._at = worker.clock.now()
        self._entry = AuditEntry(
            worker.ids.ulid(self._at), self._at, asked.actor, ACTION, erasing.masked(asked.where), None
        )
        self._began = False
        self._known: set[str] = set()  # events of earlier looks: what comes of them meanwhile is found, too
        self._counts: Counter[str] = Counter()
        self._cancelled: dict[str, None] = {}
        self._others: dict[str, None] = {}
        self._sent: dict[str, str] = {}

    async def run(self) -> Erased:
        """Erase it.

        Raises:
            UnderWayError: something of it goes on, and is not to be cancelled.
        """
        found = await self._look()
        if found.under_way and not self._asked.cancel:
            raise UnderWayError(found.under_way)
        for _ in range(ROUNDS):
            if found.under_way and not self._asked.cancel:
                break
            if found.under_way:
                found = await self._end_and_erase(found)
                continue
            if found.is_nothing and self._began:
                break
            await self._erase(found)
            found = await self._look()
        detail = self._detail(found)
        await self._write(Part(self._at, self._now(), self._entry._replace(detail=detail)))
        return Erased(
            self._entry.id,
            self._at,
            self._counts,
            list(self._cancelled),
            list(self._others),
            sorted(set(self._sent.values())),
            found.kept,
            found.unreadable,
            found.under_way,
            found.is_nothing,
        )

    async def _look(self) -> Affected:
        found = await self._store.affected(self._asked.where, self._now(), self._known)
        self._known |= found.known
        self._others.update(dict.fromkeys(found.others))
        self._sent.update(found.sent)
        return found

    def _now(self) -> int:
        return self._clock.now()

    async def _end_and_erase(self, found: Affected) -> Affected:
        """End what goes on, and erase all that was found with it; the next look, which finds what has come since.

        More may come all the time: what was there before does not wait for that.
        """
        await self._end(found)
        later = await self._look()
        left = {one.text for one in later.under_way}
        if left.isdisjoint(one.text for one in found.under_way):
            await self._erase(found)
            later = await self._look()
        return later

    async def _end(self, found: Affected) -> None:
        """End what goes on, but for what others have hold of just now."""
        for runs in _pages([run.id for run in found.running], CANCELLED_AT_ONCE):
            done = await self._write(Part(self._at, self._now(), cancel=runs))
            self._cancelled.update(dict.fromkeys(done.cancelled))
        for some in _pages(found.pending, ROWS_AT_ONCE):
            await self._write(Part(self._at, self._now(), drop=some))
        for cancellations in _pages(found.active, ROWS_AT_ONCE):
            await self._write(Part(self._at, self._now(), cancellations=cancellations))

    async def _erase(self, found: Affected) -> None:
        """Runs before the events by which they are found."""
        for memos in _pages(list(found.memos), ROWS_AT_ONCE):
            await self._write(Part(self._at, self._now(), memos=memos))
        for keys in _pages(found.keys, ROWS_AT_ONCE):
            await self._write(Part(self._at, self._now(), keys=keys))
        lanes = {run.id: run.lane for run in found.new_runs if run.lane is not None}
        for runs in _pages([run.id for run in found.new_runs], RUNS_AT_ONCE):
            left, after = runs, ""
            while left:
                named = tuple(sorted({lanes[one] for one in left if one in lanes}))
                done = await self._write(Part(self._at, self._now(), runs=left, after=after, lanes=named))
                left, after = done.left, done.after
        for events in _pages([*found.said, *found.roots], ROWS_AT_ONCE):
            await self._write(Part(self._at, self._now(), events=events))
        for cancellations in _pages(list(found.cancellations), ROWS_AT_ONCE):
            await self._write(Part(self._at, self._now(), cancellations=cancellations))
        if not self._began:
            await self._write(Part(self._at, self._now()))

    async def _write(self, part: Part) -> Done:
        """Write a part; with the first one, who does it."""
        if not self._began:
            part = part._replace(audit=self._entry._replace(detail=self._detail(None)))
        done = await self._store.erase(part)
        self._began = True
        for name in ("runs", "steps", "events", "memos", "keys", "dropped"):
            self._counts[name] += getattr(done, name)
        return done

    def _detail(self, last: Affected | None) -> str:
        """The facts that are told of it beside its condition, by its last look; None while it goes on."""
        told: dict[str, object] = {"finished": last is not None and last.is_nothing, **self._counts}
        if last is not None:
            told |= {
                "cancelled": list(self._cancelled),
                "others": list(self._others),
                "under_way": [one.text for one in last.under_way],
            }
        return codec.dumps(told)


def _pages(values: Sequence[T], size: int) -> Iterator[tuple[T, ...]]:
    for first in range(0, len(values), size):
        yield tuple(values[first : first + size])
