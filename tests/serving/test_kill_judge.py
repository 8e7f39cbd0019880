"""The judge of the kill test over the wire finds what is wrong, and only that."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from inngest import Attempt, Run, RunStatus, StepRecord
from inngest.protocol.errors import ErrorInfo
from tests.serving.killing import judge
from tests.serving.killing.judge import Judge
from tests.serving.killing.log import CALL, Call, Line, Log, Pen

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
EARLY, LATE, LATEST = "01A", "01B", "01C"


def tried(name: str, request: str, generation: int, *ends: str, step: str = "a", known: bool = False) -> list[Line]:
    """The lines of one try."""
    began = Line(1, "begin", "order", "R", request, generation, step, name, known=known)
    return [began, *(replace(began, what=end, value=name) for end in ends)]


def step(output: str, *, name: str = "a", error: ErrorInfo | None = None) -> StepRecord:
    return StepRecord(name, "StepRun", "completed", NOW, NOW, None, (Attempt(0, NOW, NOW, error),), output, error)


def record(*steps: StepRecord, status: RunStatus = RunStatus.COMPLETED, run_id: str = "R") -> Run:
    event = {"id": "order", "name": "kill/chain", "data": {"key": "order"}, "ts": 0}
    return Run(run_id, "kill-chain", status, "E", NOW, NOW, NOW, None, None, event, steps)


def judged(lines: Sequence[Line], *runs: Run) -> Judge:
    read = Judge()
    read.note(lines)
    read.compare(runs)
    return read


WELL = [*tried("1", EARLY, 0, "end"), *tried("2", LATE, 1, "end")]
"""A server died with a call under way, and the next one called again."""


def test_a_try_of_a_call_that_was_given_up_may_run_beside_another() -> None:
    read = judged(WELL, record(step("2")))
    assert (read.again, read.wrong, read.unrecorded) == ([], [], 1)


def test_a_try_of_an_older_call_may_begin_late() -> None:
    read = judged([*WELL, *tried("3", EARLY, 0)], record(step("2")))
    assert (read.again, read.wrong, read.unrecorded) == ([], [], 2)


def test_a_try_that_failed_is_followed_by_another() -> None:
    read = judged([*tried("1", EARLY, 0, "fail"), *tried("2", LATE, 0, "end")], record(step("2")))
    assert (read.again, read.wrong, read.unrecorded) == ([], [], 0)


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (WELL, "generation 1 tried it, and generation 0 had recorded it"),
        ([*tried("1", EARLY, 0, "end"), *tried("2", LATE, 0)], "generation 0 had recorded it, by an earlier call"),
        ([*tried("1", EARLY, 0, "end"), *tried("2", EARLY, 0)], "by the same call, which came twice"),
        ([*tried("1", EARLY, 0, "end"), *tried("2", EARLY, 0, known=True)], "a call that brought its result ran it"),
    ],
)
def test_a_recorded_step_that_ran_again_is_found(lines: Sequence[Line], text: str) -> None:
    (found,) = judged(lines, record(step("1"))).again
    assert found.startswith("order a: ")
    assert text in found


CUT = ErrorInfo("StepInterruptedError", "it was cut")


@pytest.mark.parametrize(
    ("lines", "run", "text"),
    [
        (WELL, record(step("x")), "order a: recorded is 'x', which no try gave"),
        (WELL[:1], record(step("1")), "order a: recorded is '1', which no try gave"),
        (WELL, record(), "order a: is not recorded"),
        (WELL, record(step("2"), run_id="S"), "the database knows nothing of the run R"),
        (
            [*WELL, Line(1, "got", "order", "R", LATEST, 1, "a", value="1")],
            record(step("2")),
            "order a: recorded is '2', and a body went on with",
        ),
        (
            [*tried("1", EARLY, 0, step="once a"), *tried("2", LATE, 1, "end", step="once a")],
            record(step("2", name="once a")),
            "order once a: must run at most once, and has run 2 times",
        ),
    ],
)
def test_whatever_else_must_not_be_is_found(lines: Sequence[Line], run: Run, text: str) -> None:
    assert any(found.startswith(text) for found in judged(lines, run).wrong)


def test_a_step_that_may_run_once_only_may_be_cut() -> None:
    got = Line(1, "got", "order", "R", LATE, 1, "once a", value="interrupted")
    cut = step("", name="once a", error=CUT)
    read = judged([*tried("1", EARLY, 0, step="once a"), got], record(replace(cut, output=None)))
    assert (read.again, read.wrong) == ([], [])


@pytest.mark.parametrize(
    ("runs", "lost"),
    [
        ([record()], 0),
        ([], 1),
        ([record(), record(run_id="S")], 1),
        ([record(status=RunStatus.FAILED)], 1),
        ([record(status=RunStatus.RUNNING)], 1),
    ],
)
def test_an_event_without_one_run_that_completed_is_lost(runs: Sequence[Run], lost: int) -> None:
    assert len(judge.lost(["order"], runs)) == lost


def test_lines_are_read_whole_and_once(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log, pen = Log(path), Pen(path)
    CALL.set(Call(EARLY, 3))
    pen.write("begin", "order", "R", "a", "1", known=True)
    with path.open("a") as file:
        file.write('{"process": 1, "what"')
    (line,) = log.new()
    assert (line.what, line.request, line.generation, line.step, line.known) == ("begin", EARLY, 3, "a", True)
    assert list(log.new()) == []
    log.close()
