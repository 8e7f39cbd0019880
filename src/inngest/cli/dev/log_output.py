"""Records are told: to people as lines, to programs as lines of JSON."""

from __future__ import annotations

import datetime
import io
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

from rich.text import Text

from inngest.cli import arguments, output
from inngest.cli.sockets import close_in_forks
from inngest.runtime.clock import wall_clock_ms
from inngest.server import suggestions

from .event_log import Emit, Record

STACK_INDENT = " " * 14
SHOWN = 3
"""Runs that an event woke or cancelled which are named on its line."""
DEFAULT_URL = "http://127.0.0.1:8288"


def record_writer(*, as_json: bool) -> Emit:
    """The receiver of records in a process that runs the user's code.

    With JSON, the standard output is for records alone: what the user's code prints goes to the error output.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    output.write_all()
    if not as_json:
        return ConsoleWriter()
    records = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    close_in_forks(records)  # not the stream: what is in its buffer is the parent's to write
    stream = io.TextIOWrapper(io.BufferedWriter(records), encoding="utf-8")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return JsonLinesWriter(stream)


class JsonLinesWriter:
    """One line of JSON for each record."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, record: Record) -> None:
        """Write a record."""
        line = output.json_line({"at": wall_clock_ms(), **record}, self._stream)
        try:
            self._stream.write(line)
            self._stream.flush()
        except BrokenPipeError:
            _to_nobody(self._stream)


class _LastingConsole(output.PlainConsole):
    """A console that goes on, saying nothing, when nobody reads it any more: runs matter more than what is said."""

    def on_broken_pipe(self) -> None:
        """Its reader has left."""
        self.quiet = True
        if isinstance(self.file, io.TextIOWrapper):
            _to_nobody(self.file)


