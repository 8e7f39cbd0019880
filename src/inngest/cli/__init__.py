"""The `inngest` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process, and exit with a code that docs/reference/cli.md explains."""
    try:
        _run()
    except KeyboardInterrupt:  # while it is loaded: a command says itself what an interruption means
        sys.exit(130)


def _run() -> None:
    from .app import app  # noqa: PLC0415 - typer and rich are for the command line only
    from .output import UNWRITABLE, unwritable, write_all  # noqa: PLC0415 - see above

    write_all()
    try:
        app(prog_name="inngest")
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        unwritable(error)
        sys.exit(1)
