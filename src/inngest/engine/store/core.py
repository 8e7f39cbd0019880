"""SQLAlchemy Core, in which statements are written: imported when the first of them is built, and not before.

A dialect that knows its statements as text builds none (`texts.py`), so that a process which runs functions never
imports SQLAlchemy (decision 0073). Each name of this module is a `Recipe`. An operation on a
recipe gives the next one, and `built` makes of the last one what SQLAlchemy would have made at once.
"""

from __future__ import annotations

import importlib
import operator
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn  # noqa: TID251 - the names are SQLAlchemy's, which is not imported

if TYPE_CHECKING:  # what the names mean to who reads, and to who checks types
    from sqlalchemy import (
        CTE,
        BigInteger,
        Insert,
        Integer,
        Label,
        ScalarSelect,
        Select,
        Table,
        Text,
        bindparam,
        case,
        cast,
        column,
        delete,
        exists,
        func,
        literal_column,
        null,
        or_,
        select,
        tuple_,
        union,
        update,
        values,
    )
    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql import ClauseElement
    from sqlalchemy.sql.elements import ColumnElement

    from . import tables
else:

    def __getattr__(name: str) -> Recipe:
        """A name of SQLAlchemy, or the schema, as a recipe."""
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "tables":
            return Recipe(lambda: importlib.import_module("inngest.engine.store.tables"))
        return of("sqlalchemy", name)


__all__ = [
    "CTE",
    "BigInteger",
    "ClauseElement",
    "ColumnElement",
    "Dialect",
    "Insert",
    "Integer",
    "Label",
    "Recipe",
    "ScalarSelect",
    "Select",
    "Table",
    "Text",
    "bindparam",
    "built",
    "case",
    "cast",
    "column",
    "delete",
    "exists",
    "func",
    "literal_column",
    "null",
    "of",
    "or_",
    "select",
    "tables",
    "tuple_",
    "union",
    "update",
    "values",
]

_building = threading.RLock()  # a recipe is followed once: a subquery that stands in two places must be one object


class Recipe:
    """Something that is made when it is needed, and once: an attribute, a call, an item or an operation of others.

    Args:
        make: makes it.
    """

    __slots__ = ("_made", "_make")
    is_clause_element = False  # so that SQLAlchemy calls `__clause_element__`

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make: Callable[[], Any] | None = make
        self._made: Any = None

    def follow(self) -> Any:
        """The thing itself."""
        with _building:
            if self._make is not None:
                self._made = self._make()
                self._make = None
            return self._made

    def __getattr__(self, name: str) -> Recipe:
        if name.startswith("__"):
            raise AttributeError(name)
        return Recipe(lambda: getattr(self.follow(), name))

    def __iter__(self) -> Iterator[Any]:
        """How many there are must be known: it is followed."""
        return iter(self.follow())

    def __clause_element__(self) -> Any:
        """SQLAlchemy asks an argument for this that it does not know."""
        return self.follow()

    def __bool__(self) -> NoReturn:
        raise TypeError("whether it is true is not known before it is built")

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("its text is not known before it is built: add texts to it with +")

    __hash__ = object.__hash__


def _operation(name: str) -> Callable[..., Recipe]:
    apply: Callable[..., Any] = getattr(operator, name)

    def operation(one: Recipe, *others: Any, **named: Any) -> Recipe:
        return Recipe(lambda: apply(one.follow(), *built(others), **built(named)))

    return operation


for _name in ("eq", "ne", "lt", "le", "gt", "ge", "and_", "or_", "invert", "add", "sub", "mul", "getitem", "call"):
    setattr(Recipe, f"__{_name.strip('_')}__", _operation(_name))


def of(module: str, name: str) -> Any:
    """The recipe for a name of a module, which is imported when it is needed."""
    return Recipe(lambda: getattr(importlib.import_module(module), name))


def built(value: Any) -> Any:
    """A value, with recipes in it replaced by what they make; also inside of lists, tuples and dicts."""
    if isinstance(value, Recipe):
        return value.follow()
    if type(value) in (list, tuple):
        return type(value)(map(built, value))
    if type(value) is dict:
        return {name: built(one) for name, one in value.items()}
    return value
