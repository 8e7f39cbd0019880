"""What the writer writes: commands are data, each with the function that writes it.

A command never fails by exception for a business reason: what it gives says what happened. It is idempotent, so that
a batch whose commit is in doubt can be written again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .statement import Transaction

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Command(Generic[R]):
    """Something to write in a transaction."""

    write: Callable[[Transaction], R]
    rows: int = 1  # about how many rows it writes
    size: int = 0  # about how many bytes
