"""`inngest runs` and `inngest run`: what a database says, for people or as JSON."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from inngest.embedded.errors import RunNotFoundError
from inngest.embedded.explanations import Explanation, Pending, Rule
from inngest.embedded.reader import SEARCHED, Reader
from inngest.embedded.views import Attempt, DeferRecord, Run, RunStatus, StepRecord, Usage
from inngest.protocol.errors import ErrorInfo

from . import output, shapes, values
from .failures import CommandError, Exit

T = TypeVar("T")

STYLES = {
    RunStatus.QUEUED: "dim",
    RunStatus.RUNNING: "cyan",
    RunStatus.COMPLETED: "green",
    RunStatus.FAILED: "red",
    RunStatus.CANCELLED: "yellow",
    RunStatus.SKIPPED: "yellow",
}

MAX_LIMIT = 1_000

SHOWN = 10
"""Runs that are named when an end of an id fits several."""

NO_RUN = "`inngest runs` lists runs with their ids; --database names another database"


def runs(
    *,
    database: str,
    status: str | None,
    function: str | None,
    event: str | None,
    limit: str,
    before: str | None,
    as_json: bool,
) -> None:
    """List runs, newest first."""
    wanted = None if status is None else status_named(status)
    event_id = None if event is None else values.ulid("--event", event)
    given = None if before is None else values.id_or_end("--before", before)
    most = values.whole_number("--limit", limit, 1, MAX_LIMIT)
    path = values.existing_database(database)
    reader = Reader(path)
    before_id = None if given is None else whole_id("--before", given, reader, path)
    found = reader.runs(event_id=event_id, function_id=function, status=wanted, limit=most + 1, before=before_id)
    page = found[:most]
    next_before = page[-1].id if len(found) > most else None
    if not page and function is not None:
        check_function("--function", reader, function)
    pending = [] if event_id is None else reader.pending(event_id)
    if as_json:
        listed = {"runs": [shapes.run_shape(run) for run in page], "next_before": next_before}
        output.print_json(listed if event_id is None else {**listed, "pending": shapes.pending(pending)})
        return
    console = output.console()
    for one in pending:
        _show_pending(one, console, reader.now())
    if not page and pending:
        return
    if not page:
        console.print("no runs" if not any((status, function, event, before)) else "no runs like that")
        return
    _print_table(page, console)
    if next_before is not None:
        console.print(f"there are more: --before {next_before}", style="dim")


def run(run_id: str, *, why: bool, database: str, as_json: bool) -> None:
    """Show one run with its steps, attempts, times and errors; or why it waits."""
    given = values.id_or_end("RUN", run_id)
    path = values.existing_database(database)
    reader = Reader(path)
    wanted = whole_id("RUN", given, reader, path)
    if why:  # also of one that cannot be read
        explained = _there(lambda: reader.explain(wanted), wanted, path)
        if as_json:
            output.print_json(shapes.explanation(explained))
        else:
            _show_why(explained, output.console(), reader.now())
        return
    found = existing_run(wanted, reader, path)
    executing = _executing(reader, found)
    if as_json:
        output.print_json({**shapes.run_in_full(found), "executing": executing})
    else:
        _show(found, output.console(), executing is not None, _now(reader, found), reader.now())


def _executing(reader: Reader, found: Run) -> str | None:
    """Who executes a run now. A step is recorded when it has ended: until then this is all that shows it."""
    if found.ended_at is not None:
        return None
    reasons = reader.explain(found.id).reasons
    return next((reason.text for reason in reasons if reason.rule is Rule.EXECUTING), None)


def _now(reader: Reader, found: Run) -> list[str]:
    """What a run does now, and what holds the whole of it: also that its worker is dead. Its steps have own lines."""
    if found.ended_at is not None:
        return []
    shown = {Rule.ON_HOLD, Rule.RETRY}
    reasons = reader.explain(found.id).reasons
    return [reason.text for reason in reasons if reason.step is None and reason.rule not in shown]


def existing_run(run_id: str, reader: Reader, path: Path) -> Run:
    """A run, which must be there."""
    return _there(lambda: reader.run(run_id), run_id, path)


def _there(look: Callable[[], T], run_id: str, path: Path) -> T:
    """What is known of a run, which must be there."""
    try:
        return look()
    except RunNotFoundError:
        raise CommandError(f"there is no run {run_id} in {path}", hint=NO_RUN, code=Exit.UNREACHABLE) from None


def whole_id(what: str, given: str, reader: Reader, path: Path) -> str:
    """The id of a run, which may be named by the end of it."""
    if len(given) == values.WHOLE_ID:
        return given
    found = reader.ending(given, SHOWN + 1)
    if len(found) == 1:
        return found[0].id
    if not found:
        raise CommandError(
            f"there is no run whose id ends in {given} among the newest {SEARCHED:,} in {path}",
            hint=NO_RUN,
            code=Exit.UNREACHABLE,
        )
    listed = [f"{one.id}  {one.function_id}  {_created(one)}" for one in found[:SHOWN]]
    more = ["…"] if len(found) > SHOWN else []
    raise CommandError(
        f"{what}: the ids of several runs end in {given}: give more of it",
        hint="\n".join([*listed, *more]),
        details={"runs": [shapes.run_shape(one) for one in found[:SHOWN]]},
    )


def status_named(text: str) -> RunStatus:
    """The status that `--status` names."""
    try:
        return RunStatus(text.upper())
    except ValueError:
        names = ", ".join(status.value.lower() for status in RunStatus)
        raise CommandError(f"--status: expected one of {names}, got {text!r}") from None


def check_function(what: str, reader: Reader, function: str) -> None:
    """Have a function be known; `what` names the argument."""
    known = reader.functions()
    if function not in known:
        listed = ", ".join(known) or "none yet"
        raise CommandError(
            f"{what}: no function {function!r} is known in this database",
            hint=f"known are: {listed}",
            code=Exit.UNREACHABLE,
        )


NARROW = 100
"""Columns below which a terminal has ends of ids, and no years: the result is what one looks for."""


def _print_table(page: list[Run], console: Console) -> None:
    narrow = console.is_terminal and console.width < NARROW
    rows = [[Text(name, "dim") for name in ("STATUS", "RUN", "FUNCTION", "CREATED", "TOOK", "RESULT")]]
    for one in page:
        status = Text(one.status.value, STYLES[one.status])
        run_id, created = (one.id[-8:], _created(one)[5:]) if narrow else (one.id, _created(one))
        cells = (status, run_id, one.function_id, created, _took(one), _result(one))
        rows.append([Text(cell) if isinstance(cell, str) else cell for cell in cells])
    widths = [max(cell.cell_len for cell in column) for column in list(zip(*rows, strict=True))[:-1]]
    for row in rows:
        line = Text()
        for cell, width in zip(row, widths, strict=False):
            line.append(cell).append(" " * (width - cell.cell_len + 2))
        line.append(row[-1]).rstrip()
        if console.is_terminal:
            line.truncate(console.width, overflow="ellipsis")
        console.print(line)


def _created(run: Run) -> str:
    return _local(run.created_at).strftime("%Y-%m-%d %H:%M:%S")


def _took(run: Run) -> str:
    if run.started_at is None or run.ended_at is None:
        return ""
    return output.span(_ms(run.ended_at - run.started_at))


def _result(run: Run) -> Text:
    if run.unreadable:
        return Text(f"cannot be read: {run.unreadable[0]}", "red")
    if run.error is not None:
        return Text(_one_line(run.error), "red")
    if run.hold is not None:
        return Text(f"on hold: {run.hold.text}", "yellow")
    return Text("" if run.status is not RunStatus.COMPLETED else output.short_json(run.output))


def _one_line(error: ErrorInfo) -> str:
    return f"{error.name}: {error.message}".partition("\n")[0]


def _show_pending(one: Pending, console: Console, now: int) -> None:
    """What the event waits for: it has no run yet."""
    key = "" if one.key is None else f" for {one.key}"
    so_far = "" if one.events is None else f", with {one.events:,} event{'' if one.events == 1 else 's'} so far"
    console.print(f"a {one.gate} of {one.function_id}{key} holds it{so_far}.", end=" ")
    full = "" if one.gate == "debounce" else "when it is full"
    at = "" if one.due_at is None else f"at {_at(one.due_at, now)}"
    console.print(Text(f"Its run begins {' or '.join(part for part in (full, at) if part)}.", "dim"))


def _at(time: datetime.datetime, now: int) -> str:
    left = max(0, _left(time, now))
    return f"{_local(time).strftime('%Y-%m-%d %H:%M:%S')} (in {output.span(left)})"


# -- one run


_GOES_ON = {
    Rule.ON_HOLD: "Entered again at",
    **dict.fromkeys((Rule.RETRY, Rule.REQUEST, Rule.UNREADABLE), "Again at"),
    **dict.fromkeys((Rule.DELAYED, Rule.THROTTLE), "Begins at"),
}


def _show_why(found: Explanation, console: Console, now: int) -> None:
    style = f"bold {STYLES[found.status]}"
    console.print(Text.assemble((found.status.value, style), f"  {found.function_id}  ", (found.run_id, "bold")))
    for reason in found.reasons:
        line = Text.assemble((f"  {reason.rule.value}  ", "bold"), reason.text)
        if reason.until is not None:
            line.append(f" {_GOES_ON.get(reason.rule, 'Until')} {_at(reason.until, now)}.", "dim")
        console.print(line)


def _show(run: Run, console: Console, executes: bool, state: Sequence[str], now: int) -> None:
    head = Text.assemble((run.status.value, f"bold {STYLES[run.status]}"), f"  {run.function_id}  ", (run.id, "bold"))
    console.print(head)
    for name, fact in _facts(run):
        console.print(Text.assemble((f"{name:<8}", "dim"), fact))
    for text in run.unreadable:
        console.print(Text.assemble(("unread  ", "dim"), (f"It cannot be read: {text}", "red")))
    if run.hold is not None:
        console.print(Text.assemble(("on hold ", "dim"), (run.hold.text, "yellow")))
    if run.unasked:
        console.print(Text.assemble(("unasked ", "dim"), ", ".join(run.unasked)))
    for text in state:
        console.print(Text.assemble(("now     ", "dim"), (text, "cyan" if executes else "yellow")))
    if run.steps or run.attempts or run.defers:
        console.print()
    for attempt in run.attempts:
        console.print(_attempt_line(run, attempt, "body"))
    for step in run.steps:
        for line in _step_lines(run, step, now, executes=executes):
            console.print(line)
    for defer in run.defers:
        console.print(_defer_line(defer))
    console.print()
    if run.error is not None:
        console.print(Text.assemble(("error   ", "dim"), (f"{run.error.name}: {run.error.message}", "red")))
        _show_stack(console, run.error)
    elif run.status is RunStatus.COMPLETED:
        console.print(Text.assemble(("result  ", "dim"), output.short_json(run.output, 2_000)))


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    event = run.event or {}
    yield "event", f"{event.get('name')}  {event.get('id')}  {output.short_json(event.get('data'), 200)}"
    yield "created", _local(run.created_at).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    if run.started_at is not None:
        yield "started", f"+{output.span(_ms(run.started_at - run.created_at))}"
    if run.ended_at is not None:
        yield "ended", f"+{output.span(_ms(run.ended_at - run.created_at))}"


_MARKS = {
    "completed": ("✓", "green"),
    "running": ("…", "cyan"),
    "failed": ("✗", "red"),
    "cancelled": ("-", "yellow"),
    "retrying": ("…", "yellow"),
    "sleeping": ("…", "cyan"),
    "waiting": ("…", "cyan"),
}


_WITH_OUTPUT = ("StepRun", "Gateway", "AIGateway")


def _step_lines(run: Run, step: StepRecord, now: int, *, executes: bool) -> list[Text]:
    mark, style = _MARKS[step.status]
    line = Text.assemble((f"{mark} ", style), (step.id, "bold"), "  ")
    tries = len(step.attempts)
    if step.due_at is not None:
        left = _left(step.due_at, now)
        goes_on = f"in {output.span(left)}" if left > 0 else "now"
        words = {"sleeping": "sleeps", "waiting": "waits"}
        if executes and left <= 0 and step.status == "sleeping":  # recorded with the step that executes now
            return [line.append(f"slept until {_clock(step.due_at)}")]
        word = words.get(step.status) or f"{tries} failed so far, again"
        line.append(f"{word} until {_clock(step.due_at)} ({goes_on})" if left > 0 else f"{word}, due {goes_on}")
    elif step.ended_at is None:
        line.append(f"begun at {_clock(step.started_at)}, and is not run again")
    else:
        since = step.attempts[0].started_at if step.attempts else step.started_at
        line.append(f"+{output.span(_ms(since - run.created_at))}  {output.span(_ms(step.ended_at - since))}", "dim")
        if tries > 1:
            line.append(f"  {tries} attempts", "yellow")
        if step.usage is not None:
            line.append(f"  {_used(step.usage)}", "cyan")
        if step.status == "completed" and step.kind in _WITH_OUTPUT:
            line.append(f"  {output.short_json(step.output)}")
        elif step.status == "failed" and step.error is not None and tries <= 1:
            line.append(f"  {_one_line(step.error)}", "red")
    if tries <= 1 and step.due_at is None:
        return [line]
    return [line, *(_attempt_line(run, attempt, "attempt") for attempt in step.attempts)]


_DEFER_STYLES = {"deferred": "cyan", "scheduled": "green", "aborted": "yellow", "dropped": "yellow"}


def _defer_line(defer: DeferRecord) -> Text:
    """A function that starts, or has started, after the run; or does not."""
    mark = "-" if defer.status in ("aborted", "dropped") else "→"
    style = _DEFER_STYLES[defer.status]
    line = Text.assemble((f"{mark} ", style), (defer.id, "bold"), f"  {defer.function_id}  ", (defer.status, style))
    return line.append(f"  {output.short_json(defer.data)}") if defer.data else line


def _used(usage: Usage) -> str:
    """The model, and its tokens."""
    tokens = " → ".join("?" if count is None else f"{count:,}" for count in (usage.input_tokens, usage.output_tokens))
    return f"{usage.model or 'model'}  {tokens} tokens"


def _attempt_line(run: Run, attempt: Attempt, what: str) -> Text:
    """One try, counted from 1 as people do, with its time since the run was created."""
    at = output.span(_ms(attempt.started_at - run.created_at))
    took = output.span(_ms(attempt.ended_at - attempt.started_at))
    line = Text(f"    {what} {attempt.number + 1}  +{at}  {took}  ", "dim")
    line.append(*(("ok", "green") if attempt.error is None else (_one_line(attempt.error), "red")))
    return line


def _show_stack(console: Console, error: ErrorInfo) -> None:
    if error.stack:
        for line in error.stack.rstrip().splitlines():
            console.print(f"        {line}", style="dim")


def _left(time: datetime.datetime, now: int) -> float:
    """Milliseconds until a time, by the time of the engines."""
    return 1000 * time.timestamp() - now


def _ms(span: datetime.timedelta) -> float:
    return span / datetime.timedelta(milliseconds=1)


def _local(time: datetime.datetime) -> datetime.datetime:
    return time.astimezone()


def _clock(time: datetime.datetime) -> str:
    return _local(time).strftime("%H:%M:%S")
