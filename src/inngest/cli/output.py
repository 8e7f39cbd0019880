"""The output of commands: for people with colour, for programs as JSON."""

from __future__ import annotations

import contextlib
import datetime
import errno
import io
import json
import os
import re
import sys
from typing import Any, Self, TextIO

from rich.console import Console
from rich.text import Text

WIDE = 240
"""Columns of output that is not a terminal: nothing is cut off there."""


_UNSEEN = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},  # ␛ and the like
    0x7F: 0x2421,
    **dict.fromkeys([*range(0x80, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD),
}
"""What moves the cursor of a terminal, changes its colours or turns text round: a picture of it, as long as it is."""


def plain(text: str) -> str:
    """Text that a terminal only shows."""
    return text.translate(_UNSEEN)


class PlainConsole(Console):
    """A console whose texts cannot steer the terminal: what users, and the errors of their code, say is only shown."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print texts, as `Console.print` does."""
        super().print(*(_plain(one) for one in objects), **options)


def _plain(one: object) -> object:
    if isinstance(one, str):
        return plain(one)
    if isinstance(one, Text):
        shown = one.copy()
        shown.plain = plain(one.plain)
        return shown
    return one


def console(stream: TextIO | None = None, kind: type[PlainConsole] = PlainConsole) -> PlainConsole:
    """A console that prints user data as it is: no markup, no emoji codes, no guessed highlights, no control codes."""
    file = sys.stdout if stream is None else stream
    return kind(
        file=file, markup=False, emoji=False, highlight=False, soft_wrap=True, width=None if file.isatty() else WIDE
    )


UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""What a write to a standard stream fails with when the file behind it is full, too large, lost or closed."""


def unwritable(error: OSError) -> None:
    """Say that the output could not be written, and have what is left of it go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with contextlib.suppress(OSError):
        failure(f"the output cannot be written: {error.strerror}", "free some space there, or write it elsewhere")


def write_all() -> None:
    """Have the standard streams write every text: what their encoding has not is written as its escape.

    A stream that was closed before the command began writes to nowhere. It is opened before any file of ours, which
    would get its number.
    """
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


_CONTROLS = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""Control characters that JSON may have as they are, and a terminal obeys."""

_LINES = json.JSONEncoder(ensure_ascii=False, default=str)
"""Made once: a development server writes a line for each step, before the next one is called."""


def json_line(value: object, stream: TextIO) -> str:
    """One line of JSON that a stream can write: with JSON's escapes if its encoding has not all characters."""
    return json_text(value, stream)


def json_text(value: object, stream: TextIO, *, indent: int | None = None) -> str:
    """The same, with `indent` on several lines, for people."""
    encoder = _LINES if indent is None else json.JSONEncoder(ensure_ascii=False, default=str, indent=indent)
    text = encoder.encode(value).translate(_CONTROLS)
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, default=str, indent=indent)
    return text + "\n"


def print_json(value: object) -> None:
    """One line of JSON on the standard output."""
    sys.stdout.write(json_line(value, sys.stdout))
    sys.stdout.flush()


def failure(message: str, hint: str = "") -> None:
    """The error, and how to mend it."""
    text = Text.assemble(("error: ", "bold red"), message)
    if hint:
        text.append("\n")
        text.append(hint, "dim")
    console(sys.stderr).print(text)


def warning(text: str | None) -> None:
    """Something that people should know, if there is anything."""
    if text is not None:
        console(sys.stderr).print(Text.assemble(("warning: ", "bold yellow"), in_local_time(text)))


class Progress:
    """A spinner on the error output, if that is a terminal, with what is being waited for.

    Args:
        silent: what is notable is not said where there is no terminal, either: a program reads the standard output.
    """

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent
        self._said = ""
        self._status = Console(stderr=True, markup=False, highlight=False).status("") if sys.stderr.isatty() else None

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def say(self, text: str) -> None:
        """Show what is notable of the waiting; where there is no terminal, as a line, and once."""
        self.show(text)
        if self._status is None and not self._silent and text != self._said:
            self._said = text
            console(sys.stderr).print(text, style="dim")

    def show(self, text: str) -> None:
        """Say what is being waited for now."""
        if self._status is not None:
            self._status.update(Text(plain(text), "dim"))


def short_json(value: object, limit: int = 100) -> str:
    """A value as JSON on one line, cut to `limit` characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def local(text: str) -> str:
    """A time of the wire (ISO 8601) as people read it here."""
    return datetime.datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


_UTC = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC\b")


def in_local_time(text: str) -> str:
    """A sentence of the engine for people here: its times are in UTC, as machines in several zones write them."""

    def local_of(found: re.Match[str]) -> str:
        time = datetime.datetime.fromisoformat(found[1]).replace(tzinfo=datetime.UTC)
        return time.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")

    return _UTC.sub(local_of, text)


def span(ms: float) -> str:
    """A length of time for people."""
    if ms < 1_000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1_000:.2f} s".replace(".00 s", " s")
    minutes, seconds = divmod(round(ms / 1_000), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    shown = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(shown[:2])
