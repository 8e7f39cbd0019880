"""Values of arguments and options, read from text. Each mistake is named with what was expected."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from inngest.protocol import durations, limits, ulids
from inngest.runtime.shared_databases import LEASE, LONGEST_LEASE, SCHEMES, SHORTEST_LEASE, is_shared

from .errors import CommandError, Exit

MAX_STEPS = "1000"
"""The default of --max-steps."""

MAX_PORT = 65_535

MAX_RETRY_INTERVAL = MAX_DRAIN = 86_400.0
"""Seconds."""

DEFAULT_DATABASE = ".inngest/inngest.db"

WHOLE_ID = 26
"""Characters of an id."""

SHORTEST_END = 4
"""Characters of a run's id that tell runs apart at a glance: the log of `inngest dev` shows them; they name a run."""

_END = re.compile(rf"[0-9A-HJKMNP-TV-Z]{{{SHORTEST_END},{WHOLE_ID - 1}}}")

_NEARLY_A_URL = re.compile(r"(postgres|postgresql|sqlite)(\+\w+)?(:|//)")
"""The begin of a text that is meant as a URL: no file is made that has its name."""

_EXAMPLE = """an object, such as '{"order_id": 42}'; @file reads a file, - reads the standard input"""
_VALUE = """a JSON value, such as true, '"yes"' or '{"by": "Ada"}'; @file reads a file, - reads the standard input"""


LOG_FORMATS = ("text", "json")


def is_json(place: str, log_format: str | None) -> bool:
    """Whether log lines are JSON.

    Args:
        place: where the format was given, for people.
        log_format: `text` or `json`; None: text.

    Raises:
        CommandError: it is another.
    """
    if log_format is not None and log_format not in LOG_FORMATS:
        raise CommandError(f"{place}: expected {' or '.join(LOG_FORMATS)}, got {log_format!r:.80}")
    return log_format == "json"


def event_data(text: str | None) -> dict[str, object]:
    """The data of an event: JSON, `@file`, `-` for the standard input, or nothing."""
    if text is None:
        return {}
    where, source, value = _json(text, _EXAMPLE)
    if not isinstance(value, dict):
        raise CommandError(f"{where} is JSON, but not an object: {source.strip()[:60]}", hint=f"expected {_EXAMPLE}")
    return value


def json_value(text: str | None) -> object:
    """A JSON value, `@file`, `-` for the standard input, or nothing, which is null."""
    return None if text is None else _json(text, _VALUE)[2]


def _json(text: str, expected: str) -> tuple[str, str, object]:
    """Where it was read, what was read there, and its value."""
    where, source = "DATA", text
    if text == "-":
        where, source = "the standard input", _read_stdin()
    elif text.startswith("@"):
        where, source = text[1:], _read_file(Path(text[1:]))
    try:
        return where, source, json.loads(source)
    except json.JSONDecodeError as error:
        raise CommandError(
            f"{where} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}",
            hint=f"{_pointed(source, error.lineno, error.colno)}expected {expected}",
        ) from None
    except (RecursionError, ValueError) as error:
        raise CommandError(f"{where} cannot be read as JSON: {error}", hint=f"expected {expected}") from None


def _pointed(source: str, line: int, column: int) -> str:
    lines = source.splitlines()
    if line > len(lines):
        return ""
    start = max(0, column - 60)
    return f"  {lines[line - 1][start : column + 20]}\n  {' ' * (column - 1 - start)}^\n"


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"@{path} cannot be read: {error.strerror}", hint="expected @ and the path of a file"
        ) from None
    except UnicodeDecodeError as error:
        raise CommandError(f"@{path} is not UTF-8 text: byte {error.start}") from None


def _read_stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise CommandError(f"the standard input is not UTF-8 text: byte {error.start}") from None


