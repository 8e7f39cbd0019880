"""Answers to calls: what an ended invocation says, and what a server makes of whatever has come back.

| status | says |
|---|---|
| 200 | the function returned; the body is its output |
| 206 | reports about steps, and perhaps of the function's end |
| 201 | one of the others follows in the body, after white space (streaming) |
| 500 | the function, or the call, failed |
"""

from __future__ import annotations

import email.utils
import enum
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from inngest.protocol import codec, limits
from inngest.protocol.calls import Call, Completed, Failed, Held, Outcome, Sign
from inngest.protocol.errors import BodyInvalidError, ErrorCode, ErrorInfo
from inngest.protocol.headers import NO_RETRY, REQ_VERSION, RETRY_AFTER, SDK_HANDLED, SDK_NAME
from inngest.protocol.opcodes import Op, Opcode

from . import errors, members, operations

MAX_ANSWER = 8 * limits.MB
"""Bytes of an answer that a server reads."""

MOST_SHOWN = 300
"""Characters of an answer that an error shows."""


class Answer(NamedTuple):
    """The answer to a call, without the headers that all answers of an app have."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


# -- written by an app


def write(outcome: Outcome, ops: Sequence[Op], call: Call, now: int) -> Answer:
    """The answer that an ended invocation gives.

    Args:
        outcome: how it ended.
        ops: what it reported before that, and nobody has recorded.
        call: what it was an answer to.
        now: unix ms; the header that asks for a pause has a time.
    """
    reported = [operations.final(op, call.max_attempts) for op in (*ops, *outcome.ops)]
    if isinstance(outcome, Held):
        return _held(outcome, call, now)
    if isinstance(outcome, Failed):
        return _failed(outcome, [op for op in reported if op.op in _KEPT], call, now)
    if isinstance(outcome, Completed):
        if not _texts(reported, call):
            return Answer(200, {}, outcome.data.encode())
        reported.append(Op(Opcode.RUN_COMPLETE, operations.COMPLETE, data=outcome.data))
    elif outcome.at_once and all(op.op in operations.LAZY for op in reported):
        reported.append(Op(Opcode.DISCOVERY_REQUEST, operations.COMPLETE))
    return _reported(reported, call, now)


def failure(error: ErrorInfo, *, retriable: bool, retry_after: int | None = None, now: int = 0) -> Answer:
    """The answer of a call that failed.

    Args:
        error: why.
        retriable: whether another attempt may help.
        retry_after: ms until that; None lets the server choose.
        now: unix ms, for that.
    """
    return Answer(500, _retry_headers(retriable, retry_after, now), codec.dumps(errors.written(error)).encode())


def stale() -> Answer:
    """The answer of a call that is not the newest of its run any more: the server has dropped it already.

    It does not forbid another attempt: a server that takes it for an answer of the run must not fail the run by it.
    """
    error = ErrorInfo("StaleDispatchError", "another call goes on with the run", code="stale_dispatch")
    return Answer(500, {NO_RETRY: "false"}, codec.dumps(errors.written(error)).encode())


def envelope(answer: Answer) -> bytes:
    """An answer as the last bytes of a stream that began with status 201."""
    return codec.dumps(
        {"body": answer.body.decode(), "headers": dict(answer.headers), "status": answer.status}
    ).encode()


_KEPT = operations.LAZY | {Opcode.STEP_RUN, Opcode.STEP_FAILED, Opcode.STEP_CANCELLED}
"""Reports that count though the function failed. Waits do not: the next attempt comes to them again."""


def _failed(outcome: Failed, reported: list[Op], call: Call, now: int) -> Answer:
    if not _texts(reported, call):
        return failure(outcome.error, retriable=outcome.retriable, retry_after=outcome.retry_after, now=now)
    if all(op.op in operations.LAZY for op in reported):
        opcode = Opcode.STEP_ERROR if outcome.retriable else Opcode.STEP_FAILED
        reported.append(Op(opcode, operations.COMPLETE, error=outcome.error, retry_after=outcome.retry_after))
    # Results of steps go alone: the function is entered again with them, and fails again.
    return _reported(reported, call, now)


def _held(outcome: Held, call: Call, now: int) -> Answer:
    place = f'step "{outcome.step}": {outcome.sign.value} {outcome.call or "nothing"}'
    error = ErrorInfo("CodeChangedError", f"the code has changed under the run: {place}", code=ErrorCode.DETERMINISM)
    answer = failure(error, retriable=True, now=now)
    if call.foreign:
        return answer
    held = {"sign": outcome.sign.value, "step": outcome.step, "call": outcome.call, "detail": outcome.detail}
    return answer._replace(body=codec.dumps({**errors.written(error), "held": held}).encode())


def _reported(reported: Sequence[Op], call: Call, now: int) -> Answer:
    failed = [op for op in reported if op.op in (Opcode.STEP_FAILED, Opcode.STEP_CANCELLED)]
    failing = [op for op in reported if op.op is Opcode.STEP_ERROR]
    pause = max((op.retry_after for op in failing if op.retry_after is not None), default=None)
    headers = _retry_headers(bool(failing) or not failed, pause, now)
    return Answer(206, headers, f"[{','.join(_texts(reported, call))}]".encode())


def _texts(reported: Sequence[Op], call: Call) -> list[str]:
    return [text for op in reported if (text := operations.dumps(op, call.foreign))]


def _retry_headers(retriable: bool, retry_after: int | None, now: int) -> dict[str, str]:
    headers = {} if retriable else {NO_RETRY: "true"}
    if retriable and retry_after is not None:
        headers[RETRY_AFTER] = operations.moment(now + retry_after)
    return headers


# -- read by a server


class ReplyKind(enum.Enum):
    """The kinds of what comes back from a call."""

    COMPLETED = "completed"  # the function returned
    REPORTED = "reported"  # steps were reported
    FAILED = "failed"  # the function, or something before it, said that it failed
    HELD = "held"  # its code is not the code that began the run
    BROKEN = "broken"  # nobody knows what happened: the answer is cut, too large, no SDK's, or none


class Reply(NamedTuple):
    """The content of an answer."""

    kind: ReplyKind
    ops: Sequence[Op] = ()  # REPORTED, in the order of the list; attempts and times are the reader's to fill in
    data: str | None = None  # COMPLETED: JSON text of the output
    error: ErrorInfo | None = None  # FAILED, HELD, BROKEN
    held: Held | None = None  # HELD
    no_retry: bool = False  # another attempt would be in vain
    retry_after: int | None = None  # ms until another attempt, 1 s to 24 h; None if nobody asked for a pause
    version: int = -1  # of the protocol that the SDK chose for the run; -1: it did not say
    sdk: str = ""  # its name and version, such as "inngest-py:v0.5.19"; "" if no SDK answered


def read(status: int, headers: Mapping[str, str], body: bytes, now: int) -> Reply:
    """The meaning of an answer. This raises nothing, whatever has come.

    Args:
        status: of HTTP.
        headers: by name.
        body: as it has come; more than 8 MB are refused.
        now: unix ms, for pauses that end at a time.
    """
    named = {name.lower(): str(value).strip() for name, value in headers.items()}
    if len(body) > MAX_ANSWER:
        told = ErrorInfo(
            "OutputTooLargeError", f"the answer has more than {MAX_ANSWER:,} bytes", code="output_too_large"
        )
        return _about(ReplyKind.BROKEN, named, now)._replace(error=told)
    try:
        return _read(status, named, body, now)
    except BodyInvalidError as error:
        told = ErrorInfo(error.name, error.message, code=error.code)
    except (ValueError, RecursionError) as error:  # a value that JSON can say, and nothing here can hold
        told = ErrorInfo("BodyInvalidError", f"the answer: {error}", code=ErrorCode.BODY_INVALID)
    return _about(ReplyKind.BROKEN, named, now)._replace(error=told)


def _read(status: int, headers: Mapping[str, str], body: bytes, now: int) -> Reply:
    if status == 201:
        status, headers, body = _unwrapped(headers, body)
    answered = SDK_NAME in headers or SDK_HANDLED in headers
    if not answered:  # a proxy's word, or another server's: it may have given up a call that goes on
        error = _not_sdk(status, body) if status in (200, 206) else _invalid_status(status, body)
        return _about(ReplyKind.BROKEN, headers, now)._replace(error=error)
    if status == 200:
        data = members.json_of(members.document(body, "the answer"), "the answer")
        return _about(ReplyKind.COMPLETED, headers, now)._replace(data=data)
    if status == 206:
        found = members.document(body, "the answer")
        listed = [] if found is None else found if isinstance(found, list) else [found]
        ops = [operations.read(one, f"steps[{index}]") for index, one in enumerate(listed)]
        return _about(ReplyKind.REPORTED, headers, now)._replace(ops=ops, no_retry=headers.get(NO_RETRY) == "true")
    if status < 400:
        return _about(ReplyKind.FAILED, headers, now)._replace(error=_invalid_status(status, body))
    return _failure(status, headers, body, now)


_NOT_THERE = re.compile(r'Function "[^"]*" was not found in this app.*', re.DOTALL)
"""The words in which the SDK for TypeScript says what others say by a code."""


_REFUSED = (
    "the app refuses calls of this server with 401, since it has another signing key, or its clock differs by more "
    "than 5 minutes; its own log says which"
)
"""The mend of a refusal, of which most apps say no more than its name."""


def _failure(status: int, headers: Mapping[str, str], body: bytes, now: int) -> Reply:
    try:
        value = members.document(body, "the answer")
        if isinstance(value, str):  # some versions send a text of JSON
            value = members.document(value.encode("utf-8", "surrogatepass"), "the answer")
    except BodyInvalidError:
        value = body.decode(errors="replace")[:MOST_SHOWN]
    error = errors.read(value)
    if not error.message and not (isinstance(value, dict) and "message" in value):
        error = error._replace(message=f"invalid status code: {status}")
    if status == 401:
        error = error._replace(message=f"{error.message or 'Unauthorized'}: {_REFUSED}")
    if _NOT_THERE.fullmatch(error.message):
        error = error._replace(code=ErrorCode.FUNCTION_NOT_FOUND.value)
    final = headers.get(NO_RETRY) == "true" if NO_RETRY in headers else status < 500 and _is_old(headers)
    reply = _about(ReplyKind.FAILED, headers, now)._replace(error=error, no_retry=final)
    held = value.get("held") if isinstance(value, dict) else None
    if not isinstance(held, dict) or held.get("sign") not in [sign.value for sign in Sign]:  # it may be a list, too
        return reply
    step, call, detail = (str(held.get(name) or "") for name in ("step", "call", "detail"))
    return reply._replace(kind=ReplyKind.HELD, held=Held(Sign(held["sign"]), step, call, detail))


def _about(kind: ReplyKind, headers: Mapping[str, str], now: int) -> Reply:
    """A reply with what its headers say."""
    version = headers.get(REQ_VERSION, "")
    return Reply(
        kind,
        retry_after=_pause(headers.get(RETRY_AFTER, ""), now),
        version=int(version) if re.fullmatch(r"[0-9]{1,6}", version) else -1,
        sdk=headers.get(SDK_NAME, ""),
    )


def _unwrapped(headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
    """The answer in a stream. Its headers count, and those of the stream where it has none."""
    what = "the streamed answer"
    value = members.mapping(members.document(body.strip(), what), what)
    status = members.integer(value.get("status"), f"{what}.status")
    if status == 201:
        raise BodyInvalidError(f"{what} holds a stream again")
    given = value.get("headers")
    named = {} if given is None else members.mapping(given, f"{what}.headers")
    inner = value.get("body")
    text = inner if isinstance(inner, str) else members.json_of(inner, f"{what}.body")
    merged = {**headers, **{name.lower(): str(one).strip() for name, one in named.items()}}
    return status, merged, text.encode("utf-8", "surrogatepass")


def _pause(text: str, now: int) -> int | None:
    """Milliseconds of a Retry-After: seconds in up to seven digits, or a time in either form."""
    if re.fullmatch(r"[0-9]{1,7}", text):
        length = int(text) * limits.SECOND
    elif (at := _time(text)) is not None:
        length = at - now
    else:
        return None
    return min(max(length, limits.SECOND), limits.RETRY_AFTER_MAX)


def _time(text: str) -> int | None:
    """Unix ms of a time in ISO 8601 or in the form of HTTP; None if it is neither."""
    if not text:
        return None
    try:
        return operations.length_or_time(text, RETRY_AFTER)[1]
    except BodyInvalidError:
        pass
    try:
        return round(email.utils.parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _is_old(headers: Mapping[str, str]) -> bool:
    """Whether an SDK for JavaScript answered that means 4xx to be final: before 1.10.1, and 2.x before 2.4.1."""
    match = re.fullmatch(r"inngest-js:v([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6}).*", headers.get(SDK_NAME, ""))
    if match is None:
        return False
    version = (int(match[1]), int(match[2]), int(match[3]))
    return version < (1, 10, 1) or (2, 0, 0) <= version < (2, 4, 1)


def _not_sdk(status: int, body: bytes) -> ErrorInfo:
    return ErrorInfo(
        "NotSdkError",
        f"the answer with status {status} is not from an SDK, for it has no header {SDK_NAME}: is the URL that of the "
        f"endpoint? It begins with {_start(body)!r}",
        code="not_sdk",
    )


def _invalid_status(status: int, body: bytes) -> ErrorInfo:
    return ErrorInfo(
        "Error",
        f"invalid status code: {status}" + (f"; the answer begins with {_start(body)!r}" if body else ""),
        code="invalid_status_code",
    )


def _start(body: bytes) -> str:
    return body[:MOST_SHOWN].decode(errors="replace")
