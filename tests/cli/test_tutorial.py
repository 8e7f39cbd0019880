"""The commands and code of the tutorial, and of the README, run as they are printed, in their order."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

from tests.house.tree import ROOT

from .processes import INNGEST, PATIENCE, DevServer, environment

PAGE = (ROOT / "docs" / "tutorial" / "index.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEMO, PREPARE, DEV, SEND, RUNS, RUN = range(6)


def blocks(language: str, page: str = PAGE) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}[^\n]*\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def shell(command: str, folder: Path, url: str) -> str:
    """What a command prints, in a shell whose environment is activated."""
    path = os.pathsep.join([str(Path(INNGEST).parent), os.environ["PATH"]])
    ran = subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env=environment(PATH=path, INNGEST_DEV=url),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def with_function(code: str, function: str) -> str:
    """Code whose function of the same name is replaced."""
    (new,) = ast.parse(function).body
    assert isinstance(new, ast.AsyncFunctionDef)
    (old,) = [one for one in ast.parse(code).body if isinstance(one, ast.AsyncFunctionDef) and one.name == new.name]
    lines = code.splitlines(keepends=True)
    return "".join([*lines[: old.lineno - 1], function, *lines[old.end_lineno :]])


def test_the_tutorial(tmp_path: Path) -> None:
    commands = blocks("sh")
    assert commands[DEMO].strip() == "make demo"
    assert "\nmake demo\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert commands[PREPARE].split() == [".", ".venv/bin/activate", "mkdir", "my-shop", "cd", "my-shop"]
    app, broken_ship = blocks("python")
    (tmp_path / "shop.py").write_text(app)
    program, subcommand, *targets = commands[DEV].split()
    assert (program, subcommand) == ("inngest", "dev")
    with DevServer(tmp_path, *targets) as server:
        server.serving()
        assert "one apple is on its way, with its receipt for one apple" in shell(commands[SEND], tmp_path, server.url)
        assert "COMPLETED" in shell(commands[RUNS], tmp_path, server.url)
        shown = shell(commands[RUN], tmp_path, server.url)
        assert [step for step in ("✓ charge", "✓ let them change their mind", "✓ ship") if step not in shown] == []
        (tmp_path / "shop.py").write_text(with_function(app, broken_ship))
        server.expect("stopping", reason="changed")
        server.serving()
        server.send("shop/order.placed", {"order": "one pear"})
        assert server.expect("step.retrying", step="ship")["error"]["message"] == "the courier is ill"
        assert server.errors.splitlines() == [
            "charging for one apple",
            "shipping one apple",
            "charging for one pear",
        ]
    assert len(commands) == RUN + 1


def test_the_readme(tmp_path: Path) -> None:
    app, embedded = blocks("python", README)
    prepare, send = blocks("sh", README)
    (tmp_path / "shop.py").write_text(app)
    activate, (program, subcommand, *targets) = (line.split() for line in prepare.splitlines())
    assert activate == [".", ".venv/bin/activate"]
    assert (program, subcommand) == ("inngest", "dev")
    with DevServer(tmp_path, *targets) as server:
        server.serving()
        assert "shipped, with its receipt for 42" in shell(send, tmp_path, server.url)
    body = "".join(f"    {line}\n" for line in embedded.splitlines())
    (tmp_path / "own.py").write_text(f"{app}\n\nasync def main():\n{body}\n\nimport asyncio\nasyncio.run(main())\n")
    assert shell("python own.py", tmp_path, "").strip() == "shipped, with its receipt for 43"


def test_the_page_of_scripts(tmp_path: Path) -> None:
    (code,) = blocks("python", (ROOT / "docs" / "howto" / "script.md").read_text(encoding="utf-8"))
    (tmp_path / "own.py").write_text(code)
    assert shell("python own.py", tmp_path, "").strip() == "shipped, with its receipt for 42"
