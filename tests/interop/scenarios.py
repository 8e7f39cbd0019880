"""The scenarios: what each program has to give, whoever runs it and however it is reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.serving.strict_server import Arrivals, History, Result

ANSWER = {"name": "test/answer", "data": {"x": 42}, "id": "e42", "ts": 1_700_000_000_000}
VALUES = {"i": 1, "f": 1.5, "b": 1, "a": None, "t": "é\u2028😀", "l": [1, [2], {}], "big": 1e21, "small": 1e-7}
ASKED = {"answer": "42"}
FETCHED = {"url": "http://fetched.example/x", "status_code": 201, "headers": {}, "body": "{}"}


def _failed(name: str, message: str, error: str = "Flaky") -> Result:
    return Result(name, {"name": error, "message": message}, failed=True)


class Scenario(NamedTuple):
    """A program, what comes to it, and what has to become of it."""

    program: str
    steps: Sequence[Result]  # in the order in which they finish
    output: object = None
    error: str = ""  # message, of a run that fails
    failed: Sequence[tuple[str, str]] = ()  # attempts that others followed: step ("" the body), name of the error
    pauses: Sequence[tuple[int, int]] = ()  # of these, in ms: the least and the most
    data: Mapping[str, Any] = {}  # of the event
    arrivals: Arrivals = Arrivals()
    unordered: bool = False  # steps finish in any order
    calls: int | None = None  # that an SDK without checkpoints needs, if the protocol says how many
    only: Sequence[str] = ()  # kinds of SDKs that have what it is about; all if none is named


PAIR = [Result("a1", 1), Result("b1", 1), Result("a2", 1), Result("b2", 1), Result("z", 1)]

SCENARIOS = [
    Scenario("steps", [Result("a", 1), Result("b", 2)], {"sum": 3, "text": "é\u2028😀"}, calls=3),
    Scenario("values", [Result("same", VALUES)], VALUES, data=VALUES, calls=2),
    Scenario("loop", [Result("s", 10), Result("s:1", 11), Result("s:2", 12)], [10, 11, 12], calls=4),
    Scenario(
        "retried",
        [Result("flaky", "attempt 2"), Result("after", 1)],
        "attempt 2",
        failed=[("flaky", "Flaky"), ("flaky", "Flaky")],
        pauses=[(15_000, 15_000), (30_000, 30_000)],
        calls=5,
    ),
    Scenario("exhausted", [_failed("bad", "no"), Result("after", 1)], "caught", failed=[("bad", "Flaky")], calls=4),
    Scenario("uncaught", [Result("a", 1), _failed("bad", "no")], error="no", failed=[("bad", "Flaky")], calls=4),
    Scenario("final", [], error="stop", calls=1),
    Scenario("body-retried", [Result("a", 1)], 1, failed=[("", "Flaky")], calls=3),
    Scenario("paused", [], "ok", failed=[("", "RetryAfterError")], pauses=[(30_000, 91_000)], calls=2),
    Scenario("naps", [Result("nap", None), Result("after", 1)], 1, calls=3),
    Scenario("naps-until", [Result("nap", None), Result("after", 1)], 1, calls=3),
    Scenario("waits", [Result("answer", ANSWER)], 42, arrivals=Arrivals([ANSWER]), calls=2),
    Scenario("waits", [Result("answer", None)], None, calls=2),
    Scenario("calls", [Result("child", {"sum": 3, "text": "é\u2028😀"})], {"sum": 3, "text": "é\u2028😀"}, calls=2),
    Scenario("calls-failing", [_failed("child", "stop", "NonRetriableError")], "caught", calls=2),
    Scenario(
        "together",
        [Result("p0", 0), Result("p1", 1), Result("p2", 2), Result("z", 3)],
        [0, 1, 2, 3],
        unordered=True,
        calls=6,
    ),
    Scenario(
        "mixed",
        [Result("p", 1), Result("answer", ANSWER), Result("nap", None)],
        ["napped", "answered", "ran 1"],
        arrivals=Arrivals([ANSWER]),
        unordered=True,
        calls=3,
    ),
    Scenario("chains", PAIR, [[1, 1], [1, 1], 1], unordered=True, calls=8),
    Scenario("raced", PAIR, [[1, 1], [1, 1], 1], unordered=True, only=["python"]),
    Scenario(
        "failing-together",
        [_failed("bad", "no"), Result("p", 1)],
        ["caught", 1],
        failed=[("bad", "Flaky")],
        unordered=True,
        calls=5,
    ),
    Scenario("asks", [Result("ask", ASKED)], "42", arrivals=Arrivals(answers={"ask": ASKED}), calls=2),
    Scenario(
        "signals",
        [Result("signal", {"signal": "go", "data": {"k": 1}})],
        {"k": 1},
        arrivals=Arrivals(signals={"go": {"k": 1}}),
        only=["typescript", "ours"],
    ),
    Scenario(
        "fetches",
        [Result("step.fetch: fetched.example", FETCHED)],
        201,
        arrivals=Arrivals(answers={"step.fetch: fetched.example": FETCHED}),
        only=["typescript", "ours"],
    ),
]


def check(scenario: Scenario, history: History, *, exact_calls: bool = True) -> None:
    """Whether a run became what it had to.

    Args:
        scenario: whose program ran.
        history: of the run.
        exact_calls: it has as many calls as an SDK without checkpoints needs.
    """
    steps = list(history.steps)
    expected = list(scenario.steps)
    if scenario.unordered:
        steps, expected = sorted(steps, key=repr), sorted(expected, key=repr)
    assert steps == expected, history.trace
    assert [(step, error) for step, error, _ in history.failed] == list(scenario.failed), history.trace
    for (least, most), (_, _, pause) in zip(scenario.pauses, history.failed, strict=scenario.pauses != ()):
        assert least <= pause <= most, (pause, history.trace)
    if scenario.error:
        assert history.status == "FAILED", history.trace
        assert scenario.error in history.error
    else:
        assert (history.status, history.output) == ("COMPLETED", scenario.output), history.trace
    if exact_calls and scenario.calls is not None:
        assert history.calls == scenario.calls, history.trace
