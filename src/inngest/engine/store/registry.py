"""The functions that are known: read again when they have changed."""

from __future__ import annotations

from inngest.engine.domain.model import Registry

from .core import Integer, cast, literal_column, select, tables, update
from .records import FUNCTION_COLUMNS, function_of, number_of
from .statement import Statement, Transaction, constant
from .tidings import Tidings

_functions, _meta = tables.functions, tables.meta

GENERATION = Statement(
    "A transaction reads the generation of the functions, which grows with each change.",
    lambda _: select(_meta.c.value).where(_meta.c.key == constant("generation")),
)

FUNCTIONS = Statement(
    "A transaction reads all functions.",
    lambda _: select(*(_functions.c[name] for name in FUNCTION_COLUMNS)).order_by(_functions.c.id),
)

PAUSED = Statement(
    "A transaction reads all pauses.", lambda _: select(tables.pauses.c.function_id, tables.pauses.c.on_event)
)


def _changes(tidings: Tidings, _: object) -> None:
    tidings.everything = True


NEXT_GENERATION = Statement(
    "A change of functions, or of pauses, begins the next generation.",
    lambda _: (
        update(_meta)
        .where(_meta.c.key == constant("generation"))
        .values(value=cast(_meta.c.value, Integer) + literal_column("1", Integer))
    ),
    tells=_changes,
)


def newer(tx: Transaction, known: int) -> Registry | None:
    """All functions; None if nothing has changed since that generation."""
    row = tx.execute(GENERATION).fetchone()
    if row is not None and number_of(row[0], -1) == known:
        return None
    return RegistryCache().read(tx)


class RegistryCache:
    """All functions that are known, read again when they have changed. For the writer's thread."""

    def __init__(self) -> None:
        self._registry: Registry | None = None  # as it was committed

    @property
    def known(self) -> Registry | None:
        """The functions as they were read last, if they were. From any thread."""
        return self._registry

    def read(self, tx: Transaction) -> Registry:
        """The functions as they are in this transaction.

        A registry that it reads anew is known to later transactions after its COMMIT only: one that is undone gives its
        generation back, and another process may give that number to other functions.
        """
        row = tx.execute(GENERATION).fetchone()
        assert row is not None, "the schema has no generation of functions"
        generation = number_of(row[0], -1)
        known: Registry | None = tx.kept.get(self, self._registry)
        if known is None or known.generation != generation:
            rows = tx.execute(FUNCTIONS).fetchall()
            functions = [function_of(row) for row in rows if isinstance(row[0], str)]  # nobody serves what is no id
            paused = {row[0]: row[1] for row in tx.execute(PAUSED).fetchall()}
            known = tx.kept[self] = Registry.of(generation, functions, paused)
            tx.on_commit(lambda: self._take_over(known))
        return known

    def _take_over(self, registry: Registry) -> None:
        self._registry = registry
