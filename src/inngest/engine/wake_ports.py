"""Workers of one database tell each other what they did, so that each looks at what concerns it (decision 0105)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol


class News(NamedTuple):
    """The doings of others, as far as one worker is told of them. It is true if there is anything.

    Attributes:
        everything: what they did is not known: all is to be looked at.
        due: functions of which jobs fall due that others may not take, and when (unix ms).
        runs: of this worker, about which others have written.
        ended: runs that have ended; None: any may have.
        timer: a timer falls due then (unix ms); None: no other than those that are known.
        sessions: workers have come, or gone.
        requests: requests of steps are due that others may not take.
        cancelled: runs were cancelled.
    """

    everything: bool = False
    due: Mapping[str, int] = {}
    runs: Collection[str] = frozenset()
    ended: Collection[str] | None = frozenset()
    timer: int | None = None
    sessions: bool = False
    requests: bool = False
    cancelled: bool = False

    def __bool__(self) -> bool:
        marks = (self.everything, self.sessions, self.requests, self.cancelled, self.ended is None)
        return any(marks) or bool(self.due or self.runs or self.ended) or self.timer is not None

    def and_then(self, later: News) -> News:
        """Both."""
        if not self or later.everything:
            return later
        if not later or self.everything:
            return self
        timers = [one for one in (self.timer, later.timer) if one is not None]
        return News(
            due=earliest(self.due, later.due),
            runs={*self.runs, *later.runs},
            ended=None if self.ended is None or later.ended is None else {*self.ended, *later.ended},
            timer=min(timers, default=None),
            sessions=self.sessions or later.sessions,
            requests=self.requests or later.requests,
            cancelled=self.cancelled or later.cancelled,
        )


NOTHING = News()
EVERYTHING = News(everything=True)


def earliest(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    """The times of both; of a key that both have, the earlier one."""
    return {**first, **{key: min(at, first.get(key, at)) for key, at in second.items()}}


class Ear(Protocol):
    """The worker, as it is asked what it must be told, and what others must be. A protocol because a store does not
    know what a worker does.
    """

    def keeps(self, function_id: str) -> bool:
        """Whether this worker takes a run of the function as soon as it is due, so that no other is told of it.

        From any thread.
        """
        ...

    @property
    def makes_requests(self) -> bool:
        """Whether this worker makes requests of steps as soon as they are asked for. From any thread."""
        ...

    def concerns(self, news: News) -> bool:
        """Whether anything of it is news for this worker. From any thread."""
        ...

    def heard(self) -> None:
        """There is something that concerns it: `WakeStore.news`. On the loop."""
        ...


class WakeStore(Protocol):
    """Tells other workers what was written, and hears what they wrote."""

    def hear(self, ear: Ear) -> None:
        """Have a worker told from now on. There is one."""
        ...

    def news(self) -> News:
        """The doings of others since this was asked last. Cheap; never blocks."""
        ...

    def tell(self, news: News) -> None:
        """Tell the other workers something that no transaction says: `everything`, `due`, `requests`. From any thread.

        They are told without this what transactions do.
        """
        ...

    def expect_ends(self) -> bool:
        """Have others tell which runs end. False if there is nobody who could end one.

        Once they do, all that this worker waits for is news: a run may have ended before.
        """
        ...

    def expect_no_ends(self) -> None:
        """Have them not tell it any more. Cheap."""
        ...
