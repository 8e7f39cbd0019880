"""The judge of the kill test finds what is wrong, and only that."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace

import pytest

from inngest import Attempt, Run, RunStatus, StepRecord
from inngest.protocol.errors import ErrorInfo
from tests.embedded.kills import account as accounts
from tests.embedded.kills.account import Account
from tests.embedded.kills.ledger import Line

KILLED, NEXT = 1, 2
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
REFUSED = ErrorInfo("ConnectionError", "it fails at its first attempt")

BEFORE = [
    Line(KILLED, "sending", "order"),
    Line(KILLED, "acked", "order"),
    Line(KILLED, "enter", "order", "R"),
    Line(KILLED, "begin", "order", "R", "a"),
    Line(KILLED, "end", "order", "R", "a", value="a-1"),
    Line(KILLED, "got", "order", "R", "a", value="a-1"),
    Line(KILLED, "begin", "order", "R", "flaky"),
    Line(KILLED, "fail", "order", "R", "flaky"),
    Line(KILLED, "begin", "order", "R", "flaky", attempt=1),
]
AFTER = [
    Line(NEXT, "enter", "order", "R"),
    Line(NEXT, "got", "order", "R", "a", value="a-1"),
    Line(NEXT, "begin", "order", "R", "flaky", attempt=1),
    Line(NEXT, "end", "order", "R", "flaky", attempt=1, value="flaky-2"),
    Line(NEXT, "got", "order", "R", "flaky", value="flaky-2"),
    Line(NEXT, "return", "order", "R"),
]


def account(before: Sequence[Line], after: Sequence[Line], *, killed: bool = True) -> Account:
    read = Account()
    read.born(KILLED)
    for line in before:
        read.note(line)
    if killed:
        read.dies(KILLED)
    read.born(NEXT)
    for line in after:
        read.note(line)
    return read


def step(step_id: str, output: str, *errors: ErrorInfo | None) -> StepRecord:
    attempts = tuple(Attempt(number, NOW, NOW, error) for number, error in enumerate(errors))
    return StepRecord(step_id, "StepRun", "completed", NOW, NOW, None, attempts, output, None)


def record() -> Run:
    steps = (step("a", "a-1", None), step("flaky", "flaky-2", REFUSED, None))
    event = {"id": "order", "name": "kill/flaky", "data": {"key": "order"}, "ts": 0}
    output = {"a": "a-1", "flaky": "flaky-2"}
    status: RunStatus = RunStatus.COMPLETED
    return Run("R", "kill-flaky", status, "E", NOW, NOW, NOW, output, None, event, steps)


def judged(read: Account, *recorded: Run) -> list[str]:
    return [*read.wrong, *accounts.differences(read, recorded), *accounts.lost(read.acked, recorded)]


def test_a_story_that_went_well() -> None:
    read = account(BEFORE, AFTER)
    assert judged(read, record()) == []
    assert (read.again_unrecorded, read.again_recorded, read.steps()) == (1, 0, 2)
    assert account(BEFORE, []).running(KILLED) == [("R", "flaky")]
    assert read.running(KILLED) == []  # it has begun elsewhere since
    assert read.lives[NEXT].found == {"R"}


def test_that_an_attempt_failed_may_not_have_been_recorded() -> None:
    again = [replace(line, attempt=0) if line.what == "begin" else line for line in AFTER]
    assert account(BEFORE[:-1], again).wrong == []


def test_a_return_is_forgotten_only_if_its_process_was_killed_before_the_run_was_recorded_as_completed() -> None:
    read = account(BEFORE, AFTER)
    read.forget_returns(KILLED, [])  # the process that returned lives, and records the run a moment later
    assert read.returned() == {"order"}
    read.forget_returns(NEXT, ["R"])
    assert read.returned() == {"order"}
    read.forget_returns(NEXT, [])
    assert read.returned() == set()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (Line(NEXT, "begin", "order", "R", "a"), "order a: was recorded, and began again"),
        (Line(NEXT, "begin", "order", "R", "b", attempt=1), "order b: began with attempt 1"),
        (Line(NEXT, "begin", "order", "R", "flaky"), "order flaky: attempt 0 began after"),
        (Line(NEXT, "got", "order", "R", "a", value="a-2"), "order a: was recorded as 'a-1', and then as 'a-2'"),
        (Line(NEXT, "got", "order", "R", "flaky", value="x"), "order flaky: went on with 'x', which no try of it gave"),
        (Line(NEXT, "enter", "order", "S"), "order: has two runs, R and S"),
        (Line(NEXT, "enter", "order", "R", attempt=1), "order: its body never failed, and was entered with attempt 1"),
    ],
)
def test_a_line_that_must_not_be(line: Line, text: str) -> None:
    wrong = account(BEFORE, [line]).wrong
    assert wrong
    assert wrong[0].startswith(text)


ONCE = [
    Line(KILLED, "enter", "order", "R"),
    Line(KILLED, "begin", "order", "R", "once a"),
    Line(NEXT, "got", "order", "R", "once a", value="interrupted"),
]


def test_a_step_that_may_run_once_only_is_cut_by_a_kill() -> None:
    read = account(ONCE[:2], ONCE[2:])
    assert (read.wrong, read.interrupted) == ([], 1)
    cut = replace(step("once a", "", REFUSED), output=None)
    recorded = replace(record(), output={"once a": "interrupted"}, steps=(cut,))
    read.acked.add("order")
    assert judged(read, recorded) == []


def test_a_step_that_may_run_once_only_must_not_begin_again() -> None:
    wrong = account(ONCE[:2], [Line(NEXT, "begin", "order", "R", "once a")]).wrong
    assert wrong[0].startswith("order once a: must run at most once, and began again after")


def test_a_step_of_a_process_that_lives_is_not_cut() -> None:
    wrong = account(ONCE[:2], ONCE[2:], killed=False).wrong
    assert wrong[0].startswith("order once a: was cut, though its process lives")


def test_a_step_of_a_process_that_lives_must_must_not_begin_elsewhere() -> None:
    wrong = account(BEFORE, AFTER, killed=False).wrong
    assert "order flaky: began again, though process 1 lives" in wrong


@pytest.mark.parametrize(
    ("recorded", "text"),
    [
        ([], "order"),
        ([], "order: the engine knows nothing of its run R"),
        ([replace(record(), status=RunStatus.FAILED)], "order"),
        ([record(), replace(record(), id="S")], "order: has 2 runs"),
        ([replace(record(), output={})], "order: returned {}, its body went on with"),
        ([replace(record(), event={"data": {"key": "other"}})], "other: nobody asked for this run"),
        ([replace(record(), steps=(step("a", "x", None),))], "order a: recorded 'x', the body went on with 'a-1'"),
        ([replace(record(), steps=(step("a", "a-1", REFUSED, None),))], "order a: the attempts should be"),
    ],
)
def test_a_record_that_does_not_agree(recorded: Sequence[Run], text: str) -> None:
    assert any(found.startswith(text) for found in judged(account(BEFORE, AFTER), *recorded))


def test_what_a_run_tells_another_must_not_be_lost() -> None:
    told = replace(record(), event={"data": {"key": "telling-1"}})
    assert accounts.lost(["telling-1"], [told]) == ["telling-1/told"]
