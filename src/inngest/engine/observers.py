"""All who watch what a worker does. None of them can hurt it: they are called between a commit and those who wait."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from inngest.protocol.calls import Call, Outcome
from inngest.protocol.opcodes import SentEvent
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Spans
from inngest.runtime.raised import ends_the_task

from .domain.model import Changes, Event, Run
from .records import Claimed, Touched

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))


class Observer(Protocol):
    """Watches what a worker does, as it becomes durable, in the order of the commits.

    It is called on the event loop: it must not block, and must not raise.
    """

    def accepted(self, events: Sequence[Event], started: Sequence[Run], touched: Sequence[Touched]) -> None:
        """Events were stored, with the runs they started, and what they did at once to runs that looked for them."""
        ...

    def entered(self, claimed: Claimed) -> None:
        """A run is this worker's: its function is entered, for the first time or again."""
        ...

    def committed(self, run: Run, changes: Changes) -> None:
        """A report of an invocation was written. `run` is as it was when it was entered; if it ended, with when."""
        ...

    def cancelled(self, run: Run) -> None:
        """A run was cancelled, by whomever, here or elsewhere. It is told a little after the commit, in a look."""
        ...


class Entrance(Protocol):
    """An invocation of a run, while it is a span. A protocol because the SDK of OpenTelemetry may be missing.

    Attributes:
        call: with which the function is entered: it knows its trace.
        trace: `traceparent` of the run.
    """

    call: Call
    trace: str

    def over(self, outcome: Outcome) -> None:
        """It has ended so."""
        ...


class Tracing(Protocol):
    """Makes spans of what a worker does, where an observer is not enough: while code of users runs. It raises nothing.

    A protocol because the SDK of OpenTelemetry may be missing.
    """

    def invocation(self, claimed: Claimed, call: Call) -> AbstractContextManager[Entrance]:
        """A run is entered; the span is current in the block."""
        ...

    def attempts(self, run_id: str) -> Spans | None:
        """The spans of the attempts of a run that was entered; None if there are none."""
        ...

    def sent(self, events: Sequence[SentEvent]) -> Sequence[SentEvent]:
        """Events that are sent now, from the span that is current."""
        ...

    def cancelling(self, run_ids: Sequence[str]) -> None:
        """A transaction of this worker has cancelled runs: each is told to observers soon."""
        ...


class Observers:
    """An observer that tells others. An error that one of them raises is logged, and the next one is told.

    Attributes:
        any: whether there are any. Each commit asks, so it is at hand.
        told_until: until when (unix ms) they know which runs were cancelled; None until there was a look.
        tracing: makes spans; None: nobody does.
    """

    def __init__(self) -> None:
        self._all: tuple[Observer, ...] = ()
        self.any = False
        self.told_until: int | None = None
        self.tracing: Tracing | None = None

    def add(self, observer: Observer) -> Callable[[], None]:
        """Have an observer told from now on; call what this returns, and it is told no more."""
        entry = _Entry(observer)
        self._tell((*self._all, entry))

        def remove() -> None:
            self._tell(tuple(one for one in self._all if one is not entry))

        return remove

    def _tell(self, all: tuple[Observer, ...]) -> None:
        self._all, self.any = all, bool(all)

    def accepted(self, events: Sequence[Event], started: Sequence[Run], touched: Sequence[Touched]) -> None:
        """See `Observer`."""
        for one in self._all:
            one.accepted(events, started, touched)

    def entered(self, claimed: Claimed) -> None:
        """See `Observer`."""
        for one in self._all:
            one.entered(claimed)

    def committed(self, run: Run, changes: Changes) -> None:
        """See `Observer`."""
        for one in self._all:
            one.committed(run, changes)

    def cancelled(self, run: Run) -> None:
        """See `Observer`."""
        for one in self._all:
            one.cancelled(run)

    def cancelling(self, run_ids: Sequence[str]) -> None:
        """A transaction of this worker has cancelled runs."""
        if self.tracing is not None:
            self.tracing.cancelling(run_ids)

    def sent(self, events: Sequence[SentEvent]) -> Sequence[SentEvent]:
        """Events that are sent now, with the span that is current as their parent."""
        return events if self.tracing is None else self.tracing.sent(events)


class _Entry:
    """One observer, as often as it was added: logs what it raises."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def accepted(self, events: Sequence[Event], started: Sequence[Run], touched: Sequence[Touched]) -> None:
        try:
            self._observer.accepted(events, started, touched)
        except BaseException as error:
            _log(error)

    def entered(self, claimed: Claimed) -> None:
        try:
            self._observer.entered(claimed)
        except BaseException as error:
            _log(error)

    def committed(self, run: Run, changes: Changes) -> None:
        try:
            self._observer.committed(run, changes)
        except BaseException as error:
            _log(error)

    def cancelled(self, run: Run) -> None:
        try:
            self._observer.cancelled(run)
        except BaseException as error:
            _log(error)


def _log(error: BaseException) -> None:
    if ends_the_task(error):
        raise error
    LOGGER.error("an observer failed", exc_info=error)
