"""One corpus of programs: what they return, and the order of their memos, is the same in every mode."""

from __future__ import annotations

import functools

import pytest

import inngest
from inngest.protocol.calls import Mode

from . import programs
from .corpus import PROGRAMS, Program
from .in_memory import MemoryServer, Style
from .in_process import InProcess
from .world import CANCELLED, End, World, world

SEEDS = range(2)
STYLES = [
    Style(mode, pace, foreign)
    for mode in (Mode.REPORT, Mode.CHECKPOINT, Mode.PLAN)
    for pace in ("said", "race", "wait")
    for foreign in (False, True)
]


@pytest.fixture(autouse=True)
def few_branches_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inngest.sdk.invocation.portal.WAVE", 4)


def client() -> inngest.Inngest:
    return inngest.Inngest(app_id="test", is_production=False)


@functools.cache
def in_process(program: Program, seed: int) -> tuple[End, World]:
    app = client()
    with world(seed, app, program.arrivals) as one:
        end = InProcess(one, program.function(app, one), program.retries, "{}").drive()
    return end, one


def served(program: Program, seed: int, style: Style) -> tuple[End, World, MemoryServer]:
    app = client()
    with world(seed, app, program.arrivals) as one:
        server = MemoryServer(one, program.function(app, one), style, program.retries)
        end = server.drive()
    return end, one, server


STYLES += [
    Style(Mode.REPORT, as_bytes=True),
    Style(Mode.REPORT, foreign=True, as_bytes=True),
    Style(Mode.CHECKPOINT, as_bytes=True),
    Style(Mode.PLAN, as_bytes=True),
]


def named(program: Program, style: Style) -> str:
    said = [style.mode.value, style.pace, "foreign" * style.foreign, "bytes" * style.as_bytes]
    return "-".join([program.name, *filter(None, said)])


CASES = [
    pytest.param(one, style, id=named(one, style))
    for one in PROGRAMS
    for style in STYLES
    if not (one.races and style.pace == "wait") and not (one.ours and style.foreign)
]


def test_no_program_is_left_out() -> None:
    made = [name for module in programs.__all__ for name in vars(getattr(programs, module))]
    assert len(PROGRAMS) >= 50
    assert {one.name for one in PROGRAMS} <= set(made)


@pytest.mark.parametrize(("program", "style"), CASES)
def test_programs_come_to_the_same_end_in_every_mode(program: Program, style: Style) -> None:
    for seed in SEEDS:
        expected, before = in_process(program, seed)
        assert (expected.output, expected.error) == (program.output, program.error), seed
        end, after, server = served(program, seed, style)
        assert (end.output, end.error) == (expected.output, expected.error), (seed, server.calls)
        if program.paced and style.pace != "race":
            kept = [memo for memo in expected.memos if memo.error != CANCELLED]
            assert [memo for memo in kept if memo not in end.memos] == [], (seed, server.calls)
        else:
            assert end.memos == expected.memos, (seed, server.calls)
        assert after.begun == before.begun, (seed, server.calls)
        assert sorted(after.sent) == sorted(before.sent)
        assert (after.signals, after.deferred) == (before.signals, before.deferred)
