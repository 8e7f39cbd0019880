"""The rows that an erasure is about are found: page by page, each in a transaction of a reader, beside those who write.

Events match by a condition. Rows about them are found by what the tables tie together: the runs that they started,
alone or in batches; what those invoked, deferred, or were run again as; what an engine said of their ends; and the
steps of other runs that waited for them. Events whose own row is gone are found in what kept a copy of them.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from inngest.engine.domain import erasing
from inngest.engine.domain.erasing import Affected, FoundRun, Key, Pending
from inngest.engine.domain.event_view import data_of, value_of
from inngest.engine.domain.gates import BatchState, DebounceState
from inngest.engine.domain.matching import Activation, compiled
from inngest.engine.domain.model import Event, RunStatus
from inngest.engine.domain.system_events import ENDS
from inngest.protocol import codec, ulids
from inngest.protocol.events import DEFERRED, INVOKED

from . import affected_rows as rows_of
from .affected_rows import LOOKS, PAGE, TOGETHER
from .gates import Unread
from .records import EVENT_COLUMNS, number_of
from .statement import Statement, Transaction
from .timers import BATCH, DEBOUNCE, STARTS, TELL

UNREADABLE = (ValueError, TypeError, RecursionError)
"""Errors of what is damaged, or nested too deeply: nobody can say whether it is meant, and the search goes on."""


class Ask(NamedTuple):
    """A statement of the search: it is executed in a transaction of its own, and its rows are handed in."""

    statement: Statement
    parameters: Mapping[str, object]


Asks = Generator[Ask, list[tuple[Any, ...]], None]


def answered(tx: Transaction, ask: Ask) -> list[tuple[Any, ...]]:
    """The rows that are asked for."""
    return tx.execute(ask.statement, ask.parameters).fetchall()


class Search:
    """One search. `asks` says what has to be read; when it is over, `found` has what was found.

    Others go on meanwhile. A row that becomes another one is looked for as the first before the second: an event in the
    outbox, or in a parcel, before those that are accepted, and timers that start runs before the last look at runs. So
    nothing is missed between two looks.

    Args:
        where: the condition of events, as an expression.
        now: unix ms.
        known: ids of events that an earlier search of the same erasure has found, which may be erased since: what has
            come of them meanwhile is found by their ids.

    Raises:
        ExpressionError: it is none.
    """

    def __init__(self, where: str, now: int, known: Iterable[str] = ()) -> None:
        self._condition = compiled(where)
        self._literals = erasing.literals(where)
        self._now = now
        self._fresh: list[str] = []  # events that are known, and of which no runs are yet
        self._own: list[str] = []  # events that started runs which were found otherwise
        self._seen: set[str] = set()  # events that this search has found, and not those of an earlier one
        self.found = Affected()
        for event_id in known:
            self._follow(event_id)

    def asks(self) -> Asks:
        """The search, from one statement to the next."""
        yield from self._sent_together()
        yield from self._matching()
        yield from self._about()
        yield from self._copies()
        yield from self._kept_for_later()
        yield from self._runs_of(sorted(self.found.known))
        yield from self._counted()
        yield from self._cancelled()
        yield from self._passed_on()

    # -- events, and runs of them

    def _matching(self) -> Asks:
        after: dict[str, object] | None = {"after": -1, "after_id": ""}
        while after is not None:
            rows = yield Ask(rows_of.EVENTS_AFTER, {**after, "count": PAGE})
            for row in rows:
                event = Event(*row[: len(EVENT_COLUMNS)])
                if row[-1] is None and self._is_meant(event):
                    self.found.roots[event.id] = None
                    self._know(event.id)
            after = _after_event(rows)

    def _is_meant(self, event: Event) -> bool:
        try:
            if self._matches(value_of(data_of(event))):
                return True
            return any(self._matches(dict(one)) for one in erasing.causes(event))
        except UNREADABLE:
            self.found.unreadable += 1
            return False

    def _matches(self, value: object) -> bool:
        return self._condition.matches(Activation(value, now=self._now)).matched

    def _about(self) -> Asks:
        """From these events on: the runs, what came of these, and what was said of them, until nothing is new."""
        while self._fresh:
            while self._fresh:
                new, self._fresh = self._fresh, []
                yield from self._runs_of(new)
            yield from self._said()
        for some in _chunks(self._own):
            rows = yield Ask(rows_of.NAMES_OF_EVENTS, {"events": json.dumps(some)})
            self.found.said.update((event_id, None) for event_id, _, erased_at in rows if erased_at is None)

    def _know(self, event_id: str) -> None:
        self._seen.add(event_id)
        self._follow(event_id)

    def _follow(self, event_id: str) -> None:
        self.found.known.add(event_id)
        self._fresh.append(event_id)

    def _runs_of(self, events: Sequence[str]) -> Asks:
        new: list[str] = []
        for some in _chunks(events):
            for statement in (rows_of.RUNS_OF_EVENTS, rows_of.RUNS_OF_BATCHES):
                rows = yield Ask(statement, {"events": json.dumps(some)})
                new += self._take(rows)
        while new:
            following: list[str] = []
            for some in _chunks(new):
                for statement in (rows_of.INVOKED_RUNS, rows_of.RERUNS_OF):
                    rows = yield Ask(statement, {"runs": json.dumps(some)})
                    following += self._take(rows, with_events=True)
            new = following

    def _take(self, rows: Iterable[Sequence[Any]], *, with_events: bool = False) -> list[str]:
        """Runs that are new; `with_events`: what they were started by is theirs alone."""
        new: list[str] = []
        for row in rows:
            run = _run_of(row)
            if run.id in self.found.runs:
                continue
            self.found.runs[run.id] = run
            new.append(run.id)
            event_id, batch_id = row[-2:]
            if with_events and batch_id is None and event_id not in self._seen:
                self._know(event_id)
                self._own.append(event_id)
        return new

    def _said(self) -> Asks:
        for name in (*sorted(ENDS), INVOKED, DEFERRED) if self.found.runs else ():
            after: dict[str, object] | None = {"after": -1, "after_id": ""}
            while after is not None:
                rows = yield Ask(rows_of.EVENTS_OF_NAME, {**after, "of_name": name, "count": PAGE})
                for row in rows:
                    event = Event(*row[: len(EVENT_COLUMNS)])
                    if event.id in self._seen:
                        continue
                    if any(one in self.found.runs for one in erasing.source_runs(event)):
                        self._know(event.id)
                        if row[-1] is None:
                            self.found.said[event.id] = None
                after = _after_event(rows)

    # -- other runs

    def _copies(self) -> Asks:
        after: dict[str, object] | None = {"after": "", "after_hash": ""}
        candidates: dict[tuple[str, str], None] = {}
        while after is not None:
            rows = yield Ask(rows_of.COPIES_AFTER, {**after, "count": LOOKS})
            for run_id, step, data in rows:
                if data is not None and run_id not in self.found.runs and self._is_copy(data):
                    candidates[run_id, step] = None
            after = None if len(rows) < LOOKS else {"after": rows[-1][0], "after_hash": rows[-1][1]}
        for some in _chunks(sorted(self.found.known)):
            rows = yield Ask(rows_of.WOKEN_BY, {"events": json.dumps(some)})
            candidates.update(dict.fromkeys((run_id, step) for run_id, step in rows))
            rows = yield Ask(rows_of.IN_INBOXES, {"events": json.dumps(some)})
            for run_id, step in rows:
                if run_id not in self.found.runs:
                    self.found.memos[run_id, step] = None
        for run in self.found.runs.values():
            if run.parent is not None:
                candidates[run.parent] = None
        yield from self._signalled(candidates)
        for run_id, step in candidates:
            if run_id not in self.found.runs:
                rows = yield Ask(rows_of.MEMO, {"run": run_id, "step": step})
                if rows and _tells(*rows[0]):
                    self.found.memos[run_id, step] = None
        for some in _chunks(sorted({run_id for run_id, _ in self.found.memos})):
            rows = yield Ask(rows_of.RUNS_OF_IDS, {"runs": json.dumps(some)})
            self.found.others.update((row[0], _run_of(row)) for row in rows)

    def _signalled(self, candidates: dict[tuple[str, str], None]) -> Asks:
        """Signals that steps of the runs have sent: which of those that a run got it was is not known, so all are."""
        woken: dict[str, None] = {}
        for some in _chunks([run.id for run in self.found.new_runs]):
            rows = yield Ask(rows_of.SIGNALS_SENT, {"runs": json.dumps(some)})
            woken.update((run_id, None) for (data,) in rows if (run_id := _woken_by(data)) is not None)
        for some in _chunks([run_id for run_id in woken if run_id not in self.found.runs]):
            rows = yield Ask(rows_of.SIGNALS_HEARD, {"runs": json.dumps(some)})
            for run_id, step, lies in rows:
                (candidates if lies is None else self.found.memos)[run_id, step] = None

    def _is_copy(self, data: str) -> bool:
        """Whether what a step has waited for is an event that is meant: its own row may be gone."""
        if erasing.is_erased(data):
            return False
        try:
            value = codec.loads(data)
        except UNREADABLE:
            self.found.unreadable += 1
            return False
        return isinstance(value, dict) and self._matches(value)

    # -- what has not become a run yet

    def _kept_for_later(self) -> Asks:
        known = self.found.known
        collected: dict[str, list[str]] = {}
        for some in _chunks(sorted(known)):
            rows = yield Ask(rows_of.COLLECTED_IN, {"events": json.dumps(some)})
            for batch_id, event_id in rows:
                collected.setdefault(batch_id, []).append(event_id)
        after: str | None = ""
        while after is not None:
            rows = yield Ask(rows_of.MARKERS_AFTER, {"after": after, "count": LOOKS})
            for _, kind, key, payload in rows:
                found = _pending(kind, key, payload, collected)
                if found is not None and known.intersection(found.events):
                    self.found.pending.append(found)
            after = None if len(rows) < LOOKS else rows[-1][0]

    def _sent_together(self) -> Asks:
        place: dict[str, object] | None = {"after": "", "after_part": -1}
        while place is not None:
            rows = yield Ask(rows_of.PARTS_AFTER, {**place, "count": 1})
            for parcel, part, events in rows:
                if found := self._meant_among(events):
                    self.found.pending.append(Pending("parcel", parcel, found, part=part))
            place = {"after": rows[-1][0], "after_part": rows[-1][1]} if rows else None
        after: str | None = ""
        while after is not None:
            rows = yield Ask(rows_of.OUTBOX_AFTER, {"after": after, "count": 1})
            for row_id, events in rows:
                if found := self._meant_among(events):
                    self.found.pending.append(Pending("outbox", row_id, found))
            after = rows[-1][0] if rows else None

    def _meant_among(self, text: str) -> tuple[str, ...]:
        """Ids of those events of a JSON list that are meant."""
        try:
            return tuple(event.id for event in listed(text) if self._is_meant(event))
        except UNREADABLE:
            self.found.unreadable += 1
            return ()

    # -- keys, and what else names it

    def _counted(self) -> Asks:
        runs, keys = self.found.runs, self.found.keys
        if not runs:
            return
        after: dict[str, object] | None = {"after": "", "after_key": ""}
        while after is not None:
            rows = yield Ask(rows_of.KEYS_AFTER, {**after, "count": LOOKS})
            keys += [Key("idempotency", function_id, key, run) for function_id, key, run in rows if run in runs]
            after = None if len(rows) < LOOKS else {"after": rows[-1][0], "after_key": rows[-1][1]}
        after = {"after": "", "after_key": "", "after_at": -1, "after_run": ""}
        while after is not None:
            rows = yield Ask(rows_of.STARTS_AFTER, {**after, "count": LOOKS})
            keys += [Key("rates", function_id, key, run, at) for function_id, key, at, run in rows if run in runs]
            names = ("after", "after_key", "after_at", "after_run")
            after = None if len(rows) < LOOKS else dict(zip(names, rows[-1], strict=True))
        for some in _chunks(sorted(runs)):
            rows = yield Ask(rows_of.SINGLES_OF, {"runs": json.dumps(some)})
            keys += [Key("singletons", function_id, key, run) for function_id, key, run in rows]
            rows = yield Ask(rows_of.KEPT_SLOTS, {"runs": json.dumps(some)})
            self.found.kept += [row[0] for row in rows]

    def _cancelled(self) -> Asks:
        after: str | None = ""
        while after is not None:
            rows = yield Ask(rows_of.CONDITIONS_AFTER, {"after": after, "count": LOOKS})
            for cancellation, expression, until, deleted_at in rows:
                if self._literals & erasing.literals(str(expression)):
                    self.found.cancellations[cancellation] = deleted_at is None and number_of(until) > self._now
            after = None if len(rows) < LOOKS else rows[-1][0]

    def _passed_on(self) -> Asks:
        """Events that steps of the runs sent, and that do not match: their ids follow from the steps."""
        for some in _chunks([run.id for run in self.found.new_runs]):
            rows = yield Ask(rows_of.HANDLERS_OF, {"runs": json.dumps(some)})
            first = [ulids.derive(run_id, step, 0) for run_id, step in rows if _is_ulid(run_id)]
            for ids in _chunks([one for one in first if one not in self.found.known]):
                named = yield Ask(rows_of.NAMES_OF_EVENTS, {"events": json.dumps(ids)})
                self.found.sent.update((event_id, name) for event_id, name, _ in named)


def listed(text: str) -> Iterator[Event]:
    """The events of a JSON list, each a row of theirs, or an object.

    Raises:
        ValueError, TypeError, RecursionError: it is none.
    """
    for one in codec.loads(text):
        if not isinstance(one, dict):
            yield Event(*one)
            continue
        data = one.get("data")
        text = data if isinstance(data, str) else codec.dumps(data or {})
        extra = one.get("extra")
        yield Event(
            str(one.get("id", "")),
            str(one.get("name", "")),
            text,
            number_of(one.get("ts")),
            str(one.get("key") or ""),
            0,
            extra if isinstance(extra, str) else None,
        )


def _run_of(row: Sequence[Any]) -> FoundRun:
    run_id, function_id, status, erased_at, lane, parent_id, parent_hash, *_ = row
    known = RunStatus(status) if status in set(RunStatus) else RunStatus.RUNNING  # nobody can say that it is over
    parent = None if parent_id is None or parent_hash is None else (parent_id, parent_hash)
    return FoundRun(run_id, function_id, known, erased_at is not None, lane if isinstance(lane, str) else None, parent)


def _after_event(rows: Sequence[Sequence[Any]]) -> dict[str, object] | None:
    """The place after a page of events; None if it was the last."""
    if len(rows) < PAGE:
        return None
    return {"after": rows[-1][EVENT_COLUMNS.index("received_at")], "after_id": rows[-1][0]}


def _tells(data: str | None, error: str | None) -> bool:
    """Whether a memo still has something to tell."""
    is_value = data is not None and data != "null" and not erasing.is_erased(data)
    return is_value or (error is not None and erasing.ERROR not in error)


def _pending(kind: str, key: str, payload: str, collected: Mapping[str, Sequence[str]]) -> Pending | None:
    """The value that a timer keeps for later; None if that cannot be read."""
    if kind in (TELL, STARTS):
        return Pending(kind, key, (key,))
    try:
        values = json.loads(payload)
        if kind == DEBOUNCE:
            debounce = DebounceState(*values)
            return Pending(kind, key, (debounce.event_id,), debounce.function_id, batch_id=key)
        if kind == BATCH:
            batch = BatchState(*values)
            held = tuple(collected.get(batch.batch_id, ()))
            return Pending(kind, key, held, batch.function_id, batch_id=batch.batch_id)
        unread = Unread(*values)
        return Pending(kind, key, (unread.event_id,), unread.function_id, batch_id=key)
    except UNREADABLE:
        return None


def _woken_by(data: str) -> str | None:
    """The run that a signal has woken; None if none, or if that cannot be read."""
    try:
        found = codec.loads(data)
    except UNREADABLE:
        return None
    return found if isinstance(found, str) else None


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    for first in range(0, len(ids), TOGETHER):
        yield list(ids[first : first + TOGETHER])


def _is_ulid(run_id: str) -> bool:
    try:
        ulids.read(run_id)
    except ValueError:
        return False
    return True
