"""The programs that every crash must leave right. One file per kind."""

from __future__ import annotations

from . import changed, deferring, failing, invoking, limited, ordering, plain, requesting, sleeping, straight, waiting
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

WAITING = (*waiting.PROGRAMS, *invoking.PROGRAMS)
"""Programs that wait for events, signals and other functions, or are cancelled."""

REQUESTING = requesting.PROGRAMS
"""Programs whose requests the engine makes."""

DEFERRING = deferring.PROGRAMS
"""Programs that have others start when they have ended."""

BY_NAME = {
    program.name: program for program in (*PROGRAMS, *WAITING, *CHANGED, *REQUESTING, *DEFERRING, failing.KILLER)
}

__all__ = ["BY_NAME", "CHANGED", "DEFERRING", "PROGRAMS", "REQUESTING", "WAITING", "changed", "failing"]
