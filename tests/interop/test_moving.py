"""The page on moving from the hosted server and back, as written, by the official SDK for Python.

The hosted server is one of ours here, with keys of its own: it has runs under way as its app moves.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shlex
import subprocess
from collections.abc import Generator
from pathlib import Path

import httpx

from tests.cli.processes import PATIENCE, environment, inngest
from tests.cli.started import started
from tests.house.tree import ROOT
from tests.processes import free_ports

from .sdks import ENVIRONMENT

PAGE = (ROOT / "docs/howto/from-hosted.md").read_text(encoding="utf-8")
HOSTED = {"INNGEST_SIGNING_KEY": "signkey-prod-0123456789abcdef", "INNGEST_EVENT_KEY": "hosted-event-key"}


def block(language: str, containing: str = "") -> str:
    """The block of code of the page that has a text."""
    blocks: list[str] = re.findall(rf"^ *```{language}\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    (found,) = [one for one in blocks if containing in one]
    return found


@contextlib.contextmanager
def deployed(commands: str, folder: Path, **env: str) -> Generator[None]:
    """The app runs by commands of a shell; the last of them is to stay."""
    lines = commands.strip().splitlines()
    script = "\n".join([*lines[:-1], f"exec {lines[-1]}"])
    path = f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}"
    with subprocess.Popen(["sh", "-c", script], cwd=folder, env=environment(PATH=path, **env)) as process:
        try:
            yield
        finally:
            process.terminate()


def curl(command: str) -> httpx.Response:
    """Make the request of a command of curl."""
    program, *words = shlex.split(command)
    assert program == "curl"
    options = dict(itertools.pairwise(words))
    (url,) = [word for word in words if "://" in word]
    body = options.get("-d")
    return httpx.request(options.get("-X", "GET" if body is None else "POST"), url, content=body, timeout=PATIENCE)


def test_an_app_moves_and_comes_back_as_the_page_says(tmp_path: Path) -> None:
    server_port, app_port, old_port = map(str, free_ports(3))

    def here(text: str) -> str:
        return text.replace("8288", server_port).replace("8001", app_port)

    there, own, code = (tmp_path / name for name in ("hosted", "own", "code"))
    for folder in (there, own, code):
        folder.mkdir()
    (code / "shop.py").write_text(block("python"))
    old_app = f"http://127.0.0.1:{old_port}/api/inngest"

    with contextlib.ExitStack() as stack:
        hosted = stack.enter_context(started(there, "-u", old_app, **HOSTED))
        uvicorn = block("sh", "uvicorn").strip().splitlines()[-1]
        old = uvicorn.replace("8001", old_port)
        stack.enter_context(deployed(old, code, INNGEST_BASE_URL=hosted.url, **HOSTED))
        hosted.until("app shop has registered 1 function")
        event = {"name": "shop/order.placed", "data": {"order": 6}}
        assert httpx.post(f"{hosted.url}/e/{HOSTED['INNGEST_EVENT_KEY']}", json=event).status_code == 200
        hosted.until("shop-place-order began")

        (own / "inngest.toml").write_text(here(block("toml")))
        no_keys = {"INNGEST_SIGNING_KEY": "", "INNGEST_EVENT_KEY": ""}  # those of the file count
        assert block("sh", "inngest start").strip() == "inngest start"
        server = stack.enter_context(started(own, "--port", server_port, **no_keys))
        stack.enter_context(deployed(here(block("sh", "uvicorn")), code))
        server.until("app shop has registered 1 function")
        synced = curl(here(block("sh", "curl -X PUT")))
        assert (synced.status_code, synced.json()["ok"]) == (200, True)

        assert curl(here(block("sh", "event-key-of-the-web-site -d"))).json()["status"] == 200
        run_id = server.until("shop-place-order ended").split()[1]
        assert block("sh", "inngest runs\n").strip() == "inngest runs"
        (line,) = inngest("runs", cwd=own).stdout.splitlines()[1:]
        assert (run_id in line, line.endswith('"shipped, with its receipt for 7"')) == (True, True)

        hosted.until("shop-place-order ended")  # where it began, by the old deployment
        listed = inngest("runs", cwd=there).stdout.splitlines()[1:]
        assert [line.split()[-1] for line in listed] == ['6"']

        queued, running = block("sh", "--status").strip().splitlines()
        for command in (queued, running):
            assert inngest(*shlex.split(command)[1:], cwd=own).stdout == "no runs like that\n"
