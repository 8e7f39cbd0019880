"""Commands that change what runs do. Each needs the database, and no server."""

from __future__ import annotations

from typing import Annotated

import typer

from .arguments import DEFAULT_DATABASE
from .errors import reported
from .options import (
    AsJson,
    Data,
    Database,
    FailedOfEvent,
    FailedOfFunction,
    Functions,
    HeldOfEvent,
    HeldOfFunction,
    InStatus,
    OfEvent,
    OfFunction,
    Runs,
    Yes,
)


def cancel(
    runs: Runs = None,
    function: OfFunction = None,
    event: OfEvent = None,
    status: InStatus = None,
    yes: Yes = False,
    database: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Cancel runs, wherever they run: named ones, or all of a function or an event."""
    _change("cancel", runs, function, event, status, yes=yes, database=database, as_json=as_json)


def release(
    runs: Runs = None,
    function: HeldOfFunction = None,
    event: HeldOfEvent = None,
    status: InStatus = None,
    yes: Yes = False,
    database: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Have runs follow changed code for ever, and be on hold no more."""
    _change("release", runs, function, event, status, yes=yes, database=database, as_json=as_json)


def retry_now(
    runs: Runs = None,
    function: OfFunction = None,
    event: OfEvent = None,
    status: InStatus = None,
    yes: Yes = False,
    database: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Try at once what of runs waits for its next attempt. It uses up that attempt."""
    _change("retry-now", runs, function, event, status, yes=yes, database=database, as_json=as_json)


def rerun(
    runs: Runs = None,
    from_step: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Keep what is recorded before this step; a repeat is written as id:1."),
    ] = None,
    given: Annotated[
        str | None,
        typer.Option("--input", metavar="JSON", help="The step's arguments, an array; or the event's data."),
    ] = None,
    function: FailedOfFunction = None,
    event: FailedOfEvent = None,
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Of those, the runs in this status, instead of failed ones.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Of those, only runs that are not older: 30m, 24h.")
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", "--dry-run", help="Only list the runs that are meant.")] = False,
    yes: Yes = False,
    database: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Run runs again, from the start or from one of their steps on. Each is another run."""
    with reported(as_json=as_json):
        from .commands import rerun as command  # noqa: PLC0415 - loads the engine

        asked = command.Asked(tuple(runs or ()), function, event, status, since, from_step, given, preview, yes)
        command.rerun(asked, database=database, as_json=as_json)


def _change(
    verb: str,
    runs: list[str] | None,
    function: str | None,
    event: str | None,
    status: str | None,
    *,
    yes: bool,
    database: str,
    as_json: bool,
) -> None:
    with reported(as_json=as_json):
        from .commands import change_runs  # noqa: PLC0415 - loads the engine

        asked = change_runs.Asked(tuple(runs or ()), function, event, status, yes)
        change_runs.act(change_runs.VERBS[verb], asked, database=database, as_json=as_json)


def pause(
    functions: Functions,
    on_event: Annotated[
        str,
        typer.Option(metavar="queue|skip", help="Runs of events that come meanwhile: queued, or recorded as skipped."),
    ] = "queue",
    database: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Have no run of a function begin or go on, until `inngest resume`. A run that executes now goes on to its next
    wait.
    """
    with reported(as_json=as_json):
        from .commands import control  # noqa: PLC0415 - loads the engine

        control.pause(functions, on_event=on_event, database=database, as_json=as_json)


def resume(functions: Functions, database: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> None:
    """Have the runs of a paused function begin and go on again."""
    with reported(as_json=as_json):
        from .commands import control  # noqa: PLC0415 - loads the engine

        control.resume(functions, database=database, as_json=as_json)


def signal(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The signal that a run's step waits for.")],
    data: Data = None,
    database: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Give a signal to the run whose step waits for it."""
    with reported(as_json=as_json):
        from .commands import control  # noqa: PLC0415 - loads the engine

        control.signal(name, data, database=database, as_json=as_json)


def invoke(
    function: Annotated[str, typer.Argument(metavar="FUNCTION", help="The function's id: app-function.")],
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="Its event's data: a JSON object, @file, or - for the standard input."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the run, and print its result.")] = False,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Wait at most so long: seconds, or 500ms, 30s, 5m, 1h.")
    ] = None,
    database: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Start a run of a function, whatever its triggers. An engine that has the function executes it."""
    with reported(as_json=as_json):
        from .commands import control  # noqa: PLC0415 - loads the engine

        control.invoke(function, data, wait=wait, timeout=timeout, database=database, as_json=as_json)


ALL = (cancel, pause, resume, signal, invoke, release, retry_now, rerun)
