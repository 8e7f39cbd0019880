"""The programs that every crash must leave right. One file per kind."""

from __future__ import annotations

from . import changed, failing, invoking, limited, ordering, plain, requesting, sleeping, straight, waiting
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

BY_NAME = {program.name: program for program in (*PROGRAMS, *WAITING, *CHANGED, *REQUESTING, failing.KILLER)}

__all__ = ["BY_NAME", "CHANGED", "PROGRAMS", "REQUESTING", "WAITING", "changed", "failing"]
