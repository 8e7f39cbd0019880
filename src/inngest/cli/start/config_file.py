"""The file of settings: `inngest.toml` or `inngest.json`, in the current folder or one above it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from inngest.cli.errors import CommandError, Exit

NAMES = ("inngest.toml", "inngest.json")
_FOREIGN = ("inngest.yaml", "inngest.yml")


class ConfigFile(NamedTuple):
    """Settings of a file."""

    path: Path | None  # None: there is none
    values: Mapping[str, object]
    lines: Mapping[tuple[str, str], int] = {}  # where names stand: by the table, "" for none, and the name

    def place(self, name: str, table: str = "") -> str:
        """Where a name stands, for people: "port in inngest.toml, line 3"."""
        line = self.lines.get((table, name))
        return f"{name} in {self.path}" + (f", line {line}" if line else "")


def read(named: str | None, folder: Path) -> ConfigFile:
    """The settings of a file.

    Args:
        named: its path; None: the nearest one of `NAMES`, from a folder upwards.
        folder: where the command runs.

    Raises:
        CommandError: it is not there, or cannot be read.
    """
    path = folder / named if named else _nearest(folder)
    if path is None:
        return ConfigFile(None, {})
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CommandError(f"--config: there is no file {path}", code=Exit.UNREACHABLE) from None
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}", code=Exit.UNREACHABLE) from None
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not UTF-8 text: byte {error.start}") from None
    return ConfigFile(path, _parsed(path, text), _lines(text) if path.suffix == ".toml" else {})


def _nearest(folder: Path) -> Path | None:
    for place in (folder, *folder.parents):
        for name in NAMES:
            if (place / name).is_file():
                return place / name
        for name in _FOREIGN:
            if (place / name).is_file():
                raise CommandError(f"{place / name}: YAML is not read", hint=f"write it as {place / NAMES[0]}")
    return None


_TABLE = re.compile(r"\s*\[\s*([\w-]+)\s*\]")
_NAME = re.compile(r"""\s*(["']?)([\w-]+)\1\s*=""")


def _lines(text: str) -> dict[tuple[str, str], int]:
    """The lines of names, by their tables. Text over several lines may mislead it: it is for messages only."""
    found: dict[tuple[str, str], int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = header[1]
            found.setdefault(("", table), number)
        elif name := _NAME.match(line):
            found.setdefault((table, name[2]), number)
    return found


def _parsed(path: Path, text: str) -> Mapping[str, object]:
    if path.suffix in (".yaml", ".yml"):
        raise CommandError(f"{path}: YAML is not read", hint=f"write it as TOML, in a file such as {NAMES[0]}")
    if path.suffix not in (".toml", ".json"):
        raise CommandError(f"{path}: expected a file that ends with .toml or .json")
    try:
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (ValueError, RecursionError) as error:  # its text tells a place, and nothing that stands there
        raise CommandError(f"{path} cannot be read: {error}", hint=_line(path, text, str(error))) from None
    if not isinstance(values, dict):
        raise CommandError(f"{path}: expected an object with settings, such as " + '{"port": 8288}')
    return values


_PLACE = re.compile(r"\bline (\d+)")
_BEGINNING = re.compile(r"""\s*["']?[\w-]+["']?\s*[=:]""")


def _line(path: Path, text: str, told: str) -> str:
    """The line that an error names, as far as its value, which may be a key; "" if there is none."""
    place, lines = _PLACE.search(told), text.splitlines()
    if place is None or not 0 < int(place[1]) <= len(lines):
        return ""
    name = _BEGINNING.match(lines[int(place[1]) - 1])
    expected = 'NAME = "text", NAME = number, or NAME = ["text", "text"]' if path.suffix == ".toml" else '"NAME": value'
    return (
        f"line {place[1]} is `{name[0]}…`; expected {expected}" if name else f"expected {expected} in line {place[1]}"
    )
