"""Reports about steps as JSON objects, in both directions: `Op` and what stands for it on the wire.

Only what other servers know is written for them. Ours is told more: marks of changed code, and from when on a wait
looks for events.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from inngest.protocol import codec, durations, limits, texts
from inngest.protocol.errors import BodyInvalidError, ErrorInfo
from inngest.protocol.opcodes import MARKS, Op, Opcode, OpTarget
from inngest.protocol.requests import BASE64, Request, Secrets, apart, shown_url, without_credentials
from inngest.protocol.steps import StepName, hash_step_id

from . import errors, http_results, members

CANCELLED = "StepCancelledError"
"""Name of the error of a step whose caller gave up waiting for it: the wire has no other word for that."""

COMPLETE = StepName("complete", 0, hash_step_id("complete"))
"""The name under which the end of a function is reported beside steps."""

_HASH = re.compile(r"[0-9A-Za-z_.:~+/=-]{1,256}")
"""Of a step. All known SDKs send SHA-1 in hex; others could choose otherwise."""

_API_RESULT = "SyncRunComplete"
"""The end of a run of an endpoint, with the endpoint's answer in base64."""

LAZY = frozenset((Opcode.DEFER_ADD, Opcode.DEFER_ABORT)) | MARKS
"""Reports that ride with others: alone they are nothing that a run could go on by."""