def seconds(option: str, text: str | None) -> float | None:
    """A length of time: seconds, or with a unit (`500ms`, `30s`, `5m`, `1h30m`)."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        try:
            value = durations.parse(text) / 1_000
        except ValueError:
            value = -1.0
    if not 0 <= value < float("inf"):
        raise CommandError(
            f"{option}: expected seconds, or a length of time such as 500ms, 30s, 5m or 1h, got {text!r}"
        )
    return value


def seconds_at_most(option: str, text: str | None, most: float) -> float | None:
    """A length of time, as for `seconds`.

    Args:
        option: its name.
        text: the time; None if none is given.
        most: seconds.
    """
    value = seconds(option, text)
    if value is not None and value > most:
        raise CommandError(f"{option}: expected at most {most / 3_600:g} h, got {text!r}")
    return value


def app_url(option: str, text: str) -> str:
    """The URL of an app; without a scheme it is http."""
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise CommandError(
            f"{option}: expected the URL at which an app serves its functions, such as "
            f"http://localhost:3000/api/inngest, got {text!r}"
        )
    return url


def whole(digits: str) -> int | None:
    """A whole number of plain digits alone; None if it is none, or longer than what is read."""
    if not digits.isascii() or not digits.isdigit():
        return None
    try:
        return int(digits)
    except ValueError:  # thousands of digits
        return None


def whole_number(option: str, text: str, least: int, most: int) -> int:
    """A whole number."""
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise CommandError(f"{option}: expected a whole number from {least:,} to {most:,}, got {text!r}")
    return value


def max_steps(text: str) -> int:
    """The steps that a run may have."""
    return whole_number("--max-steps", text, 1, limits.ABSOLUTE_MAX_STEPS)


def ulid(what: str, text: str, also: str = "") -> str:
    """An id of a run or an event, as text in upper case; `also` says what else is taken."""
    try:
        ulids.read(text.upper())
    except ValueError:
        raise CommandError(
            f"{what}: {text!r} is not an id: expected {WHOLE_ID} letters and digits, "
            f"such as 01KAQ2V7W6T4M3N8S9E0R5Y1XZ{also}",
            hint="`inngest runs` lists runs with their ids",
        ) from None
    return text.upper()


def id_or_end(what: str, text: str) -> str:
    """The id of a run, or the end of one, in upper case."""
    if _END.fullmatch(text.upper()):
        return text.upper()
    return ulid(what, text, f", or at least the last {SHORTEST_END} of them")


def database_named(text: str) -> Path | str:
    """The database of `--database`: the file of a path, or of an SQLite URL; or the URL of a PostgreSQL database."""
    if is_shared(text):
        return _checked_url(text)
    if "://" not in text and text and not _NEARLY_A_URL.match(text):
        return Path(text)
    scheme, _, path = text.partition(":///")
    if scheme != "sqlite" or path in ("", ":memory:"):
        raise CommandError(
            f"--database: expected a file such as {DEFAULT_DATABASE}, sqlite:///{DEFAULT_DATABASE}, "
            f"or {SCHEMES[0]}user@host/database, got {text!r}"
        )
    return Path(path)


def _checked_url(text: str) -> str:
    """A URL of a PostgreSQL database, which can be read."""
    from inngest.embedded import settings  # noqa: PLC0415 - it loads the driver
    from inngest.embedded.errors import EngineConfigError  # noqa: PLC0415 - likewise

    try:
        settings.database_named(text)
    except EngineConfigError as error:
        raise CommandError(f"--{error.message}") from None
    return text


def database_url(database: str) -> str:
    """The URL of a database, of which `database_named` gave the name."""
    return database if is_shared(database) else f"sqlite:///{quote(database)}"


def shown(database: str, url: str) -> str:
    """The name of a database for people: a file as it was given, PostgreSQL without its password.

    Args:
        database: what `database_named` gave.
        url: what may be shown of a database that is no file.
    """
    return url if is_shared(database) else database


def lease(what: str, text: str | None) -> int:
    """Milliseconds of a lease, 2 s to 5 min; 15 s if none is given."""
    value = seconds(what, text)
    if value is None:
        return LEASE
    ms = round(value * 1_000)
    if not SHORTEST_LEASE <= ms <= LONGEST_LEASE:
        raise CommandError(f"{what}: expected 2 s to 5 min, got {text!r}")
    return ms


def retention(what: str, text: str | None) -> int | Literal["default"] | None:
    """Milliseconds that a run is kept after its end; None: for ever ("off"); "default" if none is given."""
    if text is None:
        return "default"
    if text == "off":
        return None
    try:
        value = seconds(what, text)
    except CommandError as error:
        raise CommandError(error.message, hint="or off, which keeps all") from None
    assert value is not None
    if value < 1:
        raise CommandError(f"{what}: expected at least 1 s, such as 12h or 30d, or off, got {text!r}")
    return round(value * 1_000)


def make_folder(database: Path | str) -> None:
    """Make the folder of the database, if it is a file; the default one is ignored by git."""
    if isinstance(database, str):
        return
    folder = database.parent
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True)
        if folder.name == ".inngest":
            (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"--database: the folder {folder} cannot be made: {error.strerror}", code=Exit.UNREACHABLE
        ) from None


def existing_database(text: str) -> Path | str:
    """The database of `--database`; a file must be there."""
    path = database_named(text)
    if isinstance(path, Path) and not path.is_file():
        what = "it is a folder" if path.is_dir() else "there is no such file"
        raise CommandError(
            f"--database: {path} cannot be read: {what}",
            hint="run this where `inngest dev` runs, or name its database with --database",
            code=Exit.UNREACHABLE,
        )
    return path
