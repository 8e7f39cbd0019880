"""`inngest rerun`: runs are run again, named ones or all that fit; by an engine that has no functions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import typer
from rich.text import Text

from inngest.cli import arguments, json_shapes, lookup, output, visiting_engine
from inngest.cli.errors import CommandError, Exit
from inngest.embedded.engine import Engine
from inngest.embedded.errors import EngineConfigError, EngineStateError, RunNotFoundError
from inngest.embedded.reader import Reader
from inngest.embedded.views import Run, RunStatus
from inngest.sdk.errors import EventInvalidError

from .change_runs import AT_ONCE, confirm, named, unexecuted


class Asked(NamedTuple):
    """Which runs are meant, and how they are run again."""

    runs: Sequence[str]
    function: str | None
    event: str | None
    status: str | None
    since: str | None
    from_step: str | None
    given: str | None  # JSON, @file or -
    preview: bool
    yes: bool


class Outcome(NamedTuple):
    """A run, and the run that runs it again."""

    run_id: str
    rerun: str | None  # its id; None: there is none
    why: str | None  # there is none


def rerun(asked: Asked, *, database: str, as_json: bool) -> None:
    """Run runs again, named ones or all that fit, and say of each which run it is now."""
    chosen = asked.function is not None or asked.event is not None
    if bool(asked.runs) == chosen or (not chosen and (asked.status is not None or asked.since is not None)):
        raise CommandError(
            "rerun: expected ids of runs, or --function or --event for all of one, and with these --status and --since",
            hint="`inngest rerun RUN`, or `inngest rerun --function app-function --since 1h`",
        )
    given = arguments.json_value(asked.given)
    path = arguments.existing_database(database)
    reader = Reader(path)
    runs = _chosen(asked, reader) if chosen else named(asked.runs, reader)
    if asked.preview:
        _preview(runs, as_json)
        return
    if (len(runs) > 1 or (chosen and runs)) and not asked.yes:
        confirm("rerun", runs, as_json)
    outcomes = _rerun(path, [run.id for run in runs], asked.from_step, given, as_json=as_json) if runs else []
    warning = unexecuted([one.rerun for one in outcomes if one.rerun is not None], reader)
    if as_json:
        told = [{"id": one.run_id, "rerun": one.rerun, "why": one.why} for one in outcomes]
        output.print_json({"runs": told, "warning": warning})
    else:
        _show(outcomes, chosen)
        output.warning(warning)
    if any(one.rerun is None for one in outcomes):
        raise typer.Exit(Exit.FAILED)


def _chosen(asked: Asked, reader: Reader) -> list[Run]:
    """The runs of a function or an event; those that failed, if nothing else is asked for."""
    status = RunStatus.FAILED if asked.status is None else lookup.status_named(asked.status)
    return lookup.chosen(reader, asked.function, asked.event, [status], asked.since)


def _preview(runs: Sequence[Run], as_json: bool) -> None:
    if as_json:
        output.print_json({"preview": [json_shapes.run_shape(run) for run in runs]})
        return
    console = output.console()
    for run in runs:
        error = "" if run.error is None else f"  {run.error.name}: {run.error.message}".partition("\n")[0]
        console.print(Text.assemble((run.id, "bold"), f"  {run.function_id}  {run.status.value}{error}"))
    console.print(f"{len(runs):,} would be run again", style="dim")


def _rerun(
    path: Path | str, run_ids: Sequence[str], from_step: str | None, given: object, *, as_json: bool
) -> list[Outcome]:
    async def one(engine: Engine, run_id: str) -> Outcome:
        try:
            return Outcome(run_id, (await engine.rerun(run_id, from_step, given)).id, None)
        except RunNotFoundError:  # removed since it was found: its time was over
            return Outcome(run_id, None, "is not there any more")
        except (EngineConfigError, EngineStateError, EventInvalidError) as error:
            return Outcome(run_id, None, error.message)

    async def act(engine: Engine) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for start in range(0, len(run_ids), AT_ONCE):
            outcomes += await asyncio.gather(*(one(engine, run_id) for run_id in run_ids[start : start + AT_ONCE]))
        return outcomes

    return visiting_engine.on(path, act, as_json=as_json)


def _show(outcomes: Sequence[Outcome], chosen: bool) -> None:
    console = output.console()
    for one in outcomes:
        told = Text(f"rerun as {one.rerun}", "green") if one.why is None else Text(one.why, "yellow")
        console.print(Text.assemble((one.run_id, "bold"), "  ", told))
    if chosen:
        console.print(f"{sum(one.why is None for one in outcomes):,} rerun", style="dim")
