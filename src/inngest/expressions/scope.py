"""The names and the budget of one evaluation. A list, because nothing is faster to make and to read.

A file of its own: generated code, functions and patterns all spend by it.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from .errors import CostError

Scope: TypeAlias = list[Any]

BUDGET: Final = 0
"""Units left. A unit is about the evaluation of one node, or a letter of a `matches` subject."""

NOW: Final = 1
"""The time, in unix ms."""

VARIABLES: Final = {"event": 2, "async": 3, "vars": 4}
EVENT: Final = frozenset(("event", "vars"))
"""What the expressions of a trigger and of keys see."""

WAIT: Final = frozenset(("async", "event", "vars"))
"""What the expressions of a wait and of a cancellation see: `event` started the run, `async` has come."""

PARAMETERS: Final = 5
"""Values that were known beforehand, for code that was compiled to take them from here."""

FIRST_LOCAL: Final = 6
"""The elements that macros are looking at."""

LIMIT: Final = 250_000
"""Units of one evaluation: tens of milliseconds. What does not depend on the size of values is bounded by the length
of the text, and costs nothing."""

ERROR_COST: Final = 20
"""Units of an error that is passed over: raising one takes longer than most evaluations."""


def spend(scope: Scope, units: int) -> None:
    """Pays for work that grows with the size of values.

    Raises:
        CostError: the evaluation has cost too much.
    """
    left = scope[BUDGET] - units
    scope[BUDGET] = left
    if left < 0:
        raise CostError(f"the evaluation was given up after {LIMIT} units of work: compare fewer or smaller values")
