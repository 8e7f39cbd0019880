"""What the ledger of a fleet says: workers stand still and begin anew, others take over, limits hold over all."""

from __future__ import annotations

import time
from collections import Counter, defaultdict

from .account import Account, StepSeen
from .functions import ONCE
from .ledger import Line
from .limited import AT_A_TIME, KINDS, kind_of, tenant_of

REBORN = 10_000
"""What is added to the number of a worker when it was declared dead and begins anew."""

_LIMITS = {"keyed": AT_A_TIME, "singleton": 1}
"""Handlers at a time, of each tenant."""

Step = tuple[str, str]
"""Run and step."""


class FleetAccount(Account):
    """Reads lines in order, and finds what must not be."""

    def __init__(self) -> None:
        super().__init__()
        self.takeovers: list[float] = []  # seconds from when a worker was gone to when another one went on
        self.left: dict[Step, float] = {}  # what a worker that is gone was doing, and when it was gone
        self.late = 0  # handlers that a worker had let begin as it was stopped, and that began when it went on
        self._late: Counter[int] = Counter()
        self.reborn = 0  # times that a worker was declared dead
        self.most: Counter[str] = Counter()  # of each limit, the most that was used at a time
        self.batches: dict[str, list[str]] = {}  # keys of events, by run
        self._still: dict[int, frozenset[Step]] = {}  # lives that others take for over; what was recorded then
        self._beside: list[tuple[set[int], str]] = []  # wrong, unless one of these lives was declared dead
        self._busy: dict[tuple[str, int], set[tuple[int, str, str]]] = defaultdict(set)
        self.sent: dict[str, int] = {}  # keys of events, and the place of the order among all when it was first sent
        self.ended: dict[str, int] = {}  # and when it was last acknowledged
        self._acks = 0
        self._paused = False
        self._kept: set[str] = set()  # keys of events that were sent while their function was paused

    # -- lives

    def goes(self, process: int, when: float) -> None:
        """A worker is gone, or stands still: others go on with what it was doing.

        Args:
            process: its life.
            when: by the monotonic clock.
        """
        for run, step in self.running(process):
            kind = kind_of(self.runs[run].key)
            if kind not in KINDS or KINDS[kind].steady:
                self.left[run, step] = when
        self._free(process)

    def stands_still(self, process: int) -> None:
        """A worker does nothing, and is to be declared dead; all that it has written was read."""
        self.dies(process)
        self._hears_nothing(process)

    def _hears_nothing(self, process: int) -> None:
        recorded = {(run, step) for run, seen in self.runs.items() for step, of in seen.steps.items() if of.recorded}
        self._still[process] = frozenset(recorded)

    def _free(self, process: int) -> None:
        for busy in self._busy.values():
            busy -= {one for one in busy if one[0] == process}

    def wrongs(self) -> list[str]:
        """All that must not be, when everything was read."""
        return [*self.wrong, *(text for _, text in self._beside)]

    # -- lines

    def note(self, line: Line) -> None:
        match line.what:
            case "anew":
                self._anew(line.process)
            case "sending" | "acked":
                self._note_order(line)
            case "paused":
                self._paused = True
            case "resuming":
                self._paused = False
                self._kept.clear()
            case "batch":
                self._note_batch(line)
            case _ if line.process in self._still:
                self._note_late(line)
            case _:
                self._note_limits(line)
                super().note(line)
                self._note_takeover(line)

    def _anew(self, process: int) -> None:
        before = process - REBORN
        self.reborn += 1
        self._beside = [(lives, text) for lives, text in self._beside if before not in lives]
        self._free(before)
        if before not in self._still:  # nobody has stopped it
            self.dies(before)
            self._hears_nothing(before)
        self.born(process)

    def _note_order(self, line: Line) -> None:
        place = len(self.sent) + self._acks
        if line.what == "acked":
            self._acks += 1
            self.ended[line.key] = place
        elif line.key not in self.sent:
            self.sent[line.key] = place
            if self._paused and kind_of(line.key) == "paused":
                self._kept.add(line.key)
        super().note(line)

    def _note_batch(self, line: Line) -> None:
        assert isinstance(line.value, list)
        keys = self.batches.setdefault(line.run, line.value)
        if keys != line.value:
            self.wrong.append(f"{line.key}: its batch was {keys}, and then {line.value}")

    def _note_late(self, line: Line) -> None:
        """What a worker does in invocations of before it was declared dead: it is not recorded."""
        if line.what == "begin":
            self.late += 1
            self._late[line.process] += 1
            if self._late[line.process] > 1:  # one may have been let begin in the moment in which it was stopped
                self.again_recorded += line.run in self.runs and self._step(line).recorded
            if (line.run, line.step) in self._still[line.process]:
                self.wrong.append(f"{line.key} {line.step}: began again in a worker that knew that it was recorded")
        elif line.what == "got":
            of = self.runs[line.run].steps[line.step] if line.run in self.runs else StepSeen()
            if of.recorded and of.value != line.value:
                self.wrong.append(f"{line.key} {line.step}: recorded as {of.value!r}, one of before has {line.value!r}")

    def _note_limits(self, line: Line) -> None:
        kind = kind_of(line.key) if line.key else ""
        if line.what == "enter":
            if line.key in self._kept:
                self.wrong.append(f"{line.key}: began though its function is paused")
            if kind == "singleton":
                self._see_others(line)
        if kind not in _LIMITS:
            return
        busy = self._busy[kind, tenant_of(line.key)]
        if line.what == "begin":
            busy.add((line.process, line.run, line.step))
            self.most[kind] = max(self.most[kind], len(busy))
            if len(busy) > _LIMITS[kind]:
                wrong = f"{line.key} {line.step}: {len(busy)} at a time, {_LIMITS[kind]} are the limit: {busy}"
                self._beside.append(({process for process, _, _ in busy}, wrong))
        elif line.what in ("end", "fail"):
            busy.discard((line.process, line.run, line.step))

    def _see_others(self, line: Line) -> None:
        for run, seen in self.runs.items():
            same = kind_of(seen.key) == "singleton" and tenant_of(seen.key) == tenant_of(line.key)
            if same and run != line.run and not seen.returned:
                self.wrong.append(f"{line.key}: began though {seen.key} of its tenant has not ended")

    def _note_takeover(self, line: Line) -> None:
        if line.what not in ("begin", "got"):
            return
        since = self.left.pop((line.run, line.step), None)
        if since is not None and (line.what == "begin" or line.step.startswith(ONCE)):
            self.takeovers.append(time.monotonic() - since)

    def _began_beside(self, process: int, wrong: str) -> None:
        self._beside.append(({process}, wrong))
