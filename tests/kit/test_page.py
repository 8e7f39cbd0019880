"""The tutorial page about tests: its files, its commands and what they print, as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "tutorial" / "testing.md").read_text(encoding="utf-8")


def files() -> dict[str, str]:
    """The files of the page, by their names."""
    return dict(re.findall(r'^```python title="([\w.]+)"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL))


def blocks(language: str) -> list[str]:
    """The blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def printed(folder: Path, command: str) -> str:
    """What a command of the page prints."""
    arguments = {"pytest": ["-m", "pytest", "-p", "no:cacheprovider", "-p", "no:schemathesis"], "python": []}
    program, *more = command.split()
    environment = {**os.environ, "PYTHONPATH": "", "COLUMNS": "200"}
    result = subprocess.run(
        [sys.executable, *arguments[program], *more],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr


def lines_of(text: str) -> list[str]:
    """The lines of a block, without the rulers that are as long as the terminal is wide."""
    return [re.sub(r"^-+ (.*?) -+$", r"\1", line).strip() for line in text.splitlines()]


def test_the_page_as_it_is_written(tmp_path: Path) -> None:
    for name, text in files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    (tmp_path / "test_wrong.py").rename(tmp_path / "later.py")
    pass_all, fail, by_hand, replay = blocks("sh")
    passed, message, story, left, replayed = blocks("text")
    assert passed == "2 passed\n"
    assert "2 passed" in printed(tmp_path, f"{pass_all} test_trial.py")
    assert "7 passed" in printed(tmp_path, pass_all)
    (tmp_path / "later.py").rename(tmp_path / "test_wrong.py")
    told = lines_of(printed(tmp_path, fail))
    for block in (message, story):
        wanted = lines_of(block)
        found = [told[at : at + len(wanted)] for at, line in enumerate(told) if line == wanted[0]]
        assert found[:1] == [wanted], "\n".join(told)
    assert printed(tmp_path, by_hand) == left
    assert replayed == "2 passed\n"
    assert "2 passed" in printed(tmp_path, replay)
