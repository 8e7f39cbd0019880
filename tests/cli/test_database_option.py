"""Which database a command uses: what the command line says, else the environment; and texts that name none."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import typer.main

from inngest.cli.app import app

from .conftest import Command, Shop

USAGE, UNREACHABLE = 2, 3


def test_every_command_but_dev_takes_the_database_of_the_environment() -> None:
    group: Any = typer.main.get_group(app)
    commands = {name: [one, *getattr(one, "commands", {}).values()] for name, one in group.commands.items()}
    found = {
        name: parameter.envvar
        for name, parts in commands.items()
        for part in parts
        for parameter in part.params
        if parameter.name == "database"
    }
    assert len(found) > 10
    assert found.pop("dev") is None  # the environment may name that of production
    assert found.pop("start") is None  # it has settings, of which the environment is one
    assert set(found.values()) == {"INNGEST_DATABASE"}


def test_the_command_line_counts_before_the_environment(
    command: Command, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INNGEST_DATABASE", "absent.db")
    ran = command("runs")
    assert (ran.code, "absent.db cannot be read" in ran.err) == (UNREACHABLE, True)
    assert command("runs", "--database", str(shop.path)).code == 0
    monkeypatch.setenv("INNGEST_DATABASE", str(shop.path))
    assert command("runs", "--json").json["runs"]
    assert command("db", "status").code == 0


@pytest.mark.parametrize(
    "text",
    ["postgresql//shop@localhost/shop", "postgresql:/shop@localhost/shop", "postgres:shop", "sqlite:shop.db", ""],
)
@pytest.mark.parametrize("arguments", [("runs",), ("worker", "app.py"), ("dev", "app.py")])
def test_no_file_is_made_of_what_is_nearly_a_url(command: Command, arguments: tuple[str, ...], text: str) -> None:
    ran = command(*arguments, "--database", text)
    assert (ran.code, ran.out) == (USAGE, "")
    assert "--database: expected a file such as" in ran.err
    assert f"or postgresql://user@host/database, got {text!r}" in " ".join(ran.err.split())


@pytest.mark.parametrize("arguments", [("runs",), ("db", "migrate"), ("worker", "app.py")])
def test_a_wrong_url_is_a_wrong_option(command: Command, arguments: tuple[str, ...]) -> None:
    ran = command(*arguments, "--database", "postgresql://shop@localhost/shop?shema=billing", "--json")
    assert (ran.code, ran.err) == (USAGE, "")
    assert ran.json["error"].startswith("--database: expected a URL such as postgresql://")
    assert ran.json["error"].endswith('invalid URI query parameter: "shema"')


def test_a_driver_that_is_missing_is_named_with_its_extra(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("inngest.engine.store.dialects.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    ran = command("runs", "--database", "postgresql://shop@localhost/shop")
    assert ran.code == USAGE
    assert 'PostgreSQL needs its driver: pip install "pyngest[postgres]"' in " ".join(ran.err.split())


def test_a_retention_that_is_no_time_may_be_off(command: Command) -> None:
    ran = command("worker", "app.py", "--retention", "forever", "--json")
    assert (ran.code, ran.json["hint"]) == (USAGE, "or off, which keeps all")
    assert ran.json["error"].endswith("got 'forever'")
