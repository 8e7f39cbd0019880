"""The programs that every crash must leave right. One file per kind."""

from __future__ import annotations

from . import (
    answering,
    begun,
    catching,
    changed,
    deferring,
    escaping,
    failing,
    gated,
    invoking,
    limited,
    optional,
    ordering,
    plain,
    racing,
    requesting,
    rerunning,
    returning,
    sleeping,
    straight,
    ticking,
    waiting,
)
from .changed import CHANGED

PROGRAMS = (
    *straight.PROGRAMS,
    *ordering.PROGRAMS,
    *sleeping.PROGRAMS,
    *failing.PROGRAMS,
    *plain.PROGRAMS,
    *limited.PROGRAMS,
)
"""Programs whose code stays the same, and which nothing from outside touches."""

WAITING = (*waiting.PROGRAMS, *invoking.PROGRAMS, *returning.PROGRAMS)
"""Programs that wait for events, signals and other functions, or are cancelled."""

REQUESTING = requesting.PROGRAMS
"""Programs whose requests the engine makes."""

DEFERRING = (*deferring.PROGRAMS, *rerunning.PROGRAMS)
"""Programs that have others start when they have ended, or are run again."""

CHOOSING = (*optional.PROGRAMS, *begun.PROGRAMS, *racing.PROGRAMS)
"""Programs whose steps have options of their own, or race."""

GATED = gated.PROGRAMS
"""Programs whose events do not start runs just so, or whose runs are not let go on."""

TICKING = ticking.PROGRAMS
"""Programs that start by the clock."""

CATCHING = catching.PROGRAMS
"""Programs that catch what takes them down, and act on it."""

ESCAPING = escaping.PROGRAMS
"""Programs that raise what ends tasks and loops."""

ANSWERING = answering.PROGRAMS
"""Endpoints, which are in worlds of their own."""

ALL = (*PROGRAMS, *WAITING, *CHANGED, *REQUESTING, *DEFERRING, *CHOOSING, *GATED, *TICKING, *CATCHING, *ESCAPING)
"""Those that can be in any world."""

_NAMED = (
    *ALL,
    *ANSWERING,
    failing.KILLER,
    failing.KILLER_LATE,
    failing.LINGERING,
    invoking.OUTGROWING,
    sleeping.MOMENTARY,
)
BY_NAME = {program.name: program for program in _NAMED}
assert len(BY_NAME) == len(_NAMED), "two programs have one name"

_FUNCTIONS = [name for program in _NAMED for name in program.ends]
assert len(set(_FUNCTIONS)) == len(_FUNCTIONS), "two programs have a function of one name"


__all__ = [
    "ALL",
    "ANSWERING",
    "BY_NAME",
    "CATCHING",
    "CHANGED",
    "CHOOSING",
    "DEFERRING",
    "ESCAPING",
    "GATED",
    "PROGRAMS",
    "REQUESTING",
    "TICKING",
    "WAITING",
    "changed",
    "failing",
]
