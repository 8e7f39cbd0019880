"""The pages on serving, as written: a real server loads their code as a file, by the command that the page shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

import inngest
from tests.house.tree import ROOT
from tests.processes import free_ports

from .carriers import over_asgi, over_werkzeug
from .driving import Carry, Run, Told

HOWTO = ROOT / "docs/howto"
READY = re.compile(r"Uvicorn running|Booting worker|^http://")


def code_of(page: str, language: str = "python") -> list[str]:
    text = (HOWTO / page).read_text(encoding="utf-8")
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


@pytest.fixture(autouse=True)
def dev(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNGEST_DEV", "1")


def names_of(page: str) -> dict[str, Any]:
    """The names that the code of a page gives, all of it."""
    names: dict[str, Any] = {"__name__": "shop"}
    for block in code_of(page):
        exec(compile(block, page, "exec"), names)
    return names


def placed(carry: Carry) -> None:
    """The page's function runs to its end."""
    ended = Run(carry, "shop-place-order", {"order": 42}).drive()
    assert (ended.output, ended.steps) == ("shipped, with its receipt for 42", ["charge", "cool off"])


# -- with real servers


@contextmanager
def server(command: str, folder: Path, port: int) -> Generator[Carry]:
    """A server, started in a folder by a command of a page, with another port."""
    words = shlex.split(command.replace("8000", str(port)))
    environ = {**os.environ, **dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))}
    program, *rest = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    run = [sys.executable, *rest] if program == "python" else [sys.executable, "-m", program, *rest]
    process = subprocess.Popen(
        run, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        seen: list[str] = []
        for line in process.stdout:
            seen.append(line)
            if READY.search(line):
                break
        else:
            raise AssertionError("".join(seen))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=None) as asker:

            def carry(method: str, query: str, headers: Mapping[str, str], body: bytes) -> Told:
                answer = asker.request(method, f"/api/inngest?{query}", headers=dict(headers), content=body)
                return Told(answer.status_code, answer.headers, answer.content)

            yield carry
    finally:
        process.terminate()
        process.communicate()


def commands_of(page: str) -> list[str]:
    return [line for block in code_of(page, "sh") for line in block.splitlines() if line.startswith("INNGEST_DEV")]


@pytest.mark.parametrize(
    "page",
    ["serve-fastapi.md", "serve-starlette.md", "serve-flask.md", "serve-litestar.md", "serve-tornado.md"],
)
def test_the_file_of_a_page_is_served_by_its_command(page: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    text = code_of(page)[0].replace("8000", str(port))
    (tmp_path / "shop.py").write_text(text, encoding="utf-8")
    (command,) = commands_of(page)
    with server(command, tmp_path, port) as carry:
        placed(carry)
        assert carry("GET", "", {}, b"").status == 200


def test_the_project_of_the_page_on_django_is_served_by_its_command(tmp_path: Path) -> None:
    jobs, urls = code_of("serve-django.md")
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "__init__.py").touch()
    (shop / "jobs.py").write_text(jobs, encoding="utf-8")
    (shop / "urls.py").write_text(f"from shop.jobs import client, place_order\n\n{urls}", encoding="utf-8")
    settings = 'SECRET_KEY = "s"\nALLOWED_HOSTS = ["*"]\nROOT_URLCONF = "shop.urls"\n'
    settings += 'MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware"]\n'
    (shop / "settings.py").write_text(settings, encoding="utf-8")
    wsgi = 'import os\n\nos.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"\n'
    wsgi += "from django.core.wsgi import get_wsgi_application\n\napplication = get_wsgi_application()\n"
    (shop / "wsgi.py").write_text(wsgi, encoding="utf-8")
    (command,) = commands_of("serve-django.md")
    with server(command, tmp_path, *free_ports(1)) as carry:
        placed(carry)


# -- in process


def test_the_overview() -> None:
    names = names_of("serve.md")
    with over_asgi(names["app"]) as carry:
        placed(carry)
    with over_asgi(names["app"], "/jobs") as carry:
        placed(carry)


def test_what_the_page_on_fastapi_says_of_streams() -> None:
    with over_asgi(names_of("serve-fastapi.md")["streaming"]) as carry:
        placed(carry)
        assert carry("POST", "fnId=shop-place-order", {}, b"").status == 500


def test_an_endpoint_is_mounted() -> None:
    with over_asgi(names_of("serve-starlette.md")["whole"], "/jobs/") as carry:
        placed(carry)


def test_the_simulator_of_digital_ocean() -> None:
    names = names_of("serve-digital-ocean.md")
    placed(over_werkzeug(names["app"], names["FULL_PATH"]))
    assert names["app"].test_client().get(names["FULL_PATH"]).status_code == 200


def test_the_handler_of_aws_lambda() -> None:
    handler = names_of("serve-aws-lambda.md")["handler"]

    def carry(method: str, query: str, headers: Mapping[str, str], body: bytes) -> Told:
        about = {"http": {"method": method, "path": "/api/inngest"}}
        event = {"rawPath": "/api/inngest", "rawQueryString": query, "headers": headers, "requestContext": about}
        answer = handler({**event, "body": body.decode()}, None)
        return Told(answer["statusCode"], answer["headers"], answer["body"].encode())

    placed(carry)


# -- what is missing


@pytest.mark.parametrize(
    ("module", "framework", "install"),
    [
        ("fast_api", "fastapi", "pyngest[fast-api]"),
        ("flask", "flask", "pyngest[flask]"),
        ("django", "django", "pyngest[django]"),
        ("tornado", "tornado", "pyngest[tornado]"),
        ("litestar", "litestar", "pyngest[litestar]"),
        ("experimental.digital_ocean_simulator", "flask", "pyngest[flask]"),
    ],
)
def test_a_framework_that_is_missing_is_named_with_what_to_install(module: str, framework: str, install: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules[{framework!r}] = None; import inngest.{module}"],
        capture_output=True,
        text=True,
        check=False,
    )
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: inngest.{module} needs ")
    assert last.endswith(f": pip install '{install}'")


def test_no_framework_is_needed_for_the_functions_of_a_cloud() -> None:
    blocked = "for name in ('fastapi', 'flask', 'django', 'starlette', 'tornado', 'litestar'): sys.modules[name] = None"
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys\n{blocked}\nimport inngest.digital_ocean, inngest.aws_lambda"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_each_module_says_what_is_public() -> None:
    for name in ("fast_api", "flask", "django", "tornado", "litestar", "digital_ocean", "aws_lambda", "starlette"):
        module = __import__(f"inngest.{name}", fromlist=["serve"])
        assert isinstance(module, ModuleType)
        assert callable(module.serve)
    assert isinstance(inngest.Streaming.FORCE, inngest.Streaming)
