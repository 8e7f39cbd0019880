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
from tests.embedded.kills.fleet_account import REBORN, FleetAccount
from tests.embedded.kills.ledger import Line
from tests.embedded.kills.limited import SPREAD, STARTS, tenant_of
from tests.embedded.kills.limits import starts, ticks, uncollected

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


def fleet(*lines: Line) -> FleetAccount:
    """Two workers."""
    read = FleetAccount()
    read.born(KILLED)
    read.born(NEXT)
    for line in lines:
        read.note(line)
    return read


def enters(process: int, key: str, run: str, *steps: str) -> list[Line]:
    """A run is entered, and handlers of these steps begin."""
    return [Line(process, "enter", key, run), *(Line(process, "begin", key, run, step) for step in steps)]


def test_more_at_a_time_than_the_limit_of_a_key_is_found_over_all_workers() -> None:
    two = enters(KILLED, "keyed-1", "R", "a", "b")
    assert fleet(*two).wrongs() == []
    ended = Line(KILLED, "end", "keyed-1", "R", "a", value="1")
    assert fleet(*two, ended, *enters(NEXT, "keyed-1", "S", "a")).wrongs() == ["keyed-1: has two runs, R and S"]
    assert "keyed-1 a: 3 at a time, 2 are the limit" in fleet(*two, *enters(NEXT, "keyed-1", "S", "a")).wrongs()[-1]


def test_a_worker_that_was_declared_dead_uses_nothing_and_may_be_passed() -> None:
    read = fleet(*enters(KILLED, "keyed-1", "R", "a", "b"), *enters(NEXT, "keyed-1", "R", "a", "b"))
    assert len(read.wrongs()) == 4  # each began beside the other, and was one too many
    read.note(Line(KILLED + REBORN, "anew"))
    assert read.wrongs() == []
    assert (read.reborn, read.lives[KILLED].over, read.lives[KILLED + REBORN].over) == (1, True, False)


def test_what_a_worker_does_after_it_stood_still_counts_only_if_it_should_have_known() -> None:
    lines = [*enters(KILLED, "sequential-1", "R", "a"), Line(KILLED, "end", "sequential-1", "R", "a", value="1")]
    got = Line(KILLED, "got", "sequential-1", "R", "a", value="1")
    read = fleet(*lines, got)
    read.stands_still(KILLED)
    read.note(Line(KILLED, "begin", "sequential-1", "R", "b"))  # it was let through a moment before
    assert (read.late, read.wrongs()) == (1, [])
    read.note(Line(KILLED, "begin", "sequential-1", "R", "a"))
    read.note(replace(got, value="2"))
    assert [text.partition(":")[0] for text in read.wrongs()] == ["sequential-1 a"] * 2


def test_takeovers_are_timed() -> None:
    read = fleet(*enters(KILLED, "sequential-1", "R", "a"), *enters(KILLED, "cancelled-1", "S", "a"))
    read.goes(KILLED, 0.0)
    read.dies(KILLED)
    assert set(read.left) == {("R", "a")}
    read.note(Line(NEXT, "begin", "sequential-1", "R", "a"))
    assert (read.left, len(read.takeovers), read.wrongs()) == ({}, 1, [])


def test_a_run_that_begins_while_its_function_is_paused_is_found() -> None:
    paused = [Line(NEXT, "paused"), Line(NEXT, "sending", "paused-1"), Line(NEXT, "acked", "paused-1")]
    begins = Line(KILLED, "enter", "paused-1", "R")
    assert fleet(*paused, begins).wrongs() == ["paused-1: began though its function is paused"]
    assert fleet(*paused, Line(NEXT, "resuming"), begins).wrongs() == []


def test_a_singleton_that_begins_beside_another_is_found() -> None:
    first = Line(KILLED, "enter", "singleton-1", "R")
    second = Line(NEXT, "enter", "singleton-1", "S")
    assert any("has not ended" in text for text in fleet(first, second).wrongs())
    returned = Line(KILLED, "return", "singleton-1", "R")
    assert not any("has not ended" in text for text in fleet(first, returned, second).wrongs())


def test_starts_that_a_throttle_let_through_too_soon_are_found() -> None:
    each = SPREAD // STARTS
    assert starts([0, 0, 0, each, 2 * each, 12 * each, 12 * each]) == []
    assert len(starts([0, 0, 0, each // 4])) == 1


def test_ticks_that_begin_two_runs_or_none_are_found() -> None:
    assert ticks([60_000, 120_000, 180_000]) == []
    assert ticks([60_000, 60_000, 180_000]) == ["tick 60000 has begun 2 runs", "no tick between 60000 and 180000"]


def test_a_debounced_event_after_which_no_run_begins_is_found() -> None:
    first, second = [key for key in (f"debounced-{number}" for number in range(99)) if tenant_of(key) == 0][:2]
    sends = {key: (Line(NEXT, "sending", key), Line(NEXT, "acked", key)) for key in (first, second)}
    read = fleet(*sends[first], *sends[second])
    assert uncollected([second], [first, second], read) == []
    assert uncollected([first], [first, second], read) == [f"{second}: began no run, nor did an event after it"]
    assert len(uncollected([], [first, second], read)) == 2
    beside = fleet(sends[first][0], sends[second][0], sends[second][1], sends[first][1])
    assert uncollected([first], [first, second], beside) == uncollected([second], [first, second], beside) == []
