"""Traces of runs: ids that derive from a run, its steps and their attempts, and the text that carries them. Pure.

A run is a part of the trace that the `traceparent` of its event tells. Without one the trace is the run: its id is the
run's (decision 0102). A program that knows run, step and attempt knows their spans, so that workers, servers and apps
name the same spans and store nothing for it (decision 0104).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from . import codec, ulids
from .calls import Call

MEMBER = "traceparent"
"""The member of an event, and the header of a request, that tells of which trace it is a part."""

SAMPLED = 1
"""The flag of a span that is recorded."""

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_FIRST_VERSION = "00"
_NO_VERSION = "ff"


class Place(NamedTuple):
    """A span of a trace, as a `traceparent` tells it."""

    trace_id: int  # 128 bits, not 0
    span_id: int  # 64 bits, not 0
    flags: int = SAMPLED  # 8 bits

    @property
    def text(self) -> str:
        """The `traceparent`: what begins here has this span as its parent."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.flags:02x}"

    @property
    def trace(self) -> str:
        """The id of the trace, as tools show it: 32 hexadecimal digits."""
        return f"{self.trace_id:032x}"


def read(text: object) -> Place | None:
    """The place that a `traceparent` tells; None if it is none. Such a one counts as if it were not there.

    Args:
        text: as W3C's Trace Context has it; of later versions what this one knows is read.
    """
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if found is None or found[1] == _NO_VERSION or (found[1] == _FIRST_VERSION and found[5]):
        return None
    place = Place(int(found[2], 16), int(found[3], 16), int(found[4], 16))
    return place if place.trace_id and place.span_id else None


def of_event(extra: str | None) -> Place | None:
    """The parent that an event tells for the runs that it starts; None if it tells none.

    Args:
        extra: JSON text of its members beside its data, as it is stored.
    """
    if extra is None or MEMBER not in extra:
        return None
    return read(json.loads(extra).get(MEMBER))


def with_parent(extra: str | None, parent: str) -> str | None:
    """The members of an event with its parent; one that it has already stays.

    Args:
        extra: JSON text of the members, or None.
        parent: a `traceparent`; "" for none.
    """
    if not parent:
        return extra
    members: Mapping[str, object] = {} if extra is None else json.loads(extra)
    return codec.dumps({MEMBER: parent, **members})


def of_run(run_id: str, extra: str | None, flags: int = SAMPLED) -> Place:
    """The span of a run.

    Args:
        run_id: ULID.
        extra: of its event, see `of_event`.
        flags: where the event tells none.
    """
    parent, own = of_event(extra), _bits(run_id)
    span_id = (own & (1 << 64) - 1) or 1
    return Place(own, span_id, flags) if parent is None else Place(parent.trace_id, span_id, parent.flags)


def trace_of(call: Call) -> str:
    """The id of the trace that an invocation is a part of, as tools show it."""
    place = read(call.trace)
    if place is not None:
        return place.trace
    return of_run(call.run_id, call.events[0].extra if call.events else None).trace


def carried(run_id: str, extra: str | None) -> str:
    """The `traceparent` of what a run causes, where nobody traces: "" if its event tells no trace either."""
    return "" if extra is None or of_event(extra) is None else of_run(run_id, extra).text


def of_step(trace: str, run_id: str, step_hash: str) -> str:
    """The `traceparent` of what a step causes.

    Args:
        trace: that of its run; "" if it has none.
        run_id: ULID.
        step_hash: of the step.
    """
    place = read(trace)
    return "" if place is None else place._replace(span_id=span_id(run_id, step_hash)).text


def span_id(run_id: str, *parts: object) -> int:
    """The id of a span within a run: the same for the same parts, wherever it is made.

    Args:
        run_id: ULID.
        parts: a step's hash; for an attempt also its number; for others what nothing else of the run is called.
    """
    text = "\0".join((run_id, *map(str, parts)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") or 1


def _bits(run_id: str) -> int:
    """The 128 bits of a run's id; of another text, bits that stand for it."""
    try:
        at, entropy = ulids.read(run_id)
    except ValueError:
        return int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:16], "big") or 1
    return (at << 80 | int.from_bytes(entropy, "big")) or 1
