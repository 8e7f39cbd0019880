"""Timers of cron triggers: armed when functions are made known, fired once, whatever happens to workers."""

from __future__ import annotations

import json
from typing import Any

from inngest.engine.domain.model import Run, RunStatus
from inngest.engine.ports import Store
from inngest.protocol.events import SCHEDULED
from tests.contract.store.values import COMPLETED, NOW, claim_one, commit, end, function

MINUTE = 60_000
FIRST = NOW - NOW % MINUTE + MINUTE


async def registered(store: Store, now: int = NOW, **given: Any) -> None:
    config = json.dumps({"triggers": [{"cron": "* * * * *", **given}]})
    await store.register([function("a", config=config)], replace_app="app", now=now)


async def fired(store: Store, now: int) -> list[Run]:
    return [start.run for start in (await store.fire(now)).started]


async def test_a_tick_starts_one_run_and_the_next_is_armed(store: Store, other: Store) -> None:
    await registered(store)
    assert store.timer_due == FIRST
    assert await fired(store, FIRST - 1) == []
    (run,) = await fired(store, FIRST)
    assert await fired(other, FIRST) == []
    assert store.timer_due == FIRST + MINUTE
    view = await store.run(run.id)
    assert view is not None
    assert (view.event.name, view.event.ts) == (SCHEDULED, FIRST)
    assert json.loads(view.event.data)["cron"] == "* * * * *"
    assert (await claim_one(store, now=FIRST)).run.id == run.id


async def test_made_known_again_it_keeps_its_tick(store: Store, other: Store) -> None:
    await registered(store)
    await registered(other, FIRST + 5 * MINUTE, catchUp="all")
    assert len(await fired(store, FIRST + 5 * MINUTE)) == 6


async def test_what_was_missed_is_left_out(store: Store) -> None:
    await registered(store)
    (run,) = await fired(store, FIRST + 5 * MINUTE + 1)
    view = await store.run(run.id)
    assert view is not None
    assert view.event.ts == FIRST + 5 * MINUTE


async def test_a_function_that_is_forgotten_fires_no_more(store: Store) -> None:
    await registered(store)
    await store.register([function("b")], replace_app="app", now=NOW)
    assert await fired(store, FIRST) == []
    assert store.timer_due is None


async def test_another_text_is_armed_anew(store: Store) -> None:
    await registered(store)
    await registered(store, cron="0 0 1 1 *")
    assert await fired(store, FIRST) == []


async def test_the_next_tick_waits_for_nobody_unless_it_is_told_to(store: Store) -> None:
    await registered(store)
    assert len(await fired(store, FIRST)) == 1
    assert len(await fired(store, FIRST + MINUTE)) == 1


async def test_a_tick_is_skipped_while_the_run_of_an_earlier_one_is_unfinished(store: Store) -> None:
    await registered(store, overlap="skip")
    (run,) = await fired(store, FIRST)
    assert await fired(store, FIRST + MINUTE) == []
    claimed = await claim_one(store, now=FIRST + MINUTE)
    assert claimed.run.id == run.id
    await commit(store, claimed, end(COMPLETED), now=FIRST + MINUTE)
    assert len(await fired(store, FIRST + 2 * MINUTE)) == 1


async def test_a_tick_cancels_the_run_of_an_earlier_one(store: Store) -> None:
    await registered(store, overlap="cancel", catchUp="all")
    (first,) = await fired(store, FIRST)
    (second,) = await fired(store, FIRST + MINUTE)
    (last,) = await fired(store, FIRST + 4 * MINUTE)
    statuses = [view.run.status for run in (first, second, last) if (view := await store.run(run.id)) is not None]
    assert statuses == [RunStatus.CANCELLED, RunStatus.CANCELLED, RunStatus.QUEUED]


async def test_a_thousand_ticks_of_one_second(store: Store) -> None:
    config = json.dumps({"triggers": [{"cron": "* * * * *"}]})
    await store.register([function(f"f{n}", config=config) for n in range(1_000)], replace_app=None, now=NOW)
    started: set[str] = set()
    while store.timer_due is not None and store.timer_due <= FIRST:
        started.update(run.function_id for run in await fired(store, FIRST))
    assert len(started) == 1_000
