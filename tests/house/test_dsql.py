"""Aurora DSQL could create the schema: `dsql-lint` finds nothing in the form that is written for it (decision 0106).

The engine does not run there: the page of scale says what is missing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inngest.engine.store.dialects.postgres.locking import creating
from inngest.engine.store.dialects.postgres.modes import Index
from inngest.engine.store.dialects.postgres.words import SCHEMA, tables_in

LINTER = Path(sys.executable).with_name("dsql-lint")


def found(tmp_path: Path, *statements: str) -> list[tuple[str, str]]:
    """What the linter finds in statements: of each finding the rule, and how the statement begins."""
    path = tmp_path / "schema.sql"
    path.write_text("".join(f"{one};\n" for one in statements), encoding="utf-8")
    done = subprocess.run([LINTER, "--format", "json", path], capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    ((file),) = json.loads(done.stdout)["files"]
    assert file["error"] is None
    diagnostics: list[dict[str, Any]] = file["diagnostics"]
    return [(one["rule"], one["statement_preview"]) for one in diagnostics]


def schema(form: Index) -> list[str]:
    """The statements that create the schema in a form."""
    return [one for table in tables_in(form).values() for one in table.create]


def test_nothing_is_found_in_the_form_that_is_written_for_it(tmp_path: Path) -> None:
    statements = schema(Index.ASYNC)
    assert len(statements) > 50
    assert found(tmp_path, *statements, creating(f"{SCHEMA}.inngest_guards")) == []


@pytest.mark.parametrize(
    ("form", "rules"),
    [
        (Index.FULL, {"collation", "identity_type", "index_async", "unsupported_create_table_with_storage_parameters"}),
        (Index.PLAIN, {"identity_type", "index_async"}),
    ],
)
def test_in_other_forms_it_finds_what_they_are_made_with(tmp_path: Path, form: Index, rules: set[str]) -> None:
    assert {rule for rule, _ in found(tmp_path, *schema(form))} == rules
