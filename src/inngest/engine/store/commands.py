"""The commands that the writer writes: commands are data, and all of a family in a batch are written together.

A command never fails by exception for a business reason: what it gives says what happened. One that is written alone
is idempotent, so that it can be written again if its commit is in doubt; of a batch that is found out (`numbers`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar

from .context import WriteContext
from .locks import Lock
from .statement import Statement

P = ParamSpec("P")
R = TypeVar("R")

Family = Callable[[WriteContext, Sequence[Any]], Sequence[R]]
"""Writes the payloads of all its commands in a batch, in order; gives a result for each."""


class Alone(NamedTuple, Generic[R]):
    """A command as one statement, for when nothing else waits: it needs no BEGIN and no COMMIT around it."""

    statement: Statement  # it gives no rows, and knows the order of its parameters
    parameters: tuple[object, ...]
    result: Callable[[int], R | None]  # of how many rows it changed; None: it did nothing, and does not tell why


class Command(NamedTuple, Generic[R]):
    """Something to write in a transaction."""

    family: Family[R]
    payload: object  # a value that can be printed: no callable decides in the transaction what it is
    rows: int = 1  # about how many rows it writes
    size: int = 0  # about how many bytes
    patient: bool = False  # it waits until the database works again, instead of failing
    alone: Callable[[Any], Alone[R] | None] | None = None  # another way to write the payload, if there is one
    order: object = None  # of patient ones: what comes after one that was given up is given up, too; None: nothing
    locks: Sequence[Lock] = ()  # that are known before its first statement, where writers share the database

    def __str__(self) -> str:
        return str(self.payload)

    def as_alone(self) -> Alone[R] | None:
        """It as one statement; None if it needs more."""
        return None if self.alone is None else self.alone(self.payload)


class Call(NamedTuple, Generic[R]):
    """The payload of a command that is written by itself: a verb of the store, by its function, and its arguments."""

    verb: Callable[..., R]
    arguments: Sequence[object]
    options: Mapping[str, object]

    def __str__(self) -> str:
        options = [f"{name}={value!r}" for name, value in self.options.items()]
        return f"{self.verb.__name__}({', '.join([*map(repr, self.arguments), *options])})"


def call(verb: Callable[Concatenate[WriteContext, P], R], *arguments: P.args, **options: P.kwargs) -> Call[R]:
    """A verb with its arguments, but for the transaction."""
    return Call(verb, arguments, options)


def each(context: WriteContext, calls: Sequence[Call[R]]) -> list[R]:
    """The family of everything that is written one by one."""
    return [call.verb(context, *call.arguments, **call.options) for call in calls]
