"""Events that nobody hears are logged, each name once an hour: a mistyped one would else be silence."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence

from inngest.engine.domain.model import FunctionSpec
from inngest.protocol import limits
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.clock import monotonic

from . import suggestions

LOGGER = CarefulLogger(logging.getLogger("inngest.server"))

AGAIN = limits.HOUR / limits.SECOND
"""Seconds until a name is logged again."""

NAMES = 1_000
"""Names that are remembered: of more in an hour, the others are not logged."""

MINUTE = limits.MINUTE / limits.SECOND

COMPARED = 5_000
"""Triggers that names are compared with in a minute, 5 µs each: others are logged without the one perhaps meant."""


class Unheard:
    """Logs names of events that start nothing.

    Args:
        local: names that functions of this process hear.
    """

    def __init__(self, local: Iterable[str]) -> None:
        self._local = frozenset(local)
        self._functions: Mapping[str, FunctionSpec] = {}
        self._hear(self._local)
        self._told: dict[str, float] = {}  # by name: when it was logged, by the monotonic clock; the last one last
        self._compared, self._since = 0, monotonic() - MINUTE  # triggers, in the minute that began then

    def _hear(self, triggers: Iterable[str]) -> None:
        self._triggers = sorted(triggers)
        self._heard = suggestions.Heard(self._triggers)
        self._judged: set[str] = set()  # names that they hear

    def came(self, names: Iterable[str], functions: Mapping[str, FunctionSpec]) -> None:
        """Events of these names were accepted.

        Args:
            names: of events.
            functions: those that this server knows, by id. It is another mapping when something of them has changed.
        """
        if functions is not self._functions:
            self._functions = functions
            served = {name for one in functions.values() if not one.archived for name in _heard_by(one)}
            self._hear(served | self._local)
        for name in names:
            if name not in self._judged:
                self._judge(name)

    def _judge(self, name: str) -> None:
        now = monotonic()
        if now - self._told.get(name, now - AGAIN) < AGAIN:
            return
        if name in self._heard:
            if len(self._judged) < NAMES:
                self._judged.add(name)
            return
        while self._told and now - next(iter(self._told.values())) >= AGAIN:
            del self._told[next(iter(self._told))]
        if len(self._told) < NAMES:
            self._told[name] = now
            LOGGER.info(
                "event %s starts nothing (%s); it is stored, and told to steps that wait for it",
                *(name, suggestions.unheard(name, self._comparable(now))),
            )

    def _comparable(self, now: float) -> Sequence[str]:
        """The triggers, if a name may be compared with them yet: that takes its time from all who are served."""
        if now - self._since >= MINUTE:
            self._compared, self._since = 0, now
        if self._compared >= COMPARED:
            return ()
        self._compared += len(self._triggers)
        return self._triggers


def _heard_by(function: FunctionSpec) -> set[str]:
    """The names of events that start runs of a function, or end them."""
    cancel = json.loads(function.config).get("cancel", ())
    return {*function.events, *(str(one.get("event")) for one in cancel)}
