"""Crons: each tick starts one run, at its time and never before; missed ones what `catch_up` says, and `overlap` holds.

Only schedules of every minute, or of every few, are understood.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any

from inngest.protocol.events import SCHEDULED
from tests.simulation.faults import CLOCKS
from tests.simulation.history import Committed, Fired, History, Row, State
from tests.simulation.ports import EPOCH
from tests.simulation.scenario import Scenario

from .rules import config_for, config_of, data_of, ms

GRACE = 30_000
"""Milliseconds by which a tick may be late and is fired all the same."""

SLACK = 5_000
"""Milliseconds that may lie between a look at the clock and the commit that follows from it."""

_EVERY = re.compile(r"\*(?:/(\d+))? \* \* \* \*")

Cron = Mapping[str, Any]


def check(history: History, _: Scenario) -> Iterator[str]:
    """See the module."""
    faults = {entry.fault for entry in history.entries if isinstance(entry, Fired)}
    clocks = not faults & CLOCKS
    ticked: dict[str, set[int]] = {}  # ticks that started runs, by function
    state = State()
    for entry in history.entries:
        if not isinstance(entry, Committed) or not entry.changes:
            continue
        now = EPOCH + entry.at // 1000
        fired: dict[str, list[Row]] = {}  # runs, by function
        for change in entry.changes:
            state.apply(change)
            if change.table == "runs" and change.old is None and change.new is not None:
                run = change.new
                if state.events[str(run["event_id"])]["name"] == SCHEDULED:
                    fired.setdefault(str(run["function_id"]), []).append(run)
                    yield from (f"at {entry.at}: {problem}" for problem in _overlapping(run, state))
        for function_id, runs in fired.items():
            yield from (
                f"at {entry.at}: {problem}" for problem in _fired(runs, state, ticked.setdefault(function_id, set()))
            )
        for function_id, first, following in _seen_to(entry):
            seen = list(_ticks(_cron(state, function_id), first, following))
            missed = [tick for tick in seen if tick not in ticked.get(function_id, ())]
            problems = _missed(state, function_id, seen, missed, now if clocks else None)
            yield from (f"at {entry.at}: {problem}" for problem in problems)
        if not faults:
            for (kind, key), timer in state.timers.items():
                if kind == "cron" and int(str(timer["due_at"])) + SLACK < now:
                    yield f"at {entry.at}: the schedule {key} has been due since {timer['due_at']}, and does nothing"


def _fired(runs: list[Row], state: State, ticked: set[int]) -> Iterator[str]:
    cron = _cron(state, str(runs[0]["function_id"]))
    late = 0
    for run in runs:
        event = state.events[str(run["event_id"])]
        data = data_of(str(event["data"]))
        tick, fire_at, now = _ms(data["scheduledAt"]), _ms(data["fireAt"]), int(str(event["received_at"]))
        if tick % _period(cron) or not 0 <= fire_at - tick <= (ms(cron.get("jitter")) or 0):
            yield f"run {run['id']} was started by a tick at {tick} that fires at {fire_at}, and {cron} has none"
        if tick in ticked:
            yield f"the tick at {tick} of {run['function_id']} has started a run twice"
        if now < fire_at:
            yield f"run {run['id']} was started at {now}, before its tick at {fire_at}"
        ticked.add(tick)
        late += now > fire_at + GRACE
    caught_up = {"none": 0, "last": 1, "all": cron.get("catchUpLimit", 100)}[cron.get("catchUp", "none")]
    if late > caught_up:
        yield f"{late} missed ticks of {runs[0]['function_id']} were caught up at once, and {cron} allows {caught_up}"


def _overlapping(run: Row, state: State) -> Iterator[str]:
    cron = next(trigger for trigger in config_for(run, state)["triggers"] if "cron" in trigger)
    if cron.get("overlap", "allow") == "allow":
        return
    others = [one for one in state.unfinished if state.runs[one]["function_id"] == run["function_id"]]
    if others != [run["id"]]:
        yield f"run {run['id']} was started while {others} have not ended, and {cron} allows no overlap"


def _seen_to(entry: Committed) -> Iterator[tuple[str, int, int]]:
    """Functions whose schedule was seen to: from which tick on, and what it is armed for now."""
    before: dict[str, Mapping[str, Any]] = {}
    after: dict[str, Mapping[str, Any]] = {}
    for change in entry.changes:
        if change.table == "timers":
            for row, found in ((change.old, before), (change.new, after)):
                if row is not None and row["kind"] == "cron":
                    found.setdefault(str(row["key"]), data_of(str(row["payload"])))
    for key, payload in before.items():
        if key in after:
            yield payload["function_id"], payload["scheduled_at"], after[key]["scheduled_at"]


def _missed(state: State, function_id: str, seen: list[int], missed: list[int], now: int | None) -> Iterator[str]:
    """Ticks that were seen to, and have started nothing; `now` is None where clocks are wrong."""
    cron = _cron(state, function_id)
    catch_up, jitter = cron.get("catchUp", "none"), ms(cron.get("jitter")) or 0
    if cron.get("overlap") == "skip":
        unfinished = [one for one in state.unfinished if state.runs[one]["function_id"] == function_id]
        if missed and not unfinished and now is not None and missed[-1] > now - GRACE:
            yield f"the ticks {missed} of {function_id} have started nothing, and no run of it goes on"
        return
    if catch_up == "all" and missed and len(seen) <= 100:
        yield f"the ticks {missed} of {function_id} were missed, and not caught up"
    if catch_up == "last" and seen and seen[-1] in missed:
        yield f"the last of the ticks {seen} of {function_id} was not caught up"
    if catch_up == "none" and now is not None:
        timely = [tick for tick in missed if tick + jitter + GRACE > now]
        if timely:
            yield f"the ticks {timely} of {function_id} have started nothing at {now}"


def _ticks(cron: Cron, first: int, following: int) -> range:
    return range(first, following, _period(cron))


def _period(cron: Cron) -> int:
    every = _EVERY.fullmatch(cron["cron"])
    assert every is not None, f"{cron['cron']!r} is not understood here"
    return int(every[1] or 1) * 60_000


def _cron(state: State, function_id: str) -> Cron:
    triggers = config_of(str(state.functions[function_id]["config"]))["triggers"]
    found: Cron = next(trigger for trigger in triggers if "cron" in trigger)
    return found


def _ms(text: str) -> int:
    return round(datetime.datetime.fromisoformat(text).timestamp() * 1000)
