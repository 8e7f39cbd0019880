"""A run is run again: what of its record the new run keeps, and its event. Pure; `store.rerunning` writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from inngest.protocol import codec, headers
from inngest.protocol.opcodes import Opcode
from inngest.protocol.steps import StepName

from .model import App, Event, Origin

NAMED = 20
"""Steps that a refusal names."""

ALL = (1 << 31) - 1
"""Of an open step: all memos come before it."""


class RecordedStep(NamedTuple):
    """A step of the run that is run again, without what it gave."""

    name: StepName
    kind: str  # an Opcode
    seq: int | None  # place in the run's order of commits; None while it is open


class Refusal(NamedTuple):
    """The reason why a run is not run again."""

    argument: str  # that is wrong: "from_step" or "input"; "" if none is
    text: str


def origin_of(run_id: str, steps: Sequence[RecordedStep], asked: str, given: str | None) -> Origin | Refusal:
    """The origin of a rerun from a step on.

    Args:
        run_id: the run that is run again.
        steps: those of it.
        asked: which of them: its id as written, with `:n` for a repeat; or its hash.
        given: JSON text of an array, instead of the arguments of its handler; None leaves them.
    """
    found = next((one for one in steps if one.name.text == asked), None)
    found = found or next((one for one in steps if one.name.hash == asked.lower()), None)
    if found is None:
        return Refusal("from_step", f"run {run_id} has no step {asked!r}: {_named(steps)}")
    if given is not None and found.kind != Opcode.STEP_RUN:
        text = f"step {asked!r} is a {found.kind}, and only the arguments of steps with a handler can be replaced"
        return Refusal("input", text)
    kept = sum(one.seq is not None and (found.seq is None or one.seq < found.seq) for one in steps)
    return Origin(run_id, found.name.hash, found.name.text, given, kept)


def before(origin: Origin, steps: Sequence[RecordedStep]) -> int:
    """The place in the order of commits from which on nothing is kept."""
    seqs = [one.seq for one in steps if one.name.hash == origin.hash and one.seq is not None]
    return seqs[0] if seqs else ALL


def _named(steps: Sequence[RecordedStep]) -> str:
    if not steps:
        return "no step of it is recorded"
    ordered = sorted(steps, key=lambda one: (one.seq is None, one.seq or 0))
    names = ", ".join(repr(one.name.text) for one in ordered[:NAMED])
    more = len(steps) - NAMED
    return f"expected one of {names}{f' or {more:,} more' if more > 0 else ''}"


def event_with(event: Event, data: str, event_id: str, now: int) -> Event:
    """The event of a rerun whose data are replaced: another one, which starts nothing else.

    The member in which the engine says who invoked or deferred a function stays.

    Args:
        event: with which the run was started.
        data: JSON text of an object.
        event_id: ULID of the new one.
        now: unix ms.
    """
    about = codec.loads(event.data).get("_inngest")
    if about is not None:
        data = codec.dumps({**codec.loads(data), "_inngest": about})
    return event._replace(id=event_id, data=data, key="", received_at=now)


def takes_inputs(app: App | None) -> bool:
    """Whether the SDK of an app knows replaced arguments. Another one for Python takes them for the step's result."""
    return app is None or not app.sdk.startswith("py:") or app.sdk.endswith(headers.MARK)
