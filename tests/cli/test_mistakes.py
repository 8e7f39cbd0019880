"""Arguments that cannot be: each is named with its value, and with `--json` as JSON, whoever notices it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inngest.cli.group import ELSEWHERE

from .conftest import Command, Shop

USAGE = 2


@pytest.mark.parametrize(
    ("arguments", "text", "hint"),
    [
        (("runs", "--limit", "abc"), "--limit: expected a whole number from 1 to 1,000, got 'abc'", None),
        (("runs", "--limit", "0"), "--limit: expected a whole number from 1 to 1,000, got '0'", None),
        (("dev", "app.py", "--port", "99999"), "--port: expected a whole number from 0 to 65,535, got '99999'", None),
        (("runs", "--nope"), "No such option: --nope", "`inngest runs --help`"),
        (("runs", "--database"), "--database", "`inngest runs --help`"),
        (("run",), "Missing argument 'RUN'", "`inngest run --help`"),
        (("nope",), "No such command 'nope'", "`inngest --help`"),
        ((), "No such option: --json", "`inngest --help`"),
    ],
)
def test_a_program_reads_of_every_mistake(
    command: Command, arguments: tuple[str, ...], text: str, hint: str | None
) -> None:
    ran = command(*arguments[:1], "--json", *arguments[1:])
    assert (ran.code, ran.err) == (USAGE, "")
    assert text in ran.json["error"]
    assert ran.json["hint"] == hint
    plain = command(*arguments) if arguments else command("--nope")
    assert (plain.code, plain.out) == (USAGE, "")
    assert arguments == () or text in plain.err


def test_code_is_no_argument_of_the_server(command: Command) -> None:
    ran = command("start", "shop.py", "--json")
    assert (ran.code, ran.err) == (USAGE, "")
    assert "shop.py" in ran.json["error"]
    assert "calls apps, whose URLs --sdk-url names. `inngest worker shop.py` and" in ran.json["hint"]
    assert "--sdk-url" in command("start", "shop.py").err


@pytest.mark.parametrize(
    ("arguments", "option", "hint"),
    [
        (("dev", "--no-poll"), "--no-poll", "--poll-interval 0 asks each app until it has registered, and not again"),
        (("dev", "-v"), "-v", "the version is told by `inngest --version`"),
        (("dev", "--log-level=debug"), "--log-level", "events, runs and steps are always shown"),
        (("start", "--queue-workers", "10"), "--queue-workers", "calls have no workers: 256 of an app, and 2,048"),
        (("start", "--postgres-uri", "x"), "--postgres-uri", "--database takes a URL, postgresql://user@host/database"),
    ],
)
def test_options_of_the_official_server_are_refused_with_what_stands_for_them(
    command: Command, arguments: tuple[str, ...], option: str, hint: str
) -> None:
    ran = command(*arguments, "--json")
    assert (ran.code, ran.err) == (USAGE, "")
    assert ran.json["error"] == f"`inngest {arguments[0]}` has no option {option}"
    assert hint in ran.json["hint"]
    plain = command(*arguments)
    assert (plain.code, plain.out) == (USAGE, "")
    assert hint in " ".join(plain.err.split())


def test_each_option_of_the_official_server_is_in_the_table_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/cli.md").read_text(encoding="utf-8")
    table = page.partition("## Options of the official server")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(--?[a-z-]+)`", table)) >= ELSEWHERE.keys()


def test_other_commands_say_nothing_of_the_official_server(command: Command) -> None:
    assert command("runs", "--no-poll", "--json").json["hint"] == "`inngest runs --help`"


def test_what_only_looks_like_the_option_is_not_it(command: Command) -> None:
    ran = command("runs", "--nope", "--", "--json")
    assert (ran.code, ran.out) == (USAGE, "")
    assert "No such option: --nope" in ran.err


def test_numbers_are_taken(command: Command, shop: Shop) -> None:
    assert len(command("runs", "--limit", "2", "--json", *shop.option).json["runs"]) == 2


def test_help_says_which_runs_release_means(command: Command) -> None:
    text = " ".join(command("release", "--help").out.replace("│", " ").split())
    assert "All runs of this function that are on hold" in text
    assert "All runs that this event started and that are on hold" in text
    assert "Without names" not in text
