"""Every command, option, exit code and record is documented, and every documented option exists."""

from __future__ import annotations

import re
from typing import Any

import typer.main

from inngest.cli.app import app
from inngest.cli.dev.log_output import LINES
from inngest.cli.errors import Exit
from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading of the second level."""
    (found,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert isinstance(found, str)
    return found


def test_every_option_is_documented_and_every_documented_one_exists() -> None:
    group = typer.main.get_group(app)
    for name, command in group.commands.items():
        parts: list[Any] = [command, *getattr(command, "commands", {}).values()]
        found = [parameter for one in parts for parameter in one.params]
        options = {option for parameter in found for option in (*parameter.opts, *parameter.secondary_opts)}
        wanted = {option for option in options if option.startswith("-")} - {"-h", "--help"}
        text = section(f"`inngest {name}`")
        rows = " ".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `-"))
        listed = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", rows or text))
        assert listed == wanted, name


def test_every_command_is_in_the_table() -> None:
    listed = re.findall(r"^\| \[`inngest ([\w-]+)`\]", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(typer.main.get_group(app).commands)


def test_every_exit_code_is_documented() -> None:
    listed = [int(code) for code in re.findall(r"^\| (\d+) \|", section("Exit codes"), re.MULTILINE)]
    assert listed == sorted(code.value for code in Exit)


def test_every_record_is_documented() -> None:
    listed = re.findall(r"^\| `([a-z.]+)` \|", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(LINES)