SILENT = frozenset((Opcode.STEP_BEGUN, Opcode.WAKE))
"""Reports that have no form on the wire: what they tell is the server's own doing there."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MS = datetime.timedelta(milliseconds=1)
_LATEST = 253_402_300_799_999  # unix ms of the end of the year 9999


# -- written


def dumps(op: Op, foreign: bool = False) -> str:
    """The JSON text of a report; "" for one that has no form on the wire.

    Args:
        op: it. The credentials of a request are in the text.
        foreign: the server is not ours: it gets no marks.

    Raises:
        ValueError: a report that only an engine in the same process understands: SendSignal.
    """
    if op.op in SILENT or (foreign and op.op in MARKS):
        return ""
    name, opts = _WRITERS[op.op](op)
    if op.mode:
        opts = {**(opts or {}), "parallelMode": op.mode}
    if op.once and not foreign:
        opts = {**(opts or {}), "once": True}
    if op.op is Opcode.STEP_ERROR and op.max_attempts is not None and not foreign:
        opts = {**(opts or {}), "maxAttempts": op.max_attempts}
    hashed = op.step.hash
    if op.op is Opcode.DEFER_ABORT:
        hashed = hashlib.sha1(f"{hashed}:abort".encode(), usedforsecurity=False).hexdigest()
    wire: dict[str, object] = {
        "op": op.op.value,
        "id": hashed,
        "name": name,
        "displayName": op.step.id,
        "userland": {"id": op.step.id, "index": op.step.repeat or None},
        "opts": opts,
    }
    if op.op is Opcode.STEP_CANCELLED:
        wire["op"] = Opcode.STEP_FAILED.value
        wire["error"] = {"name": CANCELLED, "message": "the caller gave up waiting for the step"}
    elif op.error is not None:
        wire["error"] = errors.written(op.error)
    data = op.data if op.op in _WITH_DATA and op.data is not None else "null"
    return f'{codec.dumps(wire)[:-1]},"data":{data}}}'


def moment(ms: int) -> str:
    """A time as text: `2026-01-02T03:04:05.678Z`. Times after the year 9999 are its end.

    Args:
        ms: unix ms, at least 0.
    """
    when = _EPOCH + max(0, min(ms, _LATEST)) * _MS
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def duration(ms: int) -> str:
    """A duration as text; `1500ms` if it is no whole number of seconds."""
    return durations.to_text(ms) if ms >= limits.SECOND and ms % limits.SECOND == 0 else f"{max(ms, 0)}ms"


_Written = tuple[str, dict[str, object] | None]
"""The name and the options of a report."""


def _plain(op: Op) -> _Written:
    return op.step.id, None


def _sleep(op: Op) -> _Written:
    return (moment(op.until) if op.until is not None else duration(op.duration or 0)), None


def _event(op: Op) -> _Written:
    target = _target(op)
    opts: dict[str, object] = {"if": target.expression, "timeout": _timeout(op)}
    if target.since is not None:
        opts["since"] = target.since
    return target.name, opts


def _signal(op: Op) -> _Written:
    target = _target(op)
    return target.name, {
        "signal": target.name,
        "timeout": _timeout(op),
        "conflict": "replace" if target.replace else "fail",
    }


def _invoke(op: Op) -> _Written:
    target = _target(op)
    payload = {"data": codec.loads(target.data), "v": None}
    return op.step.id, {"function_id": target.name, "payload": payload, "timeout": _timeout(op)}


def _gateway(op: Op) -> _Written:
    request, headers, _ = _request(op)
    opts: dict[str, object] = {
        "type": "step.fetch",
        "url": request.url,
        "method": request.method,
        "headers": headers,
        "body": request.body or "",
        "timeout": duration(request.timeout),
    }
    return op.step.id, {**opts, "encoding": request.encoding} if request.encoding else opts


def _ai_gateway(op: Op) -> _Written:
    request, headers, auth_key = _request(op)
    return op.step.id, {
        "type": "step.ai.infer",
        "url": request.url,
        "headers": headers,
        "auth_key": auth_key,
        "format": request.format,
        "body": codec.loads(request.body or "{}"),
        "timeout": duration(request.timeout),
    }


def _defer(op: Op) -> _Written:
    target = _target(op)
    return op.step.id, {"fn_slug": target.name, "input": codec.loads(target.data)}


def _abort(op: Op) -> _Written:
    return op.step.id, {"target_hashed_id": op.step.hash, "id": op.step.id}


def _not_here(op: Op) -> _Written:
    raise ValueError(f"{op.op} has no form on the wire: it is done by a request of its own")


_WRITERS: Mapping[Opcode, Callable[[Op], _Written]] = {
    **dict.fromkeys(Opcode, _plain),
    Opcode.SLEEP: _sleep,
    Opcode.WAIT_FOR_EVENT: _event,
    Opcode.WAIT_FOR_SIGNAL: _signal,
    Opcode.INVOKE: _invoke,
    Opcode.GATEWAY: _gateway,
    Opcode.AI_GATEWAY: _ai_gateway,
    Opcode.DEFER_ADD: _defer,
    Opcode.DEFER_ABORT: _abort,
    Opcode.SEND_SIGNAL: _not_here,
}
_WITH_DATA = (Opcode.STEP_RUN, Opcode.RUN_COMPLETE)


def _target(op: Op) -> OpTarget:
    assert op.target is not None, f"{op.op} has a target"
    return op.target


def _timeout(op: Op) -> str | None:
    if op.until is not None:
        return moment(op.until)
    return None if op.duration is None else duration(op.duration)


def _request(op: Op) -> tuple[Request, dict[str, str], str]:
    """A request, its headers with those that are secret, and its key."""
    target = _target(op)
    request, secrets = Request.from_json(target.data), target.secrets or Secrets({})
    whole = request._replace(url=secrets.url or request.url)
    return whole, {**request.headers, **secrets.headers}, secrets.auth_key


# -- read


def read(value: object, path: str) -> Op:
    """The report that an object stands for. Members that are not known are ignored.

    Times of steps are not known there, and attempts are the server's to count: both are 0.

    Args:
        value: as it was parsed.
        path: where it stands, for errors.

    Raises:
        BodyInvalidError: it is none; says which member, and what was expected.
    """
    wire = members.mapping(value, path)
    named = members.text(wire.get("op"), f"{path}.op")
    opcode = _OPCODES.get(named)
    if opcode is None:
        raise members.wrong(f"{path}.op", "an opcode", named)
    given = wire.get("opts")
    opts: Mapping[str, Any] = {} if given is None else members.mapping(given, f"{path}.opts")
    mode = opts.get("parallelMode")
    op = Op(opcode, _step(wire, opcode, path), mode=mode if mode in ("wait", "race") else "")
    return _READERS.get(opcode, _as_it_is)(op, wire, opts, path)


def final(op: Op, max_attempts: int | None) -> Op:
    """A report of a failed attempt; if it was the last, that the step failed.

    Args:
        op: any report.
        max_attempts: of the function's steps; None if nobody told, then no attempt is the last.
    """
    most = max_attempts if op.max_attempts is None else op.max_attempts
    if op.op is not Opcode.STEP_ERROR or most is None or op.attempt + 1 < most:
        return op
    return op._replace(op=Opcode.STEP_FAILED, retry_after=None)


def length_or_time(value: object, path: str) -> tuple[int | None, int | None]:
    """The milliseconds of a duration's text, or the unix ms of a time's; an empty text is no time at all.

    Raises:
        BodyInvalidError: it is neither.
    """
    if value == "":
        return 0, None
    if isinstance(value, str):
        try:
            return durations.parse(value), None
        except ValueError:
            pass
        try:
            when = datetime.datetime.fromisoformat(value)
            when = when.replace(tzinfo=datetime.UTC) if when.tzinfo is None else when
            return None, (when - _EPOCH) // _MS
        except (ValueError, OverflowError):
            pass
    raise members.wrong(path, "a duration such as 30s, 1h30m or 7d, or a time such as 2026-01-02T03:04:05Z", value)


def _step(wire: Mapping[str, Any], opcode: Opcode, path: str) -> StepName:
    userland = wire.get("userland")
    named = userland if isinstance(userland, dict) else {}
    found = next((one for one in (named.get("id"), wire.get("displayName"), wire.get("name")) if one), "")
    shown = texts.escaped(found.replace("\0", "\N{REPLACEMENT CHARACTER}")) if isinstance(found, str) else ""
    index = named.get("index")
    repeat = index if isinstance(index, int) and not isinstance(index, bool) and 0 < index < 2**31 else 0
    if opcode is Opcode.PATCHED and len(shown) > limits.MAX_PATCH_ID:
        raise members.wrong(f"{path}.userland.id", f"an id of at most {limits.MAX_PATCH_ID:,} characters", shown)
    if opcode in MARKS or opcode in (Opcode.NONE, Opcode.DISCOVERY_REQUEST):
        return StepName(shown, 0, "")
    hashed = members.text(wire.get("id"), f"{path}.id")
    if not _HASH.fullmatch(hashed):
        raise members.wrong(f"{path}.id", "the hash of a step", hashed)
    return StepName(errors.cut(shown, errors.MAX_ID) or hashed, repeat, hashed)


_Reader = Callable[[Op, Mapping[str, Any], Mapping[str, Any], str], Op]


def _as_it_is(op: Op, wire: Mapping[str, Any], opts: Mapping[str, Any], path: str) -> Op:
    return op


def _read_result(op: Op, wire: Mapping[str, Any], opts: Mapping[str, Any], path: str) -> Op:
    data = members.json_of(wire.get("data"), f"{path}.data")
    result = http_results.of_api_result(data) if wire.get("op") == _API_RESULT else data
    return op._replace(data=result, metadata=_metadata(wire))


def _metadata(wire: Mapping[str, Any]) -> str | None:
    """The metadata of a report, as JSON text. People read them, so those that cannot be kept are left out."""
    given = wire.get("metadata")
    if not isinstance(given, list):
        return None
    kept = [
        {name: one[name] for name in ("kind", "scope", "op", "values") if name in one}
        for one in given
        if isinstance(one, dict) and isinstance(one.get("kind"), str) and isinstance(one.get("values"), dict)
    ]
    try:
        text = codec.dumps(kept)
    except codec.NotJsonError:
        return None
    return text if kept and codec.size(text) <= limits.MAX_STEP_METADATA else None


def _read_error(op: Op, wire: Mapping[str, Any], opts: Mapping[str, Any], path: str) -> Op:
    given = wire.get("error")
    error = errors.read(wire.get("data") if given is None else given)
    final = op.op is Opcode.STEP_FAILED or (isinstance(given, dict) and given.get("noRetry") is True)
    if final and error.name == CANCELLED:
        return op._replace(op=Opcode.STEP_CANCELLED)
    if final:
        return op._replace(op=Opcode.STEP_FAILED, error=error)
    most = opts.get("maxAttempts")
    return op._replace(
        error=error, max_attempts=None if most is None else members.integer(most, f"{path}.opts.maxAttempts")
    )


def _read_planned(op: Op, wire: Mapping[str, Any], opts: Mapping[str, Any], path: str) -> Op:
    return op._replace(once=opts.get("once") is True)


def _read_sleep(op: Op, wire: Mapping[str, Any], opts: Mapping[str, Any], path: str) -> Op:
    given = opts.get("duration")
    where = f"{path}.opts.duration" if given else f"{path}.name"
    length, until = length_or_time(given or wire.get("name") or None, where)
    return op._replace(kind=Opcode.SLEEP, duration=length, until=until)


def _read_event(op: Op, wire: Mapping[str, Any], opts: Mapping[str, Any], path: str) -> Op:
    given = opts.get("event")
    name = members.text(given or wire.get("name"), f"{path}.opts.event" if given else f"{path}.name")
    expression, match, since = opts.get("if"), opts.get("match"), opts.get("since")
    if not expression and match:
        match = members.text(match, f"{path}.opts.match")
        expression = f"event.{match} == async.{match}"
    target = OpTarget(
        _name(name, path),
        members.text(expression, f"{path}.opts.if") if expression else None,
        None if since is None else members.integer(since, f"{path}.opts.since"),
    )
    return _waiting(op, Opcode.WAIT_FOR_EVENT, target, opts, path)


def _read_signal(op: Op, wire: Mapping[str, Any], opts: Mapping[str, Any], path: str) -> Op:
    name = members.text(opts.get("signal"), f"{path}.opts.signal")
    target = OpTarget(_name(name, path), replace=opts.get("conflict") == "replace")
    return _waiting(op, Opcode.WAIT_FOR_SIGNAL, target, opts, path)


def _read_invoke(op: Op, wire: Mapping[str, Any], opts: Mapping[str, Any], path: str) -> Op:
    name = members.text(opts.get("function_id"), f"{path}.opts.function_id")
    given = opts.get("payload")
    payload: Mapping[str, Any] = {} if given is None else members.mapping(given, f"{path}.opts.payload")
    data = payload.get("data")
    data = {} if data is None else members.mapping(data, f"{path}.opts.payload.data")
    target = OpTarget(_name(name, path), data=members.json_of(data, f"{path}.opts.payload.data"))
    return _waiting(op, Opcode.INVOKE, target, opts, path)


def _read_request(op: Op, wire: Mapping[str, Any], opts: Mapping[str, Any], path: str) -> Op:
    url = members.text(opts.get("url"), f"{path}.opts.url")
    headers = {str(name): str(value) for name, value in (opts.get("headers") or {}).items()} if _has(opts) else {}
    kept, secret = apart(headers)
    is_model = op.op is Opcode.AI_GATEWAY
    auth_key, form, encoding = opts.get("auth_key"), opts.get("format"), opts.get("encoding")
    stored = without_credentials(url)
    request = Request(
        stored,
        members.text(opts.get("method") or ("POST" if is_model else "GET"), f"{path}.opts.method").upper(),
        kept,
        _body(opts.get("body"), encoding, f"{path}.opts.body"),
        BASE64 if encoding == BASE64 else "",
        str(form or ""),
        _request_timeout(opts, limits.INFER_TIMEOUT if is_model else limits.FETCH_TIMEOUT, path),
    )
    secrets = Secrets(secret, str(auth_key or ""), "" if url == stored else url)
    shown = _name(f"{request.method} {shown_url(url)}", path)
    target = OpTarget(shown, data=request.to_json(), secrets=secrets or None)
    return op._replace(kind=op.op, target=target)


def _read_defer(op: Op, wire: Mapping[str, Any], opts: Mapping[str, Any], path: str) -> Op:
    op = op._replace(kind=Opcode.DEFER_ADD, target=OpTarget("", data="{}"))
    try:
        name = _name(members.text(opts.get("fn_slug"), f"{path}.opts.fn_slug"), path)
        given = opts.get("input")
        data = {} if given is None else members.mapping(given, f"{path}.opts.input")
        return op._replace(target=OpTarget(name, data=members.json_of(data, f"{path}.opts.input")))
    except BodyInvalidError as error:  # it does not start, and nothing else of the answer fails by that
        return op._replace(error=ErrorInfo("DeferRejectedError", error.message, code="invalid_opts"))


def _read_abort(op: Op, wire: Mapping[str, Any], opts: Mapping[str, Any], path: str) -> Op:
    hashed = members.text(opts.get("target_hashed_id"), f"{path}.opts.target_hashed_id")
    return op._replace(kind=Opcode.DEFER_ADD, step=op.step._replace(hash=hashed))


def _read_mark(op: Op, wire: Mapping[str, Any], opts: Mapping[str, Any], path: str) -> Op:
    return op._replace(kind=op.op)


_OPCODES: Mapping[str, Opcode] = {
    "Step": Opcode.STEP_RUN,
    _API_RESULT: Opcode.RUN_COMPLETE,
    **{
        opcode.value: opcode
        for opcode in Opcode
        if opcode not in SILENT and opcode not in (Opcode.SEND_SIGNAL, Opcode.STEP_CANCELLED)
    },
}
_READERS: Mapping[Opcode, _Reader] = {
    Opcode.STEP_RUN: _read_result,
    Opcode.RUN_COMPLETE: _read_result,
    Opcode.STEP_ERROR: _read_error,
    Opcode.STEP_FAILED: _read_error,
    Opcode.STEP_PLANNED: _read_planned,
    Opcode.SLEEP: _read_sleep,
    Opcode.WAIT_FOR_EVENT: _read_event,
    Opcode.WAIT_FOR_SIGNAL: _read_signal,
    Opcode.INVOKE: _read_invoke,
    Opcode.GATEWAY: _read_request,
    Opcode.AI_GATEWAY: _read_request,
    Opcode.DEFER_ADD: _read_defer,
    Opcode.DEFER_ABORT: _read_abort,
    **dict.fromkeys(MARKS, _read_mark),
}


def _waiting(op: Op, kind: Opcode, target: OpTarget, opts: Mapping[str, Any], path: str) -> Op:
    given = opts.get("timeout")
    length, until = (None, None) if given is None else length_or_time(given, f"{path}.opts.timeout")
    return op._replace(kind=kind, target=target, duration=length, until=until)


def _name(name: str, path: str) -> str:
    if reason := texts.problem(name):
        raise BodyInvalidError(f"{path}: {reason}: {name!r}")
    return name


def _has(opts: Mapping[str, Any]) -> bool:
    return isinstance(opts.get("headers"), dict)


def _body(value: object, encoding: object, path: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return members.json_of(value, path)
    if encoding == BASE64:
        try:
            base64.b64decode(value, validate=True)
        except ValueError as error:
            raise BodyInvalidError(f"{path}: no base64: {error}") from None
    return value


def _request_timeout(opts: Mapping[str, Any], default: int, path: str) -> int:
    given = opts.get("timeout")
    if given is None:
        return default
    length, _ = length_or_time(given, f"{path}.opts.timeout")
    return min(length or default, limits.MAX_REQUEST_TIMEOUT)
