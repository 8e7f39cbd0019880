"""The group of all commands: mistakes that typer finds are named as JSON too, if that is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
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


@contextlib.contextmanager
def _named(ctx: Any) -> Generator[None]:
    with reported(as_json=True) if ctx.obj else contextlib.nullcontext():
        try:
            yield
        except _UsageError as error:
            if not ctx.obj:
                raise
            path = " ".join(name for name in (ctx.command_path, ctx.invoked_subcommand) if name)
            raise CommandError(error.format_message(), hint=f"`{path} --help`") from None
