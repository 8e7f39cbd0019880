"""Lists of events and runs for the REST API: by what is asked for, from a place on that inserts do not move."""

from __future__ import annotations

import heapq
import itertools
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inngest.engine.domain.model import Event, Job, Run, RunStatus
from inngest.engine.records import EventQuery, RunQuery
from inngest.protocol import texts, ulids
from inngest.protocol.events import DEFERRED

from . import reading
from .as_far import AsFar
from .core import BigInteger, ColumnElement, Integer, Select, bindparam, exists, literal_column, select, tables, tuple_
from .records import EVENT_COLUMNS, RUN_COLUMNS
from .statement import SqlDialect, Statement, Transaction

_runs, _events, _jobs = tables.runs, tables.events, tables.jobs

JOBS = Statement(
    "A reader reads the jobs of a run.",
    lambda _: (
        select(
            _jobs.c.id,
            _jobs.c.run_id,
            _jobs.c.function_id,
            _jobs.c.due_at,
            _jobs.c.queue_class == literal_column("1", Integer),
        )
        .where(_jobs.c.run_id == bindparam("run"))
        .order_by(_jobs.c.due_at, _jobs.c.id)
    ),
)

_Condition = Callable[[SqlDialect], ColumnElement[bool]]


def _number(name: str) -> Any:
    return bindparam(name, type_=BigInteger)


def _ordered(at: Any, row_id: ColumnElement[str]) -> Mapping[str, _Condition]:
    """Conditions on a time, and on the place (time, id) behind which a list goes on."""
    place = tuple_(_number("at"), bindparam("after"))
    return {
        "since": lambda _: at >= _number("since"),
        "until": lambda _: at < _number("until"),
        "below": lambda _: tuple_(at, row_id) < place,
        "above": lambda _: tuple_(at, row_id) > place,
    }


_TIMES: Mapping[str, Any] = {"queued": _runs.c.created_at, "started": _runs.c.started_at, "ended": _runs.c.ended_at}

_DEFERRED = exists().where(_events.c.id == _runs.c.event_id, _events.c.name == bindparam("deferring"))
"""The event of a run starts functions that another run has deferred."""

_OF_RUNS: Mapping[str, _Condition] = {
    "function": lambda _: _runs.c.function_id == bindparam("function"),
    "beside": lambda _: bindparam("beside") == reading.BESIDE,
    "functions": lambda words: words.any_of(reading.BESIDE, "functions"),
    "failed": lambda _: reading.FAILED,
    "statuses": lambda words: words.any_of(_runs.c.status, "statuses"),
    "from": lambda _: _runs.c.id >= bindparam("from"),
    "to": lambda _: _runs.c.id < bindparam("to"),
    "event": lambda _: reading.OF_EVENT,
    "deferred": lambda _: _DEFERRED,
    "others": lambda _: ~_DEFERRED,
}

_PLACES: Mapping[str, _Condition] = {
    "below": lambda _: _runs.c.id < bindparam("after"),
    "above": lambda _: _runs.c.id > bindparam("after"),
}
"""Places in the order of ids."""

_OF_EVENTS: Mapping[str, _Condition] = {
    "name": lambda _: _events.c.name == bindparam("name"),
    **_ordered(_events.c.received_at, _events.c.id),
}


class _Runs(dict[tuple[str, bool, tuple[str, ...]], Statement]):
    """One statement for each time, order and set of conditions, made when it is first needed."""

    def __missing__(self, asked: tuple[str, bool, tuple[str, ...]]) -> Statement:
        time, descending, names = asked
        at = _TIMES[time]
        conditions = {**_OF_RUNS, **_ordered(at, _runs.c.id), **(_PLACES if time == "queued" else {})}

        def build(words: SqlDialect) -> Select[Any]:
            found = select(*(_runs.c[name] for name in RUN_COLUMNS)).where(*(conditions[one](words) for one in names))
            if time != "queued":
                found = found.where(at.is_not(None))
            order = [at.desc(), _runs.c.id.desc()] if descending else [at, _runs.c.id]
            # Ids begin with the time of creation: their order is that of the table.
            return found.order_by(*(order[1:] if time == "queued" else order)).limit(bindparam("count"))

        statement = self[asked] = Statement("A reader lists runs by what is asked for, in the order of a time.", build)
        return statement


