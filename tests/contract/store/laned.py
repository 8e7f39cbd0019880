"""Functions that limit themselves, and what tests of lanes do with them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from inngest.engine.domain.model import Event, FunctionSpec
from inngest.engine.domain.starts import Start
from inngest.engine.ports import Store
from inngest.engine.records import Claimed, Claims
from tests.contract.store import values
from tests.contract.store.values import NOW


def function(name: str, event: str, *, version: str = "v1", config: Mapping[str, object] | None = None) -> FunctionSpec:
    """A function with a configuration."""
    return values.function(name, event, version=version, config=json.dumps(config or {}))


def event(name: str, *, now: int = NOW, ts: int | None = None, data: Mapping[str, object]) -> Event:
    """An event with data."""
    return values.event(name, now=now, ts=ts, data=json.dumps(data, separators=(",", ":")))


KEYED = function("keyed", "keyed", config={"concurrency": [{"limit": 2, "key": "event.data.user"}]})
BOTH = function("both-limits", "pair", config={"concurrency": [{"limit": 3}, {"limit": 1, "key": "event.data.user"}]})
SHARED = [
    function(name, name, config={"concurrency": [{"limit": limit, "key": '"x"', "scope": "env"}]})
    for name, limit in (("small", 1), ("large", 2))
]
TWINS = [
    function(name, name, config={"concurrency": [{"limit": 1, "key": '"y"', "scope": "env"}]})
    for name in ("left", "right")
]
THROTTLED = function("throttled", "throttled", config={"throttle": {"limit": 2, "period": "1s", "burst": 2}})
SPACED = function(
    "spaced", "spaced", config={"concurrency": 5, "throttle": {"limit": 1, "period": "1s", "key": "event.data.user"}}
)
ALONE = function("alone", "alone", config={"concurrency": 1, "singleton": {"mode": "cancel"}})
BATCHED = function("batched", "batched", config={"concurrency": 1, "batchEvents": {"maxSize": 2, "timeout": "10s"}})
RANKED = function("ranked", "ranked", config={"priority": {"run": "event.data.rank"}})
RANKED_LANES = function(
    "ranked-lanes",
    "ranked-lanes",
    config={"priority": {"run": "event.data.rank"}, "concurrency": [{"limit": 1, "key": "event.data.user"}]},
)
PLAIN = function("plain", "plain")
ALL = [KEYED, BOTH, *SHARED, *TWINS, THROTTLED, SPACED, ALONE, BATCHED, RANKED, RANKED_LANES, PLAIN]
NAMES = [one.id for one in ALL]


async def queue(store: Store, name: str, *users: object, now: int = NOW) -> list[str]:
    """Events that nobody claims as they come; the runs."""
    started = await values.accept(store, *(event(name, now=now, data={"user": user}) for user in users), now=now)
    return [start.run.id for start, _ in started]


async def claim(store: Store, count: int = 99, *, now: int = NOW, functions: Sequence[str] = NAMES) -> Claims:
    return await store.claim(values.owner(), count, functions, now, alone=True)


async def take(store: Store, count: int = 99, *, now: int = NOW) -> list[Claimed]:
    """Everything that may execute."""
    found: list[Claimed] = []
    for _ in range(20):
        claims = await claim(store, count, now=now)
        found += claims.runs
        if claims.next_due is None or claims.next_due > now:
            return found
    raise AssertionError("there is always more to claim")


def ids(runs: Sequence[Claimed]) -> list[str]:
    return [claimed.run.id for claimed in runs]


async def accept_here(store: Store, name: str, users: Sequence[object], now: int = NOW) -> list[Start]:
    """Events that this worker has room for; the runs that begin at once."""
    events = [event(name, now=now, data={"user": user}) for user in users]
    owners = [values.owner() for _ in users]
    answer = await store.accept(values.acceptance(*events, claim=owners, functions=frozenset(NAMES), now=now))
    return [start for start, owner in answer.started if owner is not None]
