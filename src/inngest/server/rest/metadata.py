"""Metadata of any kind, and scores, as requests give them to runs and steps."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from inngest.engine.domain.run_metadata import EXPERIMENT, SCORE, Op, Update
from inngest.protocol import codec, texts
from inngest.protocol.steps import hash_step_id

MAX_NAME: Final = 128
"""Bytes of a kind, and of the name of a score."""

MAX_UPDATES: Final = 1_000
"""Of one request."""

_HASH = re.compile(r"[0-9a-f]{40}")


class MetadataError(ValueError):
    """Metadata cannot be taken; says what was expected."""


def read(wire: Mapping[str, Any], run_id: str) -> list[Update]:
    """The updates of `{"target": {…}, "metadata": [{"kind", "op", "values"}]}`.

    Args:
        wire: the body.
        run_id: of the run in the path.

    Raises:
        MetadataError: a member is wrong.
    """
    target = _object(wire.get("target") or {}, "target")
    if target.get("run_id") not in (None, "", run_id):
        raise MetadataError(f"target.run_id: expected {run_id!r}, as in the path, got {target['run_id']!r}"[:300])
    hash, attempt = _target(target, run_id)
    return [_update(one, f"metadata[{index}]", hash, attempt) for index, one in enumerate(_list(wire, "metadata"))]


def _target(target: Mapping[str, Any], run_id: str) -> tuple[str | None, int | None]:
    """The hash of a step, None for the run; and the attempt, None for the last."""
    attempt = _number(target, "step_attempt", -1)
    span, step = target.get("span_id") or "", target.get("step_id") or ""
    index = _number(target, "step_index", 0)
    if not isinstance(step, str) or not isinstance(span, str):
        raise MetadataError("target: expected step_id and span_id as texts")
    if span and not step:
        of, _, found = span.partition(".")
        if of != run_id or not (_HASH.fullmatch(found) or not found):
            raise MetadataError(f"target.span_id: expected the id of a span of this run's trace, got {span[:80]!r}")
        return found or None, None if attempt < 0 else attempt
    if not step:
        return None, None
    return step_hash(step, index, "target.step_id"), None if attempt < 0 else attempt


def _number(target: Mapping[str, Any], name: str, least: int) -> int:
    value = target.get(name)
    if value is None:
        return least
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**31:
        raise MetadataError(f"target.{name}: expected a whole number of at least {least}, got {value!r}"[:200])
    return value


def step_hash(step: str, index: int, member: str) -> str:
    """The hash of a step that is named by its id, as the developer wrote it, or by that hash.

    Raises:
        MetadataError: it cannot be the id of a step.
    """
    if reason := texts.problem(step):
        raise MetadataError(f"{member} {reason}")
    if _HASH.fullmatch(step):
        return step
    return hash_step_id(step if index == 0 else f"{step}:{index}")


def _update(wire: object, member: str, hash: str | None, attempt: int | None) -> Update:
    one = _object(wire, member)
    kind, op, given = one.get("kind"), one.get("op"), one.get("values")
    _named(kind, f"{member}.kind")
    if op not in tuple(Op):
        raise MetadataError(f"{member}.op: expected one of {', '.join(Op)}, got {op!r}"[:200])
    if op == Op.DELETE and isinstance(given, list) and all(isinstance(name, str) for name in given):
        given = dict.fromkeys(given)
    values = _object(given, f"{member}.values")
    try:
        codec.dumps(values)
    except codec.NotJsonError as error:
        raise MetadataError(f"{member}.values: {error}") from None
    if op == Op.ADD and not all(_is_number(value) for value in values.values()):
        raise MetadataError(f"{member}.values: expected numbers, which are added")
    return Update(hash, attempt, str(kind), Op(op), values)


def read_scores(wire: Mapping[str, Any]) -> list[Update]:
    """The updates of `{"scores": [{"name", "value", "stepId", "experiment": {"id", "variant"}}]}`.

    Raises:
        MetadataError: a member is wrong.
    """
    found: list[Update] = []
    for index, entry in enumerate(_list(wire, "scores")):
        member = f"scores[{index}]"
        one = _object(entry, member)
        name, value, step, experiment = (one.get(key) for key in ("name", "value", "stepId", "experiment"))
        if not isinstance(step, str | None):
            raise MetadataError(f"{member}.stepId: expected a text")
        hash = step_hash(step, 0, f"{member}.stepId") if step else None
        _score(name, value, member)
        if experiment is not None:
            about = _object(experiment, f"{member}.experiment")
            for key in ("id", "variant"):
                _named(about.get(key), f"{member}.experiment.{key}")
            values = {"name": about["id"], "variant": about["variant"]}
            found.append(Update(hash, None, EXPERIMENT, Op.MERGE, values))
        found.append(Update(hash, None, SCORE, Op.MERGE, {str(name): {"value": value}}))
    return found


def _score(name: object, value: object, member: str) -> None:
    _named(name, f"{member}: the name of a score")
    if "'" in str(name):
        raise MetadataError(f"{member}: the name of a score has no single quote, got {name!r}"[:300])
    if not isinstance(value, bool) and not _is_number(value):
        raise MetadataError(f"{member}: expected true, false or a number as the value of the score {name!r}"[:300])


def _named(value: object, member: str) -> None:
    """A kind, or a name: not blank, short, and a text that can be shown."""
    if not isinstance(value, str) or not value.strip():
        raise MetadataError(f"{member}: expected a text that is not blank, got {value!r}"[:200])
    if (reason := texts.problem(value)) or any(ord(one) < 0x20 or ord(one) == 0x7F for one in value):
        raise MetadataError(f"{member} {reason or 'has a control character'}")
    if len(value.encode()) > MAX_NAME:
        raise MetadataError(f"{member} is {len(value.encode()):,} bytes; at most {MAX_NAME} are allowed")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)


def _object(value: object, member: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MetadataError(f"{member}: expected an object")
    return value


def _list(wire: Mapping[str, Any], member: str) -> list[object]:
    found = wire.get(member)
    if not isinstance(found, list) or not found:
        raise MetadataError(f"{member}: expected an array with at least one object")
    if len(found) > MAX_UPDATES:
        raise MetadataError(f"{member} has {len(found):,} entries; at most {MAX_UPDATES:,} are allowed")
    return found