class _Events(dict[tuple[str, ...], Statement]):
    """The same of events, newest first."""

    def __missing__(self, names: tuple[str, ...]) -> Statement:
        def build(words: SqlDialect) -> Select[Any]:
            found = select(*(_events.c[name] for name in EVENT_COLUMNS))
            found = found.where(*(_OF_EVENTS[one](words) for one in names))
            return found.order_by(_events.c.received_at.desc(), _events.c.id.desc()).limit(bindparam("count"))

        statement = self[names] = Statement("A reader lists events by what is asked for, newest first.", build)
        return statement


_RUNS, _EVENTS = _Runs(), _Events()


MERGED = 50
"""As many functions have a list each, which are merged: each is read from its index, and not through the history."""

SLACK = 3_600_000
"""Milliseconds by which the time in a run's id and the time of its creation may differ; they are of one clock."""


def runs(tx: Transaction, asked: RunQuery) -> list[Run]:
    """Runs, as far as they can be read."""
    functions = asked.functions
    if functions is None or asked.time != "queued" or len(functions) > MERGED:
        rows = _rows(tx, asked)
    elif len(functions) == 1:
        rows = _rows(tx, asked, functions[0])
    else:
        lists = [_rows(tx, asked, function) for function in sorted(set(functions))]
        merged = heapq.merge(*lists, key=operator.itemgetter(RUN_COLUMNS.index("id")), reverse=asked.descending)
        rows = list(itertools.islice(merged, asked.limit))
    return [_run_of(tx, row) for row in rows]


def _rows(tx: Transaction, asked: RunQuery, function_id: str | None = None) -> Sequence[Sequence[Any]]:
    """Rows of runs: of one function, or of those that are asked for."""
    failed = asked.statuses is not None and set(asked.statuses) == {RunStatus.FAILED}
    # What finds the runs: an event, failures, a time, or their function, which else stands beside.
    function = "beside" if failed or asked.event_id is not None or asked.time != "queued" else "function"
    one_by_one = function_id is not None or asked.functions is None
    given: dict[str, object] = {
        function: None if function_id is None else texts.stored(function_id),
        "functions": None if one_by_one else json.dumps([texts.stored(one) for one in asked.functions or ()]),
        "statuses": None if failed or asked.statuses is None else json.dumps([one.value for one in asked.statuses]),
        "event": None if asked.event_id is None else texts.stored(asked.event_id),
        "since": asked.since,
        "until": asked.until,
    }
    if asked.time == "queued":  # ids are found by an index, and begin with that time
        given["from"] = None if asked.since is None else ulids.make(asked.since - SLACK, bytes(10))
        given["to"] = None if asked.until is None else ulids.make(asked.until + SLACK, bytes(10))
    names = [name for name, value in given.items() if value is not None]
    parameters = {name: given[name] for name in names} | {"count": asked.limit}
    if failed:
        names.append("failed")
    if "event" in parameters:
        parameters["given_event"] = parameters.pop("event")
    if asked.deferred is not None:
        names.append("deferred" if asked.deferred else "others")
        parameters["deferring"] = DEFERRED
    if asked.after is not None:
        names.append("below" if asked.descending else "above")
        parameters["after"] = texts.stored(asked.after.id)
        if asked.time != "queued":
            parameters["at"] = asked.after.at
    statement = _RUNS[asked.time, asked.descending, tuple(names)]
    return tx.execute(statement, parameters).fetchall()


def _run_of(tx: Transaction, row: Sequence[Any]) -> Run:
    read = AsFar(tx.tables)
    found = read.run(row)
    return found._replace(unread=tuple(read.unread)) if read.unread else found


def events(tx: Transaction, asked: EventQuery) -> list[Event]:
    """Events, newest first."""
    given: dict[str, object] = {
        "name": None if asked.name is None else texts.stored(asked.name),
        "since": asked.since,
        "until": asked.until,
    }
    names = [name for name, value in given.items() if value is not None]
    parameters = {name: given[name] for name in names} | {"count": asked.limit}
    if asked.after is not None:
        names.append("below")
        parameters |= {"at": asked.after.at, "after": texts.stored(asked.after.id)}
    return [_event_of(tx, row) for row in tx.execute(_EVENTS[tuple(names)], parameters).fetchall()]


def _event_of(tx: Transaction, row: Sequence[Any]) -> Event:
    event = Event(*row)
    return AsFar(tx.tables).event(event, str(event.id))


def jobs(tx: Transaction, run_id: str) -> list[Job]:
    """Something that a run has to do, or waits to do: one job, while nobody owns it."""
    rows = tx.execute(JOBS, {"run": texts.stored(run_id)}).fetchall()
    return [Job(job_id, of, function_id, due_at, bool(alone)) for job_id, of, function_id, due_at, alone in rows]
