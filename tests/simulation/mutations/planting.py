"""What a planted bug is, and where it is looked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

Patches = Callable[[], Iterator[AbstractContextManager[object]]]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A planted bug."""

    name: str
    promise: str
    patches: Patches
    worlds: Sequence[str]  # names; looked into with growing seeds, in turn
    finders: frozenset[str]  # checkers, of which one must find it
    first: int = 0  # the first seed

    @contextlib.contextmanager
    def planted(self) -> Generator[None]:
        """While it is there."""
        with contextlib.ExitStack() as stack:
            for patch in self.patches():
                stack.enter_context(patch)
            yield


MUTATIONS: list[Mutation] = []


def plant(promise: str, *worlds: str, finders: Sequence[str] = (), first: int = 0) -> Callable[[Patches], Patches]:
    """Register what a function patches.

    Args:
        promise: that the bug breaks.
        worlds: in which it is looked for.
        finders: checkers that may find it; the promise's if empty.
        first: seed to begin with.
    """

    def register(patches: Patches) -> Patches:
        name = patches.__name__.strip("_").replace("_", " ")
        MUTATIONS.append(Mutation(name, promise, patches, worlds, frozenset(finders or (promise,)), first))
        return patches

    return register
