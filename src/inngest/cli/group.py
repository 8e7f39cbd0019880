"""The group of all commands: mistakes that typer finds are named as JSON too, if that is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import Any, cast

import typer
from typer.core import TyperGroup

from .errors import CommandError, reported

_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__base__)
"""Raised by typer when arguments are wrong. Releases of it have the class in different places."""


class JsonGroup(TyperGroup):
    """Commands with `--json`: one object on the standard output also when an argument cannot be read."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what comes before the command."""
        options = args[: args.index("--")] if "--" in args else args
        ctx.obj = "--json" in options
        with _named(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Read the arguments of the command, and call it."""
        with _named(ctx):
            return super().invoke(ctx)


ELSEWHERE: Mapping[str, str] = {
    "--no-poll": "--poll-interval 0 asks each app until it has registered, and not again",
    "--persist": "everything is kept in .inngest/inngest.db; --database names another file",
    "--queue-workers": "calls have no workers: 256 of an app, and 2,048 in all, may be under way at a time",
    "--tick": "nothing is polled: what is due is done at once",
    "--sqlite-dir": "--database names the file",
    "--postgres-uri": "--database takes a URL, postgresql://user@host/database",
    "--redis-uri": "no Redis is needed: the queue is in the database, which --database names",
    "--postgres-max-idle-conns": "each worker has a few connections, and keeps them",
    "--postgres-max-open-conns": "each worker has a few connections, and keeps them",
    "--postgres-conn-max-idle-time": "each worker has a few connections, and keeps them",
    "--postgres-conn-max-lifetime": "each worker has a few connections, and keeps them",
    "--connect-gateway-port": "connecting apps by WebSocket comes later",
    "--connect-gateway-grpc-port": "connecting apps by WebSocket comes later",
    "--connect-executor-grpc-port": "connecting apps by WebSocket comes later",
    "--connect-gateway-grpc-ip": "connecting apps by WebSocket comes later",
    "--connect-executor-grpc-ip": "connecting apps by WebSocket comes later",
    "--no-ui": "there is no dashboard yet: the command line and the REST API show runs",
    "--log-level": "events, runs and steps are always shown; --json makes records of them",
    "--verbose": "events, runs and steps are always shown",
    "-l": "events, runs and steps are always shown; --json makes records of them",
    "-v": "events, runs and steps are always shown; the version is told by `inngest --version`",
    "--config": "only `inngest start` has a file of settings",
    "--signing-key": "a development server asks for no keys; `inngest start` does",
    "--event-key": "a development server takes any event key; `inngest start` asks for one",
}
"""Options that the official server has and a command has not, with what stands for them here."""


NO_CODE = (
    "`inngest start` runs no code: it calls apps, whose URLs --sdk-url names. `inngest worker shop.py` and "
    "`inngest dev shop.py` run code"
)
"""The way for whoever gives a file to the server."""


def _meant(error: Any, ctx: Any) -> str:
    """The way here for an option of the official server's `dev` and `start`; "" if it is none of these."""
    if ctx.invoked_subcommand not in ("dev", "start"):
        return ""
    return ELSEWHERE.get(str(getattr(error, "option_name", "")), "")


@contextlib.contextmanager
def _named(ctx: Any) -> Generator[None]:
    with reported(as_json=True) if ctx.obj else contextlib.nullcontext():
        try:
            yield
        except _UsageError as error:
            path = " ".join(name for name in (ctx.command_path, ctx.invoked_subcommand) if name)
            if ctx.invoked_subcommand == "start" and "extra argument" in error.format_message():
                with reported(as_json=bool(ctx.obj)):
                    raise CommandError(f"`{path}`: {error.format_message()}", hint=NO_CODE) from None
            if hint := _meant(error, ctx):
                with reported(as_json=bool(ctx.obj)):
                    option = getattr(error, "option_name", "")
                    raise CommandError(f"`{path}` has no option {option}", hint=hint) from None
            if not ctx.obj:
                raise
            raise CommandError(error.format_message(), hint=f"`{path} --help`") from None
