"""An observer that cannot hurt: the engine calls it between a commit and those who wait for it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from inngest.engine.domain.model import Changes, Event, Run
from inngest.engine.ports import Claimed, Observer
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.raised import ends_the_task

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))


class Guarded:
    """Logs what an observer raises, and goes on."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def accepted(self, events: Sequence[Event], started: Sequence[Run]) -> None:
        try:
            self._observer.accepted(events, started)
        except BaseException as error:
            if ends_the_task(error):
                raise
            LOGGER.exception("an observer failed")

    def entered(self, claimed: Claimed) -> None:
        try:
            self._observer.entered(claimed)
        except BaseException as error:
            if ends_the_task(error):
                raise
            LOGGER.exception("an observer failed")

    def committed(self, run: Run, changes: Changes) -> None:
        try:
            self._observer.committed(run, changes)
        except BaseException as error:
            if ends_the_task(error):
                raise
            LOGGER.exception("an observer failed")
