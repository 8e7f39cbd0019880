"""Answers of endpoints, as results of their runs: `{"status": 200, "headers": {…}, "body": …}`.

An SDK reports such an answer in one of two forms, and both are kept in this one. The body is a JSON value where it is
JSON, else a text; bytes that are no text stand under `base64` instead, and so does no body where JSON is expected.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from inngest.protocol import codec

JSON = "application/json"

BODILESS = (204, 304)
"""Statuses of answers that have no body, whatever is said of it (RFC 9110, 15.3.5 and 15.4.5)."""

_KEPT = frozenset(
    (
        "cache-control",
        "content-disposition",
        "content-language",
        "content-type",
        "etag",
        "last-modified",
        "location",
        "retry-after",
    )
)
"""Headers that are given on to who waits for a result, beside those that begin with `x-`: no cookies, no policies."""


_NAME = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+")


class Answer(NamedTuple):
    """An endpoint's answer, for who waits for it."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


def of_report(data: str) -> str:
    """The result of a run whose end was reported as `RunComplete`: its body is the JSON text of what was returned.

    An endpoint returns a text, which mostly is JSON itself. Then that is the body. Anything of another shape stays as
    it is.

    Args:
        data: JSON text.
    """
    found = _shape(data)
    if found is None or "version" not in found or not isinstance(found.get("body"), str):
        return data
    value = _value(found["body"])
    if value == "" and _is_json(found["headers"]):
        return _kept(found, {"base64": ""})
    if isinstance(value, str):
        value = _value(value)
    return _kept(found, {"body": value})


def of_api_result(data: str) -> str:
    """The result of a run whose end was reported as `SyncRunComplete`: its body is in base64.

    Anything of another shape stays as it is.

    Args:
        data: JSON text.
    """
    found = _shape(data)
    if found is None:
        return data
    given = found.get("body")
    try:
        content = base64.b64decode(given or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        return data
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _kept(found, {"base64": given})
    if not text and _is_json(found["headers"]):
        return _kept(found, {"base64": ""})
    return _kept(found, {"body": _value(text) if _is_json(found["headers"]) else text})


def answer(output: str) -> Answer:
    """The answer that a run's result stands for; another result is given as JSON.

    Args:
        output: JSON text.
    """
    found = _shape(output)
    if found is None or not ("body" in found or "base64" in found):
        return Answer(200, {"content-type": JSON}, output.encode())
    headers = {name: value for name, value in _headers(found).items() if name in _KEPT or _is_own(name)}
    if found["status"] in BODILESS:
        return Answer(found["status"], headers, b"")
    if "base64" in found:
        try:
            return Answer(found["status"], headers, base64.b64decode(found["base64"], validate=True))
        except (ValueError, TypeError):
            return Answer(200, {"content-type": JSON}, output.encode())
    body = found["body"]
    if isinstance(body, str) and not _is_json(headers):
        return Answer(found["status"], headers, body.encode(errors="replace"))
    return Answer(
        found["status"], {**headers, "content-type": headers.get("content-type", JSON)}, codec.dumps(body).encode()
    )


def _shape(data: str) -> dict[str, Any] | None:
    """The members of an answer; None if it is none."""
    found = _value(data)
    if not isinstance(found, dict) or not isinstance(found.get("headers"), dict):
        return None
    status = found.get("status")
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        return None
    return found


def _kept(found: Mapping[str, Any], body: Mapping[str, object]) -> str:
    return codec.dumps({"status": found["status"], "headers": _headers(found), **body})


def _headers(found: Mapping[str, Any]) -> dict[str, str]:
    """Those that HTTP can carry."""
    return {
        name.lower(): value
        for name, value in found["headers"].items()
        if _NAME.fullmatch(name) and isinstance(value, str) and value.isascii() and value.isprintable()
    }


def _is_own(name: str) -> bool:
    """Whether a header is the endpoint's own invention."""
    return name.startswith("x-") and not name.startswith("x-inngest-")


def _is_json(headers: Mapping[str, Any]) -> bool:
    kinds = [value for name, value in headers.items() if name.lower() == "content-type" and isinstance(value, str)]
    kind = (kinds or [""])[0].partition(";")[0].strip().lower()
    return kind == JSON or kind.endswith("+json")


def _value(text: str) -> Any:
    """The value of a JSON text; a text that is none is itself."""
    try:
        value = codec.loads(text)
        codec.dumps(value)  # a number that no double can hold
    except (ValueError, RecursionError):
        return text
    return value
