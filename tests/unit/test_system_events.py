"""Events that the engine sends itself: their payloads, and who is told of what."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence

import pytest

from inngest.engine.domain import effects, system_events, triggers
from inngest.engine.domain.model import Changes, Ended, FunctionSpec, Registry, Run, RunStatus, Wait
from inngest.engine.domain.system_events import Invoker
from inngest.protocol import events
from inngest.protocol.calls import EventData
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Opcode, OpenStep, OpTarget
from inngest.protocol.steps import StepName

NOW = 1_700_000_000_000
RUN = Run("run", "one", "v", "e1", RunStatus.RUNNING, NOW, 4)
CAUSES = [EventData("e1", "a", '{"order":42}', 5), EventData("e2", "b", "{}", 6)]
EVENTS = [
    {"id": "e1", "name": "a", "data": {"order": 42}, "ts": 5},
    {"id": "e2", "name": "b", "data": {}, "ts": 6},
]
ERROR = ErrorInfo("CardRefused", "no", "Traceback …", "step_errored")
DETAILS = {"name": "CardRefused", "message": "no", "stack": "Traceback …"}
COMPLETED = Ended(RunStatus.COMPLETED, '{"sent":true}', None)
FAILED = Ended(RunStatus.FAILED, None, ERROR)
CANCELLED = Ended(RunStatus.CANCELLED, None, None)


@pytest.fixture
def ids() -> Callable[[int], str]:
    numbers = itertools.count()
    return lambda at: f"{at}-{next(numbers)}"


def spec(function_id: str, *events: str, failure_of: str | None = None) -> FunctionSpec:
    return FunctionSpec(function_id, "app", function_id, "v", 4, events, failure_of, "{}")


def about(status: str, **more: object) -> dict[str, object]:
    own = {"function_id": "one", "run_id": "run", "event": {**EVENTS[0], "user": {}}, "events": EVENTS}
    return {**own, "_inngest": {"status": status}, **more}


@pytest.mark.parametrize(
    ("ended", "name", "status", "more"),
    [
        (
            FAILED,
            "inngest/function.failed",
            "Failed",
            {"error": {"error": "CardRefused", **DETAILS}, "result": {"code": "step_errored", **DETAILS}},
        ),
        (CANCELLED, "inngest/function.cancelled", "Cancelled", {}),
    ],
)
def test_the_event_about_a_bad_end_has_the_id_of_the_run(
    ended: Ended, name: str, status: str, more: dict[str, object], ids: Callable[[int], str]
) -> None:
    made = system_events.of_end(RUN, ended, CAUSES, NOW, ids)
    assert (made.id, made.name, made.key, made.ts) == (f"{NOW}-0", name, "run", NOW)
    assert json.loads(made.data) == about(status, **more)


@pytest.mark.parametrize(
    ("ended", "status", "more"),
    [
        (COMPLETED, "Completed", {"result": {"sent": True}}),
        (Ended(RunStatus.COMPLETED, None, None), "Completed", {"result": None}),
        (
            FAILED,
            "Failed",
            {"error": {"error": "CardRefused", **DETAILS}, "result": {"code": "step_errored", **DETAILS}},
        ),
        (CANCELLED, "Cancelled", {}),
    ],
)
def test_the_event_about_any_end_has_an_id_of_its_own(
    ended: Ended, status: str, more: dict[str, object], ids: Callable[[int], str]
) -> None:
    made = system_events.of_finish(RUN, ended, CAUSES, NOW, ids)
    assert (made.id, made.name, made.key) == (f"{NOW}-0", "inngest/function.finished", "")
    assert json.loads(made.data) == about(status, **more)


def test_the_end_of_an_invoked_run_names_who_invoked_it(ids: Callable[[int], str]) -> None:
    run = RUN._replace(parent_id="parent", parent_hash="abc")
    assert json.loads(system_events.of_finish(run, COMPLETED, CAUSES, NOW, ids).data)["correlation_id"] == "parent.abc"


def test_an_invocation_has_the_data_and_says_who_invokes_what(ids: Callable[[int], str]) -> None:
    by = Invoker(RUN, "abc", "charge", NOW + 5, quiet=False)
    made = system_events.of_invocation("app-two", '{"a":1,"_inngest":{"fn_id":"forged"}}', NOW, ids, by)
    assert (made.name, made.key) == ("inngest/function.invoked", "")
    assert json.loads(made.data) == {
        "a": 1,
        "_inngest": {
            "fn_id": "app-two",
            "correlation_id": "run.abc",
            "expire": NOW + 5,
            "name": "charge",
            "source_fn_id": "one",
        },
    }
    assert json.loads(system_events.of_invocation("app-two", "{}", NOW, ids).data) == {"_inngest": {"fn_id": "app-two"}}


def starts(
    changes: Changes, functions: Sequence[FunctionSpec], ids: Callable[[int], str], causes: Sequence[EventData] = CAUSES
) -> list[str]:
    found = effects.effects_of(RUN, causes, changes, NOW, ids)
    return [start.run.function_id for start in effects.starts_of(found, Registry.of(1, functions), NOW, ids)]


def test_a_failure_starts_the_handler_and_who_listens_to_failures(ids: Callable[[int], str]) -> None:
    functions = [spec("one-failure", failure_of="one"), spec("pager", "inngest/function.failed"), spec("other", "a")]
    assert starts(Changes(0, transition=FAILED), functions, ids) == ["one-failure", "pager"]


@pytest.mark.parametrize("name", sorted(system_events.ENDS))
def test_what_an_end_has_started_ends_without_a_word(name: str, ids: Callable[[int], str]) -> None:
    found = effects.effects_of(RUN, [EventData("e", name, "{}", 1)], Changes(0, transition=FAILED), NOW, ids)
    assert found is effects.NOTHING


def invoking(function_id: str) -> Changes:
    step = OpenStep(StepName("call", 0, "abc"), Opcode.INVOKE, 0, NOW + 5, NOW)
    return Changes(0, waits=[Wait(step, OpTarget(function_id, data="{}"))])


def invoked(function_id: str, **more: object) -> list[EventData]:
    return [EventData("e", events.INVOKED, json.dumps({"_inngest": {"fn_id": function_id, **more}}), 1)]


LISTENING = [spec("one", "a"), spec("two"), spec("audit", "inngest/function.invoked")]


def test_an_invocation_starts_its_function_and_who_listens_to_invocations(ids: Callable[[int], str]) -> None:
    assert starts(invoking("two"), LISTENING, ids) == ["two", "audit"]
    assert starts(invoking("two"), LISTENING, ids, invoked("one")) == ["two", "audit"]
    assert starts(invoking("unknown"), LISTENING, ids) == ["audit"]


def test_who_listens_to_invocations_does_not_start_itself(ids: Callable[[int], str]) -> None:
    assert starts(invoking("two"), LISTENING, ids, invoked("three")) == ["two"], "the run is a listener's"
    assert starts(invoking("two"), LISTENING, ids, invoked("one", quiet=True)) == ["two"], "a listener's child's"
    (event,) = effects.effects_of(RUN, invoked("three"), invoking("two"), NOW, ids).events
    assert json.loads(event.data)["_inngest"]["quiet"] is True


def test_a_run_that_ends_with_the_very_commit_invokes_nothing(ids: Callable[[int], str]) -> None:
    assert starts(invoking("two")._replace(transition=FAILED), LISTENING, ids) == []


def test_a_function_that_listens_to_its_own_invocations_runs_once_for_each(ids: Callable[[int], str]) -> None:
    event = system_events.of_invocation("both", "{}", NOW, ids)
    registry = Registry.of(1, [spec("both", events.INVOKED)])
    found = triggers.invoked("both", event, registry, NOW, ids)
    assert {(start.run.function_id, start.run.event_id) for start in found} == {("both", event.id)}
