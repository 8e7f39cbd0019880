"""`inngest dev` and children of the user's code that outlive its worker: it ends, and the port is free."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .gated import Gate
from .processes import DevServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no forks")

FORK = """
    if os.fork() == 0:
        os.close(1)  # or the test would wait for what it prints
        with open("child-began", "w") as began:
            began.write(str(os.getpid()))
        with open("child-gate") as gate:
            gate.read()
        os._exit(0)
"""
"""A child that stays until the test lets it go."""

PROGRAM = """
    def is_pipe(descriptor):
        try:
            return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        except OSError:
            return False
    child = "echo $$ > child-began; exec cat child-gate"
    subprocess.Popen(["sh", "-c", child], stdout=2, pass_fds=filter(is_pipe, range(3, 256)))
"""
"""A program that is given the pipes of its parent, on purpose."""


class Child:
    """A child of a step.

    Args:
        gate: the app, whose first step starts it.
        code: starts it.
    """

    def __init__(self, gate: Gate, code: str) -> None:
        self._began = gate.folder / "child-began"
        for name in ("child-began", "child-gate"):
            os.mkfifo(gate.folder / name)
        self._held = os.open(gate.folder / "child-gate", os.O_RDWR)
        begin = f"def begin_child() -> None:\n    import os, stat, subprocess\n{code}\n\n"
        gate.change("def quick", f"{begin}def quick")
        quick = "    note(name)\n    return name"
        gate.change(quick, f"    if name == 'one': begin_child()\n{quick}")

    def until_begun(self) -> int:
        """Wait until it runs; its process id."""
        return int(self._began.read_text())

    def let_go(self) -> None:
        """Let it end."""
        os.close(self._held)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.fixture
def fork(gate: Gate) -> Iterator[Child]:
    child = Child(gate, FORK)
    yield child
    child.let_go()


@pytest.fixture
def program(gate: Gate) -> Iterator[Child]:
    child = Child(gate, PROGRAM)
    yield child
    child.let_go()


@pytest.mark.parametrize("mode", ["--reload", "--no-reload"])
def test_ctrl_c_ends_beside_a_fork_that_stays_and_the_port_is_free(gate: Gate, fork: Child, mode: str) -> None:
    with DevServer(gate.folder, "app.py", mode) as old:
        old.serving()
        child = begin_run(old, gate, fork)
        assert old.stop() == 0
        assert [record["type"] for record in old.records][-1] == "stopped"
        with DevServer(gate.folder, "app.py", mode, port=int(old.url.rpartition(":")[2])) as new:
            assert new.serving()["url"] == old.url
            assert new.stop() == 0
        os.kill(child, 0)  # it is there still


def test_a_reload_goes_on_beside_a_fork_that_stays(gate: Gate, fork: Child) -> None:
    with DevServer(gate.folder, "app.py") as server:
        old = server.serving()["pid"]
        child = begin_run(server, gate, fork)
        gate.change('"v1"', '"v2"')
        assert server.serving()["pid"] != old
        os.kill(child, 0)
        assert server.stop() == 0


def test_a_killed_worker_is_replaced_beside_a_fork_that_stays(gate: Gate, fork: Child) -> None:
    with DevServer(gate.folder, "app.py") as server:
        worker = server.serving()["pid"]
        child = begin_run(server, gate, fork)
        os.kill(worker, signal.SIGKILL)
        assert server.expect("worker.died")["how"] == "killed by SIGKILL"
        assert server.serving()["pid"] != worker
        os.kill(child, 0)
        assert server.stop() == 0


def test_a_reload_goes_on_beside_a_program_that_was_given_the_pipes_of_the_worker(gate: Gate, program: Child) -> None:
    with DevServer(gate.folder, "app.py") as server:
        old = server.serving()["pid"]
        child = begin_run(server, gate, program)
        gate.change('"v1"', '"v2"')
        assert server.serving()["pid"] != old
        os.kill(child, 0)
        assert server.stop() == 0


def begin_run(server: DevServer, gate: Gate, child: Child) -> int:
    """A run to its end, and the child that its first step leaves behind."""
    server.send("t/go")
    process_id = child.until_begun()
    gate.until_begun()
    gate.open()
    server.expect("run.completed")
    return process_id
