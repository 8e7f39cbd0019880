"""What a report of many steps costs, counted: twice as many steps are twice the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from inngest.engine.domain.advance import advance, reports
from inngest.engine.domain.model import Policy
from inngest.engine.domain.remote import DISCOVERY
from inngest.protocol.opcodes import OpenStep
from inngest.protocol.steps import StepName
from tests.unit.answers import LEFT, MOMENT, planned, ran, reported, state
from tests.unit.names import named

POLICY = Policy(max_steps=10_000, retry_interval=None)


class Counted(str):
    """The hash of a step, whose comparisons are counted."""

    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


class Looked(dict[str, OpenStep]):
    """Open steps. It is counted how many of them are looked at one by one."""

    steps = 0

    def _counted(self, found: Iterator[Any]) -> Iterator[Any]:
        for one in found:
            Looked.steps += 1
            yield one

    def values(self) -> Any:
        return self._counted(iter(super().values()))

    def items(self) -> Any:
        return self._counted(iter(super().items()))


def _steps(count: int) -> list[StepName]:
    return [(name := named(f"step {number}"))._replace(hash=Counted(name.hash)) for number in range(count)]


def in_process(count: int) -> None:
    changes = advance(state(), [ran(step) for step in _steps(count)], None, POLICY, MOMENT)
    assert len(changes.memos) == count


def in_one_answer(count: int) -> None:
    ops = [ran(step) for step in _steps(count)]
    changes = reports.report(state(), reports.Report(DISCOVERY, LEFT, reported(*ops)), POLICY, MOMENT)
    assert len(changes.memos) == count


def planned_before(count: int) -> None:
    names = _steps(count)
    run = state(*map(planned, names))
    run.open = Looked(run.open)
    changes = reports.checkpoint(run, [ran(step) for step in names], LEFT, POLICY, MOMENT)
    assert len(changes.memos) == count


def one_answer_each(count: int) -> None:
    run = state(*map(planned, names := _steps(count)))
    run.open = Looked(run.open)
    for step in names:
        told = reports.Report(step.hash, LEFT, reported(ran(step)))
        run.apply(reports.report(run, told, POLICY, MOMENT))
    assert len(run.done) == count


@pytest.mark.parametrize("decide", [in_process, in_one_answer, planned_before, one_answer_each])
def test_steps_in_parallel_cost_no_more_for_each_the_more_they_are(decide: Callable[[int], None]) -> None:
    costs = []
    for count in (200, 400):
        Counted.comparisons = Looked.steps = 0
        decide(count)
        costs.append(Counted.comparisons + Looked.steps)
    assert costs[1] <= 2 * costs[0] + 10, costs
    assert costs[1] <= 5 * 400, costs
