"""What goes wrong in a world: which kinds of faults there are, and when they happen."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Fault(enum.Enum):
    """Kinds of faults. Each must happen in every run of the suite, or the suite has stopped to test it."""

    CRASH_BEFORE = "crash before a commit"
    CRASH_AFTER = "crash after a commit, before its callers know"
    CRASH_KNOWN = "crash after the callers know"
    CRASH_ANYWHERE = "crash at any moment"
    CRASH_BY_STEP = "crash by a step"
    TORN = "all tasks cancelled at once, as at the end of a loop"
    CUT_START = "start cut short, and another one after it"
    STOP = "stopped while runs are in flight"
    PAUSE = "process stands still for a while"
    ZOMBIE = "declared dead while it runs"
    DEAF = "wake-up lost"
    LATE = "wake-up late"
    TWICE = "event delivered twice"
    SKEW = "clock wrong"
    STEP_OF_CLOCK = "clock set while it runs"
    WALL_SET = "wall clock of the machine set by hours"
    BUSY = "database busy"
    LOCKED_OUT = "database busy for longer than patience"
    FULL = "no space for a commit, and for some after it"
    UNANSWERED = "commit whose answer is lost"
    AWAY = "files moved away during a commit, and back"
    REPEATED = "record that comes again, with another result"
    DAMAGED = "row that cannot be read, until all other runs have ended"
    APP_CRASH = "crash of an app at any moment"
    APP_AWAY = "app away for long"
    UNDELIVERED = "call that does not come to its app, and is known not to"
    VANISHED = "call that does not come to its app, and nobody knows"
    DOUBTFUL = "kept connection lost as a call leaves, which may have come"
    RESET = "connection of a call cut while its app works"
    UNHEARD = "answer of a call lost"
    CUT = "answer of a call cut halfway"
    OVERDUE = "answer of a call that comes late"
    CHECKPOINT_LOST = "checkpoint lost"
    CHECKPOINT_UNHEARD = "answer of a checkpoint lost"
    CHECKPOINT_LATE = "checkpoint that comes when its app has given it up"
    CHECKPOINT_TWICE = "checkpoint that comes twice, to two servers"
    CHECKPOINT_DOUBLED = "checkpoint that comes twice at a time"


AT_COMMIT = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.CRASH_KNOWN)
CLOCKS = frozenset((Fault.SKEW, Fault.STEP_OF_CLOCK, Fault.WALL_SET))
ON_CALLS = (
    *(Fault.UNDELIVERED, Fault.DOUBTFUL, Fault.VANISHED),
    *(Fault.RESET, Fault.UNHEARD, Fault.CUT, Fault.OVERDUE),
)
HARMLESS = (Fault.UNDELIVERED, Fault.OVERDUE)
"""Those after which no attempt has failed."""
HARMLESS_TO_DISCOVERIES = (*HARMLESS, Fault.DOUBTFUL)
"""The same for a call that is for no step: one for a step that must not begin again counts as broken."""
ON_CHECKPOINTS = (
    *(Fault.CHECKPOINT_LOST, Fault.CHECKPOINT_UNHEARD),
    *(Fault.CHECKPOINT_LATE, Fault.CHECKPOINT_TWICE),
)
OF_APPS = frozenset((Fault.APP_CRASH, Fault.APP_AWAY))
CRASHES = frozenset((*AT_COMMIT, Fault.CRASH_ANYWHERE, Fault.CRASH_BY_STEP, Fault.TORN))


@dataclass(frozen=True, slots=True)
class Storm:
    """Faults that come by chance until the world calms down.

    Args:
        lasts: seconds of the world.
        at_commit: chance of a crash at each commit.
        busy: chance that a transaction finds the database busy.
        full: chance that a commit finds no space.
        unanswered: chance that a commit happens, and fails all the same.
        away: chance that the files are moved away during a commit.
        repeated: chance that a record comes twice.
        deaf: chance that a look at what others wrote sees nothing.
        cut: chance that a start is cut short.
        line: chance that something happens to a call to an app, or to a checkpoint.
        doubled: chance that a checkpoint comes twice at a time.
        every: seconds between other faults, on average.
        step: by how much (ms) clocks are set at most.
        kinds: which other faults there are.
    """

    lasts: float = 20.0
    at_commit: float = 0.02
    busy: float = 0.05
    full: float = 0.01
    unanswered: float = 0.03
    away: float = 0.01
    repeated: float = 0.05
    deaf: float = 0.3
    cut: float = 0.1
    line: float = 0.0
    doubled: float = 0.0
    every: float = 4.0
    step: int = 2_000
    kinds: tuple[Fault, ...] = (
        Fault.CRASH_ANYWHERE,
        Fault.STOP,
        Fault.PAUSE,
        Fault.ZOMBIE,
        Fault.STEP_OF_CLOCK,
        Fault.LOCKED_OUT,
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """The faults of one world.

    Args:
        at: crashes by the number of the commit at which they happen.
        storm: faults that come by chance.
        skew: how wrong clocks are at most (ms).
        twice: whether events are delivered twice.
        damages: whether a row of a run cannot be read for a while.
    """

    at: Mapping[int, Fault] = field(default_factory=dict)
    storm: Storm | None = None
    skew: int = 0
    twice: bool = False
    damages: bool = False
