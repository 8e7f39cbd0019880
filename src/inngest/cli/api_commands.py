"""`inngest api` and its commands: one for each method of HTTP, and one that lists what a server can be asked."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .errors import reported
from .options import AsJson

METHODS = ("get", "post", "patch", "delete")


def _complete_path(ctx: Any, incomplete: str) -> list[str]:
    """Paths of this version's API that have the method of the command."""
    from .commands.api import known_paths  # noqa: PLC0415 - loads the server

    return [path for path in known_paths(str(ctx.info_name)) if path.startswith(incomplete)]


Path = Annotated[
    str,
    typer.Argument(metavar="PATH", help="Such as /v2/runs; {name} in it is a --param.", autocompletion=_complete_path),
]
Param = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter of the path or of the query; repeatable."),
]
Body = Annotated[
    str | None, typer.Argument(metavar="[DATA]", help="The body: JSON, @file, or - for the standard input.")
]
Url = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The server. [default: what INNGEST_DEV says, or http://127.0.0.1:8288]"),
]
SigningKey = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="[default: INNGEST_API_KEY or INNGEST_SIGNING_KEY; inngest dev needs none]"),
]
Timeout = Annotated[
    str, typer.Option(metavar="TIME", help="How long the answer may take, beside what the server is to wait.")
]

api = typer.Typer(
    help="Ask the REST API of a server, such as `inngest dev`.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@api.command("list")
def list_operations(
    word: Annotated[str | None, typer.Argument(metavar="[WORD]", help="Only what has this word in it.")] = None,
    url: Url = None,
    signing_key: SigningKey = None,
    timeout: Timeout = "30s",
    as_json: AsJson = False,
) -> None:
    """List what a server can be asked, with the parameters."""
    with reported(as_json=as_json):
        from .commands import api as commands  # noqa: PLC0415 - loads httpx

        commands.list_operations(word or "", commands.server(url, signing_key, timeout), as_json=as_json)


@api.command()
def get(
    path: Path,
    param: Param = None,
    url: Url = None,
    signing_key: SigningKey = None,
    timeout: Timeout = "30s",
    as_json: AsJson = False,
) -> None:
    """Read something: a run, a list of runs, an app."""
    _ask("GET", path, None, param, url, signing_key, timeout, as_json=as_json)


@api.command()
def post(
    path: Path,
    data: Body = None,
    param: Param = None,
    url: Url = None,
    signing_key: SigningKey = None,
    timeout: Timeout = "30s",
    as_json: AsJson = False,
) -> None:
    """Have something done: a function invoked, a run cancelled, an event accepted."""
    _ask("POST", path, data, param, url, signing_key, timeout, as_json=as_json)


@api.command()
def patch(
    path: Path,
    data: Body = None,
    param: Param = None,
    url: Url = None,
    signing_key: SigningKey = None,
    timeout: Timeout = "30s",
    as_json: AsJson = False,
) -> None:
    """Change something."""
    _ask("PATCH", path, data, param, url, signing_key, timeout, as_json=as_json)


@api.command()
def delete(
    path: Path,
    param: Param = None,
    url: Url = None,
    signing_key: SigningKey = None,
    timeout: Timeout = "30s",
    as_json: AsJson = False,
) -> None:
    """Remove or end something."""
    _ask("DELETE", path, None, param, url, signing_key, timeout, as_json=as_json)


def _ask(
    method: str,
    path: str,
    data: str | None,
    params: list[str] | None,
    url: str | None,
    signing_key: str | None,
    timeout: str,
    *,
    as_json: bool,
) -> None:
    with reported(as_json=as_json):
        from .commands import api as commands  # noqa: PLC0415 - loads httpx

        asked = commands.asked(method, path, params or [], data)
        commands.ask(commands.server(url, signing_key, timeout), asked, as_json=as_json)
