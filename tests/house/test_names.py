"""The rule of names can fail, and is kept.

A file of its own: each house rule has a test of its own.
"""

from pathlib import Path

import pytest

from tests.house.names import banned_parts
from tests.house.tree import ROOT, code


@pytest.mark.parametrize(
    "path", ["src/inngest/utils.py", "src/inngest/engine/base/store.py", "tests/http_helpers.py", "src/common.py"]
)
def test_a_name_that_says_nothing_is_found(path: str) -> None:
    assert len(list(banned_parts(Path(path)))) == 1


@pytest.mark.parametrize("path", ["src/inngest/database.py", "src/inngest/library.py", "src/inngest/sdk/client.py"])
def test_a_name_that_only_contains_such_a_word_is_fine(path: str) -> None:
    assert list(banned_parts(Path(path))) == []


def test_every_file_is_named_after_what_it_holds() -> None:
    assert [path for path in code(ROOT) if list(banned_parts(path.relative_to(ROOT)))] == []
