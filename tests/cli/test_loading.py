"""What a command loads: no more than it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Shop
from .processes import INNGEST, environment

HEAVY = ["httpx", "sqlalchemy", "starlette", "uvicorn", "watchfiles"]


@pytest.mark.parametrize(
    ("module", "loaded"),
    [
        ("inngest.cli.app", []),
        ("inngest.cli.commands.send", ["httpx"]),
        ("inngest.cli.commands.runs", []),
    ],
)
def test_heavy_parts_wait_for_their_use(module: str, loaded: list[str]) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    assert ran.stdout.strip() == str(loaded)


def test_python_dash_m(tmp_path: Path) -> None:
    commands = [[sys.executable, "-m", "inngest", "--version"], [INNGEST, "--version"]]
    shown = [subprocess.check_output(command, text=True, cwd=tmp_path, env=environment()) for command in commands]
    assert shown[0] == shown[1]
    assert shown[0].startswith("pyngest 0.")


def test_a_reader_that_leaves_early_is_no_mistake(shop: Shop) -> None:
    pipe = f"{INNGEST} runs --database {shop.path} --json | true"
    ran = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, env=environment(), check=False)
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("as_json", ["", " --json"], ids=["for people", "JSON"])
def test_an_output_that_is_full_is_told(shop: Shop, as_json: str) -> None:
    full = f"{INNGEST} runs --database {shop.path}{as_json} > /dev/full"
    ran = subprocess.run(["bash", "-c", full], capture_output=True, text=True, env=environment(), check=False)
    expected = (
        "error: the output cannot be written: No space left on device\nfree some space there, or write it elsewhere\n"
    )
    assert (ran.returncode, ran.stderr) == (1, expected)


@pytest.mark.parametrize("as_json", ["", " --json"], ids=["for people", "JSON"])
def test_an_output_that_is_closed_is_nowhere(shop: Shop, as_json: str) -> None:
    for closed, code in (
        (f"runs --database {shop.path}{as_json} >&-", 0),
        (f"runs --database no.db{as_json} >&- 2>&-", 3),
    ):
        command = ["bash", "-c", f"{INNGEST} {closed}"]
        ran = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
        assert (ran.returncode, ran.stderr) == (code, "")


@pytest.mark.parametrize("command", [[INNGEST], [sys.executable, "-m", "inngest"]], ids=["inngest", "python -m"])
@pytest.mark.parametrize("module", ["typer", "pydantic"], ids=["of the commands", "of the package"])
def test_an_interruption_while_it_is_loaded_is_silent(tmp_path: Path, module: str, command: list[str]) -> None:
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt")
    env = environment(PYTHONPATH=str(tmp_path))
    ran = subprocess.run([*command, "runs"], capture_output=True, text=True, env=env, check=False)
    assert (ran.returncode, ran.stderr) == (130, "")


def test_an_error_while_it_is_loaded_is_shown(tmp_path: Path) -> None:
    (tmp_path / "pydantic.py").write_text("raise LookupError('it is gone')")
    env = environment(PYTHONPATH=str(tmp_path))
    ran = subprocess.run([sys.executable, "-m", "inngest"], capture_output=True, text=True, env=env, check=False)
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (1, "LookupError: it is gone")
