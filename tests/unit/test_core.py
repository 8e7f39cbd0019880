"""Recipes for SQLAlchemy's expressions: followed when a statement is built, and once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy

from inngest.engine.store import core, tables
from inngest.engine.store.core import bindparam, built, func, literal_column, select, tuple_
from inngest.engine.store.core import tables as later

EXPRESSIONS: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
    (
        lambda: select(later.runs.c.id).where(later.runs.c.id == bindparam("run")),
        lambda: sqlalchemy.select(tables.runs.c.id).where(tables.runs.c.id == sqlalchemy.bindparam("run")),
    ),
    (lambda: later.runs.c["id"] != "x", lambda: tables.runs.c["id"] != "x"),
    (lambda: ~(later.jobs.c.due_at <= 1), lambda: ~(tables.jobs.c.due_at <= 1)),
    (
        lambda: (later.jobs.c.due_at > 1) & (later.jobs.c.due_at < 9) | (later.jobs.c.due_at >= 20),
        lambda: (tables.jobs.c.due_at > 1) & (tables.jobs.c.due_at < 9) | (tables.jobs.c.due_at >= 20),
    ),
    (
        lambda: later.budgets.c.used + literal_column("1") - 2 * 3,
        lambda: tables.budgets.c.used + sqlalchemy.literal_column("1") - 6,
    ),
    (
        lambda: tuple_(later.runs.c.id, later.runs.c.lane).in_([("a", bindparam("lane"))]),
        lambda: sqlalchemy.tuple_(tables.runs.c.id, tables.runs.c.lane).in_([("a", sqlalchemy.bindparam("lane"))]),
    ),
    (lambda: func.min(later.runs.c.created_at), lambda: sqlalchemy.func.min(tables.runs.c.created_at)),
]


@pytest.mark.parametrize(("recipe", "expression"), EXPRESSIONS)
def test_a_recipe_makes_what_the_expression_is(recipe: Callable[[], Any], expression: Callable[[], Any]) -> None:
    assert str(built(recipe())) == str(expression())


def test_recipes_are_built_inside_of_lists_tuples_and_dicts() -> None:
    one = core.of("math", "pi")
    assert built({"a": [one, (one, "x")]}) == {"a": [3.141592653589793, (3.141592653589793, "x")]}


def test_a_recipe_is_followed_once() -> None:
    recipe = core.Recipe(object)
    one, other = built([recipe, recipe])
    assert one is other


def test_the_columns_of_a_table_can_be_gone_through() -> None:
    assert [column.name for column in later.meta.c] == ["key", "value"]


def test_sqlalchemy_takes_a_recipe_for_an_expression() -> None:
    query = sqlalchemy.select(tables.runs.c.id).where(later.runs.c.id == "x")
    assert str(query) == str(sqlalchemy.select(tables.runs.c.id).where(tables.runs.c.id == "x"))


@pytest.mark.parametrize("use", [bool, str.format])
def test_nothing_is_asked_of_a_recipe_that_it_cannot_know(use: Callable[..., object]) -> None:
    recipe: Any = later.runs.c.id
    with pytest.raises(TypeError):
        use("{}", recipe) if use is str.format else use(recipe)
