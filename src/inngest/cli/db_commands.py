"""`inngest db` and its commands: what keeps a database in order. Each needs the database, and no server."""

from __future__ import annotations

from typing import Annotated

import typer

from .arguments import DEFAULT_DATABASE
from .errors import reported
from .options import AsJson, Database

db = typer.Typer(
    help="Look after a database: what it holds, a copy, a newer schema, space given back.",
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
