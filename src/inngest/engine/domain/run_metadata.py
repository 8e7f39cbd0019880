"""Metadata of runs: what people and code say about a run or its steps beside their results, merged. Pure."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from inngest.protocol import codec, limits

SCORE: Final = "inngest.score"
EXPERIMENT: Final = "inngest.experiment"


LARGEST: Final = 1.7e308
"""The largest sum: what is beyond it is no number of JSON that all can read, and is refused."""


class Op(enum.StrEnum):
    """The effects on earlier values of a kind: the operations of the API."""

    MERGE = "merge"  # those that are named are replaced
    SET = "set"  # all are replaced
    DELETE = "delete"  # those that are named are removed
    ADD = "add"  # numbers are added; what is no number is replaced


class Update(NamedTuple):
    """Something that is said about a run, or about a step of it."""

    hash: str | None  # of the step; None: about the run
    attempt: int | None  # of that step; None: the last
    kind: str
    op: Op
    values: Mapping[str, Any]  # JSON values by their names; of DELETE, only the names count


class Metadata(NamedTuple):
    """All values of a kind that are known of a run, or of a step of it."""

    id: str  # ULID, of when it was said first
    hash: str | None
    attempt: int | None
    kind: str
    values: str  # JSON text of an object
    at: int  # unix ms, when it was changed last

    @property
    def size(self) -> int:
        """Bytes that count for the limits."""
        return len(self.kind.encode()) + codec.size(self.values)


class Annotated(enum.Enum):
    """The result of updates: all of them were written, or none."""

    DONE = "done"
    NO_RUN = "there is no such run"
    STEP_FULL = f"the metadata of one step, or of the run itself, would be over {limits.MAX_STEP_METADATA:,} bytes"
    RUN_FULL = (
        f"the metadata of the run and its steps would be over {limits.MAX_RUN_METADATA:,} bytes together, or of more "
        f"than {limits.MAX_RUN_KINDS:,} kinds of steps"
    )
    NO_STEP = "the run is over, and has no such step: expected the id of one of its steps, or the hash of that id"
    TOO_LARGE_SUM = (
        "a sum would be larger than 1.7e308, the most that is kept: nothing was added. Replace it with merge"
    )


def updated(
    known: Iterable[Metadata], updates: Sequence[Update], now: int, new_id: Callable[[int], str]
) -> tuple[Annotated, Sequence[Metadata]]:
    """Apply updates in their order, unless that goes over a limit.

    Args:
        known: all metadata of the run.
        updates: of the same run.
        now: unix ms.
        new_id: makes ULIDs.

    Returns:
        Whether they keep the limits; and the metadata that are to be written, since they are new or others.
    """
    there = {(one.hash, one.attempt, one.kind): one for one in known}
    most = max(len(there), limits.MAX_RUN_KINDS)
    said: dict[tuple[str | None, int | None, str], Mapping[str, Any]] = {}  # each text is read and written once
    for update in updates:
        place = update[:3]
        if place not in said:
            said[place] = _values(there[place].values) if place in there else {}
        try:
            said[place] = _applied(said[place], update)
        except OverflowError:
            return Annotated.TOO_LARGE_SUM, ()
    changed: dict[tuple[str | None, int | None, str], Metadata] = {}
    for place, values in said.items():
        found_id = there[place].id if place in there else new_id(now)
        there[place] = changed[place] = Metadata(found_id, *place, codec.dumps(values), now)
    sizes: dict[str | None, int] = {}
    for one in there.values():
        sizes[one.hash] = sizes.get(one.hash, 0) + one.size
    if any(sizes[one.hash] > limits.MAX_STEP_METADATA for one in changed.values()):
        return Annotated.STEP_FULL, ()
    if len(there) > most or sum(sizes.values()) > limits.MAX_RUN_METADATA:
        return Annotated.RUN_FULL, ()
    return Annotated.DONE, list(changed.values())


def _applied(known: Mapping[str, Any], update: Update) -> Mapping[str, Any]:
    given = update.values
    if update.op is Op.SET:
        return given
    if update.op is Op.DELETE:
        return {name: value for name, value in known.items() if name not in given}
    if update.op is Op.ADD:
        return {**known, **{name: _sum(known.get(name), value) for name, value in given.items()}}
    return {**known, **given}


def _sum(old: object, new: Any) -> Any:
    if isinstance(old, bool) or not isinstance(old, int | float):
        return new
    found = old + new  # of a whole number that no double holds, and a double: OverflowError
    if abs(found) > LARGEST:
        raise OverflowError
    return found


def _values(text: str) -> Mapping[str, Any]:
    """The values of a stored text; none if it is damaged: what is said next counts."""
    try:
        found = codec.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
