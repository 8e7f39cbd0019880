"""Keys as revision 0002 has them: what is over 200 bytes stands as its hash, marked by the character RS.

Revision 0001 counted letters, marked hashes by `sha256:`, and kept ids of events and of functions at any length. The
rule is written down here once more, since the code of later revisions may have another.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

LONGEST = 200
MARK = "\x1e"
OWN = "\x1f"

_HASHED = re.compile(r"(^|:)sha256:([0-9a-f]{64})$")

Rewrite = Callable[[Mapping[str, str]], str]


def rewrite(bind: sa.Connection) -> None:
    """Rewrite the keys of all tables."""
    _column(bind, "inngest_rates", "key", ("function_id", "key"), _of_expression("key"))
    _column(bind, "inngest_singletons", "key", ("function_id", "key"), _of_expression("key"))
    _column(bind, "inngest_waits", "key", ("run_id", "hash"), _of_expression("key"))
    _column(bind, "inngest_idempotency", "key", ("function_id", "key"), _idempotent)
    _column(bind, "inngest_timers", "key", ("id", "kind"), _timer)
    _column(bind, "inngest_batches", "batch_id", ("batch_id",), _batch)
    budgets: dict[str, str] = {}  # the new ones of lanes, by the old ones
    alive = " AND (ended_at IS NULL OR slots > 0)"  # nobody asks for the lane of another
    _column(bind, "inngest_runs", "lane", ("id",), lambda row: _lane(row["lane"], budgets), alive)
    _column(bind, "inngest_jobs", "lane", ("id",), lambda row: _lane(row["lane"], budgets))
    _column(bind, "inngest_lanes", "id", ("id",), lambda row: _lane(row["id"], budgets))
    _column(bind, "inngest_lanes", "blocked_on", ("id",), lambda row: _budget(row["blocked_on"], budgets))
    _column(bind, "inngest_budgets", "budget", ("budget",), lambda row: _budget(row["budget"], budgets))
    _column(bind, "inngest_throttles", "id", ("id",), lambda row: key_of(_new_mark(row["id"])))


def key_of(text: str, longest: int = LONGEST) -> str:
    """The text, or its hash if it is longer or a database cannot take it."""
    encoded = text.encode("utf-8", "surrogatepass")
    stands = len(encoded) <= longest and "\0" not in text
    return text if stands else MARK + hashlib.sha256(encoded).hexdigest()


def _column(
    bind: sa.Connection, table: str, column: str, keys: Sequence[str], rewritten: Rewrite, which: str = ""
) -> None:
    """Rewrite a column where it has to be; rows are found by `keys`."""
    names = ", ".join(dict.fromkeys([*keys, column]))
    # Over 200 bytes are over 50 letters, and so is each hash.
    asked = sa.text(f"SELECT DISTINCT {names} FROM {table} WHERE length({column}) > 50{which}")
    found = bind.execute(asked).mappings()
    where = " AND ".join(f"{key} = :old_{key}" for key in keys)
    changed = [
        {"new": new, **{f"old_{key}": row[key] for key in keys}}
        for row in [dict(row) for row in found]
        if (new := rewritten(row)) != row[column]
    ]
    if changed:
        bind.execute(sa.text(f"UPDATE {table} SET {column} = :new WHERE {where}"), changed)


def _new_mark(text: str) -> str:
    """A key that may end in a hash; no other key ends like that."""
    return _HASHED.sub(rf"\1{MARK}\2", text)


def _of_expression(column: str) -> Rewrite:
    return lambda row: key_of(_new_mark(row[column]))


def _idempotent(row: Mapping[str, str]) -> str:
    key = row["key"]
    return key_of(OWN + key_of(_new_mark(key[1:]))) if key.startswith(OWN) else key_of(key)  # else the id of an event


def _timer(row: Mapping[str, str]) -> str:
    return _collected(row["key"]) if row["kind"] in ("debounce", "batch") else key_of(row["key"])


def _batch(row: Mapping[str, str]) -> str:
    batch_id = row["batch_id"]
    return _collected(batch_id) if batch_id.startswith("[") else batch_id  # else a ULID


def _collected(key: str) -> str:
    """The timer that collects the events of a function and a key."""
    function_id, value = json.loads(key)
    return key_of(json.dumps([function_id, key_of(_new_mark(value))], ensure_ascii=False))


def _lane(lane_id: str, budgets: dict[str, str]) -> str:
    """A lane, made of its budgets and its throttle."""
    if not lane_id:
        return lane_id
    function_id, old, throttle = json.loads(lane_id)
    for budget in old:
        budgets[budget] = _of_limit(function_id, budget)
    made_of = [function_id, [budgets[budget] for budget in old], throttle and key_of(_new_mark(throttle))]
    return json.dumps(made_of, separators=(",", ":"), ensure_ascii=False)


def _of_limit(function_id: str, budget: str) -> str:
    own = f"fn:{function_id}:"
    if budget.startswith(own):
        rule, _, value = budget[len(own) :].partition(":")
        prefix = f"fn:{key_of(function_id, LONGEST // 2)}:{rule}:"
    else:
        scope, _, value = budget.partition(":")
        prefix = f"{scope}:"
    value = key_of(_new_mark(value))
    whole = prefix + value
    return whole if key_of(whole) == whole else prefix + MARK + hashlib.sha256(value.encode()).hexdigest()


def _budget(budget: str, budgets: Mapping[str, str]) -> str:
    """One that no lane has any more is used by nobody, and will be forgotten."""
    return budgets.get(budget) or key_of(_new_mark(budget))
