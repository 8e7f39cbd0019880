"""Which requests a worker may take now: in the order in which they are due, as far as their hosts have places.

It reads beside the writer. A look reads a page of what is due. If there is more, it goes from host to host, through as
many as a look may take: so the backlog of a host that has no place is passed over, and not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from inngest.engine.domain.hosts import Hosts
from inngest.engine.records import Circle, DueRequests, RequestKey

from .core import BigInteger, bindparam, func, literal_column, select, tables
from .records import LARGEST
from .requests import ANYBODY
from .statement import Statement, Transaction

_requests = tables.requests

PAGE = 256
"""Requests that are looked at in the order in which they are due."""

HOSTS = 256
"""Hosts that one look goes through."""

_FREE = (_requests.c.session_id.is_(None), _requests.c.holder == bindparam("of_holder"))
_ROW = select(_requests.c.due_at, _requests.c.run_id, _requests.c.hash, _requests.c.host)

DUE = Statement(
    "A worker finds the earliest due requests that nobody makes.",
    lambda _: (
        _ROW.where(*_FREE, _requests.c.due_at <= bindparam("now"))
        .order_by(_requests.c.due_at, _requests.c.run_id, _requests.c.hash)
        .limit(bindparam("count"))
    ),
)

DUE_OF_HOST = Statement(
    "A worker finds the earliest due requests of one host that nobody makes.",
    lambda _: (
        _ROW.where(*_FREE, _requests.c.host == bindparam("of_host"), _requests.c.due_at <= bindparam("now"))
        .order_by(_requests.c.due_at, _requests.c.run_id, _requests.c.hash)
        .limit(bindparam("count"))
    ),
)

UNTIMED = Statement(
    "A worker finds requests whose time cannot be read.",
    lambda _: _ROW.where(*_FREE, _requests.c.due_at > literal_column(str(LARGEST), BigInteger)).limit(
        bindparam("count")
    ),
)
"""Requests of which nobody can say when they are due: texts come after all numbers."""

NEXT_DUE = Statement(
    "A worker asks when the next request falls due.",
    lambda _: select(func.min(_requests.c.due_at)).where(*_FREE, _requests.c.due_at > bindparam("now")),
)

NEXT_HOST = Statement(
    "A worker finds the next host, by name, that has a request.",
    lambda _: select(func.min(_requests.c.host)).where(*_FREE, _requests.c.host > bindparam("after_host")),
)


class _Row(NamedTuple):
    due_at: int
    run_id: str
    hash: str
    host: str

    @property
    def key(self) -> RequestKey:
        return RequestKey(self.run_id, self.hash)


def find(tx: Transaction, session: str, hosts: Hosts, now: int, circle: Circle) -> DueRequests:
    """Requests that may be taken; the places of `hosts` are taken for them."""
    return _Look(tx, session, hosts, now).find(circle)


class _Look:
    """One look, within one transaction. Requests that any worker may make, and those that only this one can, are two
    queues.
    """

    def __init__(self, tx: Transaction, session: str, hosts: Hosts, now: int) -> None:
        self._tx = tx
        self._holders = (ANYBODY, session)
        self._hosts = hosts
        self._now = now
        self._found: dict[RequestKey, None] = {}

    def find(self, circle: Circle) -> DueRequests:
        rows = self._due(DUE, PAGE)
        waiting = not self._take(rows)
        if len(rows) < PAGE or not self._hosts.free:
            circle = Circle(circle.after)
        else:
            waiting, circle = True, self._go_around(circle)
        next_due = self._next_due()
        if next_due is not None and not (isinstance(next_due, int) and next_due <= LARGEST):
            next_due = None  # only those are left of which nobody can say when: they are made now
            waiting |= not self._take(self._due(UNTIMED, PAGE))
        return DueRequests(list(self._found), next_due, waiting, circle)

    def _take(self, rows: list[_Row]) -> bool:
        """Take as many as their hosts have places for; whether those are all."""
        for row in rows:
            if row.key not in self._found and self._hosts.take(row.host):
                self._found[row.key] = None
        return all(row.key in self._found for row in rows)

    def _go_around(self, circle: Circle) -> Circle:
        """Go from host to host, as far as there are places, and no further than one look may."""
        after, until = circle.after, circle.after if circle.until is None else circle.until
        for looked, host in enumerate(self._circle(after, until)):
            if looked == HOSTS:
                return Circle(after, until)
            after = host
            # Those that were found already are the first of their host.
            self._take(self._due(DUE_OF_HOST, self._hosts.free + len(self._found), host))
            if not self._hosts.free:
                break
        return Circle(after)

    def _circle(self, after: str, until: str) -> Iterator[str]:
        """Hosts of requests that nobody has, in the circle of their names; all of them if it begins where it ends."""
        if after >= until:
            while (host := self._next_host(after)) is not None:
                yield (after := host)
            after = ""
        while (host := self._next_host(after)) is not None and host <= until:
            yield (after := host)

    def _next_host(self, after: str) -> str | None:
        host = self._least(NEXT_HOST, {"after_host": after})
        return host if isinstance(host, str) else None  # what is no text comes after all texts

    def _next_due(self) -> Any:
        return self._least(NEXT_DUE, {"now": self._now})

    def _least(self, statement: Statement, asked: dict[str, object]) -> Any:
        rows = [self._tx.execute(statement, {**asked, "of_holder": holder}).fetchone() for holder in self._holders]
        return min((row[0] for row in rows if row is not None and row[0] is not None), key=_place, default=None)

    def _due(self, statement: Statement, count: int, host: str = "") -> list[_Row]:
        asked = {"now": self._now, "count": count, "of_host": host}
        found = [self._tx.execute(statement, {**asked, "of_holder": holder}).fetchall() for holder in self._holders]
        return sorted((_Row(*row) for rows in found for row in rows), key=lambda row: tuple(map(_place, row)))


def _place(value: object) -> tuple[int, Any]:
    """Where a value stands among others, also where rows are damaged: numbers, then texts, then all else."""
    return (0, value) if isinstance(value, (int, float)) else (1, value) if isinstance(value, str) else (2, value)
