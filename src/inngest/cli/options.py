"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Database = Annotated[
    str,
    typer.Option(
        "--database",
        metavar="FILE",
        envvar="INNGEST_DATABASE",
        help="The engine's database; or postgresql://user@host/database.",
    ),
]
OwnDatabase = Annotated[  # of code under work: the environment may name that of production
    str, typer.Option("--database", metavar="FILE", help="The engine's database; or postgresql://user@host/database.")
]
Lease = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="On PostgreSQL: a worker that is not heard for so long is dead. [default: 15s]",
        show_default=False,
    ),
]
Retention = Annotated[
    str | None,
    typer.Option(
        "--retention",
        metavar="TIME",
        help="Runs that ended longer ago are removed; off: none. [default: 30d, on PostgreSQL 7d]",
        show_default=False,
    ),
]
MaxSteps = Annotated[str, typer.Option(metavar="COUNT", help="Steps that a run may have, up to 10,000.")]
LogFormat = Annotated[
    str | None,
    typer.Option(
        "--log-format",
        metavar="FORMAT",
        envvar="INNGEST_LOG_FORMAT",
        help="text, or json for programs, as --json. [default: text]",
        show_default=False,
    ),
]
Runs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN…]", help="Ids of runs, or at least their last 4 characters.", show_default=False),
]
OfFunction = Annotated[
    str | None, typer.Option("--function", metavar="ID", help="All runs of this function that have not ended.")
]
OfEvent = Annotated[
    str | None, typer.Option("--event", metavar="ID", help="All runs that this event started and that have not ended.")
]
HeldOfFunction = Annotated[
    str | None, typer.Option("--function", metavar="ID", help="All runs of this function that are on hold.")
]
HeldOfEvent = Annotated[
    str | None, typer.Option("--event", metavar="ID", help="All runs that this event started and that are on hold.")
]
FailedOfFunction = Annotated[
    str | None, typer.Option("--function", metavar="ID", help="All runs of this function that have failed.")
]
FailedOfEvent = Annotated[
    str | None, typer.Option("--event", metavar="ID", help="All runs that this event started and that have failed.")
]
InStatus = Annotated[
    str | None, typer.Option("--status", metavar="STATUS", help="Of those, only runs that are queued, or running.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether all those are meant.")]
Functions = Annotated[list[str], typer.Argument(metavar="FUNCTION…", help="Ids of functions: app-function.")]
Data = Annotated[str | None, typer.Argument(metavar="[DATA]", help="A JSON value, @file, or - for the standard input.")]
