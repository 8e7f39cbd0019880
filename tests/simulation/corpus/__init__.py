"""The programs that every crash must leave right. One file per kind."""

from __future__ import annotations

from . import changed, failing, limited, ordering, plain, sleeping, straight
from .changed import CHANGED

PROGRAMS = (
    *straight.PROGRAMS,
    *ordering.PROGRAMS,
    *sleeping.PROGRAMS,
    *failing.PROGRAMS,
    *plain.PROGRAMS,
    *limited.PROGRAMS,
)
"""Programs whose code stays the same."""

BY_NAME = {program.name: program for program in (*PROGRAMS, *CHANGED, failing.KILLER)}

__all__ = ["BY_NAME", "CHANGED", "PROGRAMS", "changed", "failing"]
