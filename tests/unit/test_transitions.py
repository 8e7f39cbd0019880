"""The statuses of a run: the table is walked, and the store changes nothing that it does not allow."""

from __future__ import annotations

from itertools import product

from inngest.engine.domain.model import RunStatus
from inngest.engine.domain.transitions import FINAL, INITIAL, LEGAL, sources

WAYS = {
    RunStatus.QUEUED: {RunStatus.RUNNING, RunStatus.FAILED, RunStatus.CANCELLED},
    RunStatus.RUNNING: {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED},
}


def test_every_status_is_in_the_table() -> None:
    assert set(LEGAL) == set(RunStatus)


def test_each_pair_is_legal_or_not() -> None:
    for before, after in product(RunStatus, repeat=2):
        assert (after in LEGAL[before]) is (after in WAYS.get(before, set())), (before, after)


def test_nothing_follows_a_final_status() -> None:
    assert {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.SKIPPED} == FINAL


def test_every_status_can_be_reached_and_every_other_comes_to_an_end() -> None:
    reached = set[RunStatus]()
    todo: list[RunStatus] = [*INITIAL]
    while todo:
        status = todo.pop()
        if status not in reached:
            reached.add(status)
            todo.extend(LEGAL[status])
    assert reached == set(RunStatus)
    assert all(LEGAL[status] & FINAL for status in set(RunStatus) - FINAL)


def test_sources_are_the_table_read_backwards() -> None:
    for target in RunStatus:
        assert set(sources(target)) == {status for status in RunStatus if target in LEGAL[status]}
    assert sources(RunStatus.QUEUED) == sources(RunStatus.SKIPPED) == ()
