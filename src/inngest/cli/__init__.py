"""The `inngest` command."""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process, and exit with a code that docs/reference/cli.md explains."""
    from .app import app  # noqa: PLC0415 - typer and rich are for the command line only
    from .output import write_all  # noqa: PLC0415 - see above

    write_all()
    app(prog_name="inngest")