def _to_nobody(stream: TextIO) -> None:
    """From now on a stream's text is thrown away."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class ConsoleWriter:
    """A line for each record that a person wants to see, and the traceback of each error."""

    def __init__(self) -> None:
        self._console = output.console(kind=_LastingConsole)
        self._shown: dict[object, object] = {}  # by run: the traceback that was shown last, which is not repeated
        self._triggers: list[str] = []  # of the functions that are served

    def __call__(self, record: Record) -> None:
        """Print a record."""
        write = LINES.get(str(record["type"]))
        if write is None:
            return
        text = write(dict(record))
        if text is None:
            return
        if record["type"] == "serving":
            self._triggers = _triggers(dict(record))
        elif record["type"] == "event" and not record["runs"]:
            text.append(suggestions.hint(str(record["name"]), self._triggers), "yellow")
        at = record.get("at")
        time = _clock(at if isinstance(at, int) else wall_clock_ms())
        line = Text.assemble((f"{time}  ", "dim"), text)
        line.rstrip()
        self._console.print(line)
        error = record.get("error")
        if isinstance(error, dict) and "\n" in str(error.get("stack")).rstrip():  # one line: the message again
            self._stack(str(error["stack"]), record["run_id"])
        elif isinstance(record.get("report"), str):
            self._stack(str(record["report"]), None)
        if record["type"] in ("run.completed", "run.failed", "run.cancelled"):
            self._shown.pop(record["run_id"], None)

    def _stack(self, stack: str, run_id: object) -> None:
        if run_id is not None:
            if self._shown.get(run_id) == stack:
                self._console.print(Text(f"{STACK_INDENT}(the same traceback as before)", "dim"))
                return
            self._shown[run_id] = stack
        for line in stack.rstrip().splitlines():
            self._console.print(Text(f"{STACK_INDENT}{line}", "dim"))


Line = Callable[[dict[str, Any]], Text | None]


def _event(record: dict[str, Any]) -> Text:
    text = Text.assemble(("event  ", "magenta"), (record["name"], "bold"), f"  {record['event_id']}")
    started = ", ".join(run["function_id"] for run in record["runs"])
    did = [_touched(record["woken"], "wakes", cancelled=False), _touched(record["woken"], "cancels", cancelled=True)]
    told = ", ".join(one for one in (started, *did) if one)
    text.append(f"  → {told}" if told else "  starts no run", "" if told else "yellow")
    return text


def _touched(woken: list[dict[str, Any]], verb: str, *, cancelled: bool) -> str:
    """The runs that an event woke, or cancelled, by the ends of their ids."""
    tails = [one["run_id"][-arguments.SHORTEST_END :] for one in woken if one["cancelled"] == cancelled]
    more = f" and {len(tails) - SHOWN:,} more" if len(tails) > SHOWN else ""
    return f"{verb} {', '.join(tails[:SHOWN])}{more}" if tails else ""


def _event_sent(record: dict[str, Any]) -> Text:
    return _run(record).append("↗ sent ", "magenta").append(record["name"], "bold").append(f"  {record['event_id']}")


def _run_started(record: dict[str, Any]) -> Text:
    of = f"  a rerun of {record['origin_id'][-arguments.SHORTEST_END :]}" if record["origin_id"] else ""
    return _run(record).append(f"began  {record['run_id']}").append(of, "dim")


def _run_resumed(record: dict[str, Any]) -> Text | None:
    if record["takeovers"]:
        return _run(record).append(f"taken over from a worker that died  {record['run_id']}", "yellow")
    if not record["restarted"]:  # it woke, or is tried again: its steps say so
        return None
    count = record["steps"]
    so_far = f" after {count:,} {'step' if count == 1 else 'steps'}" if count else ""
    return _run(record).append(f"goes on{so_far}  {record['run_id']}", "dim")


def _run_completed(record: dict[str, Any]) -> Text:
    text = _run(record).append("completed", "bold green").append(f" after {output.span(record['duration'])}  ")
    return text.append(output.short_json(record["output"]))


def _run_failed(record: dict[str, Any]) -> Text:
    last = f" at attempt {record['attempt'] + 1} of {record['max_attempts']}" if record["attempt"] else ""
    text = _run(record).append("failed", "bold red").append(f"{last} after {output.span(record['duration'])}  ")
    return text.append(_error(record), "red")


def _run_cancelled(record: dict[str, Any]) -> Text:
    why = _error(record).partition(": ")[2]
    text = _run(record).append("cancelled", "bold yellow")
    return text.append(why.removeprefix("cancelled") if why.startswith("cancelled") else f"  {why}", "yellow")


def _run_released(record: dict[str, Any]) -> Text:
    return _run(record).append("released  ", "bold blue").append("it follows the code there is, for ever")


def _run_retried(record: dict[str, Any]) -> Text:
    what = ", ".join(record["steps"])
    return _run(record).append("tried again  ", "bold blue").append(f"{what + ' ' if what else ''}before its time")


def _run_skipped(record: dict[str, Any]) -> Text:
    return _run(record).append("skipped  ", "bold yellow").append(_error(record).partition(": ")[2], "yellow")


def _run_held(record: dict[str, Any]) -> Text | None:
    """Once: it is put on hold again and again, until code that fits is back."""
    if record["times"] > 1:
        return None
    text = _run(record).append("on hold  ", "bold yellow").append(record["text"], "yellow")
    tail = record["run_id"][-arguments.SHORTEST_END :]
    advice = f"`inngest run --why {tail}` tells more; `inngest release {tail}` has it follow the new code"
    return text.append(f"\n{STACK_INDENT}{advice}", "dim")


def _run_retrying(record: dict[str, Any]) -> Text:
    return _retry(_run(record).append("✗ ", "red").append("the function's body", "bold"), record)


def _step_completed(record: dict[str, Any]) -> Text:
    text = _run(record).append("✓ ", "green").append(record["step"], "bold")
    if record["attempt"]:
        text.append(f" at attempt {record['attempt'] + 1}", "yellow")
    text.append(f"  {output.span(record['duration'])}  ", "dim")
    return text if record["kind"] != "StepRun" else text.append(output.short_json(record["output"], 60), "dim")


def _step_failed(record: dict[str, Any]) -> Text:
    text = _run(record).append("✗ ", "red").append(record["step"], "bold")
    return text.append(f"  failed for good at attempt {record['attempt'] + 1}: ").append(_error(record), "red")


def _step_cancelled(record: dict[str, Any]) -> Text:
    return _run(record).append("- ", "yellow").append(record["step"], "bold").append("  cancelled", "yellow")


def _step_retrying(record: dict[str, Any]) -> Text:
    return _retry(_run(record).append("✗ ", "red").append(record["step"], "bold"), record)


def _step_sleeping(record: dict[str, Any]) -> Text:
    text = _run(record).append("… ", "cyan").append(record["step"], "bold")
    return text.append(f"  sleeps until {_clock(record['due_at'], seconds_only=True)}")


def _retry(text: Text, record: dict[str, Any]) -> Text:
    text.append(f"  attempt {record['attempt'] + 1} of {record['max_attempts']} failed: ")
    text.append(_error(record), "red")
    return text.append(f"; again in {output.span(record['delay'])}" if record["delay"] else "; again at once")


def _run(record: dict[str, Any]) -> Text:
    tail = record["run_id"][-arguments.SHORTEST_END :]
    return Text.assemble((record["function_id"], "cyan"), (f" {tail}  ", "dim"))


def _error(record: dict[str, Any]) -> str:
    error = record["error"]
    return f"{error['name']}: {error['message']}".partition("\n")[0]


# -- the server itself


def _serving(record: dict[str, Any]) -> Text:
    text = Text.assemble(("ready  ", "bold green"), (record["url"], "bold"), f"  {record['database']}")
    if not record["functions"]:
        text.append("  without functions", "yellow")
    for function in record["functions"]:
        text.append(f"\n{STACK_INDENT}").append(function["id"], "cyan")
        text.append(f"  {', '.join(function['triggers']) or 'no trigger'}", "dim")
    if record["first"]:
        text.append(f"\n{STACK_INDENT}{_invitation(record)}", "dim")
    return text


def _invitation(record: dict[str, Any]) -> str:
    """How to go on."""
    names = _triggers(record)
    url = "" if record["url"] == DEFAULT_URL else f" --url {record['url']}"
    return f"in another terminal: inngest send {names[0] if names else 'NAME'} '{{}}' --wait{url}; Ctrl-C stops this"


def _triggers(record: dict[str, Any]) -> list[str]:
    return [name for function in record["functions"] for name in function["triggers"]]


def _loading(record: dict[str, Any]) -> Text:
    return Text.assemble(("load  ", "bold"), ", ".join(record["targets"]))


def _loading_failed(record: dict[str, Any]) -> Text:
    text = Text.assemble(("error  ", "bold red"), record["message"])
    if not record["final"]:
        text.append("\n" + STACK_INDENT).append("events are accepted, and runs wait, until it is mended", "yellow")
    if record["hint"]:
        text.append(f"\n{STACK_INDENT}{record['hint']}", "dim")
    return text


def _app_registered(record: dict[str, Any]) -> Text:
    count = record["functions"]
    text = Text.assemble(
        ("app   ", "bold green"), (record["app"], "bold"), f"  {count} function{'' if count == 1 else 's'}"
    )
    return text.append(f"  {record['url']}" + (f" ({record['sdk']})" if record["sdk"] else ""), "dim")


def _app_failed(record: dict[str, Any]) -> Text:
    text = Text.assemble(("app   ", "bold red"), record["problems"][0] if record["problems"] else record["url"])
    for problem in record["problems"][1:]:
        text.append(f"\n{STACK_INDENT}{problem}")
    if record["hint"]:
        text.append(f"\n{STACK_INDENT}{record['hint']}", "dim")
    return text


def _stopping(record: dict[str, Any]) -> Text:
    if record["reason"] == "changed":
        text = Text.assemble(("reload  ", "bold blue"), f"{', '.join(record['files'][:3])} changed")
    else:
        text = Text("stopping", "bold")
    for function, step in record["executing"]:
        text.append(f"\n{STACK_INDENT}waiting for ").append(step, "bold").append(f" of {function}")
    return text


def _stopped(record: dict[str, Any]) -> Text:
    return Text.assemble(("stopped", "bold"), ("; runs that had not ended go on when an engine starts again", "dim"))


def _worker_died(record: dict[str, Any]) -> Text:
    text = Text.assemble(("error  ", "bold red"), f"the worker process ended: {record['how']}")
    goes_on = (
        "; another takes its runs over" if record["restart"] else " while it loaded the code; waiting for a change"
    )
    return text.append(goes_on)


def _log(record: dict[str, Any]) -> Text:
    style = {"warning": "yellow", "error": "red", "critical": "red"}.get(record["level"], "dim")
    return Text.assemble((f"{record['level']:<5}  ", style), f"{record['logger']}: {record['message']}")


LINES: dict[str, Line] = {
    "app.failed": _app_failed,
    "app.registered": _app_registered,
    "event": _event,
    "event.sent": _event_sent,
    "log": _log,
    "loading": _loading,
    "loading.failed": _loading_failed,
    "run.cancelled": _run_cancelled,
    "run.skipped": _run_skipped,
    "run.completed": _run_completed,
    "run.failed": _run_failed,
    "run.held": _run_held,
    "run.released": _run_released,
    "run.resumed": _run_resumed,
    "run.retried": _run_retried,
    "run.retrying": _run_retrying,
    "run.started": _run_started,
    "serving": _serving,
    "step.cancelled": _step_cancelled,
    "step.completed": _step_completed,
    "step.failed": _step_failed,
    "step.retrying": _step_retrying,
    "step.sleeping": _step_sleeping,
    "stopped": _stopped,
    "stopping": _stopping,
    "worker.died": _worker_died,
}


def _clock(ms: int, *, seconds_only: bool = False) -> str:
    time = datetime.datetime.fromtimestamp(ms / 1_000, datetime.UTC).astimezone()
    return time.strftime("%H:%M:%S") if seconds_only else time.strftime("%H:%M:%S.%f")[:-3]
