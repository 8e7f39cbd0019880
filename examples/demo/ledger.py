"""A ledger that the steps write themselves, outside of the engine: what really happened.

Each try of a step writes a line when it begins, and one when it ends. A try that a crash cuts off has no second line.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(os.environ.get("DEMO_LEDGER", "ledger.jsonl"))


@dataclass
class Try:
    """One try of a step, as the ledger tells it."""

    order: str  # or what else the step is about
    step: str
    process: int
    end: str | None = None  # "done" or "failed"; None: it was cut off
    value: object = None  # what it returned, when done
    began: int = 0  # number of its first line
    name: str = ""  # that no other has


@dataclass
class Kill:
    """A process was killed, and another one started in its place."""

    began: int  # number of the ledger's line that says so
    until: float = float("inf")  # number of the line that says that the other one is there

    def lies_between(self, one: Try, other: Try) -> bool:
        """Whether it explains that a step was tried once more: nobody heard how the first try ended."""
        return one.began < self.until and self.began < other.began


@contextlib.contextmanager
def tried(order: str, step: str) -> Generator[list[object]]:
    """Write that a try begins, and how it ends. What is put into the list is the value that it returns."""
    value: list[object] = []
    name = secrets.token_hex(4)
    _write(order, step, "begin", None, name)
    try:
        yield value
    except BaseException:
        _write(order, step, "failed", None, name)
        raise
    _write(order, step, "done", value[0] if value else None, name)


def numbered(text: str, order: str) -> str:
    """A text for an order that no other try gives: whose result was recorded can be told by it."""
    return f"{text}-{secrets.token_hex(3)} for {order}"


def note(file: Path, what: str) -> None:
    """Write that a process was killed ("kill"), or is there again ("again")."""
    _write("", "", what, None, "", file)


def _write(order: str, step: str, what: str, value: object, name: str, file: Path | None = None) -> None:
    entry = {"order": order, "step": step, "what": what, "value": value, "process": os.getpid(), "try": name}
    with (file or FILE).open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps(entry) + "\n")
        ledger.flush()
        os.fsync(ledger.fileno())


def read(file: Path) -> list[Try]:
    """All tries, in the order in which they began."""
    tries: list[Try] = []
    for number, entry in enumerate(_lines(file)):
        if entry["what"] == "begin":
            tries.append(Try(entry["order"], entry["step"], entry["process"], began=number, name=entry["try"]))
        elif entry["what"] in ("done", "failed"):
            (begun,) = [one for one in tries if one.name == entry["try"]]
            begun.end, begun.value = entry["what"], entry["value"]
    return tries


def kills(file: Path) -> list[Kill]:
    """What was killed, and until when it was not there."""
    found: list[Kill] = []
    for number, entry in enumerate(_lines(file)):
        if entry["what"] == "kill":
            found.append(Kill(number))
        elif entry["what"] == "again":
            found[-1].until = number
    return found


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def count(tries: Sequence[Try], order: str, step: str, end: str | None) -> int:
    """How many tries of a step ended so."""
    return sum((one.order, one.step, one.end) == (order, step, end) for one in tries)
