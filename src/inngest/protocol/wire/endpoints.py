"""Endpoints whose requests are runs of their own: what their SDK tells of a request, and how the request is made again.

A *sync run* is begun by the app, in the middle of a request that somebody has sent to it, and goes on there. If the
request cannot end at once, the server calls the endpoint from then on: it sends the same request, with headers that say
which run it is for. The SDK asks for events and memos itself.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from inngest.protocol import codec, headers, limits, texts, ulids
from inngest.protocol.errors import BodyInvalidError
from inngest.protocol.opcodes import Op, Opcode

from . import http_results, members, operations, signing

EVENT = "inngest/http.request"
"""Name of the event that a sync run has."""

FORCE_PLAN = "x-inngest-force-step-plan"
"""The header of a call in which no step may run at once."""

NO_KEY = ""
"""A development server signs with it: an SDK takes a request for a call if it is signed, whatever the signature is."""

MAX_DOMAIN = 300
"""Characters of a domain: the longest name of a host has 253."""

MAX_ID = 255
"""Characters of the id that a developer gives an endpoint."""

_METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
_VISIBLE = re.compile(r"[!-~]*")  # ASCII without spaces: what a URL may hold
_HEADER = re.compile(r"[ -~]*")

GOING_ON = frozenset((Opcode.STEP_RUN, Opcode.DEFER_ADD, Opcode.DEFER_ABORT))
"""Reports after which the request goes on. After any other, it has been answered, and the server calls the endpoint."""


class HttpCause(NamedTuple):
    """The request that a sync run is the answer to."""

    method: str
    domain: str  # scheme, host and port: "https://shop.example"
    path: str  # from its first slash on
    query: str  # without its question mark; "" if there is none
    content_type: str  # "" if there is none
    body: str
    function: str  # the id that its developer gave the endpoint; "" if none

    @property
    def url(self) -> str:
        """Where it was sent."""
        return f"{self.domain}{self.path}{'?' if self.query else ''}{self.query}"

    @property
    def host(self) -> str:
        """Host and port, in lower case."""
        return urllib.parse.urlsplit(self.domain).netloc.lower()


class Begun(NamedTuple):
    """A sync run, as its SDK begins it."""

    run_id: str  # ULID, which the SDK made; "" if the server is to make one
    cause: HttpCause
    data: str  # JSON text: of its event
    ops: Sequence[Op]  # what has happened so far
    version: int  # of requests
    retries: int


class Appended(NamedTuple):
    """The next reports of a sync run."""

    run_id: str
    ops: Sequence[Op]


def read_begun(body: bytes) -> Begun:
    """The sync run that an SDK begins.

    Raises:
        BodyInvalidError: it is none; says which member, and what was expected.
    """
    wire = members.mapping(members.document(body, "the run"), "the run")
    run_id = str(wire.get("run_id") or "")
    if run_id:
        _check_ulid(run_id)
    event = members.mapping(wire.get("event"), "event")
    if event.get("name") != EVENT:
        raise members.wrong("event.name", EVENT, event.get("name"))
    data = members.json_of(members.mapping(event.get("data"), "event.data"), "event.data")
    if codec.size(data) > limits.MAX_EVENT_SIZE:
        raise BodyInvalidError(
            f"event.data: it has {codec.size(data):,} bytes: at most {limits.MAX_EVENT_SIZE:,} are kept"
        )
    retries = wire.get("retries")
    version = wire.get("request_version")
    return Begun(
        run_id,
        cause_of(data),
        data,
        _ops(wire),
        -1 if version is None else min(members.integer(version, "request_version"), 2**31),
        limits.DEFAULT_RETRIES if retries is None else min(members.integer(retries, "retries"), limits.MAX_RETRIES),
    )


def read_appended(body: bytes) -> Appended:
    """The next reports of a sync run.

    Raises:
        BodyInvalidError: they are none; says which member, and what was expected.
    """
    wire = members.mapping(members.document(body, "the checkpoint"), "the checkpoint")
    return Appended(members.text(wire.get("run_id"), "run_id"), _ops(wire))


def cause_of(data: str) -> HttpCause:
    """The request that an event tells.

    Args:
        data: JSON text of the event's data.

    Raises:
        BodyInvalidError: it tells none that can be made again.
    """
    wire = members.mapping(codec.loads(data), "event.data")
    cause = HttpCause(
        _text(wire, "method").upper(),
        _text(wire, "domain").rstrip("/"),
        _text(wire, "path") or "/",
        _text(wire, "query_params").removeprefix("?"),
        _text(wire, "content_type"),
        _text(wire, "body"),
        _text(wire, "fn"),
    )
    for name, value, expected, known in (
        ("method", cause.method, "a method of HTTP", cause.method in _METHODS),
        ("domain", cause.domain, "a URL such as https://shop.example", _is_origin(cause.domain)),
        (
            "path",
            cause.path,
            "a path that begins with /",
            cause.path[:1] == "/" and bool(_VISIBLE.fullmatch(cause.path)),
        ),
        ("query_params", cause.query, "a query as a URL has it", bool(_VISIBLE.fullmatch(cause.query))),
        ("content_type", cause.content_type, "a media type", bool(_HEADER.fullmatch(cause.content_type))),
        ("body", cause.body, "a text without halves of surrogate pairs", _is_utf8(cause.body)),
        ("fn", cause.function, f"an id of at most {MAX_ID} characters", _is_id(cause.function)),
    ):
        if not known:
            raise members.wrong(f"event.data.{name}", expected, value)
    return cause


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_kept(op: Op) -> Op:
    """A report; one of the end with the result as it is kept."""
    return (
        op if op.op is not Opcode.RUN_COMPLETE or op.data is None else op._replace(data=http_results.of_report(op.data))
    )


class Head(NamedTuple):
    """The part of a call of an endpoint beside the request."""

    run_id: str
    request_id: str
    generation: int
    version: int
    target: str  # hash of the step that is to run; "" asks what there is to do
    plan: bool  # no step may run at once
    trace: str = ""  # see `headers.of_run`


def call_headers(cause: HttpCause, head: Head, key: str, now: int) -> dict[str, str]:
    """The headers of a call of an endpoint.

    Args:
        cause: the request, which is made again.
        head: the run that it is for.
        key: the signing key; NO_KEY in development.
        now: unix ms.
    """
    found = {
        **headers.of_run(head.run_id, head.trace),
        headers.GENERATION_ID: str(head.generation),
        headers.REQ_VERSION: str(head.version),
        headers.REQUEST_ID: head.request_id,
        headers.SIGNATURE: signing.sign(_signed(cause.body.encode()), key, now),
        headers.STEP_ID: head.target or "step",
    }
    if cause.content_type:
        found["content-type"] = cause.content_type
    return {**found, FORCE_PLAN: "true"} if head.plan else found


def began(function_uuid: str, app_uuid: str, run_id: str, token: str) -> bytes:
    """The body of the answer to an SDK that has begun a sync run.

    Args:
        function_uuid: of the endpoint.
        app_uuid: of the app that has it.
        run_id: of the run.
        token: by which its result may be fetched. It also stands for the one of streams, without which SDKs refuse the
            answer.
    """
    data = {
        "fn_id": function_uuid,
        "app_id": app_uuid,
        "run_id": run_id,
        "token": token,
        "realtime_token": token,
    }
    return codec.dumps({"data": data, "metadata": {}}).encode()


def _ops(wire: Mapping[str, Any]) -> list[Op]:
    listed = members.sequence(wire.get("steps"), "steps")
    return [as_kept(operations.read(one, f"steps[{index}]")) for index, one in enumerate(listed)]


def _check_ulid(text: str) -> None:
    try:
        ulids.read(text)
    except ValueError:
        raise members.wrong("run_id", "a ULID in upper case", text) from None


def _text(wire: Mapping[str, Any], name: str) -> str:
    value = wire.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise members.wrong(f"event.data.{name}", "a text", value)
    return value


def _is_id(text: str) -> bool:
    return len(text) <= MAX_ID and texts.problem(text) is None


def _is_origin(text: str) -> bool:
    """Whether a text is scheme, host and port of a URL, and nothing else."""
    if len(text) > MAX_DOMAIN:
        return False
    try:
        parts = urllib.parse.urlsplit(text)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return (
        named
        and "@" not in parts.netloc
        and text == f"{parts.scheme}://{parts.netloc}"
        and bool(_VISIBLE.fullmatch(text))
    )


def _signed(body: bytes) -> bytes:
    """The bytes over which a request is signed: the canonical form of JSON, and anything else as it is."""
    try:
        return signing.canonical(body)
    except ValueError:
        return body
