"""What has to become of events at each kind of flow control, and of its kin, whoever runs the functions."""

from __future__ import annotations

import asyncio
import datetime
import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import aiohttp

from tests.wall_clock import WallClock

ENDED = ("COMPLETED", "FAILED", "CANCELLED", "SKIPPED")
LOOK = 0.1
"""Seconds between two looks at the runs."""

PATIENCE = 60
"""Seconds after which runs that are waited for are said not to have come. What is there then is judged."""

MINUTE = 60_000
HOUR = 60 * MINUTE


class Ran(NamedTuple):
    """A run.

    Attributes:
        n: number of the first event that it has; None if it was not sent by the test.
        status: how it ended.
        output: what it returned: the functions tell the numbers of all their events.
    """

    n: int | None
    status: str
    output: object = None


class Seen(NamedTuple):
    """A run as the REST API shows it, and when its function was entered (unix ms)."""

    ran: Ran
    began: float


Outcome = Mapping[str, Sequence[Seen]]
"""The runs of each function, in the order in which they came."""


class Gate(NamedTuple):
    """A function, the data of events for it, and the runs that there have to be at the end: these, and no others."""

    function: str
    events: Sequence[Mapping[str, Any]]
    runs: Sequence[Ran]
    ordered: bool = False  # they begin in this order
    apart: int = 0  # ms, between two of them that begin, at least
    then: Sequence[Mapping[str, Any]] = ()  # events that are sent once the first are stored
    repeated: bool = False  # the one run is there once, or more often
    only: Sequence[str] = ()  # kinds of SDKs that have what it is about; all if none is named


def _of(*keys: str, **more: Any) -> list[Mapping[str, Any]]:
    return [{"n": n, "key": key, **more} for n, key in enumerate(keys)]


def _completed(*numbers: int) -> list[Ran]:
    return [Ran(n, "COMPLETED", [n]) for n in numbers]


TICK = ["inngest/scheduled.timer", "* * * * *"]

GATES = [
    Gate("throttle", _of("a", "a", "a"), _completed(0, 1, 2), ordered=True, apart=1_000),
    Gate("debounce", _of("a", "a", "b", "a"), _completed(2, 3)),
    Gate("rate-limit", _of("a", "a", "b", "a"), _completed(0, 2)),
    Gate("singleton-skip", _of("a", "a", "b", nap=1_000), [*_completed(0), Ran(1, "SKIPPED"), *_completed(2)]),
    Gate("singleton-cancel", _of("a", "a", "b", nap=1_000), [Ran(0, "CANCELLED"), *_completed(1, 2)]),
    Gate(
        "priority",
        [{"n": 0, "priority": 600}, {"n": 1, "priority": -600}, {"n": 2, "priority": 0}, {"n": 3, "priority": 300}],
        _completed(0, 3, 2, 1),
        ordered=True,
    ),
    Gate("concurrency", _of("a", "a", "b", "b"), [Ran(n, "COMPLETED", [n, True]) for n in range(4)]),
    Gate("idempotency", _of("a", "a", "b"), _completed(0, 2)),
    Gate("batch", _of(*"aaaaa"), [Ran(0, "COMPLETED", [0, 1, 2]), Ran(3, "COMPLETED", [3, 4])]),
    Gate("cron", [], [Ran(None, "COMPLETED", TICK)], repeated=True),
    Gate("on-failure", _of("a"), [Ran(0, "FAILED")]),
    Gate("on-failure-failure", [], [Ran(None, "COMPLETED", [0, "broken"])]),
    Gate(
        "cancel",
        [{"n": 0, "key": "a", "nap": HOUR}, {"n": 1, "key": "b", "nap": 1_000}],
        [Ran(0, "CANCELLED"), *_completed(1)],
        then=[{"name": "test/stop", "data": {"key": "a"}}],
    ),
    Gate("start-timeout", _of("a", "a"), [*_completed(0), Ran(1, "CANCELLED")]),
    Gate(
        "finish-timeout",
        [{"n": 0, "nap": HOUR}, {"n": 1, "nap": 0}],
        [Ran(0, "CANCELLED"), *_completed(1)],
    ),
    Gate("defers", _of("a", "taken back"), _completed(0, 1), only=["typescript", "ours"]),
    Gate("deferred", [], [Ran(None, "COMPLETED", [0])], only=["typescript", "ours"]),
]
"""Each is also the name of its function. The app is named `app`."""


def check(gate: Gate, seen: Sequence[Seen]) -> None:
    """Whether the runs of a gate's function are what they had to be."""
    if gate.ordered:
        seen = sorted(seen, key=lambda one: one.began)
    else:
        seen = sorted(seen, key=lambda one: -1 if one.ran.n is None else one.ran.n)
    found = [one.ran for one in seen]
    if gate.repeated:
        found = [one for n, one in enumerate(found) if one not in found[:n]]
    assert found == list(gate.runs), seen
    for before, after in itertools.pairwise(seen if gate.apart else ()):
        assert after.began - before.began >= gate.apart, seen


class Server(NamedTuple):
    """A server of ours, with the app of the gates: where its API is, the key of events, and its clock."""

    url: str
    event_key: str
    wall: WallClock


async def outcome(server: Server, gates: Sequence[Gate]) -> Outcome:
    """Send the events of all gates at once; the runs that there are when all that is waited for has come."""
    async with aiohttp.ClientSession(server.url) as session:
        sent: list[Mapping[str, Any]] = [
            {"name": f"test/{gate.function}", "data": data} for gate in gates for data in gate.events
        ]
        ids = await _send(session, server.event_key, sent)
        numbers = {event_id: event["data"]["n"] for event_id, event in zip(ids, sent, strict=True)}
        await _send(session, server.event_key, [event for gate in gates for event in gate.then])
        until = time.monotonic() + PATIENCE

        async def come(has_come: Callable[[Outcome], bool]) -> Outcome:
            while True:
                seen = await _seen(session, numbers)
                if has_come(seen) or time.monotonic() > until:
                    return seen
                await asyncio.sleep(LOOK)

        await come(lambda seen: all(_has_come(gate, seen) for gate in gates if not gate.repeated))
        now = time.time_ns() // 1_000_000
        server.wall.to(now - now % MINUTE + MINUTE)
        return await come(lambda seen: all(_has_come(gate, seen) for gate in gates))


def _has_come(gate: Gate, outcome: Outcome) -> bool:
    runs = outcome[gate.function]
    return len(runs) >= len(gate.runs) and all(one.ran.status in ENDED for one in runs)


async def _send(session: aiohttp.ClientSession, key: str, events: Sequence[Mapping[str, Any]]) -> list[str]:
    async with session.post(f"/e/{key}", json=events) as response:
        assert response.status == 200, await response.text()
        ids: list[str] = (await response.json())["ids"]
        return ids


async def _seen(session: aiohttp.ClientSession, numbers: Mapping[str, int]) -> Outcome:
    query = {"order": "asc", "limit": "100", "includeOutput": "true"}
    async with session.get("/v2/runs", params=query) as response:
        assert response.status == 200, await response.text()
        answer: Any = await response.json()
    assert not answer["page"]["hasMore"]
    found: dict[str, list[Seen]] = defaultdict(list)
    for run in answer["data"]:
        (event_id,) = run["trigger"]["eventIds"]
        output = run["output"]["data"] if run["status"] == "COMPLETED" else None
        ran = Ran(numbers.get(event_id), run["status"], output)
        began = run.get("startedAt")
        ms = 0.0 if began is None else datetime.datetime.fromisoformat(began).timestamp() * 1_000
        found[run["function"]["id"]].append(Seen(ran, ms))
    return found
