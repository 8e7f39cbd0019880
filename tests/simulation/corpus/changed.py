"""Programs whose code is changed while their runs are under way: the change is noticed, or does no harm (P9)."""

from __future__ import annotations

from typing import Any

from tests.simulation.scenario import Program

CHANGED: tuple[Program, ...] = ()

__all__ = ["CHANGED", "Any"]
