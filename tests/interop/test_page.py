"""The page on other SDKs, as written: its apps run under our server, by the commands that it shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import DevServer, inngest
from tests.house.tree import ROOT
from tests.processes import free_ports

from .sdks import ENVIRONMENT, MODULES, NODE

PAGE = (ROOT / "docs/howto/other-sdks.md").read_text(encoding="utf-8")


def block(language: str, number: int = 0) -> str:
    """A block of code of the page."""
    found: str = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[number]
    return found


@contextmanager
def app(command: str, folder: Path, path: Path, ports: Mapping[str, str]) -> Generator[None]:
    """The page's command runs, with programs of a folder."""
    for shown, port in ports.items():
        command = command.replace(shown, port)
    setting, *words = shlex.split(command)
    name, _, value = setting.partition("=")
    environ = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}", name: value}
    with subprocess.Popen(words, cwd=folder, env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def answer_of(url: str, process_is_up: float = 60) -> httpx.Response:
    """What `curl -L` gets, as soon as somebody listens there."""
    until = time.monotonic() + process_is_up
    while True:
        try:
            return httpx.get(url, follow_redirects=True, timeout=60)
        except httpx.ConnectError:
            assert time.monotonic() < until, f"nobody listens at {url}"


def test_its_endpoint_runs_under_our_server(tmp_path: Path) -> None:
    ports: dict[str, str] = dict(zip(("8288", "8001"), map(str, free_ports(2)), strict=True))
    (tmp_path / "endpoint.mjs").write_text(block("js", 1).replace("8001", ports["8001"]))
    (tmp_path / "node_modules").symlink_to(MODULES / "node_modules")
    (url,) = re.findall(r"'(http[^']*)'", block("sh", 5))
    with (
        DevServer(tmp_path, port=int(ports["8288"])) as server,
        app(block("sh", 4).strip(), tmp_path, NODE[0].parent, ports),
    ):
        server.serving()
        answer = answer_of(url.replace("8001", ports["8001"]))
        assert (answer.status_code, answer.json()) == (200, {"order": "7", "receipt": "receipt for 7"})
        assert [one.status_code for one in answer.history] == [302]
        server.has_said("run.completed", function_id=f"127.0.0.1:{ports['8001']}-ship")


@pytest.mark.parametrize(("language", "file", "number"), [("python", "shop.py", 0), ("js", "shop.mjs", 1)])
def test_its_app_runs_under_our_server(language: str, file: str, number: int, tmp_path: Path) -> None:
    ports: dict[str, str] = dict(zip(("8288", "8000"), map(str, free_ports(2)), strict=True))
    (tmp_path / file).write_text(block(language).replace("8000", ports["8000"]))
    (tmp_path / "node_modules").symlink_to(MODULES / "node_modules")
    program = {"python": ENVIRONMENT / "bin", "js": NODE[0].parent}[language]
    *_, dev, send = re.findall(r"^inngest (.*)$", block("sh", 2) + block("sh", 3), re.MULTILINE)
    dev = dev.replace("8000", ports["8000"]).removeprefix("dev ")
    with (
        app(block("sh", number).strip(), tmp_path, program, ports),
        DevServer(tmp_path, *shlex.split(dev), port=int(ports["8288"])) as server,
    ):
        server.serving()
        server.has_said("app.registered", app="shop")
        sent = inngest(*shlex.split(send), cwd=tmp_path, INNGEST_DEV=server.url)
        assert sent.stdout.rstrip().endswith('"shipped, with its receipt for 7"'), sent
