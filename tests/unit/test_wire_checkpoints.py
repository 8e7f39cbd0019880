"""Checkpoints: what an app records is read by the server, and each answer has one meaning."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inngest.protocol.calls import Call, Mode
from inngest.protocol.errors import BodyInvalidError, ErrorInfo
from inngest.protocol.opcodes import Op, Opcode
from inngest.protocol.steps import StepName, hash_step_id
from inngest.protocol.wire import calls, checkpoints
from inngest.protocol.wire.checkpoints import Answered, Verdict

A = StepName("a", 0, hash_step_id("a"))
HEAD = calls.Head("01RUN", "uuid", 0, 3, "01REQ", 7)
RAN = Op(Opcode.STEP_RUN, A, data='{"x":[1]}')
FAILED = Op(Opcode.STEP_FAILED, A._replace(hash="b"), error=ErrorInfo("E", "m", "s", "c"))


def _call(most: int | None = 3, foreign: bool = False) -> Call:
    received = calls.decode(calls.encode(HEAD, ['{"name":"a"}'], []), {"fnId": "app-f"}, {})
    return received.call._replace(mode=Mode.CHECKPOINT, max_attempts=most, foreign=foreign)


def test_what_is_written_is_read_back() -> None:
    last = Op(Opcode.STEP_ERROR, A, attempt=2, error=FAILED.error)
    found = checkpoints.read(checkpoints.write(_call(), [RAN, FAILED, last], 5, 6))
    assert found == checkpoints.Checkpoint(
        "01RUN", 7, [RAN, FAILED, FAILED._replace(step=A)], HEAD.qi_id, "01REQ", "uuid"
    )


def test_it_has_the_members_that_other_servers_know() -> None:
    wire = json.loads(checkpoints.write(_call(foreign=True), [RAN, Op(Opcode.PATCHED, A, Opcode.PATCHED)], 5, 6))
    assert wire.pop("steps")[0]["op"] == "StepRun"
    assert wire == {
        "fn_id": "uuid",
        "generation_id": 7,
        "qi_id": HEAD.qi_id,
        "request_id": "01REQ",
        "request_started_at": 5,
        "run_id": "01RUN",
        "ts": 6,
    }


@pytest.mark.parametrize("op", [Opcode.STEP_ERROR, Opcode.SLEEP, Opcode.DISCOVERY_REQUEST])
def test_what_is_not_over_is_not_recorded_so(op: Opcode) -> None:
    with pytest.raises(ValueError, match=op.value):
        checkpoints.write(_call(None), [Op(op, A)], 5, 6)
    with pytest.raises(BodyInvalidError, match=r"steps\[0\]"):
        checkpoints.read(json.dumps({"run_id": "r", "steps": [{"op": op.value, "id": "a", "name": "1s"}]}).encode())


def _read(**members: Any) -> checkpoints.Checkpoint:
    return checkpoints.read(json.dumps({"run_id": "01RUN", "steps": [], **members}).encode())


def test_the_generation_is_that_of_the_queues_item_or_the_number() -> None:
    assert _read(qi_id=HEAD.qi_id, generation_id=1).generation == 7
    assert _read(qi_id="cQ==", generation_id=1).generation == 1
    assert _read().generation == -1
    with pytest.raises(BodyInvalidError, match="it is of the run 01RUN"):
        _read(run_id="02RUN", qi_id=HEAD.qi_id)


def test_what_typescript_sends_beside_is_ignored() -> None:
    step = {"op": "StepRun", "id": A.hash, "data": 1, "fn": {}, "hashedId": "x", "timing": {"start": 1}, "opts": {}}
    assert _read(steps=[step], more=1).ops == [RAN._replace(data="1", step=A._replace(id=A.hash))]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"run_id":"r"}', b'{"run_id":1,"steps":[]}', b'{"run_id":"r","steps":{}}', b"NaN"]
)
def test_what_is_no_checkpoint_is_refused(body: bytes) -> None:
    with pytest.raises(BodyInvalidError):
        checkpoints.read(body)


@pytest.mark.parametrize("error", ['{"message":1e999}', "1e999", '{"cause":[1e999]}'])
def test_an_error_with_a_number_that_nothing_can_hold_is_refused(error: str) -> None:
    step = f'{{"op":"StepFailed","id":"a","error":{error}}}'
    with pytest.raises(BodyInvalidError, match="inf is not a JSON number"):
        checkpoints.read(f'{{"run_id":"R","generation_id":0,"steps":[{step}]}}'.encode())


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (200, {}, checkpoints.saved(), Answered(Verdict.SAVED)),
        (200, {}, checkpoints.saved(yields=True), Answered(Verdict.YIELD)),
        (204, {}, b"", Answered(Verdict.SAVED)),
        (200, {}, b"<html>", Answered(Verdict.SAVED)),
        (200, {}, b'{"data":[]}', Answered(Verdict.SAVED)),
        (200, {}, b"[" * 100_000, Answered(Verdict.SAVED)),
        (409, {}, b"", Answered(Verdict.STALE)),
        (404, {}, b"", Answered(Verdict.LACKING)),
        (501, {}, b"", Answered(Verdict.LACKING)),
        (429, {"retry-after": "2"}, b"", Answered(Verdict.AGAIN, 2_000)),
        (503, {"retry-after": "9999"}, b"", Answered(Verdict.AGAIN, 5_000)),
        (500, {"retry-after": "soon"}, b"", Answered(Verdict.AGAIN)),
        *((status, {}, b"", Answered(Verdict.CLOSED)) for status in (302, 400, 401, 403)),
        (413, {}, b"", Answered(Verdict.TOO_LARGE)),
    ],
)
def test_the_meaning_of_an_answer(status: int, headers: dict[str, str], body: bytes, expected: Answered) -> None:
    assert checkpoints.answered(status, headers, body) == expected
