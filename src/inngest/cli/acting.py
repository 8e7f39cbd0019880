"""The engine's verbs as commands: each acts on runs of a database, by an engine that has no functions.

Workers that live on the database see what was written; none need be there.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import typer
from rich.text import Text

from inngest.embedded.engine import Engine
from inngest.embedded.errors import RunNotFoundError
from inngest.embedded.reader import Reader

from . import looking, output, values
from .failures import CommandError, Exit


class Verb(NamedTuple):
    """What is done to each run."""

    name: str  # of the command
    key: str  # of --json, and of what it says: "released"
    not_done: str  # why nothing was done to a run
    do: Callable[[Engine, str], Awaitable[bool]]  # whether it was done


RELEASE = Verb("release", "released", "has ended", lambda engine, run_id: engine.release(run_id))
RETRY_NOW = Verb(
    "retry-now", "retried", "does not wait for an attempt", lambda engine, run_id: engine.retry_now(run_id)
)


def act(verb: Verb, run_ids: Sequence[str], *, database: str, yes: bool, as_json: bool) -> None:
    """Do something to runs, and say of each whether it was done."""
    path = values.existing_database(database)
    reader = Reader(path)
    given = [values.id_or_end("RUN", one) for one in run_ids]
    wanted = list(dict.fromkeys(looking.whole_id("RUN", one, reader, path) for one in given))
    if len(wanted) > 1 and not yes:
        _confirm(verb, len(wanted))
    done = asyncio.run(_act(verb, wanted, path.resolve()))
    if as_json:
        output.print_json({"runs": [{"id": run_id, verb.key: was} for run_id, was in done.items()]})
    else:
        console = output.console()
        for run_id, was in done.items():
            told = Text(verb.key, "green") if was else Text(verb.not_done, "yellow")
            console.print(Text.assemble((run_id, "bold"), "  ", told))
    if not all(done.values()):
        raise typer.Exit(Exit.FAILED)


def _confirm(verb: Verb, count: int) -> None:
    if not sys.stdin.isatty():
        raise CommandError(f"{verb.name}: {count} runs are given, and nobody is asked here", hint="add --yes")
    if not typer.confirm(f"{verb.name} {count} runs?"):
        raise typer.Exit(Exit.FAILED)


async def _act(verb: Verb, run_ids: Sequence[str], path: Path) -> dict[str, bool]:
    done: dict[str, bool] = {}
    async with Engine([], database=f"sqlite:///{path}") as engine:
        for run_id in run_ids:
            try:
                done[run_id] = await verb.do(engine, run_id)
            except RunNotFoundError:
                raise CommandError(
                    f"there is no run {run_id} in {path}",
                    hint=looking.NO_RUN,
                    code=Exit.UNREACHABLE,
                    details={"runs": [{"id": one, verb.key: was} for one, was in done.items()]},
                ) from None
    return done
