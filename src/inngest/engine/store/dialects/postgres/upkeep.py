"""Upkeep of the tables of a schema, beside the workers that use them.

A file of its own: a worker does none of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import psycopg

from .database import PostgresConnection, PostgresDatabase


def vacuum(database: PostgresDatabase, tables: Iterable[str]) -> list[str]:
    """Have the server forget rows of these tables that nobody sees any more; what it warns of.

    Raises:
        StoreError: the server does not do it.
    """
    warned: list[str] = []
    connection = cast("PostgresConnection", database.connect_reader())  # without limits of time
    connection.add_notice_handler(lambda notice: warned.append(notice.message_primary or ""))
    try:
        for table in tables:
            connection.execute(f"VACUUM {database.named(table)}".encode(), prepare=False)
    except psycopg.Error as error:
        raise database.explain(error) from error
    finally:
        connection.close()
    return warned
