"""Endpoints on the wire, and what follows from what is reported of their runs."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from inngest.engine.domain import endpoints
from inngest.engine.domain.advance import Moment
from inngest.engine.domain.endpoints import SILENCE, TooManyEndpointsError
from inngest.engine.domain.model import Ended, FunctionSpec, Policy, Run, RunState, RunStatus, Transport
from inngest.protocol import headers, limits
from inngest.protocol.errors import BodyInvalidError, ErrorInfo
from inngest.protocol.opcodes import Op, Opcode, OpTarget
from inngest.protocol.requests import Request, Secrets
from inngest.protocol.steps import StepName, hash_step_id
from inngest.protocol.wire import endpoints as wire
from inngest.protocol.wire import http_results, operations, signing
from inngest.protocol.wire.operations import COMPLETE

NOW = 1_700_000_000_000
MOMENT = Moment(NOW, 0.5)
POLICY = Policy(1_000, 60_000)
ULID = "01M8PXRFQCGFPH9FQ5DRRJWD0T"
HTTP: dict[str, Any] = {
    "content_type": "",
    "domain": "http://127.0.0.1:7802",
    "ip": "",
    "method": "GET",
    "path": "/x/y",
    "query_params": "kind=none&q=1",
    "body": "",
    "fn": "",
}
STEP = {
    "op": "StepRun",
    "id": "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8",
    "name": "a",
    "data": {"n": 1},
    "mode": "sync",
}


def body(**members: Any) -> bytes:
    given = {
        "run_id": ULID,
        "event": {"name": wire.EVENT, "data": HTTP},
        "steps": [STEP],
        "ts": NOW,
        "request_version": 2,
        "retries": 3,
    }
    return json.dumps({**given, **members}).encode()


def told(**members: Any) -> bytes:
    """A run whose request has other members."""
    return body(event={"name": wire.EVENT, "data": {**HTTP, **members}})


def begun(**members: Any) -> wire.Begun:
    return wire.read_begun(told(**members))


def step(step_id: str) -> StepName:
    return StepName(step_id, 0, hash_step_id(step_id))


# -- what is read


def test_a_run_is_read_as_its_sdk_sends_it() -> None:
    found = wire.read_begun(body())
    assert (found.run_id, found.version, found.retries) == (ULID, 2, 3)
    assert (found.cause.url, found.cause.host) == ("http://127.0.0.1:7802/x/y?kind=none&q=1", "127.0.0.1:7802")
    assert json.loads(found.data) == HTTP
    assert [(op.op, op.step.id, op.data) for op in found.ops] == [(Opcode.STEP_RUN, "a", '{"n":1}')]


@pytest.mark.parametrize(
    ("members", "version", "retries"),
    [
        ({"request_version": None, "retries": None}, -1, limits.DEFAULT_RETRIES),
        ({"retries": 1_000}, 2, limits.MAX_RETRIES),
        ({"retries": 0}, 2, 0),
    ],
)
def test_what_it_may_leave_out(members: dict[str, Any], version: int, retries: int) -> None:
    found = wire.read_begun(body(**members))
    assert (found.version, found.retries) == (version, retries)


def test_the_server_may_choose_the_id() -> None:
    assert wire.read_begun(body(run_id=None)).run_id == ""


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "the run is not JSON"),
        (b"[]", "the run: expected an object, got []"),
        (body(run_id="x"), "run_id: expected a ULID in upper case, got 'x'"),
        (body(event=None), "event: expected an object, got None"),
        (body(event={"name": "other", "data": HTTP}), "event.name: expected inngest/http.request, got 'other'"),
        (body(event={"name": wire.EVENT}), "event.data: expected an object"),
        (body(steps={}), "steps: expected an array, got {}"),
        (body(steps=[{"op": "Sleep", "id": "a", "name": "?"}]), "steps[0].name: expected a duration"),
        (body(retries=-1), "retries: expected a whole number of at least 0, got -1"),
        (body(request_version="2"), "request_version: expected a whole number"),
        (told(method="CONNECT"), "event.data.method: expected a method of HTTP, got 'CONNECT'"),
        (told(method=5), "event.data.method: expected a text, got 5"),
        (told(domain="shop.example"), "event.data.domain: expected a URL such as https://shop.example"),
        (told(domain="file:///etc"), "event.data.domain: expected a URL"),
        (told(domain="http://u:p@shop.example"), "event.data.domain: expected a URL"),
        (told(domain="http://shop.example/x"), "event.data.domain: expected a URL"),
        (told(domain="http://shop.example:99999"), "event.data.domain: expected a URL"),
        (told(domain="http://[::1"), "event.data.domain: expected a URL"),
        (told(domain=f"http://{'a' * 300}"), "event.data.domain: expected a URL"),
        (told(path="x"), "event.data.path: expected a path that begins with /, got 'x'"),
        (told(path="/x y"), "event.data.path: expected a path"),
        (told(path="/x\r\nhost: y"), "event.data.path: expected a path"),
        (told(query_params="a=ü"), "event.data.query_params: expected a query as a URL has it"),
        (told(content_type="text/plain\r\nx: y"), "event.data.content_type: expected a media type"),
        (told(fn="a" * 256), "event.data.fn: expected an id of at most 255 characters"),
        (told(fn="a\0"), "event.data.fn: expected an id"),
        (told(body="\ud800"), "event.data.body: expected a text without halves of surrogate pairs"),
        (told(fn="\ud800"), "event.data.fn: expected an id"),
        (told(body="x" * limits.MAX_EVENT_SIZE), "event.data: it has "),
    ],
)
def test_what_is_none_is_refused_with_what_was_expected(content: bytes, text: str) -> None:
    with pytest.raises(BodyInvalidError) as refused:
        wire.read_begun(content)
    assert refused.value.message.startswith(text)


def test_more_of_it_is_read() -> None:
    found = wire.read_appended(json.dumps({"fn_id": "f", "app_id": "a", "run_id": ULID, "steps": [STEP]}).encode())
    assert (found.run_id, [op.step.id for op in found.ops]) == (ULID, ["a"])
    with pytest.raises(BodyInvalidError, match="run_id: expected a text"):
        wire.read_appended(b'{"steps":[]}')


# -- results


@pytest.mark.parametrize(
    ("data", "kept", "status", "content_type", "content"),
    [
        # as TypeScript 4.24 reports what was called, and what it answered itself
        (
            {"headers": {"Content-Type": "application/json"}, "status": 200, "body": '"{\\"a\\":1}"', "version": 2},
            {"status": 200, "headers": {"content-type": "application/json"}, "body": {"a": 1}},
            200,
            "application/json",
            b'{"a":1}',
        ),
        (
            {"headers": {"content-type": "application/json"}, "status": 200, "body": '"done"', "version": 2},
            {"status": 200, "headers": {"content-type": "application/json"}, "body": "done"},
            200,
            "application/json",
            b'"done"',
        ),
        (
            {"headers": {"content-type": "application/json"}, "status": 200, "body": "null", "version": 2},
            {"status": 200, "headers": {"content-type": "application/json"}, "body": None},
            200,
            "application/json",
            b"null",
        ),
        # of another shape: it stays
        ({"x": 1}, {"x": 1}, 200, "application/json", b'{"x":1}'),
        ([1], [1], 200, "application/json", b"[1]"),
        (None, None, 200, "application/json", b"null"),
        ({"headers": {}, "status": 99, "body": "", "version": 2}, None, 200, "application/json", None),
        ({"headers": {}, "status": True, "body": "", "version": 2}, None, 200, "application/json", None),
        ({"headers": [], "status": 200, "body": "", "version": 2}, None, 200, "application/json", None),
    ],
)
def test_an_answer_is_the_result(data: Any, kept: Any, status: int, content_type: str, content: bytes | None) -> None:
    found = http_results.of_report(json.dumps(data))
    assert json.loads(found) == (data if kept is None else kept)
    answer = http_results.answer(found)
    assert (answer.status, answer.headers["content-type"]) == (status, content_type)
    assert content is None or answer.body == content or json.loads(answer.body) == json.loads(content) == data
    assert http_results.of_report(found) == found


@pytest.mark.parametrize(
    ("content", "content_type", "kept"),
    [
        (b'{"a":1.0}', "application/problem+json; charset=utf-8", {"body": {"a": 1.0}}),
        (b"{", "application/json", {"body": "{"}),
        (b"<p>\xc3\xa4</p>", "text/html", {"body": "<p>ä</p>"}),
        (b"\xff\x00", "image/png", {"base64": "/wA="}),
        (b"", "text/plain", {"body": ""}),
        (b"", "application/json", {"base64": ""}),
    ],
)
def test_an_answer_in_base64_is_given_as_it_was(content: bytes, content_type: str, kept: dict[str, Any]) -> None:
    data = {"status": 201, "headers": {"Content-Type": content_type}, "body": base64.b64encode(content).decode()}
    op = operations.read({"op": "SyncRunComplete", "id": COMPLETE.hash, "data": {**data, "duration": 5}}, "steps[0]")
    assert op.op is Opcode.RUN_COMPLETE
    assert op.data is not None
    assert json.loads(op.data) == {"status": 201, "headers": {"content-type": content_type}, **kept}
    answer = http_results.answer(op.data)
    assert (answer.status, answer.headers) == (201, {"content-type": content_type})
    assert answer.body == (b'"{"' if content == b"{" else content)
    assert wire.as_kept(op) == op


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("given", [{"body": "null"}, {"body": "x"}, {"body": ""}])
def test_an_answer_that_can_have_no_body_has_none(status: int, given: dict[str, str]) -> None:
    for told_of in ({}, {"content-type": "application/json"}, {"content-type": "text/plain"}):
        data = {"version": 2, "status": status, "headers": told_of, **given}
        assert http_results.answer(http_results.of_report(json.dumps(data))) == (status, told_of, b"")


@pytest.mark.parametrize("given", ["", '""'])
def test_nothing_is_no_empty_text_where_json_is_expected(given: str) -> None:
    data = {"version": 2, "status": 200, "headers": {"content-type": "application/json"}, "body": given}
    assert http_results.answer(http_results.of_report(json.dumps(data))).body == b""


@pytest.mark.parametrize("given", [7, None, [], "?", "a"])
def test_a_result_whose_base64_is_none_is_given_as_json(given: object) -> None:
    output = json.dumps({"status": 201, "headers": {}, "base64": given})
    assert http_results.answer(output) == (200, {"content-type": "application/json"}, output.encode())


def test_no_cookies_and_no_policies_are_given_on() -> None:
    given = {
        "Set-Cookie": "a",
        "x-mine": "1",
        "x-inngest-y": "2",
        "Location": "/z",
        "Content-Length": "9",
        "x-bad": "a\nb",
    }
    data = {"status": 303, "headers": {**given, "x-number": 5, "a b": "c"}, "body": ""}
    op = operations.read({"op": "SyncRunComplete", "id": COMPLETE.hash, "data": data}, "steps[0]")
    assert op.data is not None
    assert http_results.answer(op.data).headers == {"x-mine": "1", "location": "/z"}


@pytest.mark.parametrize(
    "data", [{"status": 200, "headers": {}, "body": "?"}, {"status": 200, "headers": {}, "body": 5}]
)
def test_a_result_that_is_no_base64_stays_as_it_is(data: dict[str, Any]) -> None:
    op = operations.read({"op": "SyncRunComplete", "id": COMPLETE.hash, "data": data}, "steps[0]")
    assert op.data is not None
    assert json.loads(op.data) == data


# -- calls


def test_a_call_is_the_request_again_with_the_run_in_its_headers() -> None:
    cause = begun(method="post", content_type="application/json", body='{"b":1, "a":2}').cause
    head = wire.Head(ULID, "request", 3, 2, "", plan=False)
    found = wire.call_headers(cause, head, "00112233", NOW)
    assert (cause.method, found["content-type"]) == ("POST", "application/json")
    assert (found[headers.RUN_ID], found[headers.STEP_ID], found[headers.GENERATION_ID]) == (ULID, "step", "3")
    signing.verify(b'{"a":2,"b":1}', found[headers.SIGNATURE], ["00112233"], NOW)
    assert wire.FORCE_PLAN not in found


def test_a_call_for_a_step_names_it_and_may_ask_for_a_plan() -> None:
    found = wire.call_headers(
        begun(body="no JSON").cause, wire.Head(ULID, "r", 1, 2, "abc", plan=True), wire.NO_KEY, NOW
    )
    assert (found[headers.STEP_ID], found[wire.FORCE_PLAN]) == ("abc", "true")
    assert "content-type" not in found
    signing.verify(b"no JSON", found[headers.SIGNATURE], [""], NOW)


# -- functions


def test_an_endpoint_is_a_function_of_its_host() -> None:
    function, app = endpoints.function_of(begun(), {}), endpoints.app_of(begun().cause, "inngest-js:v4.24.0")
    assert (function.id, function.app_id, function.name) == ("127.0.0.1:7802-get-x-y", "127.0.0.1:7802", "GET /x/y")
    assert (function.transport, function.url, function.retries) == (Transport.API, "http://127.0.0.1:7802", 3)
    assert (app.name, app.method, app.sdk, app.url) == ("127.0.0.1:7802", "api", "js:v4.24.0", "http://127.0.0.1:7802")


def test_its_developer_may_name_it() -> None:
    function = endpoints.function_of(begun(fn="order"), {})
    assert (function.id, function.name) == ("127.0.0.1:7802-order", "order")


def known(count: int, host: str = "127.0.0.1:7802") -> dict[str, FunctionSpec]:
    domain = f"http://{host}"
    functions = [endpoints.function_of(begun(domain=domain, fn=f"f{number}"), {}) for number in range(count)]
    return {one.id: one for one in functions}


def test_paths_beyond_a_number_are_one_function() -> None:
    full = known(endpoints.PATHS)
    assert endpoints.function_of(begun(), full).id == "127.0.0.1:7802-endpoints"
    assert endpoints.function_of(begun(path="/z"), full).id == "127.0.0.1:7802-endpoints"
    assert endpoints.function_of(begun(fn="named"), full).id == "127.0.0.1:7802-named"
    own = endpoints.function_of(begun(), {})
    assert endpoints.function_of(begun(), {**full, own.id: own}) == own  # it was there before


def test_paths_that_are_one_function_do_not_change_it_in_turn() -> None:
    first = endpoints.function_of(begun(path="/a-b"), {})
    there = {first.id: first}
    assert endpoints.function_of(begun(path="/a/b"), there) == first
    assert endpoints.function_of(begun(path="/a/b")._replace(retries=1), there) == first
    assert endpoints.function_of(begun(path="/a-b")._replace(retries=1), there).retries == 1
    full = known(endpoints.PATHS)
    rest = endpoints.function_of(begun(path="/c"), full)
    assert endpoints.function_of(begun(path="/d")._replace(retries=1), {**full, rest.id: rest}) == rest


def test_the_name_of_a_function_is_short_however_long_its_path_is() -> None:
    assert len(endpoints.function_of(begun(path="/" + "y" * 100_000), {}).name) == 200


def test_a_server_knows_a_number_of_endpoints() -> None:
    full: dict[str, FunctionSpec] = {}
    for number in range(endpoints.ENDPOINTS // endpoints.PATHS):
        full |= known(endpoints.PATHS, f"host{number}")
    with pytest.raises(TooManyEndpointsError, match="knows 1,000 endpoints"):
        endpoints.function_of(begun(), full)
    assert endpoints.function_of(begun(domain="http://host0", fn="f0"), full).id == "host0-f0"


# -- what follows

RUN = Run(ULID, "f", "v", "e", RunStatus.RUNNING, NOW, 1, started_at=NOW, discovery=endpoints.first_discovery(2))


def after(*ops: Op, run: Run = RUN) -> tuple[RunState, int]:
    """A run after its first reports, and when it is to be claimed."""
    state = endpoints.first_state(run)
    changes = endpoints.reported(state, ops, NOW, POLICY, MOMENT)
    assert changes.transition is None
    state.apply(changes)
    return state, endpoints.due_at(state, ops, NOW)


RAN = Op(Opcode.STEP_RUN, step("a"), data="1")
FAILED = Op(Opcode.STEP_ERROR, step("b"), error=ErrorInfo("Error", "no"))
SECRET = OpTarget("GET http://x/", data=Request("http://x/", "GET", {}).to_json(), secrets=Secrets({"a": "b"}))


@pytest.mark.parametrize(
    ("ops", "later"),
    [
        ([], SILENCE),
        ([RAN], SILENCE),
        ([RAN, Op(Opcode.STEP_RUN, step("b"), data="1")], SILENCE),
        ([Op(Opcode.STEP_FAILED, step("b"), error=ErrorInfo("Error", "no"))], 0),
        ([RAN, FAILED], 60_000),
        ([Op(Opcode.STEP_ERROR, COMPLETE, error=ErrorInfo("Error", "no"))], 60_000),
        ([Op(Opcode.SLEEP, step("nap"), Opcode.SLEEP, duration=5_000)], 5_000),
        ([Op(Opcode.SLEEP, step("nap"), Opcode.SLEEP, duration=0)], 0),
        ([Op(Opcode.STEP_PLANNED, step("p")), Op(Opcode.STEP_PLANNED, step("q"))], 0),
        ([Op(Opcode.WAIT_FOR_EVENT, step("w"), Opcode.WAIT_FOR_EVENT, target=OpTarget("go"), duration=9_000)], 9_000),
        ([Op(Opcode.GATEWAY, step("g"), Opcode.GATEWAY, target=SECRET)], 0),
        ([Op(Opcode.DISCOVERY_REQUEST, StepName("", 0, ""))], 1_000),
    ],
)
def test_when_a_run_is_claimed(ops: list[Op], later: int) -> None:
    state, due_at = after(*ops)
    assert due_at - NOW == later
    in_request = endpoints.in_request(RUN._replace(discovery=state.discovery), state.open)
    assert in_request is (later == SILENCE)


def test_a_run_may_end_in_its_request() -> None:
    state = endpoints.first_state(RUN)
    end = Op(Opcode.RUN_COMPLETE, COMPLETE, data='{"x":1}')
    changes = endpoints.reported(state, [RAN, end], NOW, POLICY, MOMENT)
    assert isinstance(changes.transition, Ended)
    assert (changes.transition.status, changes.transition.output) == (RunStatus.COMPLETED, '{"x":1}')
    assert [memo.step.id for memo in changes.memos] == ["a"]


def test_a_run_without_retries_fails_in_its_request() -> None:
    failed = Op(Opcode.STEP_ERROR, COMPLETE, error=ErrorInfo("Error", "no"))
    changes = endpoints.reported(endpoints.first_state(RUN._replace(retries=0)), [failed], NOW, POLICY, MOMENT)
    assert isinstance(changes.transition, Ended)
    assert changes.transition.status is RunStatus.FAILED


def test_reports_that_come_again_are_known() -> None:
    state, _ = after(RAN, Op(Opcode.SLEEP, step("nap"), Opcode.SLEEP, duration=5_000))
    nap = Op(Opcode.SLEEP, step("nap"), Opcode.SLEEP, duration=5_000)
    assert endpoints.repeats(RUN, state, [RAN])
    assert endpoints.repeats(RUN, state, [RAN, nap])
    assert not endpoints.repeats(RUN, state, [nap, Op(Opcode.STEP_RUN, step("z"), data="1")])
    assert not endpoints.repeats(RUN, state, [])
    assert not endpoints.repeats(RUN, state, [FAILED])
    failed, _ = after(FAILED)
    assert endpoints.repeats(RUN, failed, [FAILED])
    end = Op(Opcode.RUN_COMPLETE, COMPLETE, data="1")
    for status, is_known in ((RunStatus.COMPLETED, True), (RunStatus.FAILED, True), (RunStatus.CANCELLED, False)):
        ended = RUN._replace(status=status, ended_at=NOW)
        assert endpoints.repeats(ended, state, [RAN, end]) is is_known
        assert not endpoints.repeats(ended, state, [RAN])
