"""A URL names a database, and the liveness of its workers.

A file of its own: it tests a package that has one function.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from inngest.engine.store.dialects import database_of


def test_a_url_names_a_file_and_the_locks_beside_it(tmp_path: Path) -> None:
    database, liveness, *_ = database_of(f"sqlite:///{tmp_path / 'x.db'}")
    assert database.name == str(tmp_path / "x.db")
    assert not database.shared
    liveness.hold("session")
    assert liveness.alive("session")
    liveness.release("session")
    assert not liveness.alive("session")


def test_other_schemes_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'mysql://x' names no database that is known here"):
        database_of("mysql://x")
