"""The cost of a report about a run that nobody here owns: it does not grow with the results of steps before it."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from inngest.engine.records import Checkpoint, Requested
from inngest.engine.store.sql import SqlStore
from inngest.protocol.errors import ErrorCode, ErrorInfo
from inngest.protocol.limits import MAX_STATE, MAX_STEP_OUTPUT
from inngest.protocol.opcodes import Op, Opcode
from tests.contract.store import values
from tests.contract.store.counting import Counting
from tests.contract.store.stores import POLICY, InlineExecutor
from tests.contract.store.test_endpoints import begin as begin_endpoint
from tests.contract.store.values import NOW, function, step

LARGE = json.dumps("x" * 100_000)
STEPS = 8

_numbers = itertools.count()

Report = Callable[[str, str], Awaitable[bool]]
"""Reports the result of a step, by its id; whether it counts."""


@pytest.fixture
def database(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "reports.db")


@pytest.fixture
async def store(database: Counting) -> AsyncIterator[SqlStore]:
    store = SqlStore(database, InlineExecutor(), _Ids(), POLICY)
    await store.open(NOW)
    await store.register([function("a", "go")], replace_app=None, now=NOW)
    await store.begin_session(values.session())
    yield store
    await store.close()


class _Ids:
    """Ids that sort by when they were made."""

    def ulid(self, now: int) -> str:
        return f"{now:013}{next(_numbers):013}"

    def token(self) -> str:
        return f"token-{next(_numbers)}"

    def random(self) -> float:
        return 0.5


@pytest.fixture(params=["checkpoint", "endpoint"])
async def run(request: pytest.FixtureRequest, store: SqlStore) -> tuple[str, Report]:
    """A run, and who reports its steps."""
    if request.param == "checkpoint":
        claimed = await values.begin(store)
        generation, run_id = claimed.run.discovery.generation, claimed.run.id

        async def save(step_id: str, data: str) -> bool:
            return await store.checkpoint(Checkpoint(run_id, generation, [_ran(step_id, data)], NOW))

        return run_id, save
    begun = await begin_endpoint(store)

    async def go_on(step_id: str, data: str) -> bool:
        return await store.request(Requested(begun.run.id, [_ran(step_id, data)], NOW)) is not None

    return begun.run.id, go_on


def _ran(step_id: str, data: str) -> Op:
    return Op(Opcode.STEP_RUN, step(step_id), data=data)


async def test_a_report_reads_no_results_of_other_steps(
    run: tuple[str, Report], database: Counting, store: SqlStore
) -> None:
    run_id, report = run
    for number in range(STEPS):
        assert await report(f"step-{number}", LARGE)
    before = database.characters
    assert await report("last", "1")
    assert database.characters - before < len(LARGE)
    view = await store.run(run_id)
    assert view is not None
    assert [(memo.step.id, memo.seq) for memo in view.memos] == [
        *((f"step-{number}", number) for number in range(STEPS)),
        ("last", STEPS),
    ]


async def test_errors_count_for_the_size_of_a_run_unread(store: SqlStore) -> None:
    claimed = await values.begin(store)
    error = ErrorInfo("E", "x" * (MAX_STEP_OUTPUT - 1_000))
    for number in range(MAX_STATE // MAX_STEP_OUTPUT + 1):
        op = Op(Opcode.STEP_FAILED, step(f"step-{number}"), error=error)
        assert await store.checkpoint(Checkpoint(claimed.run.id, claimed.run.discovery.generation, [op], NOW))
    view = await store.run(claimed.run.id)
    assert view is not None
    assert view.run.error is not None
    assert ErrorCode.STATE_OVERFLOWED.value in view.run.error


async def test_results_count_for_the_size_of_a_run_unread(run: tuple[str, Report], store: SqlStore) -> None:
    run_id, report = run
    largest = json.dumps("x" * (MAX_STEP_OUTPUT - 2))
    for number in range(MAX_STATE // MAX_STEP_OUTPUT):
        assert await report(f"step-{number}", largest)
    assert await report("one-too-many", largest)
    view = await store.run(run_id)
    assert view is not None
    assert view.run.error is not None
    assert ErrorCode.STATE_OVERFLOWED.value in view.run.error
