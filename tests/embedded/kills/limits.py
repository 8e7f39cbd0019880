"""What must hold of limits, collected events, ticks and slots in the end, of what the engine recorded and the ledger
says.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from inngest import Run

from .account import key_of
from .fleet_account import FleetAccount
from .limited import BATCH, BURST, RATE, SPREAD, STARTS, TICKS, cause_of, kind_of, tenant_of

Execute = Callable[[str], list[tuple[Any, ...]]]


class Limits(NamedTuple):
    """What was found.

    Attributes:
        wrong: what must not be.
        exceeded: how often a limit was exceeded.
        slots_left: slots that nobody holds any more, and that were not given back.
    """

    wrong: list[str]
    exceeded: int
    slots_left: int


def judge(execute: Execute, recorded: Sequence[Run], seen: FleetAccount) -> Limits:
    """Judge.

    Args:
        execute: asks the database, in which no worker is any more.
        recorded: all runs but those that time began.
        seen: what the ledger says.
    """
    runs: dict[str, list[Run]] = defaultdict(list)
    for run in recorded:
        runs[run.function_id.removeprefix("kill-")].append(run)
    acked: dict[str, list[str]] = defaultdict(list)
    for key in sorted(seen.acked):
        acked[kind_of(key)].append(key)
    exceeded = [*_throttled(runs["throttled"]), *_rated(runs["rated"], acked["rated"])]
    exceeded += [text for text in seen.wrongs() if "are the limit" in text]
    wrong = [
        *exceeded,
        *_batched(runs["batched"], acked["batched"], seen),
        *_debounced(runs["debounced"], acked["debounced"], seen),
        *_singleton(runs["singleton"], acked["singleton"]),
        *_cancelled(runs["cancelled"], acked["cancel"]),
        *ticks([ts for (ts,) in execute(_TICKS)]),
        *_left(execute),
    ]
    return Limits(wrong, len(exceeded), sum(execute(_SLOTS)[0]))


_SLOTS = "SELECT COALESCE(sum(used), 0), (SELECT count(*) FROM inngest_kept_slots) FROM inngest_budgets"
_TICKS = (
    "SELECT e.ts FROM inngest_runs r JOIN inngest_events e ON e.id = r.event_id WHERE r.function_id = 'kill-tick' "
    "ORDER BY e.ts"
)


def starts(times: Sequence[int]) -> list[str]:
    """Where a throttle let too many starts through.

    Args:
        times: of one tenant's starts, in order (ms).
    """
    each = SPREAD // STARTS
    found: list[str] = []
    for first, since in enumerate(times):
        for last in range(first + BURST, len(times)):
            allowed = BURST + (times[last] - since + each // 2) // each  # half of one, for clocks of several workers
            if last - first + 1 > allowed:
                found.append(f"throttled: {last - first + 1} starts in {times[last] - since} ms, allowed are {allowed}")
    return found


def ticks(times: Sequence[int]) -> list[str]:
    """What is wrong with the ticks that began runs: each has one, and none is left out."""
    found = [f"tick {time} has begun {count} runs" for time, count in Counter(times).items() if count > 1]
    times = sorted(set(times))
    found += [f"no tick between {one} and {two}" for one, two in itertools.pairwise(times) if two - one != TICKS]
    return found


def _throttled(runs: Sequence[Run]) -> list[str]:
    times: dict[int, list[int]] = defaultdict(list)
    for run in runs:
        if run.started_at is not None:
            times[tenant_of(key_of(run))].append(round(run.started_at.timestamp() * 1_000))
    return [text for of_tenant in times.values() for text in starts(sorted(of_tenant))]


def _rated(runs: Sequence[Run], acked: Iterable[str]) -> list[str]:
    sent, begun = Counter(map(tenant_of, acked)), Counter(tenant_of(key_of(run)) for run in runs)
    wanted = {tenant: min(count, RATE) for tenant, count in sent.items()}
    return [] if dict(begun) == wanted else [f"rated: tenants should have {wanted} runs, they have {dict(begun)}"]


def _batched(runs: Sequence[Run], acked: Iterable[str], seen: FleetAccount) -> list[str]:
    found = [f"{key_of(run)}: a batch is {run.status}" for run in runs if run.status != "COMPLETED"]
    found += [f"a batch has {len(keys)} events: {keys}" for keys in seen.batches.values() if len(keys) > BATCH]
    times = Counter(key for keys in seen.batches.values() for key in keys)
    return found + [f"{key}: is in {times[key]} batches" for key in acked if times[key] != 1]


def _debounced(runs: Sequence[Run], acked: Iterable[str], seen: FleetAccount) -> list[str]:
    found = [f"{key_of(run)}: a debounced run is {run.status}" for run in runs if run.status != "COMPLETED"]
    return found + uncollected({key_of(run) for run in runs}, acked, seen)


def uncollected(begun: Iterable[str], acked: Iterable[str], seen: FleetAccount) -> list[str]:
    """Debounced events that neither began a run nor were followed by one that did; who sends says nothing of its order.

    Args:
        begun: keys of those that began a run.
        acked: keys of all.
        seen: says what was sent before what was acknowledged: an event whose acknowledgement came after another one
            was sent may have come after it.
    """
    last: Counter[int] = Counter()
    for key in begun:
        last[tenant_of(key)] = max(last[tenant_of(key)], seen.ended[key])
    lost = [key for key in acked if seen.sent[key] >= last[tenant_of(key)]]
    return [f"{key}: began no run, nor did an event after it" for key in lost]


def _singleton(runs: Sequence[Run], acked: Sequence[str]) -> list[str]:
    found = [f"{key_of(run)}: is {run.status}" for run in runs if run.status not in ("COMPLETED", "SKIPPED")]
    ran = {tenant_of(key_of(run)) for run in runs if run.status == "COMPLETED"}
    found += [f"singleton: tenant {tenant} has no run" for tenant in sorted({*map(tenant_of, acked)} - ran)]
    has = {key_of(run) for run in runs}
    return found + [f"{key}: has no run" for key in acked if key not in has]


def _cancelled(runs: Sequence[Run], cancels: Iterable[str]) -> list[str]:
    status = {key_of(run): run.status for run in runs}
    wanted = [cause_of(key) for key in cancels]
    return [f"{key}: should be cancelled, is {status.get(key)}" for key in wanted if status.get(key) != "CANCELLED"]


_NOTHING_LEFT = {
    "slots are used": "SELECT budget, used FROM inngest_budgets WHERE used <> 0",
    "slots are kept": "SELECT * FROM inngest_kept_slots",
    "runs are owned": "SELECT id, slots, session_id FROM inngest_runs WHERE session_id IS NOT NULL OR slots <> 0",
    "jobs are there": "SELECT * FROM inngest_jobs WHERE function_id <> 'kill-tick'",
    "lanes are there": "SELECT id FROM inngest_lanes",
    "waits are there": "SELECT run_id, kind, topic FROM inngest_waits",
    "answers are there": "SELECT run_id, hash FROM inngest_inbox",
    "timers are there": "SELECT kind, key FROM inngest_timers WHERE kind <> 'cron'",
    "parcels are there": "SELECT id FROM inngest_parcels",
    "workers are there": "SELECT id, ended FROM inngest_sessions",
    "rows cannot be read": "SELECT * FROM inngest_troubles",
    "there were deadlocks": "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres' AND deadlocks > 0",
}


def _left(execute: Execute) -> list[str]:
    found = {what: execute(sql) for what, sql in _NOTHING_LEFT.items()}
    return [f"{what}: {rows}" for what, rows in found.items() if rows]
