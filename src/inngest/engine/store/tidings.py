"""Tidings: what transactions did that others may have to know, and how it is written for them (decision 0105)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from inngest.engine.wake_ports import EVERYTHING, News, earliest

MOST = 7_900
"""Bytes of a text, at most: PostgreSQL takes 7,999."""

LOOK = ""
"""The text that tells nothing in particular, so that all is looked at. Workers of earlier versions write no other."""

SILENCE = "{}"
"""The text that tells nothing: a worker tries whether it hears itself."""

_KNOWN = frozenset({"due", "runs", "ended", "timer", "sessions", "requests", "cancelled"})


class Tidings:
    """The doings of one transaction, or of several.

    Attributes:
        everything: what it did is not said: others look at all.
        due: functions of which jobs fall due, and when (unix ms): others are told where this worker does not take them.
        apart: the same of jobs that this worker may have to leave to others, whether it has room or not.
        runs: runs of others, by the sessions of their owners; none of a session: it is over.
        came: runs for which something came, if somebody owns them.
        ended: runs that have ended, for those who wait for one; None: too many to be named.
        timer: when a timer falls due that is earlier than those that were known (unix ms).
        sessions: workers have come.
        asked: a step has asked for a request, which this worker makes if it has room.
        requests: others may have to make requests.
        cancelled: runs were cancelled.
    """

    __slots__ = (
        "apart",
        "asked",
        "came",
        "cancelled",
        "due",
        "ended",
        "everything",
        "requests",
        "runs",
        "sessions",
        "timer",
    )

    def __init__(self) -> None:
        self.everything = self.sessions = self.asked = self.requests = self.cancelled = False
        self.due: dict[str, int] = {}
        self.apart: dict[str, int] = {}
        self.runs: dict[str, list[str]] = {}
        self.came: set[str] = set()
        self.ended: list[str] | None = []
        self.timer: int | None = None

    def __bool__(self) -> bool:
        told = self.everything or self.due or self.apart or self.runs or self.came or self.ended != []
        return bool(told or self._is_more)

    @property
    def _is_more(self) -> bool:
        return self.timer is not None or self.sessions or self.asked or self.requests or self.cancelled

    @property
    def is_of_ends(self) -> bool:
        """Whether nothing but ends of runs is told: others need it only while they wait for some."""
        rest = self.everything or self.due or self.apart or self.runs or self.came
        return self.ended != [] and not rest and not self._is_more

    # -- what a transaction says

    def queue(self, function_id: object, due_at: object, *, apart: bool = False) -> None:
        """A job of a function falls due, or a lane is to be looked at. One that cannot be read is found by looks."""
        if isinstance(function_id, str) and isinstance(due_at, int):
            known = self.apart if apart else self.due
            known[function_id] = min(due_at, known.get(function_id, due_at))

    def queue_all(self, found: Iterable[tuple[object, object]]) -> None:
        """The same of several, by function and time."""
        for function_id, due_at in found:
            self.queue(function_id, due_at)

    def about(self, session: object, *run_ids: str) -> None:
        """Something was written about runs that a worker has, if it is one; or its session is over."""
        if isinstance(session, str):
            self.runs.setdefault(session, []).extend(run_ids)

    def end(self, run_ids: Iterable[str]) -> None:
        """Runs have ended."""
        if self.ended is not None:
            self.ended.extend(run_ids)

    def wake(self, due_at: int) -> None:
        """A timer falls due."""
        self.timer = due_at if self.timer is None else min(self.timer, due_at)

    # -- what others are told

    def of_others(self, own: str | None, keeps: Callable[[str], bool], *, makes_requests: bool) -> Tidings:
        """Those of them that others need.

        Args:
            own: the session of this worker.
            keeps: whether it takes the jobs of a function.
            makes_requests: whether it has room for requests.
        """
        told = Tidings()
        told.everything, told.ended, told.timer = self.everything, self.ended, self.timer
        told.sessions, told.cancelled = self.sessions, self.cancelled
        told.requests = self.requests or (self.asked and not makes_requests)
        told.apart = earliest(self.apart, {one: at for one, at in self.due.items() if not keeps(one)})
        told.runs = {session: runs for session, runs in self.runs.items() if session != own}
        return told

    def merge(self, later: Tidings) -> None:
        """These and others."""
        self.everything = self.everything or later.everything
        self.sessions, self.cancelled = self.sessions or later.sessions, self.cancelled or later.cancelled
        self.asked, self.requests = self.asked or later.asked, self.requests or later.requests
        self.due, self.apart = earliest(self.due, later.due), earliest(self.apart, later.apart)
        self.came |= later.came
        for session, runs in later.runs.items():
            self.about(session, *runs)
        self.ended = None if self.ended is None or later.ended is None else [*self.ended, *later.ended]
        if later.timer is not None:
            self.wake(later.timer)

    def text(self, *, ends: bool = True) -> str:
        """They as text, with the ends of runs or without; what is too much is not named."""
        if self.everything:
            return LOOK
        for ended in (self.ended, None) if ends else ([],):
            text = json.dumps(self._members(ended), separators=(",", ":"))  # one byte for each character
            if len(text) <= MOST:
                return text
        return LOOK

    def _members(self, ended: Sequence[str] | None) -> dict[str, object]:
        due = earliest(self.due, self.apart)
        found = {"due": due, "runs": self.runs, "ended": True if ended is None else ended, "timer": self.timer}
        marks = {"sessions": self.sessions, "requests": self.requests, "cancelled": self.cancelled}
        found = {name: value for name, value in found.items() if value or value == 0}
        return {**found, **{name: 1 for name, is_so in marks.items() if is_so}}


def read(text: str, session: str | None) -> News:
    """The news of a text for a worker. One of a version that is not known, or of somebody else, tells it to look.

    Args:
        text: as it came.
        session: of the worker; None if it has none yet.
    """
    try:
        given: Mapping[str, Any] = json.loads(text)
        if not isinstance(given, dict) or given.keys() - _KNOWN:
            return EVERYTHING
        runs = given.get("runs", {}).get(session)
        ended, timer = given.get("ended", ()), given.get("timer")
        if runs == []:
            return EVERYTHING
        return News(
            due={str(function): int(due_at) for function, due_at in given.get("due", {}).items()},
            runs=frozenset(map(str, runs or ())),
            ended=None if ended is True else frozenset(map(str, ended)),
            timer=None if timer is None else int(timer),
            sessions=bool(given.get("sessions")),
            requests=bool(given.get("requests")),
            cancelled=bool(given.get("cancelled")),
        )
    except (ValueError, TypeError, AttributeError):
        return EVERYTHING


Tells = Callable[[Tidings, Any], object]
"""What a statement says for others: of its parameters, or of its rows."""
