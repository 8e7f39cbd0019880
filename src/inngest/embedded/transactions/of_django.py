"""Connections of Django."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.connection import ConnectionProxy

from inngest.sdk.errors import TransactionError

from . import lent
from .connections import RolledBackError


def recognise(found: object) -> DjangoConnection | None:
    """The connection of this thread, if it is one of Django."""
    return DjangoConnection(found) if isinstance(found, BaseDatabaseWrapper | ConnectionProxy) else None


class DjangoConnection:
    """See `Opened`. The models that the handler uses write in the same transaction: they have the thread's connection.

    A block of Django refuses `commit()` and `rollback()` in it.
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._block: Any = transaction.atomic(using=connection.alias, durable=True)

    def begin(self) -> bool:
        if self.connection.in_atomic_block:
            return False
        if not self.connection.get_autocommit():
            raise TransactionError(
                "transactions: the database has AUTOCOMMIT off in Django's settings, so that Django begins no "
                "transactions: leave it on, for the step has a block of its own"
            )
        self._block.__enter__()
        return True

    @property
    def driver(self) -> object:
        found: object = self.connection.connection
        return found

    def flush(self) -> None:
        if self.connection.needs_rollback:
            raise TransactionError(
                "the function of a step.transaction caught an error of the database, after which Django only rolls "
                "back: have the statement that may fail in a block `with transaction.atomic()` of its own. Nothing was "
                "committed"
            )

    def commit(self) -> None:
        self._block.__exit__(None, None, None)

    def rollback(self) -> None:
        if self.connection.in_atomic_block:
            self._block.__exit__(RolledBackError, RolledBackError(), None)

    def close(self) -> None:
        self.connection.close()


def lend(found: object) -> LentDjango | None:
    """The connection of this thread, if it is one of Django."""
    return LentDjango(found) if isinstance(found, BaseDatabaseWrapper | ConnectionProxy) else None


class LentDjango:
    """See `Lent`. Statements are executed on the driver's connection, which has the transaction."""

    is_async = False

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def begin(self) -> str:
        connection = self._connection
        connection.ensure_connection()
        connection.validate_thread_sharing()
        connection.validate_no_broken_transaction()
        if not connection.in_atomic_block and connection.get_autocommit():
            raise lent.sends_at_once()
        self._driver.begin()
        vendor: str = connection.vendor
        return vendor

    @property
    def _driver(self) -> lent.Lent:
        return lent.lent(self._connection.connection)

    def execute(self, sql: str, parameters: Sequence[object]) -> object:
        return self._driver.execute(sql, parameters)

    @property
    def user(self) -> str | None:
        return self._driver.user
