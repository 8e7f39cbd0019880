"""`inngest dev` loads changed code again, and loses nothing by it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from .gated import Gate
from .processes import DevServer, inngest


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def test_a_change_in_the_middle_of_a_run_loses_nothing(gate: Gate) -> None:
    with DevServer(gate.folder, "app.py") as server:
        old = server.serving()["pid"]
        server.send("t/go")
        assert gate.until_begun() == "two"
        gate.change('"v1"', '"v2"')
        stopping = server.expect("stopping", reason="changed", files=["app.py"])
        assert stopping["executing"] == [["shop-three", "two"]]
        gate.open()
        server.expect("step.completed", step="two", output="two!")  # the old worker records what it has begun
        assert server.serving()["pid"] != old
        server.expect("run.resumed", takeovers=0)
        assert server.expect("run.completed")["output"] == ["one", "two!", "three", "v2"]
        assert gate.ledger == ["one", "two", "three"]
        assert server.stop() == 0


def test_a_run_whose_code_has_changed_is_held_until_the_change_is_taken_back(gate: Gate) -> None:
    with DevServer(gate.folder, "app.py") as server:
        server.serving()
        server.send("t/go")
        gate.until_begun()
        gate.change('"one", quick', '"first", quick')
        server.expect("stopping")
        gate.open()
        held = server.expect("run.held", function_id="shop-three", times=1)
        assert (held["sign"], held["step"], held["call"]) == ("called", "one", "first")
        assert held["text"] == 'step "one" was recorded, and the code calls "first" in its place.'
        assert server.expect("run.held", run_id=held["run_id"], times=2)["due_at"] > held["due_at"]
        gate.change('"first", quick', '"one", quick')
        assert server.expect("run.completed", run_id=held["run_id"])["output"] == ["one", "two!", "three", "v1"]
        assert gate.ledger == ["one", "two", "three"]


def test_an_event_that_is_sent_while_the_worker_changes_is_accepted_by_either(gate: Gate) -> None:
    with DevServer(gate.folder, "app.py") as server:
        server.serving()
        server.send("t/go")
        gate.until_begun()
        gate.change('"v1"', '"v2"')
        server.expect("stopping")
        ids: list[str] = []
        sending = threading.Thread(target=lambda: ids.append(server.send("t/unheard")))
        sending.start()
        gate.open()
        server.serving()
        sending.join()
        server.has_said("event", event_id=ids[0])


def test_a_step_that_does_not_end_in_time_is_run_again(gate: Gate) -> None:
    with DevServer(gate.folder, "app.py", "--drain-timeout", "0") as server:
        server.serving()
        server.send("t/go")
        gate.until_begun()
        gate.change('"v1"', '"v2"')
        server.serving()
        assert gate.until_begun() == "two"
        gate.open()
        assert server.expect("run.completed")["output"] == ["one", "two!", "three", "v2"]
        assert gate.ledger == ["one", "two", "two", "three"]


def test_a_change_of_the_same_length_in_the_same_second_is_loaded(gate: Gate) -> None:
    written = gate.app.stat().st_mtime_ns + 3_600_000_000_000  # whenever the machine comes to compile it
    os.utime(gate.app, ns=(written, written))
    with DevServer(gate.folder, "app.py") as server:
        server.serving()
        gate.change('"v1"', '"v2"', written)
        server.serving()
        server.send("t/go")
        gate.until_begun()
        gate.open()
        assert server.expect("run.completed")["output"] == ["one", "two!", "three", "v2"]


def test_broken_code_is_shown_readably_events_wait_and_the_mended_code_runs_them(gate: Gate) -> None:
    with DevServer(gate.folder, "app.py") as server:
        server.serving()
        gate.change("VERSION =", "VERSION = (\nTHE_VERSION =")
        failed = server.expect("loading.failed")
        assert failed["message"] == "app.py cannot be loaded: SyntaxError: '(' was never closed (app.py, line 8)"
        assert failed["report"].splitlines()[0] == f'  File "{gate.app}", line 8'
        assert failed["report"].splitlines()[-1] == "SyntaxError: '(' was never closed"
        assert server.serving()["functions"] == []
        event_id = server.send("t/go")
        assert [run["function_id"] for run in server.expect("event", event_id=event_id)["runs"]] == ["shop-three"]
        gate.change("VERSION = (\nTHE_VERSION =", "VERSION =")
        assert server.serving()["functions"] != []
        assert gate.until_begun() == "two"
        gate.open()
        server.expect("run.completed")


def test_code_that_fails_while_it_is_imported_shows_its_own_traceback_only(gate: Gate) -> None:
    (gate.folder / "prices.py").write_text("def price() -> int:\n    return {}['apple']\n\n\nAPPLE = price()\n")
    gate.change("import inngest\n", "import inngest\nimport prices\n")
    with DevServer(gate.folder, "app.py") as server:
        failed = server.expect("loading.failed")
        assert failed["message"] == "app.py cannot be loaded: KeyError: 'apple'"
        lines = failed["report"].splitlines()
        files = [line.strip().split('"')[1] for line in lines if line.strip().startswith("File ")]
        assert [Path(file).name for file in files] == ["app.py", "prices.py", "prices.py"]
        server.serving()
        (gate.folder / "prices.py").write_text("APPLE = 7\n")  # a file that never loaded is watched as well
        assert server.expect("stopping")["files"] == ["prices.py"]
        assert server.serving()["functions"] != []


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("import nothing_like_it\n", "app.py cannot be loaded: ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("import sys; sys.exit(3)\n", "app.py cannot be loaded: it ended the process with sys.exit(3)"),
        (
            "inngest.Inngest(app_id='x').create_function(fn_id='', trigger=inngest.TriggerEvent(event='a'))\n",
            "app.py cannot be loaded: FunctionConfigInvalidError: fn_id",
        ),
    ],
)
def test_other_mistakes_in_code_are_said_and_waited_for(gate: Gate, new: str, message: str) -> None:
    code = gate.app.read_text()
    gate.app.write_text(f"{code}\n{new}")
    with DevServer(gate.folder, "app.py") as server:
        failed = server.expect("loading.failed")
        assert failed["message"].startswith(message)
        assert "site-packages" not in failed["report"]
        assert "inngest/sdk" not in failed["report"]
        server.serving()
        gate.app.write_text(code)
        assert server.serving()["functions"] != []


def test_a_function_that_the_engine_cannot_run_is_said_and_waited_for(gate: Gate) -> None:
    gate.change('inngest.TriggerEvent(event="t/go")', 'inngest.TriggerEvent(event="inngest/function.done")')
    with DevServer(gate.folder, "app.py") as server:
        failed = server.expect("loading.failed")
        assert "'shop-three' has TriggerEvent(event='inngest/function.done')" in failed["message"]
        server.serving()
        gate.change('inngest.TriggerEvent(event="inngest/function.done")', 'inngest.TriggerEvent(event="t/go")')
        assert server.serving()["functions"] != []


def test_functions_that_are_removed_are_started_no_more(gate: Gate) -> None:
    other = gate.folder / "other.py"
    other.write_text(gate.app.read_text().replace('"shop"', '"other"').replace('"t/go"', '"t/come"'))
    with DevServer(gate.folder, "app.py", "other.py") as server:
        server.serving()
        gate.change('event="t/go"', 'event="t/stay"')
        server.serving()
        assert server.expect("event", event_id=server.send("t/go"))["runs"] == []
        other.write_text(other.read_text().replace('fn_id="three"', 'fn_id="four"'))
        assert [one["id"] for one in server.serving()["functions"]] == ["shop-three", "other-four"]
        runs = server.expect("event", event_id=server.send("t/come"))["runs"]
        assert [run["function_id"] for run in runs] == ["other-four"]
        assert gate.until_begun() == "two"
        gate.open()


LOADING = """
import inngest

client = inngest.Inngest(app_id="shop")


@client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="order/placed"))
async def order(ctx: inngest.Context) -> None:
    await ctx.step.sleep("long", 3_600_000)
"""


def test_a_run_that_is_cancelled_between_two_workers_is_shown_once(tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text(LOADING)
    os.mkfifo(tmp_path / "began")
    os.mkfifo(tmp_path / "gate")
    with DevServer(tmp_path, "app.py") as server:
        server.serving()
        before, between = [
            server.expect("run.started", event_id=server.send("order/placed"))["run_id"] for _ in range(2)
        ]
        assert inngest("cancel", before, cwd=tmp_path).returncode == 0
        server.expect("run.cancelled", run_id=before)
        app.write_text(f"open('began', 'w').close(), open('gate').close()\n{LOADING}")
        (tmp_path / "began").read_text()  # the next worker loads the code
        assert inngest("cancel", between, cwd=tmp_path).returncode == 0
        (tmp_path / "gate").write_text("")
        server.expect("run.cancelled", run_id=between)
        server.stop()
        assert len([one for one in server.records if one["type"] == "run.cancelled"]) == 2
