"""Reports about steps on the wire: what is written is read back, what others write is read, and the rest is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest.engine.domain import gateway
from inngest.protocol import codec
from inngest.protocol.errors import BodyInvalidError, ErrorInfo
from inngest.protocol.opcodes import MARKS, Op, Opcode, OpTarget
from inngest.protocol.requests import Request, Secrets
from inngest.protocol.steps import StepName, hash_step_id
from inngest.protocol.wire import operations

FETCH = StepName("fetch", 0, "ad8cee67138e73009d4e22831ec6eb3b7f9e60da")
HASH = FETCH.hash

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=4,
)
json_texts = values.map(codec.dumps)
objects = st.dictionaries(st.text(max_size=9), values, max_size=2).map(codec.dumps)
times = st.integers(0, 4_102_444_800_000)
lengths = st.integers(0, 366 * 86_400_000)
modes = st.sampled_from(["", "wait", "race"])
timeouts: st.SearchStrategy[dict[str, Any]] = (
    lengths.map(lambda ms: {"duration": ms}) | times.map(lambda ms: {"until": ms}) | st.just({})
)

M = TypeVar("M")


def _made(make: Callable[..., M], **members: st.SearchStrategy[Any]) -> st.SearchStrategy[M]:
    """Only these members; `st.builds` would fill in the others."""
    return st.fixed_dictionaries(members).map(lambda found: make(**found))


def _step(written: str, repeat: int) -> StepName:
    return StepName(written, repeat, hash_step_id(f"{written}:{repeat}" if repeat else written))


steps = _made(_step, written=texts, repeat=st.integers(0, 9))
errors = _made(ErrorInfo, name=texts, message=texts, stack=st.none() | texts, code=texts)


def _reports(opcode: Opcode, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[Op]:
    return _made(Op, op=st.just(opcode), step=steps, mode=modes, **members)


def _waits(opcode: Opcode, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[Op]:
    waiting = _reports(opcode, kind=st.just(opcode), target=_made(OpTarget, name=texts, **members))
    return st.tuples(waiting, timeouts).map(lambda pair: pair[0]._replace(**pair[1]))


def _target(request: Request, headers: dict[str, str], auth_key: str) -> OpTarget:
    return OpTarget(f"{request.method} {request.url}", data=request.to_json(), secrets=Secrets(headers, auth_key))


def _requests(opcode: Opcode) -> st.SearchStrategy[Op]:
    is_model = opcode is Opcode.AI_GATEWAY
    request = _made(
        Request,
        url=st.sampled_from(["https://a.example/x", "http://b.example/"]),
        method=st.just("POST") if is_model else st.sampled_from(["GET", "POST"]),
        headers=st.dictionaries(st.sampled_from(["accept", "x-a"]), texts),
        body=objects if is_model else st.none() | texts,
        format=texts if is_model else st.just(""),
        timeout=st.integers(1, 7_200_000),
    )
    headers = st.dictionaries(st.sampled_from(["authorization", "x-api-key"]), texts, min_size=1)
    target = _made(_target, request=request, headers=headers, auth_key=texts if is_model else st.just(""))
    return _reports(opcode, kind=st.just(opcode), target=target)


any_op = st.one_of(
    _reports(Opcode.STEP_RUN, data=json_texts),
    _reports(Opcode.RUN_COMPLETE, data=json_texts),
    _reports(Opcode.STEP_PLANNED, once=st.booleans()),
    _reports(Opcode.STEP_ERROR, error=errors, max_attempts=st.none() | st.integers(1, 100)),
    _reports(Opcode.STEP_FAILED, error=errors),
    _reports(Opcode.STEP_CANCELLED),
    _reports(Opcode.SLEEP, kind=st.just(Opcode.SLEEP), duration=lengths),
    _reports(Opcode.SLEEP, kind=st.just(Opcode.SLEEP), until=times),
    _waits(Opcode.WAIT_FOR_EVENT, expression=st.none() | texts, since=st.none() | times),
    _waits(Opcode.WAIT_FOR_SIGNAL, replace=st.booleans()),
    _waits(Opcode.INVOKE, data=objects),
    _requests(Opcode.GATEWAY),
    _requests(Opcode.AI_GATEWAY),
    _reports(Opcode.DEFER_ADD, kind=st.just(Opcode.DEFER_ADD), target=_made(OpTarget, name=texts, data=objects)),
    _reports(Opcode.DEFER_ABORT, kind=st.just(Opcode.DEFER_ADD)),
    st.tuples(st.sampled_from(sorted(MARKS)), texts).map(lambda pair: Op(pair[0], StepName(pair[1], 0, ""), pair[0])),
)


def _comparable(op: Op) -> Op:
    """Secrets are never equal, and the texts of JSON may differ in how they write a number."""
    target = op.target
    if target is None:
        return op if op.data is None else op._replace(data=repr(codec.loads(op.data)))
    request = codec.loads(target.data)
    if op.op is Opcode.AI_GATEWAY:
        request["body"] = repr(codec.loads(request["body"]))
    told = None if target.secrets is None else repr((target.secrets.headers, target.secrets.auth_key))
    return op._replace(target=target._replace(data=repr(request), secrets=None), data=told)


@settings(max_examples=500)
@given(any_op)
def test_what_is_written_is_read_back(op: Op) -> None:
    value = json.loads(operations.dumps(op))
    assert _comparable(operations.read(value, "steps[0]")) == _comparable(op)


@given(any_op)
def test_other_servers_get_nothing_that_they_do_not_know(op: Op) -> None:
    text = operations.dumps(op, foreign=True)
    if op.op in MARKS:
        assert text == ""
        return
    wire = json.loads(text)
    assert wire.keys() <= {"op", "id", "name", "displayName", "userland", "opts", "data", "error"}
    assert not {"once", "maxAttempts"} & (wire["opts"] or {}).keys()
    assert wire["op"] not in {"StepCancelled", "SendSignal"}


def _written(op: Op) -> Any:
    return json.loads(operations.dumps(op))


def test_a_result_is_written_as_the_official_sdk_writes_it() -> None:
    assert _written(Op(Opcode.STEP_RUN, FETCH, data='{"ok":true}')) == {
        "displayName": "fetch",
        "id": HASH,
        "name": "fetch",
        "op": "StepRun",
        "opts": None,
        "data": {"ok": True},
        "userland": {"id": "fetch", "index": None},
    }


def test_waits_are_written_as_the_official_sdk_writes_them() -> None:
    nap = Op(Opcode.SLEEP, FETCH, Opcode.SLEEP, until=1_767_321_845_678)
    assert _written(nap)["name"] == "2026-01-02T02:44:05.678Z"
    assert _written(nap._replace(until=None, duration=1_500))["name"] == "1500ms"
    event = Op(Opcode.WAIT_FOR_EVENT, FETCH, Opcode.WAIT_FOR_EVENT, target=OpTarget("a/b"), duration=90_000)
    assert (_written(event)["name"], _written(event)["opts"]) == ("a/b", {"if": None, "timeout": "90s"})
    call = Op(Opcode.INVOKE, FETCH, Opcode.INVOKE, target=OpTarget("app-fn", data='{"a":1}'), duration=604_800_000)
    assert _written(call)["opts"] == {
        "function_id": "app-fn",
        "payload": {"data": {"a": 1}, "v": None},
        "timeout": "1w",
    }
    assert all(_written(op)["data"] is None for op in (nap, event, call))


def test_repeats_and_aborts_have_names_of_their_own() -> None:
    again = StepName("fetch", 1, "7439251a62fbdcb568e9e9bf2f2ade00999ebbb1")
    assert _written(Op(Opcode.STEP_PLANNED, again))["userland"] == {"id": "fetch", "index": 1}
    abort = _written(Op(Opcode.DEFER_ABORT, FETCH, Opcode.DEFER_ADD))
    assert (abort["id"], abort["opts"]["target_hashed_id"]) == (hash_step_id(f"{HASH}:abort"), HASH)


def test_a_signal_is_sent_by_a_request_of_its_own() -> None:
    with pytest.raises(ValueError, match="no form on the wire"):
        operations.dumps(Op(Opcode.SEND_SIGNAL, FETCH, Opcode.SEND_SIGNAL, target=OpTarget("s")))
    assert operations.dumps(Op(Opcode.STEP_BEGUN, FETCH)) == ""


@pytest.mark.parametrize(("attempt", "most", "last"), [(0, 1, True), (0, 2, False), (1, 2, True), (9, None, False)])
def test_the_last_attempt_is_a_failure_of_the_step(attempt: int, most: int | None, last: bool) -> None:
    op = Op(Opcode.STEP_ERROR, FETCH, attempt=attempt, error=ErrorInfo("E", ""), retry_after=5)
    found = operations.final(op, most)
    assert (found.op is Opcode.STEP_FAILED) is last
    assert (found.retry_after is None) is last
    assert operations.final(op._replace(max_attempts=attempt + 2), most).op is Opcode.STEP_ERROR
    assert operations.final(op._replace(max_attempts=attempt + 1), None).op is Opcode.STEP_FAILED


# -- what others write


def _op(op: str, **members: object) -> dict[str, object]:
    return {"op": op, "id": HASH, **members}


READ: list[tuple[dict[str, object], dict[str, object]]] = [
    (_op("StepRun"), {"op": Opcode.STEP_RUN, "data": "null", "step": FETCH._replace(id=HASH)}),
    (_op("Step", data=[1], name="n"), {"op": Opcode.STEP_RUN, "data": "[1]", "step": FETCH._replace(id="n")}),
    (_op("StepRun", displayName="d", name="n"), {"step": FETCH._replace(id="d")}),
    (_op("StepRun", userland={"id": "u", "index": 2}, name="n"), {"step": FETCH._replace(id="u", repeat=2)}),
    (_op("StepRun", userland="x", displayName=7), {"step": FETCH._replace(id=HASH)}),
    (_op("StepRun", userland="x", name="n\0\ud800"), {"step": FETCH._replace(id="n\ufffd\\ud800")}),
    (_op("StepPlanned", opts={"parallelMode": "race"}), {"mode": "race", "kind": Opcode.STEP_RUN, "once": False}),
    (_op("StepPlanned", opts={"parallelMode": "other"}), {"mode": ""}),
    (_op("Sleep", name="5s"), {"duration": 5_000, "until": None, "kind": Opcode.SLEEP}),
    (_op("Sleep", name="2026-01-02T02:44:05.678Z"), {"until": 1_767_321_845_678, "duration": None}),
    (_op("Sleep", name="2026-01-02T02:44:05.678901234+00:00"), {"until": 1_767_321_845_678}),
    (_op("Sleep", name="2026-01-02T02:44:05"), {"until": 1_767_321_845_000}),
    (_op("Sleep", name="nap", opts={"duration": "1h30m"}), {"duration": 5_400_000}),
    (
        _op("WaitForEvent", name="a/b", opts={"timeout": "7d", "if": None}),
        {"target": OpTarget("a/b"), "duration": 604_800_000, "kind": Opcode.WAIT_FOR_EVENT},
    ),
    (
        _op("WaitForEvent", name="shown", opts={"event": "a/b", "match": "data.id", "timeout": ""}),
        {"target": OpTarget("a/b", "event.data.id == async.data.id"), "duration": 0},
    ),
    (_op("WaitForEvent", name="a", opts={"if": "x", "match": "y"}), {"target": OpTarget("a", "x"), "duration": None}),
    (
        _op("WaitForEvent", name="a", opts={"timeout": "2026-01-02T02:44:05Z"}),
        {"until": 1_767_321_845_000, "duration": None},
    ),
    (
        _op("InvokeFunction", opts={"function_id": "a-f", "payload": {"data": None, "v": None}, "timeout": None}),
        {"target": OpTarget("a-f", data="{}"), "duration": None, "kind": Opcode.INVOKE},
    ),
    (_op("InvokeFunction", opts={"function_id": "a-f"}), {"target": OpTarget("a-f", data="{}")}),
    (
        _op("WaitForSignal", opts={"signal": "s", "timeout": "1m", "conflict": "replace"}),
        {"target": OpTarget("s", replace=True), "duration": 60_000},
    ),
    (_op("DeferAdd", opts={"fn_slug": "a-f", "input": {"x": 1}}), {"target": OpTarget("a-f", data='{"x":1}')}),
    (
        _op("DeferAdd", opts={"input": {}}),
        {
            "error": ErrorInfo(
                "DeferRejectedError", "steps[0].opts.fn_slug: expected a text, got None", code="invalid_opts"
            )
        },
    ),
    (
        _op("DeferAdd", opts={"fn_slug": "a-f", "input": 1}),
        {
            "error": ErrorInfo(
                "DeferRejectedError", "steps[0].opts.input: expected an object, got 1", code="invalid_opts"
            )
        },
    ),
    (_op("DeferAbort", opts={"target_hashed_id": "beef"}), {"step": StepName(HASH, 0, "beef")}),
    ({"op": "DiscoveryRequest"}, {"op": Opcode.DISCOVERY_REQUEST}),
    ({"op": "None"}, {"op": Opcode.NONE}),
    (_op("RunComplete", data={"a": 1}), {"op": Opcode.RUN_COMPLETE, "data": '{"a":1}'}),
    (
        _op("StepError", error={"name": "E", "message": "m", "stack": "s", "cause": {}, "code": "c"}),
        {"op": Opcode.STEP_ERROR, "error": ErrorInfo("E", "m", "s", "c")},
    ),
    (_op("StepError", error={"name": "E", "message": "m", "noRetry": True}), {"op": Opcode.STEP_FAILED}),
    (_op("StepError", error="text"), {"error": ErrorInfo("Error", "text")}),
    (_op("StepError", error={"message": {"a": 1}}), {"error": ErrorInfo("Error", '{"a":1}')}),
    (
        _op("StepFailed", data={"__serialized": True, "name": "E", "message": "m"}),
        {"op": Opcode.STEP_FAILED, "error": ErrorInfo("E", "m")},
    ),
    (_op("StepFailed"), {"error": ErrorInfo("Error", "")}),
    (_op("StepFailed", error={"name": "StepCancelledError"}), {"op": Opcode.STEP_CANCELLED, "error": None}),
]


@pytest.mark.parametrize(("value", "expected"), READ, ids=[json.dumps(value)[:60] for value, _ in READ])
def test_what_other_sdks_write_is_read(value: dict[str, object], expected: dict[str, object]) -> None:
    op = operations.read(value, "steps[0]")
    assert {member: getattr(op, member) for member in expected} == expected
    assert (op.attempt, op.started_at) == (0, 0)


def test_what_is_for_people_is_cut() -> None:
    long = "é" * 3_000_000
    error = {"name": long, "message": long, "stack": long, "code": long}
    op = operations.read(_op("StepFailed", userland={"id": long}, displayName=long, error=error), "steps[0]")
    assert op.error is not None
    assert [len(text or "") for text in op.error] == [1_024, 65_536, 65_536, 1_024]
    assert (op.step.hash, len(op.step.id), op.step.id[-2:]) == (HASH, 1_024, "é…")
    fits = operations.read(_op("StepFailed", displayName="", userland={"id": "i" * 1_024}, error="m" * 65_536), "s")
    assert (fits.step.id, fits.error) == ("i" * 1_024, ErrorInfo("Error", "m" * 65_536))


def test_a_model_is_asked_as_others_ask_it() -> None:
    opts = {
        "type": "step.ai.infer",
        "url": "https://x.example/v1?key=1",
        "headers": {"x-api-key": "secret", "accept": "json"},
        "auth_key": "key",
        "format": "openai-chat",
        "body": {"a": 1},
    }
    op = operations.read(_op("AIGateway", opts=opts), "s")
    assert op.target is not None
    assert op.target.secrets is not None
    assert (op.target.secrets.headers, op.target.secrets.auth_key) == ({"x-api-key": "secret"}, "key")
    assert "secret" not in op.target.data
    assert op.target.name == "POST https://x.example/v1"
    request = Request.from_json(op.target.data)
    assert (request.method, request.body, request.headers) == ("POST", '{"a":1}', {"accept": "json"})
    assert (request.url, op.target.secrets.url) == ("https://x.example/v1?key=***", opts["url"])
    plain = operations.read(_op("Gateway", opts={"url": "https://x.example", "body": "", "method": "put"}), "s")
    assert plain.target is not None
    assert plain.target.secrets is None
    request = Request.from_json(plain.target.data)
    assert (request.method, request.body, request.timeout) == ("PUT", None, 60_000)


def test_credentials_in_a_url_are_neither_stored_nor_shown() -> None:
    url = "https://me:s3cret@x.example:8443/a@b//c@d?page=2&access_token=s3cret&X-Amz-Signature=s3cret#part"
    op = operations.read(_op("Gateway", opts={"url": url}), "s")
    assert op.target is not None
    assert op.target.name == "GET https://x.example:8443/a@b//c@d"
    assert Request.from_json(op.target.data).url == (
        "https://x.example:8443/a@b//c@d?page=2&access_token=***&X-Amz-Signature=***#part"
    )
    assert "s3cret" not in repr(op)
    assert op.target.secrets is not None
    assert gateway.prepared(Opcode.GATEWAY, Request.from_json(op.target.data), op.target.secrets).url == url


REFUSED: list[tuple[object, str]] = [
    (7, "steps[0]: expected an object"),
    ([], "steps[0]: expected an object"),
    ({}, "steps[0].op: expected a text, got None"),
    ({"op": "Nope", "id": HASH}, "steps[0].op: expected an opcode, got 'Nope'"),
    (_op("StepBegun"), "steps[0].op: expected an opcode"),
    (_op("SendSignal"), "steps[0].op: expected an opcode"),
    ({"op": "StepRun"}, "steps[0].id: expected a text"),
    ({"op": "StepRun", "id": "a b"}, "steps[0].id: expected the hash of a step"),
    ({"op": "StepRun", "id": "a" * 257}, "steps[0].id: expected the hash of a step"),
    (_op("StepRun", opts=[]), "steps[0].opts: expected an object"),
    (_op("StepRun", data=float("inf")), "steps[0].data: inf is not a JSON number"),
    (_op("Sleep"), "steps[0].name: expected a duration such as"),
    (_op("Sleep", name="soon"), "steps[0].name: expected a duration such as"),
    (_op("Sleep", name="x", opts={"duration": 5}), "steps[0].opts.duration: expected a duration such as"),
    (_op("Sleep", name="9" * 5_000 + "s"), "steps[0].name: expected a duration such as"),
    (_op("WaitForEvent"), "steps[0].name: expected a text"),
    (_op("WaitForEvent", name="a\0"), "steps[0]: must not contain the character NUL"),
    (_op("WaitForEvent", name="a", opts={"timeout": 5}), "steps[0].opts.timeout: expected a duration"),
    (_op("WaitForEvent", name="a", opts={"if": {}, "match": 3}), "steps[0].opts.match: expected a text"),
    (_op("WaitForSignal", opts={}), "steps[0].opts.signal: expected a text"),
    (_op("InvokeFunction", opts={}), "steps[0].opts.function_id: expected a text"),
    (_op("InvokeFunction", opts={"function_id": "f", "payload": 3}), "steps[0].opts.payload: expected an object"),
    (
        _op("InvokeFunction", opts={"function_id": "f", "payload": {"data": 3}}),
        "steps[0].opts.payload.data: expected an object",
    ),
    (_op("Gateway", opts={}), "steps[0].opts.url: expected a text"),
    (_op("Gateway", opts={"url": "u", "body": "*", "encoding": "base64"}), "steps[0].opts.body: no base64"),
    (_op("DeferAbort", opts={}), "steps[0].opts.target_hashed_id: expected a text"),
    (_op("Patched", userland={"id": "p" * 1_025}), "steps[0].userland.id: expected an id of at most 1,024 characters"),
    (_op("StepError", opts={"maxAttempts": "x"}), "steps[0].opts.maxAttempts: expected a whole number"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_is_no_report_is_refused_and_it_is_said_where(value: object, message: str) -> None:
    with pytest.raises(BodyInvalidError) as caught:
        operations.read(value, "steps[0]")
    assert caught.value.message.startswith(message)
    assert len(caught.value.message) < 250
