"""Members of JSON objects that come over the wire, checked where they are read: errors say which, and what is there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from inngest.protocol import codec
from inngest.protocol.errors import BodyInvalidError

MOST_SHOWN = 80
"""Characters of a value that an error shows."""


def document(body: bytes, what: str) -> Any:
    """The value of a body.

    Args:
        body: JSON in UTF-8, without NaN and infinities.
        what: it is, for the error: "the answer".

    Raises:
        BodyInvalidError: it is something else, or nested too deeply.
    """
    try:
        return _decode(body.decode())
    except RecursionError:
        raise BodyInvalidError(f"{what} is nested too deeply") from None
    except ValueError as error:
        start = body[:MOST_SHOWN].decode(errors="replace")
        raise BodyInvalidError(f"{what} is not JSON: {error}; it begins with {start!r}") from None


def json_of(value: object, path: str) -> str:
    """The JSON text of a value that was parsed.

    Raises:
        BodyInvalidError: it holds a number that no double can hold, or is nested too deeply.
    """
    try:
        return codec.dumps(value)
    except codec.NotJsonError as error:
        raise BodyInvalidError(f"{path}: {error}") from None


def mapping(value: object, path: str) -> Mapping[str, Any]:
    """An object.

    Raises:
        BodyInvalidError: it is none.
    """
    if not isinstance(value, dict):
        raise wrong(path, "an object", value)
    return value


def sequence(value: object, path: str) -> Sequence[Any]:
    """An array.

    Raises:
        BodyInvalidError: it is none.
    """
    if not isinstance(value, list):
        raise wrong(path, "an array", value)
    return value


def text(value: object, path: str) -> str:
    """A text that is not empty.

    Raises:
        BodyInvalidError: it is none.
    """
    if not isinstance(value, str) or not value:
        raise wrong(path, "a text", value)
    return value


def integer(value: object, path: str) -> int:
    """A whole number of at least 0 that a database can hold; one may be written as 1.0.

    Raises:
        BodyInvalidError: it is none.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise wrong(path, "a whole number of at least 0", value)
    return value


def wrong(path: str, expected: str, value: object) -> BodyInvalidError:
    """The error for a value that is not what was expected."""
    shown = repr(value)
    shown = shown if len(shown) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}…"
    return BodyInvalidError(f"{path}: expected {expected}, got {shown}")


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON number")


_decode = json.JSONDecoder(parse_constant=_refuse).decode
