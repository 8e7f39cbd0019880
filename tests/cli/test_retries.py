"""Every step has its own retries (P5), seen from outside: what the steps wrote, and what the engine says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from .processes import DevServer

APP = """
import pathlib
import inngest

client = inngest.Inngest(app_id="shop")
LEDGER = pathlib.Path("ledger.txt")


def attempt(step: str, succeeds_at: int) -> int:
    with LEDGER.open("a") as ledger:
        ledger.write(step + "\\n")
    tries = LEDGER.read_text().split().count(step)
    if tries < succeeds_at:
        raise OSError(f"{step} is down")
    return tries


@client.create_function(fn_id="fails", retries=4, trigger=inngest.TriggerEvent(event="t/fails"))
ASYNC def fails(ctx: inngest.CONTEXT) -> str:
    try:
        AWAIT ctx.step.run("charge", attempt, "charge", 99)
    except inngest.StepError as error:
        return f"gave up: {error.message}"
    return "?"


@client.create_function(fn_id="three", retries=4, trigger=inngest.TriggerEvent(event="t/three"))
ASYNC def three(ctx: inngest.CONTEXT) -> list[int]:
    return [AWAIT ctx.step.run(step, attempt, step, 5) for step in ("one", "two", "three")]
"""

KINDS = {
    "async": {"ASYNC ": "async ", "AWAIT ": "await ", "CONTEXT": "Context"},
    "plain": {"ASYNC ": "", "AWAIT ": "", "CONTEXT": "ContextSync"},
}


@pytest.fixture(params=KINDS)
def server(tmp_path: Path, request: pytest.FixtureRequest) -> DevServer:
    code = APP
    for word, replacement in KINDS[request.param].items():
        code = code.replace(word, replacement)
    (tmp_path / "app.py").write_text(code)
    return DevServer(tmp_path, "app.py", "--retry-interval", "0", "--no-reload")


def test_a_step_that_always_fails_runs_five_times_and_three_steps_have_five_attempts_each(server: DevServer) -> None:
    with server:
        server.serving()
        server.send("t/fails")
        failed = server.expect("step.failed", step="charge")
        assert failed["attempt"] == 4
        assert server.expect("run.completed")["output"] == "gave up: charge is down"
        server.send("t/three")
        assert server.expect("run.completed")["output"] == [5, 5, 5]
        retries = [(one["step"], one["attempt"]) for one in server.records if one["type"] == "step.retrying"]
        assert retries == [(step, n) for step in ("charge", "one", "two", "three") for n in range(4)]
        ledger = (server.folder / "ledger.txt").read_text().split()
        assert Counter(ledger) == {"charge": 5, "one": 5, "two": 5, "three": 5}
        assert server.stop() == 0


def test_a_run_may_have_as_many_steps_as_the_option_says(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP.replace("ASYNC ", "").replace("AWAIT ", "").replace("CONTEXT", "ContextSync"))
    with DevServer(tmp_path, "app.py", "--retry-interval", "0", "--max-steps", "2") as server:
        server.serving()
        server.send("t/three")
        message = server.expect("run.failed")["error"]["message"]
    assert message.startswith('the run has more than 2 steps, at step "three": raise max_steps (--max-steps)')
