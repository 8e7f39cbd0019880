"""Answers to calls: each row of what an app says, each row of what a server may get; and reading raises nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest.protocol import limits
from inngest.protocol.calls import Call, Completed, Failed, Held, Mode, Outcome, Sign, Yielded
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Op, Opcode, OpTarget
from inngest.protocol.steps import StepName, hash_step_id
from inngest.protocol.wire import responses
from inngest.protocol.wire.responses import ReplyKind

NOW = 1_767_322_000_000
SDK = {"x-inngest-sdk": "inngest-py:v0.5.19"}
A = StepName("a", 0, hash_step_id("a"))
ERROR = ErrorInfo("ValueError", "no", "Traceback", "unknown")
BODY = {"code": "unknown", "message": "no", "name": "ValueError", "stack": "Traceback"}
NOT_THERE = 'Function "shop-pay" was not found in this app; is the app synced correctly?'
COMPLETE = "0737c22d3bfae812339732d14d8c7dbd6dc4e09c"

RAN = Op(Opcode.STEP_RUN, A, data="1")
RAISED = Op(Opcode.STEP_ERROR, A, error=ERROR)
PLANNED = Op(Opcode.STEP_PLANNED, A, mode="race")
NAP = Op(Opcode.SLEEP, A, Opcode.SLEEP, duration=1_000)
DEFER = Op(Opcode.DEFER_ADD, A, Opcode.DEFER_ADD, target=OpTarget("app-f", data="{}"))
PATCHED = Op(Opcode.PATCHED, StepName("p", 0, ""), Opcode.PATCHED)


def _call(most: int | None = 3, foreign: bool = False) -> Call:
    return Call("run", "app-f", 0, most, (), (), (), mode=Mode.REPORT, foreign=foreign)


def _answer(
    outcome: Outcome, *ops: Op, most: int | None = 3, foreign: bool = False
) -> tuple[int, dict[str, str], object]:
    answer = responses.write(outcome, ops, _call(most, foreign), NOW)
    value = json.loads(answer.body)
    return answer.status, dict(answer.headers), value


def _names(value: object) -> list[tuple[str, str]]:
    assert isinstance(value, list)
    return [(one["op"], one["id"]) for one in value]


# -- what an app says


def test_a_function_that_returned() -> None:
    assert _answer(Completed('{"a":1}')) == (200, {}, {"a": 1})
    status, headers, value = _answer(Completed("[1]", (DEFER,)), RAN)
    assert (status, headers) == (206, {})
    assert _names(value) == [("StepRun", A.hash), ("DeferAdd", A.hash), ("RunComplete", COMPLETE)]
    assert isinstance(value, list)
    assert value[-1]["data"] == [1]


def test_a_function_that_raised() -> None:
    assert _answer(Failed(ERROR, True)) == (500, {}, BODY)
    assert _answer(Failed(ERROR, False)) == (500, {"x-inngest-no-retry": "true"}, BODY)
    assert _answer(Failed(ERROR, True, 1_500))[1] == {"retry-after": "2026-01-02T02:46:41.500Z"}
    assert _answer(Failed(ERROR, True, ops=(NAP,))) == (500, {}, BODY)  # a wait counts no more
    assert _answer(Failed(ErrorInfo("E", "m"), True))[2] == {
        "code": "unknown",
        "message": "m",
        "name": "E",
        "stack": None,
    }


@pytest.mark.parametrize(("retriable", "opcode"), [(True, "StepError"), (False, "StepFailed")])
def test_a_function_that_deferred_and_raised(retriable: bool, opcode: str) -> None:
    status, headers, value = _answer(Failed(ERROR, retriable, 1_000 if retriable else None), DEFER)
    assert (status, _names(value)) == (206, [("DeferAdd", A.hash), (opcode, COMPLETE)])
    assert headers == ({"retry-after": "2026-01-02T02:46:41.000Z"} if retriable else {"x-inngest-no-retry": "true"})


def test_results_that_nobody_recorded_go_before_the_error_of_the_function() -> None:
    assert _names(_answer(Failed(ERROR, True), RAN)[2]) == [("StepRun", A.hash)]


def test_steps_that_ran() -> None:
    status, headers, value = _answer(Yielded(), RAN)
    assert (status, headers, _names(value)) == (206, {}, [("StepRun", A.hash)])
    status, headers, value = _answer(Yielded(), RAISED)
    assert (status, headers, _names(value)) == (206, {}, [("StepError", A.hash)])
    assert isinstance(value, list)
    assert (value[0]["error"], value[0]["data"]) == (BODY, None)
    assert _answer(Yielded(), RAISED._replace(retry_after=2_000))[1] == {"retry-after": "2026-01-02T02:46:42.000Z"}
    last = _answer(Yielded(), RAISED._replace(attempt=2, retry_after=2_000))
    assert (last[1], _names(last[2])) == ({"x-inngest-no-retry": "true"}, [("StepFailed", A.hash)])
    assert _names(_answer(Yielded(), RAISED._replace(attempt=99), most=None)[2]) == [("StepError", A.hash)]


def test_a_failure_beside_an_error_does_not_forbid_another_attempt() -> None:
    failed = Op(Opcode.STEP_FAILED, A._replace(hash="b"), error=ERROR)
    assert _answer(Yielded(), failed, RAISED)[1] == {}
    assert _answer(Yielded(), failed, RAN)[1] == {"x-inngest-no-retry": "true"}


def test_a_function_that_waits() -> None:
    status, headers, value = _answer(Yielded((PLANNED, NAP)))
    assert (status, headers) == (206, {})
    assert _names(value) == [("StepPlanned", A.hash), ("Sleep", A.hash)]
    assert isinstance(value, list)
    assert value[0]["opts"] == {"parallelMode": "race"}
    assert _answer(Yielded()) == (206, {}, [])


def test_a_function_that_lets_go_asks_to_be_entered_again() -> None:
    assert _opcodes(_answer(Yielded(at_once=True))[2]) == ["DiscoveryRequest"]
    assert _opcodes(_answer(Yielded(at_once=True), DEFER)[2]) == ["DeferAdd", "DiscoveryRequest"]
    assert _opcodes(_answer(Yielded(at_once=True), RAN)[2]) == ["StepRun"]


def _opcodes(value: object) -> list[str]:
    return [op for op, _ in _names(value)]


def test_marks_are_for_our_server_alone() -> None:
    assert _opcodes(_answer(Yielded(), PATCHED, RAN)[2]) == ["Patched", "StepRun"]
    assert _opcodes(_answer(Yielded(), PATCHED, RAN, foreign=True)[2]) == ["StepRun"]
    assert _answer(Completed("1"), PATCHED, foreign=True) == (200, {}, 1)


def test_changed_code_is_told_to_our_server_as_such() -> None:
    held = Held(Sign.CALLED, "a", "b", "d")
    answer = responses.write(held, (), _call(), NOW)
    reply = responses.read(answer.status, {**answer.headers, **SDK}, answer.body, NOW)
    assert (reply.kind, reply.held, reply.no_retry) == (ReplyKind.HELD, held, False)
    answer = responses.write(held, (), _call(foreign=True), NOW)
    reply = responses.read(answer.status, {**answer.headers, **SDK}, answer.body, NOW)
    assert (reply.kind, reply.no_retry) == (ReplyKind.FAILED, False)
    assert reply.error is not None
    assert reply.error.message == 'the code has changed under the run: step "a": called b'


def test_a_call_that_is_not_the_newest_forbids_nothing() -> None:
    answer = responses.stale()
    assert (answer.status, answer.headers) == (500, {"x-inngest-no-retry": "false"})
    assert json.loads(answer.body)["code"] == "stale_dispatch"


@pytest.mark.parametrize("outcome", [Completed('"é"'), Failed(ERROR, False), Yielded((NAP,))])
def test_a_stream_ends_with_the_answer(outcome: Outcome) -> None:
    answer = responses.write(outcome, (), _call(), NOW)
    plain = responses.read(answer.status, {**answer.headers, **SDK}, answer.body, NOW)
    stream = b"  " + responses.envelope(answer)
    assert responses.read(201, SDK, stream, NOW) == plain
    assert plain.kind is not ReplyKind.BROKEN


# -- what a server gets


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _envelope(status: object = 200, body: object = "1", **members: object) -> bytes:
    return _json({"status": status, "headers": {}, "body": body, **members})


JS = "inngest-js:v"
STEP = {"op": "StepRun", "id": A.hash, "data": 1}
AFTER = {**SDK, "retry-after": "7"}
Row = tuple[str, int, dict[str, str], bytes, dict[str, Any]]

ROWS: list[Row] = [
    ("returned", 200, SDK, b'{"a": 1}', {"kind": ReplyKind.COMPLETED, "data": '{"a":1}'}),
    ("returned nothing", 200, SDK, b"null", {"kind": ReplyKind.COMPLETED, "data": "null"}),
    ("a large integer", 200, SDK, b"9007199254740993", {"data": "9007199254740993"}),
    ("headers in any case", 200, {"X-Inngest-SDK": "a:v1"}, b"1", {"kind": ReplyKind.COMPLETED, "sdk": "a:v1"}),
    ("handled", 200, {"x-inngest-sdk-handled": "true"}, b"1", {"kind": ReplyKind.COMPLETED}),
    ("no SDK", 200, {}, b"<html>", {"kind": ReplyKind.BROKEN, "error.code": "not_sdk", "no_retry": False}),
    ("no SDK, 206", 206, {}, b"[]", {"kind": ReplyKind.BROKEN, "error.code": "not_sdk"}),
    ("no JSON", 200, SDK, b"<html>", {"kind": ReplyKind.BROKEN, "error.code": "body_invalid"}),
    ("empty", 200, SDK, b"", {"kind": ReplyKind.BROKEN}),
    ("cut", 200, SDK, b'{"a":', {"kind": ReplyKind.BROKEN}),
    ("more than JSON", 200, SDK, b"1 2", {"kind": ReplyKind.BROKEN}),
    ("NaN", 200, SDK, b"NaN", {"kind": ReplyKind.BROKEN}),
    ("infinite", 200, SDK, b"[1e999]", {"kind": ReplyKind.BROKEN}),
    ("deep", 200, SDK, b"[" * 100_000 + b"]" * 100_000, {"kind": ReplyKind.BROKEN}),
    ("no UTF-8", 200, SDK, b'"\xff"', {"kind": ReplyKind.BROKEN}),
    ("a huge number", 200, SDK, b"9" * 10_000, {"kind": ReplyKind.BROKEN}),
    ("too large", 200, SDK, b" " * 8 * limits.MB + b"1", {"kind": ReplyKind.BROKEN, "error.code": "output_too_large"}),
    ("at its limit", 200, SDK, b" " * (8 * limits.MB - 1) + b"1", {"kind": ReplyKind.COMPLETED, "data": "1"}),
    ("version", 200, {**SDK, "x-inngest-req-version": "2"}, b"1", {"version": 2}),
    ("no version", 200, SDK, b"1", {"version": -1}),
    ("odd version", 200, {**SDK, "x-inngest-req-version": "two"}, b"1", {"version": -1}),
    ("version asked", 200, {**SDK, "x-inngest-req-version": "-1"}, b"1", {"version": -1}),
    ("a step", 206, SDK, _json([STEP]), {"kind": ReplyKind.REPORTED, "ops": ["StepRun"]}),
    ("a lone object", 206, SDK, _json(STEP), {"kind": ReplyKind.REPORTED, "ops": ["StepRun"]}),
    ("two", 206, SDK, _json([STEP, {"op": "RunComplete", "id": COMPLETE}]), {"ops": ["StepRun", "RunComplete"]}),
    ("none", 206, SDK, b"[]", {"kind": ReplyKind.REPORTED, "ops": []}),
    ("null", 206, SDK, b"null", {"kind": ReplyKind.REPORTED, "ops": []}),
    ("no-op", 206, SDK, _json([{"op": "None"}]), {"ops": ["None"]}),
    ("an unknown report", 206, SDK, _json([STEP, {"op": "X", "id": "1"}]), {"kind": ReplyKind.BROKEN}),
    ("no report", 206, SDK, b'"x"', {"kind": ReplyKind.BROKEN, "message": "steps[0]: expected an object"}),
    ("a step, no retry", 206, {**SDK, "x-inngest-no-retry": "true"}, _json([STEP]), {"no_retry": True}),
    ("a step, a pause", 206, AFTER, _json([STEP]), {"retry_after": 7_000}),
    ("a large list", 206, SDK, _json([STEP] * 5_000), {"kind": ReplyKind.REPORTED}),
    ("raised", 500, SDK, _json(BODY), {"kind": ReplyKind.FAILED, "error": ERROR, "no_retry": False}),
    (
        "no such function, in TypeScript",
        500,
        SDK,
        _json({"name": "Error", "message": NOT_THERE, "stack": "at"}),
        {"error": ErrorInfo("Error", NOT_THERE, "at", "function_not_found")},
    ),
    ("final", 500, {**SDK, "x-inngest-no-retry": "true"}, _json(BODY), {"error": ERROR, "no_retry": True}),
    ("final, in vain", 500, {**SDK, "x-inngest-no-retry": "false"}, _json(BODY), {"no_retry": False}),
    ("final, in another way", 500, {**SDK, "x-inngest-no-retry": "True"}, _json(BODY), {"no_retry": False}),
    ("twice", 500, {**SDK, "x-inngest-no-retry": "true, true"}, _json(BODY), {"no_retry": False}),
    ("TypeScript's final", 400, {**SDK, "x-inngest-no-retry": "true"}, _json(BODY), {"no_retry": True}),
    ("4xx", 404, SDK, _json(BODY), {"kind": ReplyKind.FAILED, "no_retry": False}),
    ("4xx of 1.10.0", 400, {"x-inngest-sdk": f"{JS}1.10.0"}, b"{}", {"no_retry": True}),
    ("4xx of 1.10.1", 400, {"x-inngest-sdk": f"{JS}1.10.1"}, b"{}", {"no_retry": False}),
    ("4xx of 2.4.0", 400, {"x-inngest-sdk": f"{JS}2.4.0"}, b"{}", {"no_retry": True}),
    ("4xx of 2.4.1", 400, {"x-inngest-sdk": f"{JS}2.4.1"}, b"{}", {"no_retry": False}),
    ("4xx of 3.0.0", 400, {"x-inngest-sdk": f"{JS}3.0.0"}, b"{}", {"no_retry": False}),
    ("5xx of 1.10.0", 500, {"x-inngest-sdk": f"{JS}1.10.0"}, b"{}", {"no_retry": False}),
    ("4xx that says retry", 400, {"x-inngest-sdk": f"{JS}1.0.0", "x-inngest-no-retry": "0"}, b"", {"no_retry": False}),
    ("odd name", 400, {"x-inngest-sdk": f"{JS}" + "9" * 99}, b"{}", {"no_retry": False}),
    ("an error without a body", 500, SDK, b"", {"message": "invalid status code: 500"}),
    ("an error as text", 500, SDK, b"oops", {"message": "oops"}),
    ("an error as JSON text", 500, SDK, _json(json.dumps(BODY)), {"error": ERROR}),
    ("an error of another form", 500, SDK, b'{"error": "x"}', {"message": "invalid status code: 500"}),
    ("an error in a list", 500, SDK, b"[1]", {"message": "[1]"}),
    ("an empty message", 500, SDK, b'{"name": "E", "message": ""}', {"error": ErrorInfo("E", "")}),
    (
        "unauthorized",
        401,
        {"x-inngest-sdk-handled": "true"},
        b'{"message": "Unauthorized"}',
        {
            "message": "Unauthorized: the app refuses calls of this server with 401, since it has another signing key, "
            "or its clock differs by more than 5 minutes; its own log says which"
        },
    ),
    ("a proxy", 502, {}, b"<html>", {"kind": ReplyKind.BROKEN, "error.code": "invalid_status_code"}),
    ("a proxy's pause", 503, {"retry-after": "7"}, b"", {"message": "invalid status code: 503", "retry_after": 7_000}),
    ("a proxy's word", 400, {"x-inngest-no-retry": "true"}, b"", {"no_retry": False}),
    ("a redirect", 302, SDK, b"", {"message": "invalid status code: 302", "kind": ReplyKind.FAILED}),
    ("no content", 204, SDK, b"", {"message": "invalid status code: 204"}),
    ("streamed", 201, SDK, b"   " + _envelope(), {"kind": ReplyKind.COMPLETED, "data": "1"}),
    ("streamed steps", 201, SDK, _envelope(206, _json([STEP]).decode()), {"ops": ["StepRun"]}),
    ("streamed, not as text", 201, SDK, _envelope(206, [STEP]), {"ops": ["StepRun"]}),
    ("streamed error", 201, SDK, _envelope(500, json.dumps(BODY)), {"error": ERROR}),
    (
        "streamed headers",
        201,
        AFTER,
        _envelope(500, "{}", headers={"X-Inngest-No-Retry": "true", "Retry-After": "9"}),
        {"no_retry": True, "retry_after": 9_000, "sdk": "inngest-py:v0.5.19"},
    ),
    ("a cut stream", 201, SDK, _envelope()[:-1], {"kind": ReplyKind.BROKEN}),
    ("a stream of spaces", 201, SDK, b"   ", {"kind": ReplyKind.BROKEN}),
    ("two in a stream", 201, SDK, _envelope() * 2, {"kind": ReplyKind.BROKEN}),
    ("a stream in a stream", 201, SDK, _envelope(201), {"kind": ReplyKind.BROKEN}),
    ("a stream without a status", 201, SDK, b'{"body": "1"}', {"kind": ReplyKind.BROKEN}),
    ("a stream with odd headers", 201, SDK, _envelope(headers=[1]), {"kind": ReplyKind.BROKEN}),
    ("a stream of no SDK", 201, {}, _envelope(), {"error.code": "not_sdk"}),
    ("a stream with half a character", 201, SDK, _envelope(body='"\ud800"'), {"kind": ReplyKind.BROKEN}),
]


@pytest.mark.parametrize(("status", "headers", "body", "expected"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_what_a_server_makes_of_an_answer(
    status: int, headers: dict[str, str], body: bytes, expected: dict[str, Any]
) -> None:
    reply = responses.read(status, headers, body, NOW)
    found: dict[str, object] = {**reply._asdict(), "ops": [op.op.value for op in reply.ops]}
    if reply.error is not None:
        found |= {"error.code": reply.error.code, "message": reply.error.message}
        assert len(reply.error.message) < 600
    if isinstance(told := expected.get("message"), str) and isinstance(found["message"], str):
        found["message"] = found["message"][: len(told)]
    assert {name: found[name] for name in expected} == expected
    assert (reply.error is None) is (reply.kind in (ReplyKind.COMPLETED, ReplyKind.REPORTED))


PAUSES: list[tuple[str, int | None]] = [
    ("0", 1_000),
    ("1", 1_000),
    ("90", 90_000),
    ("9999999", limits.RETRY_AFTER_MAX),
    ("12345678", None),
    ("-5", None),
    ("1.5", None),
    ("", None),
    ("soon", None),
    ("5s", None),
    ("2026-01-02T02:46:45.500Z", 5_500),
    ("2026-01-02T02:46:45Z", 5_000),
    ("2020-01-02T02:46:45Z", 1_000),
    ("2999-01-02T02:46:45Z", limits.RETRY_AFTER_MAX),
    ("Fri, 02 Jan 2026 02:46:50 GMT", 10_000),
    ("Fri, 02 Jan 99999 02:46:50 GMT", None),
]


@pytest.mark.parametrize(("text", "pause"), PAUSES)
def test_the_pause_that_an_answer_asks_for(text: str, pause: int | None) -> None:
    assert responses.read(500, {**SDK, "retry-after": text}, b"{}", NOW).retry_after == pause


PARTS = [_json([STEP]), _envelope(), _json(BODY), b"{", b"]", b'"', b"\\", b"\xff", b"NaN", b"1e999", b" ", b"null"]
mutated = st.lists(st.sampled_from(PARTS) | st.binary(max_size=3), max_size=4).map(b"".join)
odd_headers = st.dictionaries(
    st.sampled_from(["x-inngest-sdk", "x-inngest-req-version", "x-inngest-no-retry", "retry-after", "X-Inngest-SDK"]),
    st.text(max_size=5) | st.sampled_from(["true", "2", "inngest-js:v1.0.0", "inngest-py:v0.5.19"]),
)


@settings(max_examples=600)
@given(st.sampled_from([200, 201, 204, 206, 302, 400, 500, 599]), odd_headers, mutated)
def test_reading_raises_nothing(status: int, headers: dict[str, str], body: bytes) -> None:
    reply = responses.read(status, headers, body, NOW)
    assert isinstance(reply.kind, ReplyKind)
    assert (reply.error is None) is (reply.kind in (ReplyKind.COMPLETED, ReplyKind.REPORTED))


@settings(max_examples=300)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.sampled_from(["StepRun", "Sleep", "5s"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["op", "id", "opts", "name", "error", "data", "userland"]), inner)
        ),
        max_leaves=8,
    )
)
def test_no_report_raises(value: object) -> None:
    for status in (206, 500):
        assert isinstance(responses.read(status, SDK, _json(value), NOW).kind, ReplyKind)


@pytest.mark.parametrize("sign", ["[]", "{}", "1", "null", '"x"'])
def test_a_sign_of_changed_code_that_is_none_is_a_failure(sign: str) -> None:
    body = f'{{"name":"E","message":"m","held":{{"sign":{sign},"step":"a"}}}}'
    reply = responses.read(500, {"x-inngest-sdk": "py:v1"}, body.encode(), NOW)
    assert (reply.kind, reply.error and reply.error.message) == (ReplyKind.FAILED, "m")
