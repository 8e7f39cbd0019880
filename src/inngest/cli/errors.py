"""Failures of a command: each says what is wrong and how to mend it, has an exit code, and never shows a traceback."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Generator, Mapping

import typer

from inngest.protocol.errors import Error
from inngest.protocol.http import NO_HTTPS, WITHOUT_HTTPS

from . import output


class Exit(enum.IntEnum):
    """Exit codes, as docs/reference/cli.md explains them."""

    OK = 0
    FAILED = 1  # what was asked for was done, and failed: a run, an event, the user's code
    USAGE = 2  # an argument or option is wrong
    UNREACHABLE = 3  # no server, no database, no such run, no free port
    TIMEOUT = 4  # waited as long as was asked
    INTERRUPTED = 130  # Ctrl-C


class CommandError(Exception):
    """A command cannot go on.

    Args:
        message: what is wrong: which value, and what was expected.
        hint: how to mend it.
        code: the exit code.
        details: further keys of the JSON that `--json` shows.
    """

    def __init__(
        self, message: str, *, hint: str = "", code: Exit = Exit.USAGE, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.details = details or {}


def unreached(reason: str) -> str:
    """How to mend that no server answers.

    Args:
        reason: why it does not.
    """
    if NO_HTTPS in reason:
        return WITHOUT_HTTPS
    return "start one with `inngest dev app.py`, or name another with --url"


@contextlib.contextmanager
def reported(*, as_json: bool) -> Generator[None]:
    """Show failures to the user, and exit with their codes.

    Args:
        as_json: show them as one JSON object on the standard output.
    """
    try:
        yield
    except CommandError as error:
        _exit(error, as_json)
    except Error as error:
        code = Exit.UNREACHABLE if is_store_error(error) else Exit.FAILED
        _exit(CommandError(error.message, code=code), as_json)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None


def is_store_error(error: Error) -> bool:
    """Whether the database is at fault. Only those who have loaded a database can meet it."""
    return error.code == "store"


def _exit(error: CommandError, as_json: bool) -> None:
    if as_json:
        output.print_json({"error": error.message, "hint": error.hint or None, **error.details})
    else:
        output.failure(error.message, error.hint)
    raise typer.Exit(error.code) from None
