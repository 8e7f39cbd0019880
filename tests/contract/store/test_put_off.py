"""Runs that are to be called later are found page by page, and what waits in them for its next attempt is tried now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from inngest.engine.domain.model import Changes, Discovery, FailedAttempt, Released
from inngest.engine.ports import Store
from inngest.engine.records import PutOff
from inngest.engine.store import put_off
from inngest.engine.store.sql import SqlStore
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Opcode, OpenStep
from tests.contract.store.counting import Counting
from tests.contract.store.stores import POLICY, CountedIds, InlineExecutor
from tests.contract.store.values import FUNCTIONS, NOW, begin, commit, function, owner, release, session, step

HOUR = 3_600_000
FAILED = PutOff("app-a", NOW + HOUR, failed=True)
STEP = step("flaky")


async def sleeping(store: Store, until: int, *, attempt: int = 0) -> str:
    """A run that nobody owns until then."""
    claimed = await begin(store)
    await commit(store, claimed, release(until, attempt=attempt))
    return claimed.run.id


async def between_attempts(store: Store, until: int) -> str:
    """A run of which a step has failed."""
    claimed = await begin(store)
    opened = OpenStep(STEP, Opcode.STEP_RUN, 1, until, NOW)
    failed = FailedAttempt(STEP.hash, 0, NOW, NOW, ErrorInfo("Error", "not now"))
    await commit(store, claimed, Changes(0, open=[opened], failed=[failed], transition=Released(until)))
    return claimed.run.id


async def pages(store: Store, asked: PutOff | None) -> list[list[str]]:
    found: list[list[str]] = []
    while asked is not None:
        page = await store.put_off(asked, NOW)
        found.append(sorted(page.runs))
        asked = page.following
    return found


async def due(store: Store, now: int) -> Sequence[str]:
    claims = await store.claim(owner("worker"), 10, sorted(FUNCTIONS), now, alone=False)
    return sorted(one.run.id for one in claims.runs)


async def test_only_what_waits_for_its_next_attempt_is_found_and_tried_now(store: Store) -> None:
    await sleeping(store, NOW + 10)
    await sleeping(store, NOW + 2 * HOUR, attempt=1)
    body = await sleeping(store, NOW + 20, attempt=1)
    one_step = await between_attempts(store, NOW + 30)
    (found,) = await pages(store, FAILED)
    assert found == sorted([body, one_step])
    await store.retry_all(found, NOW + 1)
    assert await due(store, NOW + 1) == found


async def test_what_waits_for_its_app_is_found_and_what_is_tried_again_is_not(store: Store) -> None:
    asleep = await sleeping(store, NOW + 10)
    claimed = await begin(store)
    later = Discovery(1, 2, owed=True, at=NOW + 10)
    await commit(store, claimed, Changes(1, discovery=later, transition=Released(NOW + 10)))
    assert await pages(store, FAILED._replace(failed=False)) == [[asleep]]


async def test_runs_are_looked_at_page_by_page_and_none_that_are_due_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(put_off, "LOOKED_AT", 2)
    soon = [await sleeping(store, NOW + 10 + number, attempt=1) for number in range(3)]
    for number in range(9):
        await sleeping(store, NOW + HOUR + 1 + number, attempt=1)
    found = await pages(store, FAILED)
    assert found == [sorted(soon[:2]), soon[2:], []]


async def test_many_runs_are_tried_in_one_transaction(tmp_path: Path) -> None:
    database = Counting(tmp_path / "i.db")
    store = SqlStore(database, InlineExecutor(), CountedIds(), POLICY)
    await store.open(NOW)
    await store.register([function("a", "go")], replace_app=None, now=NOW)
    await store.begin_session(session())
    found = [await sleeping(store, NOW + 10, attempt=1) for _ in range(20)]
    before = len(database.rows)
    await store.retry_all(found, NOW + 1)
    assert len(database.rows) == before + 1
    await store.close()
