"""A ledger that the steps write themselves, outside of the engine: what really happened.

Each try of a step writes a line when it begins, and one when it ends. A try that a crash cuts off has no second line.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = Path(os.environ.get("DEMO_LEDGER", "ledger.jsonl"))


@dataclass
class Try:
    """One try of a step, as the ledger tells it."""

    order: str  # or what else the step is about
    step: str
    process: int
    end: str | None = None  # "done" or "failed"; None: it was cut off
    value: object = None  # what it returned, when done


@contextlib.contextmanager
def tried(order: str, step: str) -> Generator[list[object]]:
    """Write that a try begins, and how it ends. What is put into the list is the value that it returns."""
    value: list[object] = []
    _write(order, step, "begin", None)
    try:
        yield value
    except BaseException:
        _write(order, step, "failed", None)
        raise
    _write(order, step, "done", value[0] if value else None)


def _write(order: str, step: str, what: str, value: object) -> None:
    line = json.dumps({"order": order, "step": step, "what": what, "value": value, "process": os.getpid()})
    with FILE.open("a", encoding="utf-8") as ledger:
        ledger.write(line + "\n")
        ledger.flush()
        os.fsync(ledger.fileno())


def read(file: Path) -> list[Try]:
    """All tries, in the order in which they began."""
    tries: list[Try] = []
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    for line in lines:
        entry = json.loads(line)
        if entry["what"] == "begin":
            tries.append(Try(entry["order"], entry["step"], entry["process"]))
        else:
            begun = [one for one in tries if (one.order, one.step) == (entry["order"], entry["step"])]
            begun[-1].end, begun[-1].value = entry["what"], entry["value"]
    return tries


def count(tries: Sequence[Try], order: str, step: str, end: str | None) -> int:
    """How many tries of a step ended so."""
    return sum((one.order, one.step, one.end) == (order, step, end) for one in tries)
