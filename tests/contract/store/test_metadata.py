"""What is said about runs and steps: all of a request or nothing, merged as it comes, and within its limits."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from inngest.engine.domain.run_metadata import Annotated, Op, Update
from inngest.engine.ports import Store
from inngest.protocol import limits
from tests.contract.store.values import NOW, accept, event

STEP = "a" * 40


async def started(store: Store) -> str:
    """The id of a run."""
    ((start, _),) = await accept(store, event("go"), now=NOW)
    return start.run.id


def said(
    op: Op = Op.MERGE, kind: str = "note", hash: str | None = None, attempt: int | None = None, **values: Any
) -> Update:
    return Update(hash, attempt, kind, op, values)


async def known(store: Store, run_id: str) -> dict[tuple[str | None, str], Any]:
    return {(one.hash, one.kind): json.loads(one.values) for one in await store.metadata(run_id)}


async def test_values_are_merged_in_the_order_in_which_they_come(store: Store, other: Store) -> None:
    run_id = await started(store)
    assert await store.annotate(run_id, [said(a=1, b=2), said(b=3)], NOW) is Annotated.DONE
    assert await other.annotate(run_id, [said(Op.ADD, a=2, c=5)], NOW + 1) is Annotated.DONE
    assert await store.annotate(run_id, [said(Op.DELETE, b=None)], NOW + 2) is Annotated.DONE
    assert await store.annotate(run_id, [said(hash=STEP, a="of the step")], NOW + 3) is Annotated.DONE
    assert await store.annotate(run_id, [said(kind="other", z=[1])], NOW + 4) is Annotated.DONE
    assert await known(other, run_id) == {
        (None, "note"): {"a": 3, "c": 5},
        (STEP, "note"): {"a": "of the step"},
        (None, "other"): {"z": [1]},
    }
    assert [one.at for one in await store.metadata(run_id)] == [NOW + 2, NOW + 3, NOW + 4]
    assert await store.annotate(run_id, [said(Op.SET, d=1)], NOW + 5) is Annotated.DONE
    assert (await known(store, run_id))[None, "note"] == {"d": 1}


async def test_attempts_of_a_step_are_told_apart(store: Store) -> None:
    run_id = await started(store)
    for attempt in (None, 0, 1):
        await store.annotate(run_id, [said(hash=STEP, attempt=attempt, of=attempt)], NOW)
    found = {one.attempt: json.loads(one.values) for one in await store.metadata(run_id)}
    assert found == {None: {"of": None}, 0: {"of": 0}, 1: {"of": 1}}


async def test_a_run_that_is_not_there(store: Store) -> None:
    assert await store.annotate("unknown", [said(a=1)], NOW) is Annotated.NO_RUN
    assert await store.metadata("unknown") == []


async def test_nothing_of_a_request_is_written_that_goes_over_the_limit_of_a_step(store: Store) -> None:
    run_id = await started(store)
    half = "x" * (limits.MAX_STEP_METADATA // 2)
    assert await store.annotate(run_id, [said(hash=STEP, a=half)], NOW) is Annotated.DONE
    both = [said(kind="small", hash=STEP, a=1), said(hash=STEP, b=half)]
    assert await store.annotate(run_id, both, NOW) is Annotated.STEP_FULL
    assert await known(store, run_id) == {(STEP, "note"): {"a": half}}
    assert await store.annotate(run_id, [said(Op.SET, hash=STEP, b=half)], NOW) is Annotated.DONE
    assert await store.annotate(run_id, [said(b=half)], NOW) is Annotated.DONE  # of the run itself


async def test_a_run_has_a_limit_over_all_its_steps(store: Store) -> None:
    run_id = await started(store)
    text = "x" * (limits.MAX_STEP_METADATA - 100)
    fitting = limits.MAX_RUN_METADATA // limits.MAX_STEP_METADATA
    for number in range(fitting):
        assert await store.annotate(run_id, [said(hash=f"{number:040}", a=text)], NOW) is Annotated.DONE
    assert await store.annotate(run_id, [said(hash=STEP, a=text)], NOW) is Annotated.RUN_FULL
    assert await store.annotate(run_id, [said(hash=STEP, a="little")], NOW) is Annotated.DONE


async def test_sums_of_many_at_once_lose_none(store: Store, other: Store) -> None:
    run_id = await started(store)
    adding = [one.annotate(run_id, [said(Op.ADD, n=1)], NOW) for one in (store, other) for _ in range(20)]
    assert set(await asyncio.gather(*adding)) == {Annotated.DONE}
    assert await known(store, run_id) == {(None, "note"): {"n": 40}}


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [("text", 1, 1), (True, 1, 1), (1, -0.5, 0.5), (None, 7, 7)],
)
async def test_what_cannot_be_added_is_replaced(store: Store, old: object, new: float, found: float) -> None:
    run_id = await started(store)
    await store.annotate(run_id, [said(n=old), said(Op.ADD, n=new)], NOW)
    assert (await known(store, run_id))[None, "note"] == {"n": found}


@pytest.mark.parametrize(("old", "new"), [(1e308, 1e308), (-1e308, -1e308), (10**400, 0.5), (10**400, 1)])
async def test_a_sum_that_json_cannot_hold_is_refused_with_all_of_its_request(
    store: Store, old: float, new: float
) -> None:
    run_id = await started(store)
    assert await store.annotate(run_id, [said(n=old)], NOW) is Annotated.DONE
    assert await store.annotate(run_id, [said(m=1), said(Op.ADD, n=new)], NOW) is Annotated.TOO_LARGE_SUM
    assert await known(store, run_id) == {(None, "note"): {"n": old}}


async def test_a_run_has_a_number_of_kinds_however_small_they_are(store: Store) -> None:
    run_id = await started(store)
    small = [said(Op.SET, kind="k", hash=f"{number:040}") for number in range(limits.MAX_RUN_KINDS)]
    assert await store.annotate(run_id, small, NOW) is Annotated.DONE
    assert await store.annotate(run_id, [said(kind="other", a=1)], NOW) is Annotated.RUN_FULL
    assert await store.annotate(run_id, [said(kind="k", hash=f"{0:040}", a=1)], NOW) is Annotated.DONE
    assert len(await store.metadata(run_id)) == limits.MAX_RUN_KINDS
