"""Migrations of the schema, with Alembic's operations. Imported only when the stored revision differs.

Each file of `versions/` brings the schema from the revision before to its own. All that are needed run in the one
transaction that the caller opened on the driver's connection: Alembic and SQLAlchemy may neither commit nor roll it
back, so that a migration is there as a whole or not at all.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from inngest.engine.store.statement import Connection

__all__ = ["DBAPIError", "upgrade"]

VERSIONS = Path(__file__).with_name("versions")


def upgrade(connection: Connection, dialect: Dialect, revision: str, target: str, versions: Path = VERSIONS) -> None:
    """Bring the schema from a revision to a later one, in the transaction that is open on the connection.

    Args:
        connection: the driver's.
        dialect: its language.
        revision: of the schema as it is; "" if there is none.
        target: the revision to come to.
        versions: the folder of the scripts.
    """
    scripts = [script for script in _scripts(versions) if revision < script.revision <= target]
    engine = create_engine(
        f"{dialect.name}+{dialect.driver}://",
        creator=lambda: _Borrowed(connection),
        poolclass=StaticPool,
        pool_reset_on_return=None,
        paramstyle=dialect.paramstyle,
        **getattr(dialect, "options", {}),
    )
    engine.dialect.ddl_compiler = dialect.ddl_compiler
    with engine.connect() as borrowed:
        context = MigrationContext.configure(borrowed)
        with Operations.context(context):
            for script in scripts:
                script.upgrade()


def _scripts(versions: Path) -> Sequence[ModuleType]:
    """The scripts of a folder by revision; each says which it follows."""
    scripts = [_load(path) for path in sorted(versions.glob("[0-9]*.py"))]
    for before, script in zip([None, *scripts], scripts, strict=False):
        expected = None if before is None else before.revision
        assert script.down_revision == expected, f"{script.__file__} follows {script.down_revision}, not {expected}"
    return scripts


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{__name__}.versions.{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.revision == path.stem.partition("_")[0], f"{path} says that it is {module.revision}"
    return module


class _Borrowed:
    """The driver's connection, of which the transaction belongs to someone else."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def commit(self) -> None:
        """Not here."""

    def rollback(self) -> None:
        """Not here."""

    def close(self) -> None:
        """Not here."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
