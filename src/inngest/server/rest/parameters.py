"""Parameters of requests: checked, with what was expected; and cursors, which are places in lists."""

from __future__ import annotations

import base64
import binascii
import datetime
import difflib
from collections.abc import Iterable, Mapping, Sequence

from inngest.engine.records import Place
from inngest.protocol import codec

_OF_RUNS = ("limit", "cursor", "status", "from", "until", "timeField", "order", "isDeferred", "includeOutput")

QUERIES: Mapping[str, Sequence[str]] = {
    "/v1/events": ("limit", "cursor", "name", "received_after", "received_before"),
    "/v1/cancellations": ("limit", "cursor"),
    "/v2/runs": (*_OF_RUNS, "appId", "functionId"),
    "/v2/runs/{run_id}": ("includeOutput",),
    "/v2/runs/{run_id}/trace": ("includeOutput",),
    "/v2/events/{event_id}/runs": _OF_RUNS,
    "/v2/envs": ("limit",),
    "/v2/keys/events": ("limit", "cursor"),
    "/v2/keys/signing": ("limit", "cursor"),
    "/v2/apps": ("limit", "cursor", "archived"),
    "/v2/apps/{app}/functions": ("limit", "cursor"),
    "/v2/apps/{app}/functions/{function}/runs": _OF_RUNS,
    "/v2/apps/{app}/functions/{function}/invoke": ("wait",),
    "/invoke/{function_id}": ("wait",),
    "/fn/remove": ("url",),
    "/v1/http/runs/{run_id}/output": ("token",),
}
"""The parameters in the query of a path."""


class ParameterError(ValueError):
    """A parameter cannot be used.

    Attributes:
        name: of the parameter.
    """

    def __init__(self, name: str, expected: str, value: str) -> None:
        self.name = name
        super().__init__(f"{name}: expected {expected}, got {value[:80]!r}")


class UnknownParameterError(ParameterError):
    """A parameter that a path does not have: mistyped, it would be a filter that lets all through."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        ValueError.__init__(self, f"{name[:80]!r} is no parameter here: expected {' or '.join(known) or 'none'}")
        self.name = name


def check(given: Iterable[str], known: Sequence[str]) -> None:
    """Refuse parameters that a path does not have.

    Raises:
        UnknownParameterError: names the first of them.
    """
    for name in given:
        if name not in known:
            raise UnknownParameterError(name, known)


def unknown_member(wire: Mapping[str, object], known: Sequence[str], of: str = "") -> str | None:
    """Say that an object has a member that nobody reads: mistyped, it would be a condition that lets all through.

    Args:
        wire: the object.
        known: the members that are read.
        of: what stands before the name of the member, such as `fromStep.`.
    """
    for name in wire:
        if name not in known:
            meant = difflib.get_close_matches(name.casefold(), [one.casefold() for one in known], 1)
            hint = next((f"; did you mean {one!r}?" for one in known if one.casefold() in meant), "")
            return f"{of}{name[:80]}: no such member{hint or '.'} Expected {', '.join(known)}"
    return None


def integer(query: Mapping[str, str], name: str, default: int, most: int, *, clamps: bool = False) -> int:
    """A whole number from 1 to `most`; with `clamps`, the nearest of them.

    Raises:
        ParameterError: it is none.
    """
    text = query.get(name, "")
    if not text:
        return default
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
        raise ParameterError(name, f"a whole number from 1 to {most}", text)
    value = int(text)
    if clamps:
        return max(1, min(value, most))
    if not 1 <= value <= most:
        raise ParameterError(name, f"a whole number from 1 to {most}", text)
    return value


def time(query: Mapping[str, str], name: str) -> int | None:
    """Unix ms of a time in ISO 8601; in UTC if it names no zone. None if it is not given.

    Raises:
        ParameterError: it is none.
    """
    text = query.get(name, "")
    if not text:
        return None
    try:
        given = datetime.datetime.fromisoformat(text)
        at = given.replace(tzinfo=given.tzinfo or datetime.UTC).timestamp()
    except (ValueError, OverflowError):
        raise ParameterError(name, "a time such as 2026-01-02T03:04:05Z", text) from None
    return max(0, round(at * 1_000))


def flag(query: Mapping[str, str], name: str) -> bool | None:
    """Whether it is "true"; None if it is not given.

    Raises:
        ParameterError: it is something else.
    """
    text = query.get(name, "").lower()
    if text in ("true", "1", "false", "0"):
        return text in ("true", "1")
    if not text:
        return None
    raise ParameterError(name, "true or false", text)


def one_of(query: Mapping[str, str], name: str, known: Mapping[str, str]) -> str | None:
    """The meaning of one of several words, whose case does not matter; None if it is not given.

    Raises:
        ParameterError: it is another.
    """
    text = query.get(name, "")
    if not text:
        return None
    for word, meaning in known.items():
        if word.lower() == text.lower():
            return meaning
    raise ParameterError(name, f"one of {', '.join(known)}", text)


def cursor(query: Mapping[str, str], name: str = "cursor") -> Place | None:
    """The place that a cursor means; None if it is not given.

    Raises:
        ParameterError: it is none that was given out.
    """
    text = query.get(name, "")
    if not text:
        return None
    try:
        at, row_id = codec.loads(base64.urlsafe_b64decode(text.encode()).decode())
    except (ValueError, binascii.Error, TypeError, RecursionError):
        raise ParameterError(name, "a cursor as a list before gave it", text) from None
    if isinstance(at, bool) or not isinstance(at, int) or not isinstance(row_id, str) or not 0 <= at < 2**53:
        raise ParameterError(name, "a cursor as a list before gave it", text)
    return Place(at, row_id)


def cursor_of(place: Place) -> str:
    """The text of a cursor."""
    return base64.urlsafe_b64encode(codec.dumps([place.at, place.id]).encode()).decode()
