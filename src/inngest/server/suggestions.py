"""Which trigger an event that starts nothing was perhaps meant for; a mistyped name is the usual reason.

A file of its own: `inngest send`, and the logs of `inngest dev` and `inngest start`, all make them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

ALIKE = 0.88
"""How alike a mistyped name is: `order/paid` is another event than `order/placed`, for which steps may wait."""


def hint(name: str, triggers: Sequence[str]) -> str:
    """`; did you mean …?`, or nothing if the name is one of the triggers, or like none of them."""
    close = [] if name in triggers else difflib.get_close_matches(name, triggers, n=1, cutoff=ALIKE)
    return f"; did you mean {close[0]}?" if close else ""


def unheard(name: str, triggers: Sequence[str]) -> str:
    """That nobody hears a name, and which one was perhaps meant."""
    return f"no function has the trigger {name!r}{hint(name, triggers)}"


def heard(name: str, triggers: Iterable[str]) -> bool:
    """Whether a trigger has this name, or is a pattern of it: `a/*`, `a.*`."""
    return name in Heard(triggers)


class Heard:
    """The names that triggers hear. To ask it costs about the same, however many they are.

    Args:
        triggers: names, and patterns of them.
    """

    def __init__(self, triggers: Iterable[str]) -> None:
        self._names = frozenset(triggers)
        self._prefixes = tuple(one[:-1] for one in self._names if one.endswith("*"))

    def __contains__(self, name: str) -> bool:
        return name in self._names or name.startswith(self._prefixes)
