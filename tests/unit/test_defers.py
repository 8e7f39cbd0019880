"""What a run defers: what is decided, what follows from its end, and what one invocation tells."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence

import pytest

from inngest.engine.domain import effects, system_events
from inngest.engine.domain.advance import Moment, advance
from inngest.engine.domain.model import (
    Changes,
    Defer,
    Ended,
    FunctionSpec,
    Policy,
    Registry,
    Released,
    Run,
    RunState,
    RunStatus,
)
from inngest.errors import DeferRejectedError
from inngest.protocol import events, limits
from inngest.protocol.calls import Completed, EventData, Failed, Outcome, Yielded
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Op, Opcode, OpTarget
from inngest.protocol.steps import StepName
from inngest.sdk.invocation.defers import Defers
from inngest.sdk.invocation.replay import Changed, History
from tests.unit.names import named

NOW = 1_000_000
POLICY = Policy(max_steps=1, retry_interval=None)
MOMENT = Moment(NOW, 0.5)
OOPS = ErrorInfo("Oops", "it broke")


A, B, C = named("a"), named("b"), named("c")
FIRST = Defer(A, 0, "app-two", '{"n":1}', NOW)


def add(step: StepName, data: str = '{"n":1}') -> Op:
    return Op(Opcode.DEFER_ADD, step, Opcode.DEFER_ADD, target=OpTarget("app-two", data=data))


def abort(step: StepName) -> Op:
    return Op(Opcode.DEFER_ABORT, step, Opcode.DEFER_ADD)


def ran(step: StepName) -> Op:
    return Op(Opcode.STEP_RUN, step, data="1")


def state(*defers: Defer, retries: int = 0) -> RunState:
    return RunState("run", "app-one", retries, attempt=2, defers={defer.step.hash: defer for defer in defers})


# -- what is decided


def test_a_defer_is_no_memo_and_answers_nothing() -> None:
    run = state()
    changes = advance(run, [add(A), add(B), ran(C)], None, POLICY, MOMENT)
    assert list(changes.defers) == [FIRST, Defer(B, 1, "app-two", '{"n":1}', NOW)]
    assert ([memo.step for memo in changes.memos], [entry.step for entry in changes.entries]) == ([C], [C])
    assert changes.memos[0].seq == 0
    run.apply(changes)
    assert (list(run.defers), run.steps, run.seq) == ([A.hash, B.hash], 1, 1)


def test_a_defer_alone_leaves_the_bodys_attempts_as_they_are() -> None:
    assert advance(state(), [add(A)], None, POLICY, MOMENT).attempt == 2


def test_the_first_report_stands() -> None:
    assert list(advance(state(FIRST), [add(A, '{"n":2}')], None, POLICY, MOMENT).defers) == []
    (kept,) = advance(state(), [add(A), add(A, '{"n":2}')], None, POLICY, MOMENT).defers
    assert kept.data == '{"n":1}'


def test_an_abort_counts_once_and_for_what_there_is() -> None:
    aborted = FIRST._replace(aborted=True)
    assert list(advance(state(FIRST), [abort(A)], None, POLICY, MOMENT).defers) == [aborted]
    assert list(advance(state(), [add(A), abort(A), abort(A)], None, POLICY, MOMENT).defers) == [aborted]
    assert list(advance(state(aborted), [abort(A), add(A)], None, POLICY, MOMENT).defers) == []
    assert list(advance(state(), [abort(A)], None, POLICY, MOMENT).defers) == []


@pytest.mark.parametrize(
    "outcome", [Completed("1", (add(B),)), Failed(OOPS, False, None, (add(B),)), Failed(OOPS, True, None, (add(B),))]
)
def test_the_end_starts_what_was_not_aborted(outcome: Outcome) -> None:
    run = state(FIRST, Defer(C, 1, "app-two", "{}", NOW, aborted=True))
    changes = advance(run, (), outcome, POLICY, MOMENT)
    assert isinstance(changes.transition, Ended)
    assert [(defer.step, defer.number) for defer in changes.transition.deferred] == [(A, 0), (B, 2)]


@pytest.mark.parametrize("outcome", [Yielded((add(B),)), Failed(OOPS, True, None, (add(B),))])
def test_who_does_not_end_keeps_it(outcome: Outcome) -> None:
    changes = advance(state(FIRST, retries=4), (), outcome, POLICY, MOMENT)
    assert isinstance(changes.transition, Released)
    assert [defer.step for defer in changes.defers] == [B]


def test_what_a_run_waits_for_is_not_what_it_defers() -> None:
    changes = advance(state(FIRST), (), Yielded((add(B),)), POLICY, MOMENT)
    assert changes.transition == Released(None)


def test_a_run_that_grows_too_large_starts_what_it_deferred_with_that_very_record() -> None:
    run = state()
    run.steps = 1
    changes = advance(run, [add(A), ran(B)], None, POLICY, MOMENT)
    assert isinstance(changes.transition, Ended)
    assert (changes.transition.status, [defer.step for defer in changes.transition.deferred]) == (RunStatus.FAILED, [A])


# -- what follows


RUN = Run("run", "one", "v", "e1", RunStatus.RUNNING, NOW, 4)
CAUSES = [EventData("e1", "a", "{}", 5)]
LISTENING = [
    FunctionSpec("one", "app", "one", "v", 4, ("a",), None, "{}"),
    FunctionSpec("app-two", "app", "two", "v", 4, (), None, "{}"),
    FunctionSpec("ear", "app", "ear", "v", 4, (events.DEFERRED,), None, "{}"),
]


@pytest.fixture
def ids() -> Callable[[int], str]:
    numbers = itertools.count()
    return lambda at: f"{at}-{next(numbers)}"


def starts(status: RunStatus, ids: Callable[[int], str], causes: Sequence[EventData] = CAUSES) -> list[str]:
    ended = Ended(status, None, None, [FIRST])
    found = effects.effects_of(RUN, causes, Changes(0, transition=ended), NOW, ids)
    return [start.run.function_id for start in effects.starts_of(found, Registry.of(1, LISTENING), NOW, ids)]


def test_the_event_has_the_data_and_says_where_it_comes_from(ids: Callable[[int], str]) -> None:
    made = system_events.of_defer(RUN, FIRST, False, NOW, ids)
    assert (made.name, made.key, made.ts) == ("inngest/deferred.schedule", "", NOW)
    assert json.loads(made.data) == {
        "n": 1,
        "_inngest": {
            "fn_id": "app-two",
            "name": "a",
            "source_fn_id": "one",
            "source_run_id": "run",
            "source_hash": A.hash,
            "parent_fn_slug": "one",
            "parent_run_id": "run",
        },
    }


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.FAILED])
def test_the_function_starts_and_who_listens(status: RunStatus, ids: Callable[[int], str]) -> None:
    assert starts(status, ids) == ["app-two", "ear"]


@pytest.mark.parametrize("name", sorted(system_events.ENDS))
def test_what_an_end_has_started_starts_what_it_deferred(name: str, ids: Callable[[int], str]) -> None:
    assert starts(RunStatus.FAILED, ids, [EventData("e", name, "{}", 1)]) == ["app-two", "ear"]


@pytest.mark.parametrize("name", [events.DEFERRED, events.INVOKED])
def test_what_a_listener_defers_is_told_to_no_listener(name: str, ids: Callable[[int], str]) -> None:
    def caused(**about: object) -> list[EventData]:
        return [EventData("e", name, json.dumps({"_inngest": about}), 1)]

    assert starts(RunStatus.COMPLETED, ids, caused(fn_id="three")) == ["app-two"]
    assert starts(RunStatus.COMPLETED, ids, caused(fn_id="one", quiet=True)) == ["app-two"]
    assert starts(RunStatus.COMPLETED, ids, caused(fn_id="one")) == ["app-two", "ear"]


# -- one invocation


def test_what_is_recorded_is_not_told_again() -> None:
    defers = Defers({A.hash: True, B.hash: False})
    for step in (A, B, C):
        defers.add(step, OpTarget("app-two"), NOW)
        defers.abort(step, NOW)
        defers.abort(step, NOW)
    told = [(op.op, op.step) for op in defers.take()]
    assert told == [(Opcode.DEFER_ABORT, A), (Opcode.DEFER_ADD, C), (Opcode.DEFER_ABORT, C)]
    assert defers.take() == []


@pytest.mark.parametrize("recorded", [0, 1, 19, 20])
def test_a_call_that_was_refused_is_refused_in_each_replay(recorded: int) -> None:
    names = [named(f"d{number}") for number in range(21)]
    defers = Defers({step.hash: True for step in names[:recorded]})
    for step in names[:20]:
        defers.add(step, OpTarget("app-two"), NOW)
    with pytest.raises(DeferRejectedError) as refused:
        defers.add(names[20], OpTarget("app-two"), NOW)
    assert refused.value.reason == "per_run_count"
    assert len(defers.take()) == 20 - recorded


def test_bytes_are_counted_and_not_characters() -> None:
    text = json.dumps("é" * (limits.MAX_DEFER // 2), ensure_ascii=False)
    with pytest.raises(DeferRejectedError) as refused:
        Defers({}).add(A, OpTarget("app-two", data=text), NOW)
    assert refused.value.reason == "per_defer_size"


def test_a_history_with_defers_delays_no_turn_and_silences_nothing() -> None:
    memo = Memo(B, Opcode.STEP_RUN, 0, "1", None, NOW)
    history = History([memo], [], {A.hash: True})
    assert history.next is memo
    history.reach(B)
    history.deliver(memo)
    assert not history.replaying
    assert history.decide(history.entry(A), A, Opcode.STEP_RUN, NOW) == Changed(Opcode.DEFER_ADD)
