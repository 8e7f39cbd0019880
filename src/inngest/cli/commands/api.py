"""`inngest api`: requests to the REST API of a server, and what they are answered."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import httpx
from rich.text import Text

from inngest.cli import arguments, output
from inngest.cli.errors import CommandError, Exit, unreached
from inngest.protocol import codec, headers
from inngest.protocol.http import without_tls
from inngest.protocol.wire import signing
from inngest.sdk import environment
from inngest.sdk.errors import URLInvalidError

DOCUMENT = "/v2/openapi.json"

_PLACE = re.compile(r"\{(\w+)\}")

_HINTS = {
    401: "give the server's signing key with --signing-key or in INNGEST_SIGNING_KEY",
    405: "`inngest api list` lists what the server can be asked",
    503: "try again: nothing was changed",
}


class Server(NamedTuple):
    """Where requests go."""

    origin: str
    headers: Mapping[str, str]
    timeout: float  # seconds


class Asked(NamedTuple):
    """A request."""

    method: str
    path: str  # with its parameters
    query: Sequence[tuple[str, str]]
    body: object  # JSON; None: it has none


# -- what is asked


def server(url: str | None, signing_key: str | None, timeout: str) -> Server:
    """The server of the options, and of the environment.

    Raises:
        CommandError: an option is wrong.
    """
    settings = _settings(url, signing_key)
    sent = headers.outgoing(env=settings.env, is_production=False)
    del sent[headers.EXPECTED_SERVER_KIND]
    if settings.signing_key is not None:
        sent["authorization"] = f"Bearer {_shown(settings.signing_key)}"
    return Server(settings.api_origin, sent, arguments.seconds("--timeout", timeout) or 0.0)


def _settings(url: str | None, key: str | None) -> environment.Settings:
    try:
        return environment.resolve(
            is_production=False,
            api_base_url=url,
            event_api_base_url=None,
            env=None,
            event_key=None,
            signing_key=key or os.environ.get("INNGEST_API_KEY"),
        )
    except (URLInvalidError, ValueError) as error:
        why = str(error).partition(": expected")[0]
        raise CommandError(f"--url: expected the address of a server, such as http://127.0.0.1:8288: {why}") from None


def _shown(key: str) -> str:
    """The text by which a key is shown: its hash if it signs, else itself."""
    try:
        return signing.hashed(key)
    except ValueError:
        if key.startswith("signkey-") or not (key.isascii() and key.isprintable()):
            raise CommandError(
                "--signing-key: expected an even number of hexadecimal digits, with or without signkey-…- in front"
            ) from None
        return key


def asked(method: str, path: str, params: Sequence[str], data: str | None) -> Asked:
    """The request of the arguments. Parameters that the path names stand there, the others in the query.

    Raises:
        CommandError: one is wrong.
    """
    if "://" in path:
        raise CommandError(f"PATH: expected a path such as /v2/runs, got {path!r}", hint="--url names the server")
    query: list[tuple[str, str]] = []
    places: dict[str, str] = {}
    named = set(_PLACE.findall(path))
    for param in params:
        name, equals, value = param.partition("=")
        if not name or not equals:
            raise CommandError(f"--param: expected NAME=VALUE, such as status=FAILED, got {param!r}")
        if name in named:
            places[name] = value
        else:
            query.append((name, value))
    if missing := sorted(name for name in named if not places.get(name)):
        raise CommandError(
            f"PATH: {path} has no value for {', '.join(missing)}", hint=f"give one with --param {missing[0]}=VALUE"
        )
    whole = _PLACE.sub(lambda found: quote(places[found[1]], safe=""), path)
    body = None if data is None else arguments.json_value(data)
    return Asked(method, f"/{whole.lstrip('/')}", query, body)


# -- what is answered


def ask(server: Server, asked: Asked, *, as_json: bool) -> None:
    """Make a request, and print the answer."""
    if asked.path.startswith("/v1/"):
        _check_query(server, asked)
    response = _send(server, asked)
    answer = _value(server, response)
    if response.status_code >= 300:
        raise _refused(server, response, answer)
    if as_json:
        output.print_json(answer)
    elif answer is None and not response.content:
        output.console().print("done")
    else:
        sys.stdout.write(output.json_text(answer, sys.stdout, indent=2))


def _check_query(server: Server, asked: Asked) -> None:
    """Refuse parameters that a path of version 1 does not have. Servers ignore these, for SDKs that know more.

    Raises:
        CommandError: one is not there; says which there are.
    """
    path, _, query = asked.path.partition("?")
    given = [*(httpx.QueryParams(query).keys() if query else ()), *(name for name, _ in asked.query)]
    if not given:
        return
    response = _send(server, Asked("GET", DOCUMENT, [], None))
    try:
        there = operations(_value(server, response)) if response.status_code < 300 else []
    except CommandError:  # another server: it says itself what it does not know
        return
    for one in there:
        if one.method == asked.method and re.fullmatch(_PLACE.sub("[^/]+", one.path), path):
            if unknown := [name for name in given if name not in one.parameters]:
                known = ", ".join(one.parameters) or "none"
                close = difflib.get_close_matches(unknown[0].lower(), one.parameters, 1)
                raise CommandError(
                    f"--param: {one.method} {one.path} has no parameter {unknown[0][:80]!r}; it has {known}",
                    hint=f"did you mean {close[0]}?" if close else "",
                )
            return


def _send(server: Server, asked: Asked) -> httpx.Response:
    try:
        content = None if asked.body is None else codec.dumps(asked.body).encode()
    except codec.NotJsonError as error:
        raise CommandError(f"DATA: {error}") from None
    waits = [arguments.seconds("--param wait", value) or 0.0 for name, value in asked.query if name == "wait"]
    limit = server.timeout + sum(waits)
    base, _, query = asked.path.partition("?")
    given = httpx.QueryParams(query).multi_items() if query else []
    try:
        with httpx.Client(timeout=limit, follow_redirects=False) as client:
            url = httpx.URL(environment.at(server.origin, base.lstrip("/")), params=[*given, *asked.query])
            return client.request(asked.method, url, content=content, headers=dict(server.headers))
    except httpx.ConnectError as error:
        parts = urlsplit(server.origin)
        reason = without_tls(error, parts.hostname or "", parts.port) or str(error)
        raise CommandError(
            f"no server answers at {server.origin} ({reason})",
            hint=unreached(reason),
            code=Exit.UNREACHABLE,
        ) from None
    except httpx.TimeoutException:
        raise CommandError(
            f"{server.origin} has not answered after {output.span(limit * 1_000)}",
            hint="what was asked may have been done; --timeout gives more time",
            code=Exit.TIMEOUT,
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        text = f"{server.origin} gave no answer: {error or type(error).__name__}"
        raise CommandError(text, code=Exit.UNREACHABLE) from None


def _value(server: Server, response: httpx.Response) -> Any:
    """The JSON of an answer; None if it is empty."""
    if not response.content:
        return None
    try:
        return codec.loads(response.content.decode())
    except (ValueError, RecursionError):
        kind = response.headers.get("content-type", "no content type")
        raise CommandError(
            f"{server.origin} answered {response.status_code} with something that is not JSON ({kind})",
            hint="--url names the server, such as http://127.0.0.1:8288",
            code=Exit.FAILED,
            details={"status": response.status_code},
        ) from None


def _refused(server: Server, response: httpx.Response, answer: object) -> CommandError:
    status = response.status_code
    code = {400: Exit.USAGE, 404: Exit.UNREACHABLE}.get(status, Exit.FAILED)
    hint = _HINTS.get(status, "")
    text = _told(answer) or response.reason_phrase or "no reason was given"
    if status < 400:
        text = f"it is at {response.headers.get('location', 'another place')}, and redirects are not followed"
    if status == 404 and "there is nothing at" in text:
        text, hint = text.partition(";")[0], _HINTS[405]
    return CommandError(
        f"{server.origin} answered {status}: {text}", hint=hint, code=code, details={"status": status, "answer": answer}
    )


def _told(answer: object) -> str:
    """The reasons that an answer gives."""
    if not isinstance(answer, dict):
        return ""
    errors = answer.get("errors")
    if isinstance(errors, list):
        return "; ".join(str(one.get("message", "")) for one in errors if isinstance(one, dict))
    return str(answer.get("error") or answer.get("message") or "")


# -- what there is


class Operation(NamedTuple):
    """Something that a server can be asked."""

    method: str
    path: str
    summary: str
    parameters: Sequence[str]
    body: Sequence[str]  # its members, those that are required with a star


def list_operations(word: str, server: Server, *, as_json: bool) -> None:
    """Print the operations of a server."""
    response = _send(server, Asked("GET", DOCUMENT, [], None))
    document = _value(server, response)
    if response.status_code >= 300:
        raise _refused(server, response, document)
    found = [one for one in operations(document) if word.lower() in " ".join((one.method, *one[1:3])).lower()]
    if as_json:
        output.print_json({"operations": [one._asdict() for one in found]})
        return
    console, wide = output.console(), max((len(one.path) for one in found), default=0)
    for one in found:
        console.print(
            Text.assemble((f"{one.method.lower():<7}", "bold"), f"{one.path:<{wide}}  ", (one.summary, "dim"))
        )
        if known := [*(f"--param {name}" for name in one.parameters), *([_body(one)] if one.body else [])]:
            console.print(Text(f"{'':7}  {', '.join(known)}", "dim"))


def _body(operation: Operation) -> str:
    return f"DATA {{{', '.join(operation.body)}}}"


def operations(document: Any) -> list[Operation]:
    """The operations of an OpenAPI document that the server has.

    Raises:
        CommandError: it is none.
    """
    try:
        paths: Mapping[str, Mapping[str, Any]] = document["paths"]
        return [
            Operation(
                method.upper(),
                path,
                str(one["summary"]),
                [str(parameter["name"]) for parameter in one["parameters"] if parameter["in"] == "query"],
                _members(one.get("requestBody")),
            )
            for path, methods in sorted(paths.items())
            for method, one in methods.items()
            if set(one["responses"]) != {"501"}
        ]
    except (KeyError, TypeError, AttributeError):
        raise CommandError("the server has no OpenAPI document that can be read", code=Exit.FAILED) from None


def _members(body: Mapping[str, Any] | None) -> list[str]:
    if body is None:
        return []
    schema = body["content"]["application/json"]["schema"]
    schema = schema.get("oneOf", [schema])[0]
    required = schema.get("required", ())
    return [f"{name}{'*' if name in required else ''}" for name in schema.get("properties", ())]


def known_paths(method: str) -> list[str]:
    """The paths of this version's API with a method, for completion."""
    from inngest.embedded.engine import Engine  # noqa: PLC0415 - for completion only
    from inngest.server.app import create_app  # noqa: PLC0415 - for completion only
    from inngest.server.rest import openapi  # noqa: PLC0415 - for completion only

    document = openapi.document(create_app(Engine([])).routes, "")
    return [one.path for one in operations(document) if one.method.lower() == method]
