"""`report` and `checkpoint`: what follows from functions that an app defers."""

from __future__ import annotations

from inngest.engine.domain.advance import reports
from inngest.engine.domain.model import Ended, RunState
from inngest.protocol import limits
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Op, Opcode, OpTarget
from inngest.protocol.wire.responses import Reply, ReplyKind
from tests.unit.answers import LEFT, MOMENT, POLICY, A, B, after, ran, report, reported, state
from tests.unit.names import named


def later(step_id: str, data: str = "{}") -> Op:
    return Op(Opcode.DEFER_ADD, named(step_id), Opcode.DEFER_ADD, target=OpTarget("app-f", data=data))


def reasons(run: RunState) -> list[str | None]:
    """Why each is rejected, by its code."""
    return [None if one.rejected is None else one.rejected.code for one in run.defers.values()]


def test_more_functions_than_a_run_may_defer_are_rejected_and_the_run_goes_on() -> None:
    run = state()
    run = after(run, report(run, reported(*(later(str(number)) for number in range(20)), ran(A))))
    changes = report(run, reported(later("more"), later("3"), ran(B)))
    assert [memo.step for memo in changes.memos] == [B]
    run = after(run, changes)
    assert reasons(run) == [None] * 20 + ["per_run_count"]
    ended = report(run, Reply(ReplyKind.COMPLETED, data="1", version=2)).transition
    assert isinstance(ended, Ended)
    assert len(ended.deferred) == 20


def test_data_that_are_too_large_are_not_kept() -> None:
    half = f'{{"x":"{"a" * (2 * limits.MB)}"}}'
    run = state()
    run = after(run, reports.checkpoint(run, [later("a", half)], LEFT, POLICY, MOMENT))
    ops = [later("b", f'{{"x":"{"a" * (4 * limits.MB)}"}}'), later("c", half), later("d")]
    run = after(run, reports.checkpoint(run, ops, LEFT, POLICY, MOMENT))
    assert reasons(run) == [None, "per_defer_size", "aggregate_size", None]
    assert [len(one.data) for one in run.defers.values()] == [len(half), 2, 2, 2]


def test_what_is_rejected_is_told_once_and_not_without_end() -> None:
    wrong = later("a")._replace(error=ErrorInfo("DeferRejectedError", "no name", code="invalid_opts"))
    run = state()
    for _ in range(2):
        run = after(run, report(run, reported(wrong, ran(A))))
    assert reasons(run) == ["invalid_opts"]
    many = [wrong._replace(step=named(f"{number}")) for number in range(100)]
    assert len(after(run, report(run, reported(*many))).defers) == 20
