"""The public commands, as a person would type them."""

from __future__ import annotations

import json
import os
import queue
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from . import ledger

INNGEST = str(Path(sys.executable).with_name("inngest"))
PATIENCE = 45.0
"""Seconds after which the demo gives up waiting for something."""


class DemoError(Exception):
    """The demo cannot go on."""


def shown(arguments: Sequence[str]) -> str:
    """A command as it is typed."""
    return f"$ inngest {shlex.join(arguments)}"


def inngest(*arguments: str) -> str:
    """Run a command; what it printed."""
    ran = subprocess.run([INNGEST, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)
    if ran.returncode != 0:
        raise DemoError(f"{shown(arguments)}\nended with {ran.returncode}: {ran.stdout}{ran.stderr}")
    return ran.stdout


def until(true: Callable[[], object], otherwise: str) -> None:
    """Wait until something is so.

    Raises:
        DemoError: it is not, for too long.
    """
    tick = threading.Event()
    for _ in range(int(PATIENCE / 0.02)):
        if true():
            return
        tick.wait(0.02)
    raise DemoError(otherwise)


def until_begun(file: Path, order: str, step: str, times: int = 1) -> None:
    """Wait until a step has begun so often, as the ledger tells it."""

    def begun() -> bool:
        return sum((one.order, one.step) == (order, step) for one in ledger.read(file)) >= times

    until(begun, f"the ledger does not say that {step} of {order} has begun")


def until_more_lines(file: Path, count: int) -> None:
    """Wait until the steps have written so many lines more into the ledger."""

    def lines() -> int:
        return len(file.read_bytes().splitlines())

    wanted = lines() + count
    until(lambda: lines() >= wanted, "the orders do not go on")


class Engine:
    """`inngest dev` in a process of its own, and what it reports.

    Args:
        arguments: after `inngest dev`.
        env: more environment.
        log: takes its error output, where the functions print to.
    """

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], log: IO[bytes]) -> None:
        self._process = subprocess.Popen(
            [INNGEST, "dev", *arguments, "--json"],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        self._reports: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as reports:
            for line in reports:
                self._reports.put(json.loads(line))
        self._reports.put(None)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def until(self, what: str, **members: object) -> dict[str, Any]:
        """Wait for a report with these members."""
        while True:
            try:
                report = self._reports.get(timeout=PATIENCE)
            except queue.Empty:
                raise DemoError(f"the engine did not report that {what}") from None
            if report is None:
                raise DemoError(f"the engine ended before it reported that {what}")
            if all(report.get(name) == value for name, value in members.items()):
                return report

    def kill(self) -> None:
        """`kill -9`: no warning, no time to tidy up."""
        self._process.kill()
        self._process.wait()

    def interrupt(self) -> int:
        """Ctrl-C, and the exit code."""
        self._process.terminate()
        return self._process.wait(PATIENCE)
