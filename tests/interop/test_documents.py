"""The page of `step.run` as it stands, served on FastAPI as a quick start serves: by the official SDK, and by ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.processes import DevServer, environment
from tests.cli.test_page import PAGE, STEPS
from tests.processes import free_ports

from .sdks import ENVIRONMENT

BEFORE = """
import functools
import logging

import fastapi
import inngest
import inngest.fast_api

inngest_client = inngest.Inngest(app_id="page", logger=logging.getLogger("uvicorn"))
"""
AFTER = """
app = fastapi.FastAPI()
inngest.fast_api.serve(app, inngest_client, [fn])
"""


@contextmanager
def served(python: Path, folder: Path, port: str, server: str) -> Generator[Path]:
    """The app runs by uvicorn, until the block ends; the file with what it prints."""
    words = [str(python), "-m", "uvicorn", "main:app", "--port", port, "--log-level", "warning"]
    told = environment(INNGEST_DEV=server, PYTHONUNBUFFERED="1")
    printed = folder / "printed"
    with printed.open("w") as out, subprocess.Popen(words, cwd=folder, env=told, stdout=out) as process:
        try:
            yield printed
        finally:
            process.terminate()


@pytest.mark.parametrize("python", [ENVIRONMENT / "bin" / "python", Path(sys.executable)], ids=["official", "ours"])
def test_the_page_runs_as_it_stands(python: Path, tmp_path: Path) -> None:
    server_port, app_port = map(str, free_ports(2))
    (tmp_path / "main.py").write_text(BEFORE + PAGE + AFTER)
    url = f"http://127.0.0.1:{app_port}/api/inngest"
    with (
        served(python, tmp_path, app_port, f"http://127.0.0.1:{server_port}") as app,
        DevServer(tmp_path, "-u", url, port=int(server_port)) as server,
    ):
        server.serving()
        server.has_said("app.registered", app="page")
        server.send("app/my_function", {"user_id": "user-1234"})
        steps = [server.expect("step.completed") for _ in STEPS]
        assert [(step["step"], step["attempt"], step["output"]) for step in steps] == [(one, 0, None) for one in STEPS]
        assert server.expect("run.completed", function_id="page-my_function")["output"] is None
    assert app.read_text() == "user-1234\n"  # the page prints it, once
