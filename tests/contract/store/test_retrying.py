"""Steps that wait for their next attempts are tried now, also if their run has an owner at that moment."""

from __future__ import annotations

from inngest.engine.domain.model import Changes, FailedAttempt, Released
from inngest.engine.ports import Store
from inngest.engine.records import Claimed, Written
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Opcode, OpenStep
from tests.contract.store.values import FUNCTIONS, NOW, begin, commit, owner, step

ALL = sorted(FUNCTIONS)
STEP = step("flaky")
LATER = NOW + 3_600_000
ERROR = ErrorInfo("ConnectionError", "not now")


async def failed_once(store: Store) -> Claimed:
    """A step of an owned run has failed, and is to be tried again in an hour."""
    claimed = await begin(store)
    opened = OpenStep(STEP, Opcode.STEP_RUN, 1, LATER, NOW)
    changes = Changes(0, open=[opened], failed=[FailedAttempt(STEP.hash, 0, NOW, NOW, ERROR)])
    assert await commit(store, claimed, changes) == Written.DONE
    return claimed


async def claimed_at(store: Store, now: int) -> list[str]:
    await store.fire(now)
    claims = await store.claim(owner("worker"), 10, ALL, now, alone=False)
    return [one.run.id for one in claims.runs]


async def test_a_retry_reaches_a_run_that_is_released_at_that_moment(store: Store) -> None:
    claimed = await failed_once(store)
    assert (await store.retry_now(claimed.run.id, NOW + 1)).steps == (STEP.hash,)
    assert await commit(store, claimed, Changes(0, transition=Released(LATER))) == Written.DONE
    assert await claimed_at(store, NOW + 2) == [claimed.run.id]


async def test_a_retry_reaches_a_run_that_its_owner_keeps_for_a_while(store: Store) -> None:
    claimed = await failed_once(store)
    await store.retry_now(claimed.run.id, NOW + 1)
    assert await claimed_at(store, NOW + 2) == []
    assert await commit(store, claimed, Changes(0, transition=Released(LATER))) == Written.DONE
    assert await claimed_at(store, NOW + 2 + 1_000) == [claimed.run.id]


async def test_a_run_whose_step_was_tried_since_is_not_entered_for_it(store: Store) -> None:
    claimed = await failed_once(store)
    await store.retry_now(claimed.run.id, NOW + 1)
    again = OpenStep(STEP, Opcode.STEP_RUN, 2, LATER, NOW)
    changes = Changes(
        0, open=[again], failed=[FailedAttempt(STEP.hash, 1, NOW, NOW, ERROR)], transition=Released(LATER)
    )
    assert await commit(store, claimed, changes) == Written.DONE
    assert await claimed_at(store, NOW + 2) == []
    assert await claimed_at(store, LATER) == [claimed.run.id]
