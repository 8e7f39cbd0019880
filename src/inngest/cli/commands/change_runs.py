"""The engine's verbs for runs as commands: each acts on runs of a database, by an engine that has no functions.

Workers that live on the database see what was written; none need be there.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

import typer
from rich.text import Text

from inngest.cli import arguments, lookup, output, visiting_engine
from inngest.cli.errors import CommandError, Exit
from inngest.embedded.engine import Engine
from inngest.embedded.errors import RunNotFoundError
from inngest.embedded.explanations import Rule
from inngest.embedded.reader import Reader
from inngest.embedded.views import Run, RunStatus

AT_ONCE = 100
"""Runs that are acted on side by side: their commits are one."""

OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)


class Verb(NamedTuple):
    """The change of each run."""

    name: str  # of the command
    key: str  # of --json, and of what it says: "released"
    not_done: str  # why nothing was done to a run
    do: Callable[[Engine, str], Awaitable[bool]]  # whether it was done
    fits: Callable[[Run], bool]  # whether a run is meant that is not named
    ends: bool = False  # it ends runs: nobody need execute them


VERBS = {
    verb.name: verb
    for verb in (
        Verb("cancel", "cancelled", "has ended", Engine.cancel, lambda _: True, ends=True),
        Verb("release", "released", "has ended", Engine.release, lambda run: run.hold is not None),
        Verb("retry-now", "retried", "does not wait for an attempt", Engine.retry_now, lambda _: True),
    )
}


class Asked(NamedTuple):
    """Which runs are meant."""

    runs: Sequence[str]
    function: str | None
    event: str | None
    status: str | None
    yes: bool


def act(verb: Verb, asked: Asked, *, database: str, as_json: bool) -> None:
    """Do something to runs, named ones or all that fit, and say of each whether it was done."""
    chosen = asked.function is not None or asked.event is not None
    if bool(asked.runs) == chosen or (asked.status is not None and not chosen):
        raise CommandError(
            f"{verb.name}: expected ids of runs, or --function or --event for all of one, and with these --status",
            hint=f"`inngest {verb.name} RUN`, or `inngest {verb.name} --function app-function`",
        )
    path = arguments.existing_database(database)
    reader = Reader(path)
    runs = _chosen(verb, asked, reader) if chosen else named(asked.runs, reader)
    if (len(runs) > 1 or (chosen and runs)) and not asked.yes:
        confirm(verb.name, runs, as_json)
    ids = [run.id for run in runs]
    done = visiting_engine.on(path, lambda engine: _act(verb, ids, engine), as_json=as_json) if ids else {}
    why = {run_id: None if was else _undone(verb, run_id, reader) for run_id, was in done.items()}
    warning = None if verb.ends else unexecuted([run_id for run_id, was in done.items() if was], reader)
    if as_json:
        told = [{"id": run_id, verb.key: was, "why": why[run_id]} for run_id, was in done.items()]
        output.print_json({"runs": told} if verb.ends else {"runs": told, "warning": warning})
    else:
        _show(verb, why, chosen)
        output.warning(warning)
    if not chosen and not all(done.values()):
        raise typer.Exit(Exit.FAILED)


def _show(verb: Verb, why: Mapping[str, str | None], chosen: bool) -> None:
    console = output.console()
    for run_id, undone in why.items():
        if undone is None or not chosen:
            told = Text(verb.key, "green") if undone is None else Text(undone, "yellow")
            console.print(Text.assemble((run_id, "bold"), "  ", told))
    if chosen:
        console.print(f"{sum(undone is None for undone in why.values()):,} {verb.key}", style="dim")


def _undone(verb: Verb, run_id: str, reader: Reader) -> str:
    """Why nothing was done to a run."""
    try:
        if reader.run(run_id).status not in OPEN:
            return "has ended"
        executes = any(one.rule is Rule.EXECUTING for one in reader.explain(run_id).reasons)
    except RunNotFoundError:
        return "has ended"
    return "is executing now" if executes else verb.not_done


def unexecuted(run_ids: Sequence[str], reader: Reader) -> str | None:
    """Why nobody goes on with the runs, as far as the first of them show."""
    found: dict[str, None] = {}
    for run_id in run_ids[: lookup.SHOWN]:
        with contextlib.suppress(RunNotFoundError):
            if (text := visiting_engine.unexecuted(reader, run_id)) is not None:
                found[text] = None
    return " ".join(found) or None


def named(given: Sequence[str], reader: Reader) -> list[Run]:
    """All of them are looked for before anything is done to one."""
    wanted = [arguments.id_or_end("RUN", one) for one in given]
    ids = dict.fromkeys(lookup.whole_id("RUN", one, reader) for one in wanted)
    return [lookup.existing_run(one, reader) for one in ids]


def _chosen(verb: Verb, asked: Asked, reader: Reader) -> list[Run]:
    statuses = OPEN if asked.status is None else (lookup.status_named(asked.status),)
    if not set(statuses) <= set(OPEN):
        raise CommandError(f"--status: expected queued or running: other runs have ended, got {asked.status!r}")
    found = lookup.chosen(reader, asked.function, asked.event, statuses)
    return [run for run in found if verb.fits(run)]


def confirm(verb: str, runs: Sequence[Run], as_json: bool) -> None:
    """Ask whether all those runs are meant.

    Raises:
        CommandError: they are not, or nobody is there to be asked.
    """
    count = f"{len(runs):,} run{'' if len(runs) == 1 else 's'}"
    if as_json or not sys.stdin.isatty():
        raise CommandError(f"{verb}: {count} would be meant, and nobody is asked here", hint="add --yes")
    console = output.console(sys.stderr)
    for run in runs[: lookup.SHOWN]:
        console.print(f"{run.id}  {run.function_id}  {run.status.value}")
    if len(runs) > lookup.SHOWN:
        console.print(f"… and {len(runs) - lookup.SHOWN:,} more")
    try:
        sure = typer.confirm(f"{verb} {count}?", err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
    if not sure:
        raise CommandError("nothing was done", code=Exit.FAILED)


async def _act(verb: Verb, run_ids: Sequence[str], engine: Engine) -> dict[str, bool]:
    done: dict[str, bool] = {}
    for start in range(0, len(run_ids), AT_ONCE):
        part = run_ids[start : start + AT_ONCE]
        done.update(zip(part, await asyncio.gather(*(_act_on(engine, verb, one) for one in part)), strict=True))
    return done


async def _act_on(engine: Engine, verb: Verb, run_id: str) -> bool:
    try:
        return await verb.do(engine, run_id)
    except RunNotFoundError:  # removed since it was found: its time was over
        return False
