"""The places of a worker: each run in flight has one, and a run whose code needs a thread has a thread besides.

A run of a plain function is not taken before a thread is free for it. So it holds no place and no slot while it waits,
and what cancels it meanwhile finds it in the queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .ports import Invoker
from .records import Owner


class Reserved(NamedTuple):
    """Places for runs that begin as they are accepted."""

    owners: Sequence[Owner]  # of so many runs at most
    plain: int = 0  # how many of them may need a thread


NOTHING = Reserved(())


class Places:
    """Counts them.

    Args:
        most: how many runs may be in flight.
        invoker: knows which functions need a thread, and how many threads there are.
        functions: ids of the functions that this worker runs.
    """

    def __init__(self, most: int, invoker: Invoker, functions: Iterable[str]) -> None:
        self._most = most
        self._invoker = invoker
        served = sorted(functions)
        self.plain = frozenset(served) & invoker.plain
        kinds = [(plain, [one for one in served if (one in self.plain) is plain]) for plain in (False, True)]
        self._kinds = [kind for kind in kinds if kind[1]]
        self._taken = 0
        self._threads = 0  # how many of them, and of the probes, have a thread
        self._probes = 0  # runs on hold that are entered to replay only: beside the places, and at most as many

    @property
    def free(self) -> int:
        """How many more runs there is a place for."""
        return max(0, self._most - self._taken)

    @property
    def empty(self) -> bool:
        """Whether no run is in flight, and no place reserved."""
        return self._taken == 0 and self._probes == 0

    @property
    def probes(self) -> int:
        """How many more runs on hold may be entered."""
        return max(0, self._most - self._probes)

    @property
    def threads(self) -> int:
        """How many threads are free."""
        return max(0, self._invoker.threads - self._threads)

    def room(self, *, plain: bool) -> int:
        """How many more runs of functions may begin that need a thread, or that need none."""
        return min(self.free, self.threads) if plain else self.free

    def kinds(self) -> Sequence[tuple[bool, Sequence[str]]]:
        """The functions that need a thread (True), and those that need none; each kind is first in turn."""
        self._kinds.reverse()
        return list(self._kinds)

    def take(self, count: int, threads: int) -> None:
        """So many runs are in flight from now on, and so many of them have a thread; below 0: are no more."""
        self._taken += count
        self._threads += threads

    def enter(self, function_id: str, *, probes: bool = False) -> None:
        """A run of a function is in flight; one that `probes` has no place."""
        if probes:
            self._probes += 1
        else:
            self._taken += 1
        if function_id in self.plain:
            self._threads += 1

    def leave(self, function_id: str, *, probes: bool = False) -> None:
        """It is no more."""
        if probes:
            self._probes -= 1
        else:
            self._taken -= 1
        if function_id in self.plain:
            self._threads -= 1
