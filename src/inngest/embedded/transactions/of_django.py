"""Connections of Django."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.connection import ConnectionProxy

from inngest.sdk.errors import TransactionError

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
