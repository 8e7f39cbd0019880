"""What docs/reference/features.md says works is tested by what it names; what comes, comes with a stage it tells."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from .tree import ROOT

PAGE = (ROOT / "docs" / "reference" / "features.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (?P<feature>.+) \| (?P<state>works|comes[a-z ]*) \| (?P<tests>.*?) ?\|$", re.MULTILINE)
TEST = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<name>\w+)`")
STAGE = re.compile(r"^\| (?P<stage>[a-z ]+) \| [^|]+ \|$", re.MULTILINE)


def named_in(root: Path, file: str) -> set[str]:
    """Names of the tests in a file; none if there is no such file."""
    path = root / file
    if not path.is_file():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [one for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {one.name for one in functions if one.name.startswith("test_")}


def problems(root: Path, page: str) -> list[str]:
    """What is wrong with the rows of a page."""
    stages = {f"comes with {match['stage']}" for match in STAGE.finditer(page)} | {"comes next"}
    found: list[str] = []
    for row in ROW.finditer(page):
        named = [match.groups() for match in TEST.finditer(row["tests"])]
        if (row["state"] == "works") != bool(named):
            found.append(f"{row['feature']}: names {len(named)} tests, and {row['state']}")
        if row["state"] != "works" and row["state"] not in stages:
            found.append(f"{row['feature']}: {row['state']}, which is no stage")
        found += [f"{file}::{name}" for file, name in named if name not in named_in(root, file)]
    return found


def test_what_works_is_tested() -> None:
    assert problems(ROOT, PAGE) == []
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and line.count(" | ") == 2]
    assert len(list(ROW.finditer(PAGE))) == len([line for line in rows if not line.startswith("| feature ")]) > 100


@pytest.mark.parametrize(
    "row",
    [
        "| A | works | |",
        "| A | works | `tests/test_a.py::test_gone` |",
        "| A | works | `tests/test_gone.py::test_a` |",
        "| A | works | `tests/test_a.py::helper` |",
        "| A | comes | |",
        "| A | comes with something | |",
        "| A | comes with serving | `tests/test_a.py::test_a` |",
    ],
)
def test_a_wrong_row_is_found(tmp_path: Path, row: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("def helper() -> None: ...\nasync def test_a() -> None: ...\n")
    stages = "| stage | brings |\n|---|---|\n| serving | HTTP |\n\n"
    assert len(problems(tmp_path, f"{stages}{row}\n")) == 1
    assert (
        problems(tmp_path, f"{stages}| A | works | `tests/test_a.py::test_a` |\n| B | comes with serving | |\n") == []
    )
