"""Every run ends with what it would end with if nothing had gone wrong, and no run is missing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from inngest.engine.domain.model import UNCHANGED, Code
from inngest.engine.domain.transitions import FINAL
from tests.simulation.history import History, Row, State, batch_of, effective_id, is_memo
from tests.simulation.scenario import APP, End, Scenario

KNOWN = {
    *("FlakyError", "RetryAfterError", "NonRetriableError", "StepError", "WorkerLostError"),
    *("SignalConflictError", "InvokedRunCancelledError", "InngestInvokeTimeoutError", "RunCancelledError"),
    "FunctionOverflowedError",
    *("GatewayError", "RunSkippedError", "InvokedRunSkippedError", "StepTimeoutError", "ZeroDivisionError"),
    *("CancelledError", "GeneratorExit", "SystemExit", "KeyboardInterrupt"),
    "StepInterruptedError",
}
"""Errors that the corpus provokes."""

LOST = ("ConnectionError", "BodyInvalidError", "Error")
"""Errors of attempts whose answers were lost on their way from an app, or cut. No step and no run ends by them."""

ENDED = {status.value for status in FINAL}


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """Each program says what its runs may end with, and how many there are."""
    judges = {f"{APP}-{name}": judge for program in scenario.programs for name, judge in program.ends.items()}
    state = history.state
    for run in state.runs.values():
        end = _end(run, state, served=scenario.apps > 0)
        if end.status in ENDED and not judges[str(run["function_id"])](end):
            memos = [(name, row["data"], row["cancelled"]) for name, row in end.memos]
            yield f"run {run['id']} of {end.function} ended {end.status}: {end.value!r} {end.error} with {memos}"
    attempts = [row for row in state.attempts.values() if not scenario.apps or _name(row) not in LOST]
    for row in (*attempts, *state.steps.values(), *state.runs.values()):
        error = None if row["error"] is None else json.loads(str(row["error"]))
        if error is not None and error["name"] not in KNOWN and "could not find function" not in error["message"]:
            yield f"nobody raised {error} of {row}"
    changing = {f"{APP}-{name}" for one in scenario.programs if not one.replays for name in one.ends}
    for run in state.runs.values():
        code = Code.from_json(None if run["code"] is None else str(run["code"]))
        if code._replace(threaded=False) != UNCHANGED and run["function_id"] not in changing:
            yield f"the code of run {run['id']} of {run['function_id']} did not change: {run['code']}"
    expected: Counter[str] = Counter()
    any_number = {f"{APP}-{name}" for one in scenario.programs for name, runs in one.runs.items() if runs is None}
    for send in scenario.sends:
        for name in send.program.ends:
            expected[f"{APP}-{name}"] += send.program.runs.get(name, 1) or 0
    functions = [str(run["function_id"]) for run in state.runs.values()]
    counted = Counter(function for function in functions if function not in any_number)
    expected -= Counter()  # without those of which none is expected
    if counted != expected:
        yield f"there are runs {dict(counted)}, and not {dict(expected)}"


def _name(row: Row) -> str:
    return str(json.loads(str(row["error"]))["name"])


def _end(run: Row, state: State, *, served: bool) -> End:
    rows = [row for (run_id, _), row in state.steps.items() if run_id == run["id"] and is_memo(row)]
    rows.sort(key=lambda row: int(str(row["seq"])))
    return End(
        function=str(run["function_id"]).removeprefix(f"{APP}-"),
        status=str(run["status"]),
        value=None if run["output"] is None else json.loads(str(run["output"])),
        error=None if run["error"] is None else json.loads(str(run["error"])),
        data=json.loads(str(state.events[str(run["event_id"])]["data"])),
        memos=[(effective_id(row), _unwrapped(row) if served else row) for row in rows],
        batch=[json.loads(str(event["data"])) for event in batch_of(run, state)],
    )


def _unwrapped(row: Row) -> Row:
    """A memo as the code of an app has it: servers tell the name of a signal besides."""
    if row["kind"] != "WaitForSignal" or row["data"] is None:
        return row
    data = json.loads(str(row["data"]))
    return {**row, "data": json.dumps(data["data"])} if isinstance(data, dict) and "signal" in data else row
