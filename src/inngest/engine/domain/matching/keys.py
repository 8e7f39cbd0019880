"""Keys: canonical texts of values, by which equal values are found in an index."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import Any, NamedTuple

from inngest.engine.domain.index_keys import MARK, index_key
from inngest.expressions import times
from inngest.expressions.errors import EvaluationError
from inngest.expressions.scope import Scope, spend
from inngest.expressions.values import Path, TypeName, lookup


class Term(NamedTuple):
    """A place in an event, and the key that must be there."""

    path: str  # JSON text of a list: ["data","id"]
    key: str  # as of `key_at`


def key_at(path: str, event: object) -> str | None:
    """The key of what is at a path of an event; None if that is a list or a map, which equals no key.

    Args:
        path: as in a Term.
        event: a JSON value.
    """
    return scalar(lookup(event, _parts(path)))


@lru_cache(maxsize=4_096)
def _parts(path: str) -> Path:
    return tuple(json.loads(path))


def path_text(path: Path) -> str:
    """A path as it stands in a Term."""
    return json.dumps(path, separators=(",", ":"))


def selectivity(term: Term, *, own: bool) -> int:
    """For sorting: texts tell more than numbers, and those more than true, false and null.

    A key from the event of each run (`own`) tells more than a constant of the expression: that is the same for
    all runs that wait by it, and an index would give each of them for every event.
    """
    if term.key in ("true", "false", "null"):
        return 4
    return (0 if own else 2) + (0 if term.key.startswith(('"', MARK)) else 1)


def scalar(value: object) -> str | None:
    """The key of null, a bool, a number or a string: the same exactly where `==` holds. None of other values."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        if not value.is_integer():
            return repr(value)
        value = int(value)
    if isinstance(value, int):
        return index_key(str(value) if value.bit_length() < 10_000 else hex(value))  # Python writes no longer ones
    return index_key(json.dumps(value, ensure_ascii=False)) if isinstance(value, str) else None


def canonical(value: object, scope: Scope) -> str:
    """The key of any value that an expression can give. 1 and 1.0 have the same; 1 and "1" have not.

    Args:
        value: as the expression gave it. It may hold one list many times over, of which a key says each.
        scope: of the evaluation that gave it, which pays for the key.

    Raises:
        EvaluationError: nested too deep, or it costs too much.
    """
    key = scalar(value)
    if key is not None:
        return key
    try:
        return index_key(json.dumps(_plain(value, scope), ensure_ascii=False, sort_keys=True, separators=(",", ":")))
    except RecursionError:
        raise EvaluationError("a key that is nested too deep") from None


def _plain(value: object, scope: Scope) -> Any:
    """JSON with one form for equal values."""
    spend(scope, 4 + (len(value) >> 4 if isinstance(value, str | bytes) else 0))
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_plain(element, scope) for element in value]
        case dict():
            return {key: _plain(element, scope) for key, element in value.items()}
        case bytes():
            return value.hex()
        case times.Time():
            return times.to_text(value)
        case times.Duration():
            return times.duration_to_text(value)
        case TypeName():
            return value.name
        case _:
            return value
