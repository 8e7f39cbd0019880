"""The body of a request to the event API: events, each with its id, or what is wrong with it.

Pure: bytes in, events out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inngest.protocol import codec, limits, traces
from inngest.protocol import events as rules
from inngest.protocol.opcodes import SentEvent
from inngest.protocol.ulids import Seed

from . import forms
from .forms import FORM, MULTIPART, BodyError

MAX_CONTAINERS = 4_000_000
"""Objects and arrays in a body, counted by their brackets: more than one event can have, at a byte for each."""

_SPACE = re.compile(r"[ \t\n\r]*")
_scan = json.JSONDecoder().raw_decode


@dataclass(frozen=True)
class Refused:
    """An event that cannot be accepted."""

    problem: str


def read(
    body: bytes, content_type: str, seed: Seed | None, form_name: str, source: str = "", parent: str = ""
) -> list[SentEvent | Refused]:
    """The events of a body, in order.

    Args:
        body: one JSON object, an array of them, or a form.
        content_type: of the body; everything that is not a form is read as JSON. So is a form that names no event and
            looks like JSON: `curl -d` says of all that it sends that it is a form.
        seed: gives the events their ids, so that a body that is sent again is known; None: they get new ones.
        form_name: the name of the event that a form stands for.
        source: the name of the key that the events were sent with; "" if none was asked for.
        parent: the `traceparent` of the request, for events that have none; "" if it has none, or another text.

    Raises:
        BodyError: what is wrong, and what was expected.
    """
    kind = content_type.partition(";")[0].strip().lower()
    wires: Sequence[object]
    if kind in (FORM, MULTIPART) and not (kind == FORM and not form_name and body.lstrip()[:1] in (b"{", b"[")):
        wires = [{"name": form_name, "data": forms.fields(body, content_type)}]
    else:
        wires = _events(body)
    ids = ["" if seed is None else seed.event_id(index) for index in range(len(wires))]
    return [_event(wire, event_id, source, parent) for wire, event_id in zip(wires, ids, strict=True)]


def read_unnamed(body: bytes) -> SentEvent:
    """An event without a name, which starts one function.

    Args:
        body: a JSON object with `data`, an object, and `id`; a body without data, or an empty one, means no data.

    Raises:
        BodyError: what is wrong, and what was expected.
    """
    wire = _json(body) if body else {}
    if not isinstance(wire, dict):
        raise BodyError(f'expected an object such as {{"data": {{}}}}, got {_kind(wire)}')
    found = _event({"name": "invoke", "data": wire.get("data"), "id": wire.get("id")}, "", "")
    if isinstance(found, Refused):
        raise BodyError(found.problem)
    return found


def _events(body: bytes) -> Sequence[object]:
    """The events of a JSON body: those of its array, else the one."""
    if len(body) > limits.MAX_EVENT_SIZE:
        _look_over(body)
    value = _json(body)
    wires = value if isinstance(value, list) else [value]
    if len(wires) > limits.MAX_EVENTS_PER_SEND:
        raise BodyError(f"{len(wires):,} {_TOO_MANY}")
    return wires


_TOO_MANY = f"events in one request; at most {limits.MAX_EVENTS_PER_SEND:,} are allowed"


def _look_over(body: bytes) -> None:
    """Refuse a large body of many small values before all of them are in memory, which takes 25 times its size."""
    containers = body.count(b"{") + body.count(b"[")
    if containers > MAX_CONTAINERS:
        raise BodyError(
            f"the body has {containers:,} opening brackets; at most {MAX_CONTAINERS:,} are read: "
            "send fewer events in one request"
        )
    text = body.decode(errors="replace")
    at, seen = _skip(text, 0), 0
    while text[at : at + 1] == ("," if seen else "["):
        if seen == limits.MAX_EVENTS_PER_SEND:
            raise BodyError(f"over {seen:,} {_TOO_MANY}")
        try:
            _, at = _scan(text, _skip(text, at + 1))
        except (ValueError, RecursionError):
            return  # who parses all of it says what is wrong
        at, seen = _skip(text, at), seen + 1


def _skip(text: str, at: int) -> int:
    """Where white space ends."""
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _json(body: bytes) -> object:
    try:
        return codec.loads(body.decode())
    except UnicodeDecodeError as error:
        raise BodyError(f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise BodyError(
            f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}; "
            "expected one event as an object, or an array of events"
        ) from None
    except RecursionError:
        raise BodyError("the body is nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise BodyError(f"the body cannot be read: {error}") from None


_STRINGS = ("name", "id", "v")
_OBJECTS = ("data", "user", "meta")


def _event(wire: object, event_id: str, source: str, parent: str = "") -> SentEvent | Refused:
    """One event; members that it does not know are passed over."""
    if not isinstance(wire, dict):
        return Refused(f"expected an event as an object, got {_kind(wire)}")
    if problem := _wrong_member(wire) or rules.meta_problem(wire.get("meta") or {}):
        return Refused(problem)
    data = {member: value for member, value in (wire.get("data") or {}).items() if member != "_inngest"}
    extra = {member: wire[member] for member in rules.MEMBERS if wire.get(member)}
    if source:
        extra[rules.SOURCE] = source
    if (place := traces.read(wire.get(traces.MEMBER)) or traces.read(parent)) is not None:
        extra[traces.MEMBER] = place.text
    texts: list[str] = []
    for what, value in (("data", data), ("user or meta", extra)):
        try:
            texts.append(codec.dumps(value))
        except codec.NotJsonError as error:
            return Refused(f"{what} is not JSON: {error}")
    name, key, ts = wire.get("name") or "", wire.get("id") or "", wire.get("ts") or 0
    sent = SentEvent(name, texts[0], key, ts, event_id, texts[1] if extra else None)
    problem = rules.problem(sent)
    return sent if problem is None else Refused(problem)


def _wrong_member(wire: Mapping[str, object]) -> str | None:
    """The first member of an event that is of a wrong type, in words."""
    for members, kind, expected in ((_STRINGS, str, "a string"), (_OBJECTS, dict, "an object")):
        for member in members:
            if not isinstance(wire.get(member), kind | None):
                return f"{member}: expected {expected}, got {_kind(wire[member])}"
    ts = wire.get("ts")
    if isinstance(ts, bool) or not isinstance(ts, int | None):
        return f"ts: expected unix milliseconds as a whole number, got {_kind(ts)}"
    return None


def _kind(value: object) -> str:
    """The JSON name of a value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the string {value[:40]!r}"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "an array" if isinstance(value, list) else "an object"
