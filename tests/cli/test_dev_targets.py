"""What `inngest dev` can be given, and how it says what cannot be run."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from .conftest import Command
from .processes import DevServer, inngest

CLIENT = 'import inngest\n\nclient = inngest.Inngest(app_id="{app}")\n'
FUNCTION = """

@{client}.create_function(fn_id="{name}", trigger=inngest.TriggerEvent(event="t/{name}"))
async def {name}(ctx: inngest.Context) -> str:
    return "{name}"
"""


def write(folder: Path, path: str, code: str) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(code)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A package whose modules import each other, a module beside it, and one with two clients."""
    write(tmp_path, "shop/__init__.py", "")
    write(tmp_path, "shop/clients.py", CLIENT.format(app="shop"))
    write(
        tmp_path,
        "shop/orders.py",
        "import inngest\nfrom .clients import client as c\n" + FUNCTION.format(client="c", name="order"),
    )
    write(
        tmp_path,
        "shop/sub/__init__.py",
        "import inngest\nfrom shop.clients import client\n" + FUNCTION.format(client="client", name="sub"),
    )
    write(tmp_path, "mail.py", CLIENT.format(app="mail") + FUNCTION.format(client="client", name="post"))
    two = CLIENT.format(app="one") + "other = inngest.Inngest(app_id='two')\n"
    functions = FUNCTION.format(client="client", name="first") + FUNCTION.format(client="other", name="second")
    write(tmp_path, "two.py", two + functions)
    write(tmp_path, "only.py", "from shop.orders import order\n")
    return tmp_path


@pytest.mark.parametrize(
    ("targets", "functions"),
    [
        (["shop/orders.py"], ["shop-order"]),
        (["./shop/orders.py:c"], ["shop-order"]),
        (["shop.orders"], ["shop-order"]),
        (["shop.orders:order"], ["shop-order"]),
        (["only.py"], ["shop-order"]),
        (["shop/sub"], ["shop-sub"]),
        (["shop.orders", "shop.sub", "mail.py"], ["shop-order", "shop-sub", "mail-post"]),
        (["two.py"], ["one-first", "two-second"]),
        (["two:other"], ["two-second"]),
    ],
)
def test_targets(project: Path, targets: list[str], functions: list[str]) -> None:
    with DevServer(project, *targets, "--no-reload") as server:
        assert [function["id"] for function in server.serving()["functions"]] == functions
        name = functions[-1].partition("-")[2]
        server.send(f"t/{name}")
        assert server.expect("run.completed")["output"] == name


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("gone.py", "gone.py: there is no such file (looked in "),
        ("shop/gone.py:client", "shop/gone.py: there is no such file"),
        ("empty/", "empty/: that folder is no package: it has no __init__.py"),
        ("some file.py", "some file.py cannot be imported: 'some file' is no module name, rename it"),
        ("not-a-module", "'not-a-module' is no target"),
        ("", "'' is no target"),
    ],
)
def test_a_target_that_names_no_file_is_said_at_once(command: Command, tmp_path: Path, target: str, text: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "some file.py").touch()
    ran = command("dev", target, "--port", "0")
    assert ran.code == 2
    assert text in ran.err
    assert "expected a file (path/app.py), a module (package.module)" in ran.err.replace("\n", " ")
    assert text in command("dev", target, "--port", "0", "--json").json["error"]


@pytest.mark.parametrize(
    ("target", "text", "hint"),
    [
        ("shop.gone", "there is no module 'shop.gone'; looked in ", "expected a file"),
        (
            "plain.py",
            "plain.py: no client was found in the module 'plain'",
            "expected an inngest.Inngest at its top level",
        ),
        ("folder", "folder: the module 'folder' is a folder without code of its own", "(folder/app.py)"),
        ("idle.py", "idle.py: the client has no functions", "make one with @client.create_function(…)"),
        ("mail:nothing", "mail:nothing: expected an inngest.Inngest client, found nothing of that name", ""),
        ("mail:inngest", "mail:inngest: expected an inngest.Inngest client, found a module", ""),
        ("json.py", "json.py: another module is called 'json' too: ", "rename the file"),
    ],
)
def test_a_target_with_nothing_to_run_is_said_and_ends_it(project: Path, target: str, text: str, hint: str) -> None:
    write(project, "plain.py", "x = 1\n")
    (project / "folder").mkdir()
    write(project, "json.py", CLIENT.format(app="json"))
    write(project, "idle.py", CLIENT.format(app="idle"))
    mode = "--reload" if target in ("shop.gone", "idle.py") else "--no-reload"
    ran = inngest("dev", target, "--port", "0", mode, cwd=project)
    assert ran.returncode == 2
    assert text in ran.stdout
    assert hint in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr
    assert not (project / ".inngest" / "inngest.db").exists()


