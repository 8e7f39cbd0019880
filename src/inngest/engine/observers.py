"""All who watch what a worker does. None of them can hurt it: they are called between a commit and those who wait."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from inngest.runtime.careful import CarefulLogger
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


class Observers:
    """An observer that tells others. An error that one of them raises is logged, and the next one is told.

    Attributes:
        any: whether there are any. Each commit asks, so it is at hand.
        told_until: until when (unix ms) they know which runs were cancelled; None until there was a look.
    """

    def __init__(self) -> None:
        self._all: tuple[Observer, ...] = ()
        self.any = False
        self.told_until: int | None = None

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
