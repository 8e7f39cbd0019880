"""A table of the user's beside the engine's, on either kind of database, and the connections of each library to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import sqlalchemy
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from tests import postgres

INSERT = "INSERT INTO orders (number) VALUES ({number})"

Make = Callable[[str], object]
"""From the URL of a database to what `Engine(transactions=…)` is given."""


def file_of(url: str) -> str:
    """The path of an SQLite database."""
    return url.removeprefix("sqlite:///")


def is_file(url: str) -> bool:
    """Whether SQLite keeps a database."""
    return url.startswith("sqlite")


def schema_of(url: str) -> str:
    """The schema of the engine in a PostgreSQL database; the user's table is in one beside it."""
    return parse_qs(urlsplit(url).query)["schema"][0]


class Orders:
    """The user's table.

    Args:
        url: of the database.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.table = "orders" if is_file(url) else f"{schema_of(url)}.orders"
        self._do(f"CREATE TABLE IF NOT EXISTS {self.table} (number INTEGER)")

    @property
    def insert(self) -> str:
        """Adds an order, as text that every driver takes."""
        return f"INSERT INTO {self.table} (number) VALUES (1)"

    def count(self) -> int:
        """How many orders there are."""
        rows = self._do(f"SELECT count(*) FROM {self.table}")
        return int(rows[0][0])

    def execute(self, sql: str) -> list[Any]:
        """Do something beside the engine; its rows."""
        return self._do(sql)

    def _do(self, sql: str) -> list[Any]:
        if not is_file(self.url):
            if sql.startswith("CREATE TABLE"):
                postgres.server().execute(f"CREATE SCHEMA IF NOT EXISTS {schema_of(self.url)}")
            return postgres.server().execute(sql)
        connection = sqlite3.connect(file_of(self.url), timeout=60, isolation_level=None)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()


def alchemy_of(url: str, **options: Any) -> sqlalchemy.Engine:
    """An engine of SQLAlchemy on the same database."""
    options["poolclass"] = NullPool  # tests leave nothing open
    if is_file(url):
        return sqlalchemy.create_engine(url, **options)
    conninfo = postgres.server().conninfo
    return sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), **options)


def driver_of(url: str) -> Callable[[], object]:
    """Connections of the driver."""
    if is_file(url):
        return lambda: sqlite3.connect(file_of(url), timeout=60, check_same_thread=False)
    conninfo = postgres.server().conninfo
    return lambda: psycopg.connect(conninfo)


def none_of(_: str) -> None:
    """The engine's own connections."""
    return


def sessions_of(url: str) -> Callable[[], object]:
    """Sessions of SQLAlchemy."""
    engine = alchemy_of(url)
    return lambda: Session(engine)


def add(connection: Any, orders: Orders, error: BaseException | None = None) -> int:
    """Add an order on a connection of any library; how many there are for it then."""
    if isinstance(connection, sqlalchemy.Connection | Session):
        connection.execute(sqlalchemy.text(orders.insert))
        found = connection.execute(sqlalchemy.text(f"SELECT count(*) FROM {orders.table}")).scalar_one()
    else:
        connection.execute(orders.insert)
        (found,) = connection.execute(f"SELECT count(*) FROM {orders.table}").fetchone()
    if error is not None:
        raise error
    return int(found)


MAKES: dict[str, Make] = {
    "own": none_of,
    "driver": driver_of,
    "sqlalchemy": alchemy_of,
    "session": sessions_of,
}