def test_code_that_cannot_be_loaded_ends_it_without_reload(project: Path) -> None:
    write(project, "broken.py", "def f(:\n    pass\n")
    ran = inngest("dev", "broken.py", "--port", "0", "--no-reload", cwd=project)
    assert ran.returncode == 1
    assert "broken.py cannot be loaded: SyntaxError: invalid syntax (broken.py, line 1)" in ran.stdout
    assert "    def f(:\n" in ran.stdout
    assert "importlib" not in ran.stdout + ran.stderr


def test_a_function_that_the_engine_cannot_run_ends_it_without_reload(project: Path) -> None:
    write(
        project,
        "cron.py",
        (project / "mail.py")
        .read_text()
        .replace('TriggerEvent(event="t/post")', 'TriggerEvent(event="inngest/function.done")'),
    )
    ran = inngest("dev", "cron.py", "--port", "0", "--no-reload", cwd=project)
    assert ran.returncode == 1
    assert "'mail-post' has TriggerEvent(event='inngest/function.done')" in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr


def test_a_port_in_use_is_said(command: Command, project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = command("dev", str(project / "mail.py"), "--port", str(port))
    assert ran.code == 3
    assert f"--port: {port} is in use at 127.0.0.1: another server may be running" in ran.err
    assert "--port 0 takes any that is free" in ran.err


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (("--host", "no.such.host.invalid"), 2, "--host: 'no.such.host.invalid' is no address of this machine"),
        (("--host", "192.0.2.1"), 2, "--host: '192.0.2.1' is no address of this machine"),
        (("--retry-interval", "often"), 2, "--retry-interval: expected seconds, or a length of time such as"),
        (("--max-steps", "0"), 2, "--max-steps: expected a whole number from 1 to 10,000, got '0'"),
        (("--retry-interval", "2d"), 2, "--retry-interval: expected at most 24 h, got '2d'"),
        (("--drain-timeout", "-5"), 2, "--drain-timeout: expected seconds"),
        (("--database", "mysql:///shop"), 2, "--database: expected a file such as .inngest/inngest.db"),
        (("--database", "mail.py/inngest.db"), 3, "--database: the folder mail.py cannot be made: File exists"),
        (("--port", "99999"), 2, "--port: expected a whole number from 0 to 65,535, got '99999'"),
    ],
)
def test_an_option_that_cannot_be_is_said(
    command: Command, project: Path, options: tuple[str, ...], code: int, text: str
) -> None:
    ran = command("dev", "mail.py", "--port", "0", *options)
    assert ran.code == code
    assert text in ran.err


def test_a_database_that_cannot_be_used_ends_it(project: Path) -> None:
    write(project, "text.db", "hello " * 1000)
    for mode in ("--reload", "--no-reload"):
        ran = inngest("dev", "mail.py", "--port", "0", "--database", "text.db", mode, cwd=project)
        assert ran.returncode == 3
        assert "text.db is not an SQLite database: name another file" in ran.stdout + ran.stderr
        assert "Traceback" not in ran.stdout + ran.stderr


def test_the_default_database_is_ignored_by_git(project: Path) -> None:
    with DevServer(project, "mail.py", "--no-reload") as server:
        server.serving()
        assert (project / ".inngest" / ".gitignore").read_text() == "*\n"
        assert (project / ".inngest" / "inngest.db").is_file()
