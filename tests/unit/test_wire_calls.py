"""Calls over HTTP: the bodies of other servers are read, ours are read back, and their canonical form is a join."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest.protocol import codec, ulids
from inngest.protocol import headers as names
from inngest.protocol.calls import EventData, Mode
from inngest.protocol.errors import BodyInvalidError, ErrorInfo, QueryParamMissingError
from inngest.protocol.opcodes import Memo, Opcode
from inngest.protocol.steps import StepName, hash_step_id
from inngest.protocol.wire import calls, signing

FETCH = hash_step_id("fetch")
OTHER = hash_step_id("other")
EVENT = {"data": {}, "id": "user-id", "name": "t/f", "ts": 1_795_348_587_259, "user": {}}


def _wire(**changes: Any) -> dict[str, Any]:
    """A call as it was observed of another server."""
    ctx = {
        "attempt": 1,
        "disable_immediate_execution": False,
        "env": "",
        "fn_id": "759d3f0d-0000-4000-8000-000000000000",
        "generation_id": 1,
        "job_id": "3c3pky2ejqnia",
        "max_attempts": 2,
        "qi_id": "M2MzcGt5",
        "request_id": "01REQ",
        "run_id": "01RUN",
        "stack": {"current": 1, "stack": [FETCH]},
        "step_id": "step",
        "use_api": False,
        **changes.pop("ctx", {}),
    }
    whole: dict[str, Any] = {
        "ctx": ctx,
        "defers": {},
        "event": EVENT,
        "events": [EVENT],
        "steps": {FETCH: {"data": {"x": 1}}},
        "use_api": False,
        "version": 2,
    }
    return {**whole, **changes}


def _decoded(
    wire: object, step: str | None = "step", headers: dict[str, str] | None = None, function: str = "shop-pay"
) -> calls.Received:
    query = {"fnId": function} if step is None else {"fnId": function, "stepId": step}
    return calls.decode(json.dumps(wire).encode(), query, headers or {})


def test_a_call_of_another_server() -> None:
    received = _decoded(_wire())
    call = received.call
    assert not received.left_out
    assert (call.run_id, call.function_id, call.attempt, call.max_attempts) == ("01RUN", "shop-pay", 1, 2)
    assert call.events == [EventData("user-id", "t/f", "{}", 1_795_348_587_259)]
    assert call.memos == [Memo(StepName(FETCH, 0, FETCH), None, 0, '{"x":1}', None, 0)]
    assert (call.mode, call.target, call.foreign) == (Mode.REPORT, "", True)
    assert (call.generation, call.request_id, call.job_id) == (1, "01REQ", "3c3pky2ejqnia")
    assert (call.qi_id, call.function_uuid) == ("M2MzcGt5", "759d3f0d-0000-4000-8000-000000000000")


@pytest.mark.parametrize(
    ("step", "plan", "mode", "target"),
    [
        ("step", False, Mode.REPORT, ""),
        (None, False, Mode.REPORT, ""),
        ("step", True, Mode.PLAN, ""),
        (FETCH, False, Mode.TARGET, FETCH),
        (FETCH, True, Mode.TARGET, FETCH),
        ("", False, Mode.TARGET, ""),
    ],
)
def test_the_mode_of_a_call(step: str | None, plan: bool, mode: Mode, target: str) -> None:
    call = _decoded(_wire(ctx={"disable_immediate_execution": plan}), step).call
    assert (call.mode, call.target) == (mode, target)


def test_headers_count_before_the_body() -> None:
    headers = {"x-request-id": "R", "x-inngest-generation-id": "7", "x-inngest-job-id": "J"}
    call = _decoded(_wire(), headers=headers).call
    assert (call.generation, call.request_id, call.job_id) == (7, "R", "J")
    assert _decoded(_wire(), headers={"x-inngest-generation-id": "x"}).call.generation == 1


def test_the_least_that_a_call_says() -> None:
    ctx = {"attempt": 0, "run_id": "r"}
    call = _decoded({"ctx": ctx, "event": {"name": "a", "data": None, "x": 1}, "steps": None}).call
    assert (call.max_attempts, call.memos, call.generation) == (None, [], 0)
    assert call.events == [EventData("", "a", "{}", 0)]


WRAPPERS: list[tuple[object, str | None, ErrorInfo | None]] = [
    ({"data": 1}, "1", None),
    ({"data": None}, "null", None),
    ({}, "null", None),
    ({"data": 1, "error": None}, "1", None),
    ({"error": {"name": "N", "message": "m"}}, None, ErrorInfo("N", "m")),
    ({"error": {"name": "N", "message": "m", "stack": None, "x": 1}}, None, ErrorInfo("N", "m")),
    ({"data": 1, "error": {"name": "N", "message": "m", "stack": "s"}}, None, ErrorInfo("N", "m", "s")),
    (None, "null", None),
    (5, "5", None),
    ("x", '"x"', None),
    ([1], "[1]", None),
    ({"data": 1, "id": 2}, '{"data":1,"id":2}', None),
    ({"error": {}}, '{"error":{}}', None),
    ({"error": "x"}, '{"error":"x"}', None),
    ({"error": {"name": "N"}}, '{"error":{"name":"N"}}', None),
    ({"error": {"name": "N", "message": "m", "stack": 1}}, None, None),
    ({"input": 1}, '{"input":1}', None),
]


@pytest.mark.parametrize(("value", "data", "error"), WRAPPERS)
def test_memos_are_wrapped_or_bare(value: object, data: str | None, error: ErrorInfo | None) -> None:
    (memo,) = _decoded(_wire(steps={FETCH: value})).call.memos
    assert memo.kind is None
    assert (memo.data, memo.error) == (data or codec.dumps(value) if error is None else None, error)


def test_arguments_that_replace_others_are_no_memos() -> None:
    call = _decoded(_wire(steps={FETCH: {"input": [1, "a"]}, OTHER: {"data": 1}})).call
    assert call.inputs == {FETCH: '[1,"a"]'}
    assert [memo.step.hash for memo in call.memos] == [OTHER]


def test_memos_have_the_order_of_the_stack_and_the_others_follow() -> None:
    steps: dict[str, object] = {"c": 1, "b": 2, "a": 3, "d": 4}
    stack = {"stack": ["b", "gone", "d", "b"]}
    memos = _decoded(_wire(steps=steps, ctx={"stack": stack})).call.memos
    assert [(memo.step.hash, memo.seq) for memo in memos] == [("b", 0), ("d", 1), ("a", 2), ("c", 3)]
    assert _decoded(_wire(steps={}, ctx={"stack": {"stack": None}})).stack == []


def test_what_is_left_out_is_filled_in() -> None:
    received = _decoded(_wire(events=None, steps={}, use_api=True))
    assert received.left_out
    assert (received.call.events, received.call.memos) == ((), ())
    call = calls.filled(received, json.dumps([EVENT]).encode(), json.dumps({OTHER: 1, FETCH: {"data": 2}}).encode())
    assert call == _decoded(_wire(steps={OTHER: 1, FETCH: {"data": 2}})).call
    with pytest.raises(BodyInvalidError, match="the batch of events is not JSON"):
        calls.filled(received, b"<html>", b"{}")
    with pytest.raises(BodyInvalidError, match="steps: expected an object"):
        calls.filled(received, json.dumps([EVENT]).encode(), b"[]")


def test_large_numbers_and_odd_texts_stay_exact() -> None:
    data = {"n": 2**70, "t": "\ud800\u2028é\0"}
    call = _decoded(_wire(events=[{**EVENT, "data": data}], steps={FETCH: {"data": data}})).call
    assert codec.loads(call.events[0].data) == data
    assert codec.loads(call.memos[0].data or "") == data


REFUSED: list[tuple[object, str]] = [
    ([], "the call: expected an object"),
    ({}, "ctx: expected an object"),
    (_wire(ctx={"run_id": ""}), "ctx.run_id: expected a text"),
    (_wire(ctx={"attempt": None}), "ctx.attempt: expected a whole number"),
    (_wire(ctx={"attempt": -1}), "ctx.attempt: expected a whole number"),
    (_wire(ctx={"attempt": True}), "ctx.attempt: expected a whole number"),
    (_wire(ctx={"max_attempts": "2"}), "ctx.max_attempts: expected a whole number"),
    (_wire(ctx={"stack": []}), "ctx.stack: expected an object"),
    (_wire(ctx={"stack": {"stack": {}}}), "ctx.stack.stack: expected an array"),
    (_wire(steps=[]), "steps: expected an object"),
    (_wire(events=[], event=None), "events[0]: expected an object"),
    (_wire(events={}), "events[0].name"),
    (_wire(events=[{**EVENT, "data": []}]), "events[0].data: expected an object"),
    (_wire(events=[{**EVENT, "ts": "now"}]), "events[0].ts: expected a whole number"),
    (_wire(defers=[]), "defers: expected an object"),
]


@pytest.mark.parametrize(("wire", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_is_no_call_is_refused_and_it_is_said_where(wire: Any, message: str) -> None:
    if message == "events[0].name":
        wire = {**wire, "event": {"data": {}}}
    with pytest.raises(BodyInvalidError) as caught:
        _decoded(wire)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b'{"ctx":NaN}', b"[" * 100_000, b'{"ctx":{"attempt":' + b"9" * 5_000 + b"}}", b"null"],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BodyInvalidError, match="the call"):
        calls.decode(body, {"fnId": "f"}, {})


@pytest.mark.parametrize("query", [{}, {"fnId": ""}, {"stepId": "step"}])
def test_the_function_has_to_be_named(query: dict[str, str]) -> None:
    with pytest.raises(QueryParamMissingError, match="fnId"):
        calls.decode(b"{}", query, {})


@settings(max_examples=300)
@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda i: st.lists(i, max_size=3), max_leaves=5))
def test_no_body_raises_anything_else(value: object) -> None:
    for place in ("ctx", "event", "events", "steps", "defers", "use_api"):
        with contextlib.suppress(BodyInvalidError):
            _decoded(_wire() | {place: value})


# -- ours

json_values = st.recursive(
    st.none() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)
numbers = st.integers(0, 10_000)


def _head(**changes: Any) -> calls.Head:
    return calls.Head("01RUN", "uuid", 1, 4, "01REQ", 3, **changes)


@given(st.dictionaries(numbers, json_values, max_size=6), st.dictionaries(st.text(max_size=4), json_values, max_size=3))
def test_the_canonical_form_of_a_call_is_the_join_of_canonical_forms(
    results: dict[int, object], data: dict[str, object]
) -> None:
    memos = [
        calls.memo_text(Memo(StepName("", 0, hash_step_id(str(n))), Opcode.STEP_RUN, n, codec.dumps(value), None, 0))
        for n, value in results.items()
    ]
    events = [calls.event_text(EventData("é", "a/b", codec.dumps(data), 5))]
    head = _head(stack=["b", "a"], patches=("é",), defers={"z": True, "a": False})
    body = calls.encode(head, events, memos)
    joined = calls.encode(
        head, [signing.canonical_text(text) for text in events], [calls.canonical_member(text) for text in memos]
    )
    assert joined == signing.canonical(body)
    header = signing.sign(joined, "signkey-test-00", 0)
    assert signing.verify(body, header, ["signkey-test-00"], 0) == "signkey-test-00"


def test_the_calls_of_a_run_are_one_trace_and_it_is_the_run() -> None:
    run_id = ulids.make(0x01A22FAF1AA0, bytes.fromhex("53a07395496f26d309ab"))
    head = calls.Head(run_id, "uuid", 1, 4, "01REQ", 3)
    found = calls.headers(head)
    assert found["traceparent"] == "00-01a22faf1aa053a07395496f26d309ab-7395496f26d309ab-01"
    assert (found["account-id"], found["x-run-id"]) == ("00000000-0000-4000-a000-000000000000", run_id)
    again = calls.headers(head._replace(target="t", generation=4), "signed", names.of_run(run_id))
    changed = {"x-inngest-generation-id": "4", "x-inngest-job-id": f"{run_id}.4", "x-inngest-step-id": "t"}
    assert again == {**found, **changed, "x-inngest-signature": "signed"}
    assert "traceparent" not in calls.headers(head._replace(run_id="no ULID"))


def test_what_is_written_is_read_back() -> None:
    step = StepName(FETCH, 0, FETCH)
    memos = [
        Memo(step, Opcode.STEP_RUN, 0, '{"a":9007199254740993}', None, 0),
        Memo(step._replace(hash="e"), Opcode.INVOKE, 1, None, ErrorInfo("N", "m", "s", "dropped"), 0),
        Memo(step._replace(hash="s"), Opcode.SLEEP, 2, None, None, 0),
        Memo(step._replace(hash="w"), Opcode.WAIT_FOR_EVENT, 3, codec.dumps(EVENT), None, 0),
        Memo(step._replace(hash="c"), Opcode.STEP_RUN, 4, None, None, 0, cancelled=True),
        Memo(step._replace(hash="g"), Opcode.WAIT_FOR_SIGNAL, 5, '{"data":{"k":1},"signal":"sig"}', None, 0),
        Memo(step._replace(hash="h"), Opcode.WAIT_FOR_SIGNAL, 6, "null", None, 0),
    ]
    head = _head(
        stack=[memo.step.hash for memo in memos],
        target="t",
        defers={"d": True, "x": False},
        follows=True,
        holds=2,
        probes=True,
        patches=("p",),
        threaded=True,
        version=2,
    )
    event = EventData("id", "a/b", '{"x":1.0}', 7, '{"user":{"u":1},"source":"s"}')
    body = calls.encode(head, [calls.event_text(event)], [calls.memo_text(memo) for memo in memos])
    url = calls.address("https://x.example/api?fnId=old&stepId=step&keep=1", "shop-pay", "t")
    assert url == "https://x.example/api?keep=1&fnId=shop-pay&stepId=t"
    call = calls.decode(body, {"fnId": "shop-pay", "stepId": "t"}, calls.headers(head)).call
    assert call.events == [event._replace(extra=None)]
    assert json.loads(body)["event"]["user"] == {"u": 1}
    assert [(memo.step.hash, memo.data, memo.error, memo.cancelled) for memo in call.memos] == [
        (FETCH, '{"a":9007199254740993}', None, False),
        ("e", None, ErrorInfo("N", "m", "s"), False),
        ("s", "null", None, False),
        ("w", codec.dumps(EVENT), None, False),
        ("c", None, None, True),
        ("g", '{"data":{"k":1},"signal":"sig"}', None, False),
        ("h", "null", None, False),
    ]
    assert (call.foreign, call.follows, call.holds, call.probes) == (False, True, 2, True)
    assert (call.patches, call.threaded, call.defers) == (("p",), True, {"d": True, "x": False})
    assert (call.mode, call.target, call.generation, call.request_id) == (Mode.TARGET, "t", 3, "01REQ")
    assert calls.generation_of(call.qi_id) == ("01RUN", 3)


def test_what_is_too_large_is_left_out() -> None:
    event = calls.event_text(EventData("id", "a/b", "{}", 7))
    small, large = ['"a":1'], [f'"a":"{"é" * (calls.MAX_INLINE // 2)}"']
    assert not calls.left_out([event], small)
    assert calls.left_out([event], large)
    received = calls.decode(calls.encode(_head(), [event], large, left_out=True), {"fnId": "f"}, {})
    assert received.left_out
    assert len(calls.encode(_head(), [event], large, left_out=True)) < 2_000


@pytest.mark.parametrize("text", ["", "x", "M2Mz", "M2MzcGt5", "é", "Lg=="])
def test_a_foreign_item_tells_no_generation(text: str) -> None:
    assert calls.generation_of(text) is None
