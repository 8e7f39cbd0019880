"""PostgreSQL's language, as SQLAlchemy writes it for psycopg, and what creates the schema there.

SQLAlchemy is imported with this module: a process that opens a PostgreSQL database builds its statements from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any

from sqlalchemy import ClauseElement, Column, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import psycopg as driver
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler
from sqlalchemy.schema import CreateIndex, CreateTable

from inngest.engine.store import tables
from inngest.engine.store.texts import Column as KindOfColumn
from inngest.engine.store.texts import StatementText, TableText, Texts

from .modes import Index as Form

SCHEMA = "schema_of_the_engine"
"""Stands for the name of the schema in statements that are built."""

PLACE = "place"
"""A column of events that only PostgreSQL needs: the number of each row, in the order in which rows were inserted."""

_NUMBERED = "BIGINT GENERATED ALWAYS AS IDENTITY"

_STORAGE: Mapping[str, str] = {
    # Rows of these are updated in place, many times: pages keep room for their next versions.
    "inngest_budgets": "fillfactor = 50",
    "inngest_lanes": "fillfactor = 50",
    "inngest_meta": "fillfactor = 50",
    "inngest_sessions": "fillfactor = 50",
    "inngest_throttles": "fillfactor = 50",
    "inngest_timers": "fillfactor = 50",
    "inngest_writers": "fillfactor = 50",
    # Rows of these come and go all the time: what is dead is removed before it is in the way.
    "inngest_events": "autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0",
    "inngest_jobs": "autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0",
    "inngest_runs": "fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0",
    "inngest_steps": "autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0",
}


class _Ddl(PGDDLCompiler):
    """Texts are compared by their bytes, as SQLite does; indexes are partial where SQLite's are."""

    _form: Form  # that of the language whose this is: migrations have it without that language

    def get_column_specification(self, column: Column[Any], **options: Any) -> str:
        specification = super().get_column_specification(column, **options)  # type: ignore[no-untyped-call]
        if isinstance(column.type, Text) and self._form is Form.FULL:
            specification = specification.replace(" TEXT", ' TEXT COLLATE "C"', 1)
        return str(specification)

    def create_table_constraints(self, table: Any, _include_foreign_key_constraints: Any = None, **options: Any) -> str:
        """Aurora DSQL has the number of an event here: it adds no such column to a table that is there."""
        text: str = super().create_table_constraints(  # type: ignore[no-untyped-call]
            table, _include_foreign_key_constraints, **options
        )
        if self._form is Form.ASYNC and table.name == tables.events.name:
            text += f", \n\t{PLACE} {_NUMBERED} (CACHE 1)"
        return text

    def create_table_suffix(self, table: Table) -> str:
        return ""

    def post_create_table(self, table: Table) -> Any:
        storage = _STORAGE.get(table.name) if self._form is Form.FULL else None
        return f" WITH ({storage})" if storage else ""

    def visit_create_index(
        self, create: Any, include_schema: bool = False, include_table_schema: bool = True, **options: Any
    ) -> str:
        text: str = super().visit_create_index(create, **options)  # type: ignore[no-untyped-call]
        if self._form is Form.ASYNC:
            text = text.replace("INDEX ", "INDEX ASYNC ", 1)
        where = create.element.dialect_options["sqlite"]["where"]
        if where is None:
            return text
        condition = self.sql_compiler.process(where, include_table=False, literal_binds=True)
        return f"{text} WHERE {condition}"


class PostgresLanguage(driver.PGDialect_psycopg):
    """How SQLAlchemy writes statements. Each table is named with `SCHEMA`, whatever a connection's search path is.

    Args:
        form: what tables and indexes are made with.
    """

    options: Mapping[str, object] = {"use_native_hstore": False}
    """For an engine of SQLAlchemy: nothing is asked that needs a cursor of another kind."""

    def __init__(self, form: Form) -> None:
        super().__init__(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]

        class Ddl(_Ddl):
            _form = form

        self.ddl_compiler = Ddl

        def schema_of(named: object) -> Any:
            return SCHEMA if isinstance(named, Table) else None

        self.identifier_preparer.schema_for_object = schema_of


LANGUAGE = PostgresLanguage(Form.FULL)
"""Statements are the same in each form."""

_built: dict[object, StatementText] = {}
"""The statements that this process has built, by their keys, with `SCHEMA` for the name of one."""


class BuiltTexts(Texts):
    """The statements of a database, built by SQLAlchemy when a process executes them first, in whichever schema.

    Args:
        schema: the name of the schema in which the tables are, quoted if it must be.
        form: what tables and indexes are made with.
    """

    def __init__(self, schema: str, form: Form) -> None:
        super().__init__(None, lambda: LANGUAGE)
        self._schema = schema
        self._form = form

    @cached_property
    def tables(self) -> Mapping[str, TableText]:
        """The tables of the schema by name, in the order in which they are created."""
        return {
            name: TableText([self._named(one) for one in table.create], table.columns)
            for name, table in tables_in(self._form).items()
        }

    def built(self, key: object, build: Callable[[], ClauseElement]) -> StatementText:
        """The text of a statement, in this schema."""
        text = _built.get(key)
        if text is None:
            text = _built[key] = super().compiled(build())
        return self._in_schema(text)

    def compiled(self, clause: ClauseElement) -> StatementText:
        """The text of a statement that was built."""
        return self._in_schema(super().compiled(clause))

    def _in_schema(self, text: StatementText) -> StatementText:
        return text._replace(sql=self._named(text.sql))

    def _named(self, text: str) -> str:
        return text.replace(f"{SCHEMA}.", f"{self._schema}.")


@cache
def language_of(form: Form) -> PostgresLanguage:
    """The language in which tables of a form are created."""
    return LANGUAGE if form is Form.FULL else PostgresLanguage(form)


@cache
def tables_in(form: Form) -> Mapping[str, TableText]:
    """The tables in a form, by name, with `SCHEMA` for the name of a schema."""
    return {table.name: _table(table, form) for table in tables.metadata.sorted_tables}


def _table(table: Table, form: Form) -> TableText:
    language = language_of(form)
    indexes = sorted(table.indexes, key=_name_of)
    creating: list[CreateTable | CreateIndex] = [CreateTable(table), *map(CreateIndex, indexes)]
    create = [str(one.compile(dialect=language)) for one in creating]
    if table.name == tables.events.name:
        named = language.identifier_preparer.format_table(table)
        if form is Form.ASYNC:
            create.append(f"CREATE INDEX ASYNC {table.name}_by_place ON {named} ({PLACE})")
        else:
            create += [
                f"ALTER TABLE {named} ADD COLUMN {PLACE} {_NUMBERED}",
                f"CREATE INDEX {table.name}_by_place ON {named} ({PLACE})",
            ]
    columns = {one.name: KindOfColumn(isinstance(one.type, Integer), bool(one.nullable)) for one in table.columns}
    return TableText(create, columns)


def _name_of(index: Index) -> str:
    return str(index.name)
