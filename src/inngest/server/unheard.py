"""Events that nobody hears are logged, each name once an hour: a mistyped one would else be silence."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping

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


class Unheard:
    """Logs names of events that start nothing.

    Args:
        local: names that functions of this process hear.
    """

    def __init__(self, local: Iterable[str]) -> None:
        self._local = frozenset(local)
        self._functions: Mapping[str, FunctionSpec] = {}
        self._heard = sorted(self._local)  # by these functions too
        self._judged: set[str] = set()  # names that they hear
        self._told: dict[str, float] = {}  # by name: when it was logged, by the monotonic clock

    def came(self, names: Iterable[str], functions: Mapping[str, FunctionSpec]) -> None:
        """Events of these names were accepted.

        Args:
            names: of events.
            functions: those that this server knows, by id. It is another mapping when something of them has changed.
        """
        if functions is not self._functions:
            self._functions, self._judged = functions, set()
            served = {name for one in functions.values() if not one.archived for name in _heard_by(one)}
            self._heard = sorted(served | self._local)
        for name in names:
            if name not in self._judged:
                self._judge(name)

    def _judge(self, name: str) -> None:
        if suggestions.heard(name, self._heard):
            if len(self._judged) < NAMES:
                self._judged.add(name)
            return
        now = monotonic()
        if now - self._told.get(name, now - AGAIN) < AGAIN:
            return
        if len(self._told) >= NAMES:
            self._told = {one: at for one, at in self._told.items() if now - at < AGAIN}
        if len(self._told) < NAMES:
            self._told[name] = now
            LOGGER.info(
                "event %s starts nothing (%s); it is stored, and told to steps that wait for it",
                *(name, suggestions.unheard(name, self._heard)),
            )


def _heard_by(function: FunctionSpec) -> set[str]:
    """The names of events that start runs of a function, or end them."""
    cancel = json.loads(function.config).get("cancel", ())
    return {*function.events, *(str(one.get("event")) for one in cancel)}
