"""`report`: what follows from an app's answer, row by row, for steps that are open, done, and not known yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from inngest.engine.domain.advance import reports
from inngest.engine.domain.model import (
    Asking,
    Changes,
    Code,
    Discovery,
    Ended,
    FailedAttempt,
    Hold,
    Released,
    RunState,
    RunStatus,
)
from inngest.engine.domain.remote import DISCOVERY
from inngest.protocol import limits
from inngest.protocol.calls import Held, Sign
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Op, Opcode, OpenStep, OpTarget
from inngest.protocol.steps import StepName
from inngest.protocol.wire.operations import COMPLETE
from inngest.protocol.wire.responses import Reply, ReplyKind
from tests.unit.answers import (
    BROKEN,
    FAILED,
    LEFT,
    MOMENT,
    NOW,
    OOPS,
    POLICY,
    RECORDED_OOPS,
    A,
    B,
    C,
    D,
    after,
    calls,
    done,
    plan,
    planned,
    raised,
    ran,
    report,
    reported,
    sleeping,
    state,
    waiting,
)
from tests.unit.names import named

# -- 200, and the end of the function in other words


@pytest.mark.parametrize("target", [DISCOVERY, A.hash])
def test_a_function_that_returns_is_completed(target: str) -> None:
    changes = report(state(planned(A)), Reply(ReplyKind.COMPLETED, data='{"x":1}', version=2), target)
    assert changes.transition == Ended(RunStatus.COMPLETED, '{"x":1}', None)


@pytest.mark.parametrize("target", [DISCOVERY, A.hash])
def test_a_completion_among_reports_completes_after_those_before_it(target: str) -> None:
    complete = Op(Opcode.RUN_COMPLETE, COMPLETE, data="2")
    changes = report(state(planned(A)), reported(ran(A), complete, ran(B)), target)
    assert changes.transition == Ended(RunStatus.COMPLETED, "2", None)
    assert [memo.step for memo in changes.memos] == [A]


# -- 206 StepRun


def test_a_step_that_the_code_ran_is_a_memo_and_the_code_is_entered_again() -> None:
    run = state(attempt=1)
    changes = report(run, reported(ran(A)))
    assert changes.memos == [Memo(A, Opcode.STEP_RUN, 0, "1", None, NOW, 1, LEFT)]
    assert (changes.attempt, changes.discovery) == (0, None)  # it was owed, and is
    assert calls(after(run, changes)) == [(DISCOVERY, 0, False)]


def test_the_first_version_that_is_told_stays() -> None:
    assert report(state(version=-1), reported(ran(A))).discovery == Discovery(3, 2, owed=True)
    assert report(state(version=1), reported(ran(A))).discovery is None
    assert report(state(version=-1), Reply(ReplyKind.REPORTED, [ran(A)])).discovery is None


def test_a_target_that_is_the_last_of_its_group_owes_a_discovery() -> None:
    run = state(planned(A), owed=False, asking=Asking())
    changes = report(run, reported(ran(A)), A.hash)
    assert calls(after(run, changes)) == [(DISCOVERY, 0, False)]


@pytest.mark.parametrize(
    ("mode", "version", "asked"), [("wait", 2, False), ("wait", 1, True), ("wait", -1, True), ("race", 2, True)]
)
def test_a_target_beside_others_owes_one_only_in_a_race_or_to_an_old_sdk(mode: str, version: int, asked: bool) -> None:
    run = state(planned(A, mode), planned(B, mode), owed=False, asking=Asking(), version=version)
    changes = report(run, Reply(ReplyKind.REPORTED, [ran(A)]), A.hash)
    assert calls(after(run, changes)) == [(B.hash, 0, False), *([(DISCOVERY, 0, True)] if asked else [])]


def test_steps_of_a_race_hold_nobody_up() -> None:
    run = state(planned(A), planned(B, "race"), owed=False, asking=Asking())
    changes = report(run, reported(ran(A)), A.hash)
    assert calls(after(run, changes)) == [(B.hash, 0, False), (DISCOVERY, 0, True)]


def test_completions_while_a_discovery_is_under_way_owe_one_more_and_not_one_each() -> None:
    run = state(planned(A, "race"), planned(B, "race"), planned(C, "race"))
    for step in (A, B):
        run = after(run, report(run, reported(ran(step)), step.hash))
        assert run.discovery.owed
        assert [target for target, _, _ in calls(run)] == list(run.open)
    run = after(run, report(run, reported(plan(C, "race"))))
    assert calls(run) == [(C.hash, 0, False), (DISCOVERY, 0, True)]
    run.apply(reports.left(run))
    run = after(run, report(run, reported(plan(C, "race"))))
    assert calls(run) == [(C.hash, 0, False)]
    assert run.discovery == Discovery(3, 2, owed=False)


def test_a_result_that_comes_again_changes_nothing() -> None:
    run = state(done(A), planned(B), owed=False, asking=Asking())
    changes = report(run, reported(ran(A, '"new"'), ran(B)), B.hash)
    assert [memo.step for memo in changes.memos] == [B]
    assert changes.entries[0] == done(A)


def test_a_result_of_too_many_bytes_fails_its_step() -> None:
    changes = report(state(), reported(ran(A, f'"{"x" * limits.MAX_STEP_OUTPUT}"')))
    error = changes.memos[0].error
    assert error is not None
    assert (error.name, changes.transition) == ("OutputTooLargeError", None)


# -- 206 StepError, StepFailed


def test_an_attempt_of_a_step_in_a_discovery_counts_on_the_body() -> None:
    run = state(attempt=1)
    changes = report(run, reported(raised(A)))
    assert changes.failed == [FailedAttempt(A.hash, 1, LEFT, NOW, RECORDED_OOPS, A.text)]
    assert (changes.attempt, changes.memos, changes.open) == (2, [], ())
    assert changes.discovery == Discovery(3, 2, owed=True, at=NOW + 7_000)
    run = after(run, changes)
    assert (calls(run), calls(run, NOW + 7_000)) == ([], [(DISCOVERY, 2, False)])


def test_an_attempt_of_a_planned_step_counts_on_the_step() -> None:
    run = state(planned(A, "race", attempt=1), planned(B), owed=False, asking=Asking(), attempt=0)
    changes = report(run, reported(raised(A, retry_after=3_000)), A.hash)
    assert changes.open == (OpenStep(A, Opcode.STEP_RUN, 2, NOW + 3_000, NOW - 100, mode="race"),)
    assert changes.failed == [FailedAttempt(A.hash, 1, LEFT, NOW, RECORDED_OOPS)]
    assert calls(after(run, changes), NOW + 3_000) == [(A.hash, 2, False), (B.hash, 0, False)]


@pytest.mark.parametrize(
    ("op", "attempt", "no_retry"),
    [
        pytest.param(raised(A), 2, False, id="the last attempt"),
        pytest.param(raised(A), 0, True, id="it must not be retried"),
        pytest.param(raised(A, max_attempts=1), 0, False, id="the step has fewer attempts"),
        pytest.param(Op(Opcode.STEP_FAILED, A, error=OOPS), 0, False, id="StepFailed"),
        pytest.param(Op(Opcode.STEP_FAILED, A, error=OOPS), 0, True, id="StepFailed, no-retry"),
    ],
)
@pytest.mark.parametrize("target", [DISCOVERY, A.hash])
def test_a_step_that_failed_for_good_is_a_memo_without_its_code(
    op: Op, attempt: int, no_retry: bool, target: str
) -> None:
    if target == DISCOVERY:
        run = state(attempt=attempt)
    else:
        run = state(planned(A, attempt=attempt), owed=False, asking=Asking())
    changes = report(run, reported(op, no_retry=no_retry), target)
    assert [(memo.error, memo.attempt) for memo in changes.memos] == [(RECORDED_OOPS, attempt)]
    assert (changes.attempt, changes.transition) == (0, None)
    assert calls(after(run, changes)) == [(DISCOVERY, 0, False)]


def test_errors_of_a_step_that_has_its_memo_change_nothing() -> None:
    run = state(done(A), planned(B), owed=False, asking=Asking())
    changes = report(run, reported(raised(A), Op(Opcode.STEP_FAILED, A, error=OOPS), ran(B)), B.hash)
    assert ([memo.step for memo in changes.memos], changes.failed) == ([B], ())


@pytest.mark.parametrize(("op", "final"), [(Opcode.STEP_ERROR, False), (Opcode.STEP_FAILED, True)])
def test_an_error_under_the_name_of_the_function_is_that_of_the_function(op: Opcode, final: bool) -> None:
    changes = report(state(), reported(ran(A), Op(op, COMPLETE, error=OOPS)))
    assert [memo.step for memo in changes.memos] == [A]
    assert changes.transition == (Ended(RunStatus.FAILED, None, OOPS) if final else None)
    assert [one.step for one in changes.failed] == ([] if final else [""])


# -- 206 of steps that wait


def test_planned_steps_are_due_at_once() -> None:
    run = state()
    changes = report(run, reported(plan(A), plan(B)))
    assert list(changes.open) == [OpenStep(step, Opcode.STEP_RUN, 0, NOW, NOW, mode="wait") for step in (A, B)]
    assert changes.discovery == Discovery(3, 2, owed=False)
    assert calls(after(run, changes)) == [(A.hash, 0, False), (B.hash, 0, False)]


def test_one_report_of_a_race_makes_all_of_its_body_race() -> None:
    changes = report(state(), reported(plan(A), plan(B, "race"), Op(Opcode.SLEEP, C, Opcode.SLEEP, duration=5)))
    assert {one.mode for one in changes.open} == {"race"}


def test_what_is_planned_again_keeps_its_attempt_time_and_mode() -> None:
    run = state(planned(A, "race", attempt=2), sleeping(B), waiting(C), done(D))
    again = reported(plan(A), Op(Opcode.SLEEP, B, Opcode.SLEEP, duration=9_000), wait_for(C, duration=9_000), plan(D))
    changes = report(run, again)
    assert (list(changes.open), list(changes.waits), list(changes.memos)) == ([], [], [])


def wait_for(step: StepName, name: str = "x", expression: str | None = None, **values: Any) -> Op:
    return Op(Opcode.WAIT_FOR_EVENT, step, Opcode.WAIT_FOR_EVENT, target=OpTarget(name, expression), **values)


def test_waits_come_first_then_the_order_of_the_list() -> None:
    changes = report(state(), reported(ran(A), plan(B), wait_for(C, duration=10)))
    assert [entry.step for entry in changes.entries] == [C, A, B]
    assert [wait.step.step for wait in changes.waits] == [C]


def test_a_wait_may_end_at_a_time() -> None:
    changes = report(state(), reported(wait_for(A, until=NOW + 77), wait_for(B, until=NOW - 77)))
    assert [one.due_at for one in changes.open] == [NOW + 77, NOW]


def test_a_sleep_that_is_over_at_once_owes_a_discovery() -> None:
    run = state()
    changes = report(run, reported(Op(Opcode.SLEEP, A, Opcode.SLEEP, until=NOW - 1)))
    assert [memo.step for memo in changes.memos] == [A]
    assert calls(after(run, changes)) == [(DISCOVERY, 0, False)]


@pytest.mark.parametrize(
    ("op", "name", "told"),
    [
        (wait_for(A, "x", "event.data.a ="), "StepArgumentError", "if:"),
        (wait_for(A, "app/*"), "StepArgumentError", "patterns"),
        (wait_for(A, duration=limits.MAX_SLEEP + limits.DAY), "TimeoutTooLongError", "366 days"),
        (Op(Opcode.SLEEP, A, Opcode.SLEEP, until=NOW + 400 * limits.DAY), "TimeoutTooLongError", "got 400"),
    ],
)
def test_what_can_never_be_waited_for_fails_its_step_and_says_why(op: Op, name: str, told: str) -> None:
    changes = report(state(), reported(op))
    error = changes.memos[0].error
    assert error is not None
    assert (error.name, list(changes.waits), list(changes.open)) == (name, [], [])
    assert told in error.message
    assert '"a"' in error.message


def test_a_step_of_another_kind_than_before_is_a_failed_attempt() -> None:
    changes = report(state(sleeping(A)), reported(plan(A)))
    assert [one.error.name for one in changes.failed] == ["StepChangedError"]
    assert report(state(planned(A)), reported(wait_for(A))).failed
    assert report(state(sleeping(A)), reported(ran(A))).memos == []


@pytest.mark.parametrize("target", [DISCOVERY, D.hash])
def test_several_steps_of_another_kind_than_before_are_one_failed_attempt(target: str) -> None:
    run = state(sleeping(A), sleeping(B), sleeping(C), planned(D))
    changes = report(run, reported(plan(A), plan(B), plan(C), raised(D)), target)
    assert ([one.attempt for one in changes.failed], changes.transition) == ([0, 0][: 2 if not target else 1], None)
    run = after(run, changes)
    assert (run.attempt, run.open[D.hash].attempt) == ((1, 1) if not target else (0, 1))


def test_several_steps_that_failed_in_one_answer_are_one_attempt_of_the_body() -> None:
    run = state(attempt=1)
    changes = report(run, reported(*(raised(step, retry_after=3_000) for step in (A, B, C)), raised(A)))
    assert changes.failed == [FailedAttempt(step.hash, 1, LEFT, NOW, RECORDED_OOPS, step.text) for step in (A, B, C)]
    assert (changes.attempt, changes.transition, list(changes.memos)) == (2, None, [])
    assert changes.discovery == Discovery(3, 2, owed=True, at=NOW + 3_000)
    last = report(after(run, changes), reported(raised(A), raised(B)))
    assert ([memo.step for memo in last.memos], last.transition) == ([A], None)


def test_an_attempt_of_an_open_step_that_is_told_twice_counts_once() -> None:
    changes = report(state(planned(A), owed=False, asking=Asking()), reported(raised(A), raised(A)), A.hash)
    assert ([one.attempt for one in changes.open], [one.attempt for one in changes.failed]) == ([1], [0])


@pytest.mark.parametrize("step", [sleeping(A), waiting(A), planned(A)])
def test_a_step_of_any_kind_may_be_given_up(step: OpenStep) -> None:
    run = state(step, sleeping(B))
    changes = report(run, reported(Op(Opcode.STEP_CANCELLED, A)))
    (memo,) = changes.memos
    assert (memo.step, memo.kind, memo.cancelled, len(changes.failed)) == (A, step.kind, True, 0)
    assert after(run, changes).open.keys() == {B.hash}


def test_errors_of_steps_count_for_the_size_of_a_run() -> None:
    error = ErrorInfo("E", "m" * 1_000, "s" * 500)
    run = state(size=limits.MAX_STATE - 2_000)
    run = after(run, report(run, reported(Op(Opcode.STEP_FAILED, A, error=error))))
    assert run.size == limits.MAX_STATE - 499
    ended = report(run, reported(Op(Opcode.STEP_FAILED, B, error=error))).transition
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert ended.error.code == "state_overflowed"


def test_more_steps_than_a_run_may_have_fail_it() -> None:
    fits = [plan(named(f"s{index}")) for index in range(POLICY.max_steps - 2)]
    run = state(done(A), planned(B))
    assert report(run, reported(*fits)).transition is None
    ended = report(run, reported(*fits, plan(C))).transition
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert ended.error.code == "function_overflowed"


# -- answers that bring nothing


def asked_again(run: RunState, reply: Reply, times: int) -> list[Changes]:
    found: list[Changes] = []
    for _ in range(times):
        run.apply(reports.left(run))
        found.append(report(run, reply))
        run.apply(found[-1])
    return found


@pytest.mark.parametrize("ops", [(), (Op(Opcode.NONE, A),), (ran(D),)])
def test_a_discovery_without_news_is_repeated_and_the_fourth_is_a_failed_attempt(ops: Sequence[Op]) -> None:
    run = state(done(D))
    found = asked_again(run, reported(*ops), 8)
    assert [len(one.failed) for one in found] == [0, 0, 0, 1, 0, 0, 0, 1]
    assert found[0].discovery == Discovery(3, 2, owed=True, at=NOW + reports.AGAIN)
    assert run.attempt == 2
    assert isinstance(asked_again(run, reported(*ops), 4)[-1].transition, Ended)


def test_a_discovery_without_news_waits_for_what_is_open() -> None:
    run = state(waiting(A))
    changes = asked_again(run, reported(wait_for(A)), 9)[-1]
    assert (changes.failed, calls(run)) == ((), [])


def test_a_request_for_another_discovery_is_followed_but_not_for_ever() -> None:
    run = state(waiting(A))
    request = reported(Op(Opcode.DISCOVERY_REQUEST, COMPLETE))
    run.apply(reports.checkpoint(run, [ran(B)], LEFT, POLICY, MOMENT))
    run.apply(report(run, request))
    assert calls(run) == [(DISCOVERY, 0, True)]
    assert [len(one.failed) for one in asked_again(run, request, 4)] == [0, 0, 0, 1]


def test_an_answer_for_another_step_is_kept_and_the_third_is_a_failed_attempt() -> None:
    run = state(planned(A), owed=False, asking=Asking())
    others = [named(f"other{index}") for index in range(3)]
    for step in others[:2]:
        run.apply(report(run, reported(ran(step)), A.hash))
        assert calls(run) == [(A.hash, 0, False)]
    changes = report(run, reported(ran(others[2])), A.hash)
    assert [memo.step for memo in changes.memos] == [others[2]]
    assert list(changes.open) == [OpenStep(A, Opcode.STEP_RUN, 1, NOW + 7_000, NOW - 100, mode="wait")]
    run.apply(changes)
    run.apply(report(run, reported(ran(A)), A.hash))
    assert run.asking.strays == ()


def test_an_empty_answer_for_a_step_is_asked_again_after_a_while() -> None:
    run = state(planned(A), owed=False, asking=Asking())
    run.apply(report(run, reported(), A.hash))
    assert (calls(run), calls(run, NOW + reports.AGAIN)) == ([], [(A.hash, 0, False)])


# -- calls that failed


@pytest.mark.parametrize("reply", [FAILED, FAILED._replace(retry_after=4_000)])
def test_a_discovery_that_failed_is_made_again_later(reply: Reply) -> None:
    run = state(attempt=1)
    changes = report(run, reply)
    at = NOW + (reply.retry_after or 7_000)
    assert (changes.attempt, changes.transition) == (2, None)
    assert changes.failed == [FailedAttempt("", 1, LEFT, NOW, OOPS)]
    assert changes.discovery == Discovery(3, 2, owed=True, at=at)


def test_a_call_for_a_step_that_failed_is_made_again_later() -> None:
    run = state(planned(A, attempt=1), owed=False, asking=Asking())
    changes = report(run, FAILED, A.hash)
    assert (list(changes.open), changes.attempt) == (
        [OpenStep(A, Opcode.STEP_RUN, 2, NOW + 7_000, NOW - 100, mode="wait")],
        0,
    )


@pytest.mark.parametrize(
    ("run", "reply", "target"),
    [
        (state(attempt=2), FAILED, DISCOVERY),
        (state(), FAILED._replace(no_retry=True), DISCOVERY),
        (state(planned(A, attempt=2)), FAILED, A.hash),
        (state(planned(A)), FAILED._replace(no_retry=True), A.hash),
        (state(attempt=2), BROKEN, DISCOVERY),
    ],
)
def test_the_last_attempt_that_failed_or_one_that_says_so_fails_the_run(
    run: RunState, reply: Reply, target: str
) -> None:
    assert report(run, reply, target).transition == Ended(RunStatus.FAILED, None, OOPS)


@pytest.mark.parametrize("reply", [FAILED, FAILED._replace(no_retry=True), BROKEN])
def test_a_call_that_failed_whose_step_has_its_memo_changes_nothing(reply: Reply) -> None:
    changes = report(state(done(A), waiting(B)), reply, A.hash)
    assert (changes.transition, changes.failed, list(changes.open)) == (None, (), [])


@pytest.mark.parametrize(("run", "target"), [(state(), DISCOVERY), (state(planned(A)), A.hash)])
def test_a_call_that_broke_is_of_a_generation_that_is_over(run: RunState, target: str) -> None:
    changes = report(run, BROKEN, target)
    assert changes.discovery is not None
    assert changes.discovery.generation == 4
    assert len(changes.failed) == 1


# -- code that has changed


HOLD = Hold(Sign.CALLED, "a", "b", "", 1, NOW - 9, NOW - 9)


@pytest.mark.parametrize("ops", [[Op(Opcode.DISCOVERY_REQUEST, COMPLETE)], [plan(B)]])
def test_a_run_on_hold_whose_code_comes_to_its_place_is_claimed_anew(ops: list[Op]) -> None:
    run = state(done(A), code=Code(hold=HOLD, holds=1))
    changes = report(run, reported(*ops))
    assert changes.transition == Released(NOW)
    assert (changes.code, len(changes.failed)) == (Code(holds=1), 0)
    assert calls(after(run, changes))


def test_a_step_of_a_run_on_hold_that_is_not_run_yet_is_no_stray() -> None:
    run = state(planned(A), code=Code(hold=HOLD, holds=1))
    for _ in range(4):
        changes = report(run, reported(Op(Opcode.DISCOVERY_REQUEST, COMPLETE)), A.hash)
        assert (changes.transition, len(changes.failed)) == (Released(NOW), 0)


def test_code_that_has_changed_puts_the_run_on_hold() -> None:
    held = Reply(ReplyKind.HELD, error=OOPS, held=Held(Sign.CALLED, "a", "b"), version=2)
    changes = report(state(done(A)), held)
    assert isinstance(changes.transition, Released)
    assert changes.transition.hold is not None
    assert (changes.transition.hold.step, changes.attempt, changes.failed) == ("a", 0, ())


@pytest.mark.parametrize("run", [state(planned(A)), state(done(A))])
def test_a_target_that_the_code_has_not_come_to_is_told_by_its_name(run: RunState) -> None:
    held = Reply(ReplyKind.HELD, error=OOPS, held=Held(Sign.CALLED, A.hash, "b"), version=2)
    transition = report(run, held, A.hash).transition
    assert isinstance(transition, Released)
    assert transition.hold is not None
    assert transition.hold.step == A.text


def test_a_step_that_the_code_has_not_come_to_has_not_begun() -> None:
    begun = planned(A)._replace(once=True, begun=True)
    run = state(begun, planned(B)._replace(once=True, begun=True))
    held = Reply(ReplyKind.HELD, error=OOPS, held=Held(Sign.CALLED, "a", "b"), version=2)
    changes = report(run, held, A.hash)
    assert (isinstance(changes.transition, Released), list(changes.memos)) == (True, [])
    assert list(changes.open) == [begun._replace(begun=False)]
    interrupted = reports.interrupted(after(run, changes), POLICY, MOMENT)
    assert [memo.step for memo in interrupted.memos] == [B]


@pytest.mark.parametrize(("reply", "over"), [(reported(plan(B)), True), (FAILED, False)])
def test_code_that_comes_to_its_place_is_held_no_more(reply: Reply, over: bool) -> None:
    changes = report(state(done(A), code=Code(HOLD, 1)), reply)
    assert (changes.code == Code(None, 1)) is over
