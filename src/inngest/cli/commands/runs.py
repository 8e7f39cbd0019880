"""`inngest runs`: the runs of a database, newest first, for people or as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from inngest.cli import arguments, json_shapes, lookup, output, run_text
from inngest.embedded.explanations import Pending
from inngest.embedded.reader import AppAway, Reader
from inngest.embedded.views import Run, RunStatus

MAX_LIMIT = 1_000


def list_runs(
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
    wanted = None if status is None else lookup.status_named(status)
    event_id = None if event is None else arguments.ulid("--event", event)
    given = None if before is None else arguments.id_or_end("--before", before)
    most = arguments.whole_number("--limit", limit, 1, MAX_LIMIT)
    path = arguments.existing_database(database)
    reader = Reader(path)
    before_id = None if given is None else lookup.whole_id("--before", given, reader)
    found = reader.runs(event_id=event_id, function_id=function, status=wanted, limit=most + 1, before=before_id)
    page = found[:most]
    next_before = page[-1].id if len(found) > most else None
    if not page and function is not None:
        lookup.check_function("--function", reader, function)
    pending = [] if event_id is None else reader.pending(event_id)
    away = reader.apps_away()
    if as_json:
        listed = {
            "runs": [json_shapes.run_shape(run) for run in page],
            "next_before": next_before,
            "apps_away": json_shapes.apps_away(away),
        }
        output.print_json(listed if event_id is None else {**listed, "pending": json_shapes.pending(pending)})
        return
    console = output.console()
    for one in pending:
        _show_pending(one, console, reader.now())
    if not page and pending:
        return
    if not page:
        console.print("no runs" if not any((status, function, event, before)) else "no runs like that")
        return
    _print_table(page, away, console)
    if next_before is not None:
        console.print(f"there are more: --before {next_before}", style="dim")


NARROW = 100
"""Columns below which a terminal has ends of ids, and no years: the result is what one looks for."""

RESULT = 18
"""Columns of a result, or a hold, that are shown at least, if there are so many; ids of functions are shortened."""

SHORTEST = 12
"""Columns of a function's id that are shown at least."""

FUNCTION = 2
"""The place of that column."""


def _print_table(page: list[Run], away: Sequence[AppAway], console: Console) -> None:
    rows = _rows(page, away, narrow=console.is_terminal and console.width < NARROW)
    if console.is_terminal and _spare(rows, console.width) < 0:
        rows = _rows(page, away, narrow=True)
        width = max(SHORTEST, _widths(rows)[FUNCTION] + min(0, _spare(rows, console.width)))
        for row in rows:
            row[FUNCTION] = Text(run_text.shortened(row[FUNCTION].plain, width), row[FUNCTION].style)
    widths = _widths(rows)[:-1]
    for row in rows:
        line = Text()
        for cell, width in zip(row, widths, strict=False):
            line.append(cell).append(" " * (width - cell.cell_len + 2))
        line.append(row[-1]).rstrip()
        if console.is_terminal:
            line.truncate(console.width, overflow="ellipsis")
        console.print(line)


def _rows(page: list[Run], away: Sequence[AppAway], *, narrow: bool) -> list[list[Text]]:
    rows = [[Text(name, "dim") for name in ("STATUS", "RUN", "FUNCTION", "CREATED", "TOOK", "RESULT")]]
    for one in page:
        status = Text(one.status.value, run_text.STYLES[one.status])
        run_id, created = (one.id[-8:], run_text.created(one)[5:]) if narrow else (one.id, run_text.created(one))
        cells = (status, run_id, one.function_id, created, _took(one), _result(one, away))
        rows.append([Text(cell) if isinstance(cell, str) else cell for cell in cells])
    return rows


def _widths(rows: list[list[Text]]) -> list[int]:
    return [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]


def _spare(rows: list[list[Text]], width: int) -> int:
    """Columns that are left when each result has its room; below 0, some are missing."""
    *widths, result = _widths(rows)
    return width - sum(column + 2 for column in widths) - min(result, RESULT)


def _took(run: Run) -> str:
    if run.started_at is None or run.ended_at is None:
        return ""
    return output.span(run_text.milliseconds(run.ended_at - run.started_at))


def _result(run: Run, away: Sequence[AppAway]) -> Text:
    if run.unreadable:
        return Text(f"cannot be read: {run.unreadable[0]}", "red")
    if run.error is not None:
        by_others = run.status in (RunStatus.CANCELLED, RunStatus.SKIPPED)  # then the name says it once more
        why = run.error.message.partition("\n")[0] if by_others else run_text.one_line(run.error)
        return Text(why, run_text.STYLES[run.status])
    if run.hold is not None:
        return Text(f"on hold: {run.hold.text}", "yellow")
    if run.ended_at is None:
        named = next((one.name for one in away if run.function_id in one.functions), None)
        return Text("" if named is None else f"its app {named} cannot be reached", "yellow")
    return Text("" if run.status is not RunStatus.COMPLETED else output.short_json(run.output))


def _show_pending(one: Pending, console: Console, now: int) -> None:
    """The gates that the event waits for: it has no run yet."""
    key = "" if one.key is None else f" for {one.key}"
    so_far = "" if one.events is None else f", with {one.events:,} event{'' if one.events == 1 else 's'} so far"
    console.print(f"a {one.gate} of {one.function_id}{key} holds it{so_far}.", end=" ")
    full = "" if one.gate == "debounce" else "when it is full"
    at = "" if one.due_at is None else f"at {run_text.at(one.due_at, now)}"
    console.print(Text(f"Its run begins {' or '.join(part for part in (full, at) if part)}.", "dim"))
