"""`inngest db` and its commands: what keeps a database in order. Each needs the database, and no server."""

from __future__ import annotations

from typing import Annotated

import typer

from .arguments import DEFAULT_DATABASE
from .errors import reported
from .options import AsJson, Database

db = typer.Typer(
    help="Look after a database: what it holds, a copy, a newer schema, space given back, what is erased.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

WhileOpen = Annotated[bool, typer.Option("--yes", "-y", help="Also while workers have it open.")]


@db.command()
def status(database: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> None:
    """Show what a database holds, how large it is, and who has it open. Reads only."""
    with reported(as_json=as_json):
        from .commands import db as commands  # noqa: PLC0415 - loads the engine

        commands.status(database=database, as_json=as_json)


@db.command()
def migrate(yes: WhileOpen = False, database: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> None:
    """Bring the schema of a database to that of this version. An engine that starts does so itself."""
    with reported(as_json=as_json):
        from .commands import db as commands  # noqa: PLC0415 - loads the engine

        commands.migrate(yes=yes, database=database, as_json=as_json)


@db.command()
def vacuum(yes: WhileOpen = False, database: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> None:
    """Give back the space of what was removed. The file is written anew, and nobody else writes meanwhile."""
    with reported(as_json=as_json):
        from .commands import db as commands  # noqa: PLC0415 - loads the engine

        commands.vacuum(yes=yes, database=database, as_json=as_json)


@db.command()
def backup(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A file that does not exist yet, or a folder for one named by time.")
    ],
    database: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Copy a database as it is now, and check the copy. Workers go on meanwhile."""
    with reported(as_json=as_json):
        from .commands import db as commands  # noqa: PLC0415 - loads the engine

        commands.backup(target, database=database, as_json=as_json)


@db.command()
def erase(
    where: Annotated[
        str,
        typer.Option("--where", metavar="EXPRESSION", help="""Of which events: 'event.data.user_id == "42"'."""),
    ],
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel runs that go on; else nothing is erased.")] = False,
    preview: Annotated[bool, typer.Option("--preview", "--dry-run", help="Only say what is meant.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether all that is meant.")] = False,
    search: Annotated[
        list[str] | None, typer.Option("--search", metavar="TEXT", help="Then look where the database still has this.")
    ] = None,
    actor: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who asks for it, for the audit. [default: you@host]", show_default=False),
    ] = None,
    database: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Erase what belongs to a person: events that match, and the data of all runs that came of them."""
    with reported(as_json=as_json):
        from .commands import erase as command  # noqa: PLC0415 - loads the engine

        asked = command.Asked(where, cancel, preview, yes, tuple(search or ()), actor)
        command.erase(asked, database=database, as_json=as_json)


@db.command()
def audit(
    limit: Annotated[str, typer.Option(metavar="COUNT", help="At most so many, up to 1,000.")] = "20",
    database: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Show who erased what, the newest first. Reads only."""
    with reported(as_json=as_json):
        from .commands import erase as command  # noqa: PLC0415 - loads the engine

        command.audit(limit=limit, database=database, as_json=as_json)
