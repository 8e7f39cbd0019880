"""Rules that every event must keep, wherever it comes in, in process and over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping

from . import codec, limits, texts
from .opcodes import SentEvent

FAILED = "inngest/function.failed"
FINISHED = "inngest/function.finished"
CANCELLED = "inngest/function.cancelled"
INVOKED = "inngest/function.invoked"
DEFERRED = "inngest/deferred.schedule"
SCHEDULED = "inngest/scheduled.timer"

SYSTEM = (FAILED, FINISHED, CANCELLED, INVOKED, DEFERRED, SCHEDULED)
"""The names of all events that an engine sends itself."""

MEMBERS = ("user", "v", "meta")
"""Members of an event beside its data that functions and expressions see."""

SOURCE = "source"
"""The member that names where an event came from; it is for people only."""

MAX_SESSIONS = 5
MAX_SESSION_KEY = 128
MAX_SESSION_ID = 512


def members_of(extra: str) -> dict[str, object]:
    """The members of an event beside its data that functions and expressions see.

    Args:
        extra: JSON text of an object, as it is stored with the event.
    """
    return {name: value for name, value in json.loads(extra).items() if name in MEMBERS}


def meta_problem(meta: Mapping[str, object]) -> str | None:
    """The reason why an event may not have such a `meta`; None if it may.

    Args:
        meta: only `sessions` has rules: an object of up to 5 texts.
    """
    sessions = meta.get("sessions")
    if sessions is None:
        return None
    if not isinstance(sessions, Mapping) or not all(isinstance(one, str) for one in sessions.values()):
        return "meta.sessions: expected an object whose values are texts"
    if len(sessions) > MAX_SESSIONS:
        return f"meta.sessions has {len(sessions)} members; at most {MAX_SESSIONS} are allowed"
    for key, session_id in sessions.items():
        if len(key.encode(errors="surrogatepass")) > MAX_SESSION_KEY:
            return f"meta.sessions: the key {key[:40]!r}… is over {MAX_SESSION_KEY} bytes"
        if len(session_id.encode(errors="surrogatepass")) > MAX_SESSION_ID:
            return f"meta.sessions[{key!r}] is over {MAX_SESSION_ID} bytes"
    return None


def listening_problem(name: str) -> str | None:
    """Why no event of this name can ever come to a wait or a cancellation, which take one name; None if one can."""
    if name.endswith(("/*", ".*")):
        return 'expected the whole name of an event: patterns such as "app/*" are for triggers only'
    if name.lower().startswith(limits.RESERVED_EVENT_PREFIX) and name not in SYSTEM:
        return (
            f"events whose names begin with {limits.RESERVED_EVENT_PREFIX!r} come from the engine, and it sends none "
            f"with that name: expected one of {', '.join(SYSTEM)}"
        )
    return None


def problem(event: SentEvent) -> str | None:
    """Why an event cannot be accepted, or None."""
    if not event.name.strip():
        return "event name is empty"
    if event.name.lower().startswith(limits.RESERVED_EVENT_PREFIX):
        return f'event name is reserved for internal use: names must not begin with "{limits.RESERVED_EVENT_PREFIX}"'
    if len(event.name) > limits.MAX_EVENT_NAME:
        return f"event name is {len(event.name)} characters long; at most {limits.MAX_EVENT_NAME} are allowed"
    length = len(event.key.encode(errors="surrogatepass"))
    if length > limits.MAX_EVENT_ID:
        return f"event id is {length:,} bytes long; at most {limits.MAX_EVENT_ID:,} are allowed"
    for field, text in (("name", event.name), ("id", event.key)):
        if reason := texts.problem(text):
            return f"event {field} {reason}"
    if event.ts and event.ts < limits.MIN_EVENT_TS:
        return "timestamp is before Jan 1, 1980; ts is in unix milliseconds"
    if event.ts > limits.MAX_EVENT_TS:
        return "timestamp is after Jan 1, 2100; ts is in unix milliseconds"
    size = codec.size(event.data) + codec.size(event.extra or "") + len(event.name) + len(event.key)
    if size > limits.MAX_EVENT_SIZE:
        return f"event is {size:,} bytes; at most {limits.MAX_EVENT_SIZE:,} are allowed"
    return None
