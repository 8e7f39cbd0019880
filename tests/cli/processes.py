"""The commands as processes: what a test starts, what it hears from it, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx

INNGEST = str(Path(sys.executable).with_name("inngest"))

PATIENCE = 60.0
"""Seconds after which something that was waited for is said not to have come. Nothing is ever slept for."""


def environment(**more: str) -> dict[str, str]:
    """The environment of a user: none of ours, and compiled files are kept, or each start would compile all."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INNGEST_", "PYTEST_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "NO_COLOR": "1", "COLUMNS": "120", **more}


def inngest(*arguments: str, cwd: Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [INNGEST, *arguments],
        cwd=cwd,
        input=stdin,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def with_files(limits: str) -> Sequence[str]:
    """A command that runs another one with a limit of open files, given as the options of `ulimit`."""
    return ("sh", "-c", f'ulimit {limits}; exec "$@"', "sh")


class DevServer:
    """`inngest dev --json` on a free port: its records as they come.

    Args:
        folder: where it runs; the code is there, and the database will be.
        arguments: targets and options.
        before: a command that runs it, with its arguments.
    """

    def __init__(self, folder: Path, *arguments: str, port: int = 0, before: Sequence[str] = ()) -> None:
        self.folder = folder
        self._errors = (folder / "errors.log").open("ab")
        self._process = subprocess.Popen(
            [*before, INNGEST, "dev", *arguments, "--json", "--port", str(port)],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,  # a group of its own, as in a terminal
        )
        self.records: list[dict[str, Any]] = []
        self._heard: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.url = ""

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._heard.put(json.loads(line))
        self._heard.put(None)

    # -- what it says

    def expect(self, record_type: str, **members: object) -> dict[str, Any]:
        """The next record of a type, with these members; others before it are passed over."""
        while True:
            record = self._next(f"{record_type} {members}")
            if record["type"] == record_type and all(record.get(name) == value for name, value in members.items()):
                return record

    def has_said(self, record_type: str, **members: object) -> None:
        """Wait until it has said this, before or after what was expected until now."""
        for record in self.records:
            if record["type"] == record_type and all(record.get(name) == value for name, value in members.items()):
                return
        self.expect(record_type, **members)

    def _next(self, wanted: str) -> dict[str, Any]:
        try:
            record = self._heard.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"no record {wanted}; {self.story()}") from None
        assert record is not None, f"it ended before a record {wanted}; {self.story()}"
        self.records.append(record)
        if record["type"] == "serving":
            self.url = record["url"]
        return record

    def serving(self) -> dict[str, Any]:
        """Wait until it serves."""
        return self.expect("serving")

    def story(self) -> str:
        """What has been heard so far."""
        return "\n".join(["heard:", *map(json.dumps, self.records), "errors:", self.errors])

    @property
    def errors(self) -> str:
        """Its error output, where the user's code prints to."""
        return (self.folder / "errors.log").read_text()

    # -- what is asked of it

    def send(self, name: str, data: Mapping[str, object] | None = None) -> str:
        """Send an event over HTTP; its id."""
        response = httpx.post(f"{self.url}/e/test", json={"name": name, "data": data or {}}, timeout=PATIENCE)
        assert response.status_code == 200, response.text
        (event_id,) = response.json()["ids"]
        assert isinstance(event_id, str)
        return event_id

    def interrupt(self) -> None:
        """Ctrl-C: all processes of the terminal get it."""
        os.killpg(self._process.pid, signal.SIGINT)

    def kill(self) -> None:
        """`kill -9` of all its processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    def exit_code(self) -> int:
        """Wait for its end."""
        code = self._process.wait(PATIENCE)
        self._listener.join(PATIENCE)
        while (record := self._heard.get(timeout=PATIENCE)) is not None:
            self.records.append(record)
        return code

    def stop(self) -> int:
        """Ctrl-C, and its exit code."""
        self.interrupt()
        return self.exit_code()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        assert self._process.stdout is not None
        self._listener.join(PATIENCE)
        self._process.stdout.close()
        self._errors.close()


def of_type(records: Sequence[Mapping[str, Any]], record_type: str) -> Iterator[Mapping[str, Any]]:
    """The records of a type."""
    return (record for record in records if record["type"] == record_type)
