"""What the type checkers must say of the files in `cases/`: exactly what the lines expect, and nothing else.

A line that must not type-check ends in the codes that each checker gives it; a checker that is not named accepts it:

    await ctx.step.sleep("nap", 1.5)  # E: mypy[arg-type] pyright[reportArgumentType]
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CASES = Path(__file__).with_name("cases")
ROOT = CASES.parents[2]
CHECKERS = ("mypy", "pyright")

_EXPECTED = re.compile(r"# E: (.+)$")
_CHECKER = re.compile(r"(\w+)\[([\w-]+(?:, [\w-]+)*)\]")


class Complaint(NamedTuple):
    """One kind of error on one line."""

    file: str
    line: int
    code: str


def expected(checker: str) -> set[Complaint]:
    """What a checker must say."""
    return {
        Complaint(path.name, number, code)
        for path in sorted(CASES.glob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for code in codes(line, checker)
    }


def codes(line: str, checker: str) -> list[str]:
    """The codes that a line expects of a checker."""
    found = _EXPECTED.search(line)
    if found is None:
        return []
    named = dict(_CHECKER.findall(found[1]))
    assert set(named) <= set(CHECKERS), line
    assert _CHECKER.sub("", found[1]).strip() == "", line
    return named[checker].split(", ") if checker in named else []


def said(checker: str) -> set[Complaint]:
    """What a checker says."""
    return set(_mypy() if checker == "mypy" else _pyright())


def _mypy() -> Iterator[Complaint]:
    files = [str(path) for path in sorted(CASES.glob("*.py"))]
    options = ["--strict", "--output=json", "--no-error-summary", "--cache-dir=.mypy_cache/typing"]
    for line in _output("mypy", *options, *files).splitlines():
        found = json.loads(line)
        if found["severity"] == "error":
            yield Complaint(Path(found["file"]).name, found["line"], found["code"])


def _pyright() -> Iterator[Complaint]:
    report = json.loads(_output("pyright", f"--project={CASES}", f"--pythonpath={sys.executable}", "--outputjson"))
    assert report["summary"]["filesAnalyzed"] == len(list(CASES.glob("*.py")))
    for found in report["generalDiagnostics"]:
        if found["severity"] == "error":
            yield Complaint(Path(found["file"]).name, found["range"]["start"]["line"] + 1, found["rule"])


def _output(module: str, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode in {0, 1}, ran.stdout + ran.stderr
    return ran.stdout
