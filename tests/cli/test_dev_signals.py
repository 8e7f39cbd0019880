"""`inngest dev` and its processes: interrupted, killed, and dying by themselves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from .gated import Gate
from .processes import INNGEST, PATIENCE, DevServer, environment, inngest


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


MODES = ("--reload", "--no-reload")


@pytest.mark.parametrize("mode", MODES)
def test_ctrl_c_ends_with_0(gate: Gate, mode: str) -> None:
    with DevServer(gate.folder, "app.py", mode) as server:
        server.serving()
        assert server.stop() == 0
        assert [record["type"] for record in server.records] == ["loading", "serving", "stopping", "stopped"]
        assert server.errors == ""


@pytest.mark.parametrize("mode", MODES)
def test_ctrl_c_lets_a_step_come_to_its_end_and_the_run_goes_on_later(gate: Gate, mode: str) -> None:
    with DevServer(gate.folder, "app.py", mode) as server:
        server.serving()
        server.send("t/go")
        gate.until_begun()
        server.interrupt()
        server.expect("stopping", reason="interrupted", executing=[["shop-three", "two"]])
        gate.open()
        assert server.exit_code() == 0
        assert server.errors == ""
    with DevServer(gate.folder, "app.py", mode) as server:
        assert server.expect("run.completed")["output"] == ["one", "two!", "three", "v1"]
        assert gate.ledger == ["one", "two", "three"]


@pytest.mark.parametrize("mode", MODES)
def test_a_second_ctrl_c_ends_at_once_with_130_and_nothing_is_lost(gate: Gate, mode: str) -> None:
    with DevServer(gate.folder, "app.py", mode, "--drain-timeout", "1h") as server:
        server.serving()
        server.send("t/go")
        gate.until_begun()
        server.interrupt()
        server.expect("stopping")
        server.interrupt()
        assert server.exit_code() == 130
    with DevServer(gate.folder, "app.py", mode) as server:
        server.expect("run.resumed", takeovers=1)
        gate.until_begun()
        gate.open()
        assert server.expect("run.completed")["output"] == ["one", "two!", "three", "v1"]
        assert gate.ledger == ["one", "two", "two", "three"]


def test_sigterm_stops_as_ctrl_c_does(gate: Gate) -> None:
    with DevServer(gate.folder, "app.py") as server:
        server.serving()
        os.kill(server.pid, signal.SIGTERM)
        assert server.exit_code() == 0


def test_a_killed_worker_is_replaced_and_its_run_taken_over(gate: Gate) -> None:
    with DevServer(gate.folder, "app.py") as server:
        worker = server.serving()["pid"]
        server.send("t/go")
        gate.until_begun()
        os.kill(worker, signal.SIGKILL)
        assert server.expect("worker.died")["how"] == "killed by SIGKILL"
        assert server.serving()["pid"] != worker
        server.expect("run.resumed", takeovers=1)
        gate.until_begun()
        gate.open()
        assert server.expect("run.completed")["output"] == ["one", "two!", "three", "v1"]
        assert gate.ledger == ["one", "two", "two", "three"]  # what was recorded is not done again
        assert server.stop() == 0


def test_a_step_that_ends_its_process_is_survived(gate: Gate) -> None:
    gate.change("    note(name)\n    return name", "    note(name)\n    exit_once(name)\n    return name")
    once = "    if name == 'three' and pathlib.Path('ledger.txt').read_text().count(name) == 1:\n        os._exit(7)\n"
    gate.change("def quick", f"import os\ndef exit_once(name: str) -> None:\n{once}\n\ndef quick")
    with DevServer(gate.folder, "app.py") as server:
        server.serving()
        server.send("t/go")
        gate.until_begun()
        gate.open()
        assert server.expect("worker.died")["how"] == "exit code 7"
        assert server.expect("run.completed")["output"] == ["one", "two!", "three", "v1"]
        assert gate.ledger == ["one", "two", "three", "three"]


def test_code_that_ends_its_process_while_it_loads_is_waited_for(gate: Gate) -> None:
    gate.change('VERSION = "v1"', 'import os; os._exit(9); VERSION = "v1"')
    with DevServer(gate.folder, "app.py") as server:
        assert server.expect("worker.died", restart=False)["how"] == "exit code 9"
        gate.change('import os; os._exit(9); VERSION = "v1"', 'VERSION = "v1"')
        server.serving()


def test_a_worker_that_is_killed_while_it_tells_its_files_is_replaced(gate: Gate) -> None:
    """Its last words are cut off in the middle of a line; they end the worker only."""
    cut = (
        "import os, signal, sys\n"
        'os.write(int(sys.argv[4]), b\'{"files": ["/somewhe\')\n'  # the pipe on which it would tell them
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    gate.change('VERSION = "v1"', f'{cut}VERSION = "v1"')
    with DevServer(gate.folder, "app.py") as server:
        assert server.expect("worker.died", restart=False)["how"] == "killed by SIGKILL"
        gate.change(cut, "")
        server.serving()
        assert server.stop() == 0


def test_a_change_while_the_code_loads_starts_over(gate: Gate) -> None:
    gate.change('VERSION = "v1"', 'VERSION = gated("loading")')
    gate.app.write_text(
        gate.app.read_text().replace("VERSION = gated", "\n\n\nVERSION = None\n\n\n") + "\ngated('load')\n"
    )
    with DevServer(gate.folder, "app.py") as server:
        assert gate.until_begun() == "load"
        gate.change("\ngated('load')\n", "\n")
        server.expect("stopping", reason="changed")
        server.serving()


def test_the_worker_ends_when_its_supervisor_is_killed(gate: Gate) -> None:
    with DevServer(gate.folder, "app.py") as server:
        server.serving()
        os.kill(server.pid, signal.SIGKILL)
        server.expect("stopping", reason="the supervisor is gone")
        assert server.exit_code() == -signal.SIGKILL
        found = inngest("runs", cwd=gate.folder)  # and the database is whole
        assert (found.returncode, found.stdout) == (0, "no runs\n")


def test_another_may_have_the_port_while_the_worker_of_a_killed_supervisor_still_drains(gate: Gate) -> None:
    """Both engines are on one database meanwhile: the step is not done twice, and its run goes on in the new one."""
    with DevServer(gate.folder, "app.py", "--drain-timeout", "1h") as old:
        old.serving()
        old.send("t/go")
        gate.until_begun()
        os.kill(old.pid, signal.SIGKILL)
        old.expect("stopping", reason="the supervisor is gone", executing=[["shop-three", "two"]])
        until_nobody_answers(old.url)
        with DevServer(gate.folder, "app.py", port=int(old.url.rpartition(":")[2])) as new:
            assert new.serving()["url"] == old.url
            new.send("t/unheard")
            new.expect("event", name="t/unheard")
            gate.open()
            assert new.expect("run.completed")["output"] == ["one", "two!", "three", "v1"]
            old.has_said("step.completed", step="two")
            assert gate.ledger == ["one", "two", "three"]
            assert new.stop() == 0


def test_a_run_from_before_a_restart_is_said_to_go_on_once(gate: Gate) -> None:
    """Not when it is entered again after a sleep in the same process."""
    rest = 'ctx.step.sleep("rest", 1)'
    gate.change("    return [one, two,", f"    {rest}\n    return [one, two,")
    with DevServer(gate.folder, "app.py", "--no-reload") as server:
        server.serving()
        server.send("t/go")
        assert server.expect("run.started")["restarted"] is False
        gate.until_begun()
        server.interrupt()
        server.expect("stopping")
        gate.open()
        assert server.exit_code() == 0
    dev = subprocess.Popen(
        [INNGEST, "dev", "app.py", "--no-reload", "--port", "0"],
        cwd=gate.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert dev.stdout is not None
    said: list[str] = []
    with dev:
        for line in dev.stdout:
            said.append(line)
            if "completed after" in line:
                dev.send_signal(signal.SIGINT)
    (goes_on,) = [line for line in said if "goes on" in line and "stopped" not in line]
    assert re.search(r"shop-three \w{4}  goes on after 2 steps  [0-9A-Z]{26}$", goes_on.rstrip())


def until_nobody_answers(url: str) -> None:
    """Until a port is free."""
    while True:
        try:
            httpx.get(f"{url}/health", timeout=PATIENCE)
        except httpx.TransportError:
            return


def test_it_goes_on_when_nobody_reads_what_it_says(gate: Gate) -> None:
    for options in ((), ("--json",)):
        dev = subprocess.Popen(
            [INNGEST, "dev", "app.py", "--no-reload", "--port", "0", *options],
            cwd=gate.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert dev.stdout is not None
        assert dev.stderr is not None
        with dev:
            url = next(found[0] for line in dev.stdout if (found := re.search(r"http://127.0.0.1:\d+", line)))
            dev.stdout.close()
            httpx.post(f"{url}/e/k", json={"name": "t/go"}).raise_for_status()
            gate.until_begun()
            gate.open()
            sent = inngest("send", "t/go", "--url", url, "--wait", "--timeout", "0", cwd=gate.folder)
            assert sent.returncode == 4
            gate.until_begun()
            gate.open()
            dev.send_signal(signal.SIGINT)
            assert dev.wait(PATIENCE) == 0
            assert dev.stderr.read() == ""
