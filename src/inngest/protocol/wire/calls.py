"""A call of a function over HTTP: as an app reads it, whoever serves, and as our server writes it.

A server keeps the texts of a run's events and memos between calls: each call joins them, and writes nothing again.
Given their canonical forms, the same join gives the canonical form of the call, over which its signature is.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from inngest.protocol import codec, limits
from inngest.protocol import headers as names
from inngest.protocol.calls import Call, EventData, Mode
from inngest.protocol.errors import BodyInvalidError, ErrorInfo, QueryParamMissingError
from inngest.protocol.events import members_of
from inngest.protocol.opcodes import Memo, Opcode
from inngest.protocol.steps import StepName

from . import errors, members, operations, signing

DISCOVERY = "step"
"""The step of a call that is for no step: it asks the code what there is to do."""

MAX_INLINE = 4 * limits.MB - 1024
"""Bytes of events and memos that a call holds; more are fetched by the app."""

OURS = "pyngest"
"""The member of a call's context by which our SDK knows our server, and is told what other servers do not know."""


class Received(NamedTuple):
    """A call, as it has come."""

    call: Call
    left_out: bool  # its events and memos are too large for it: `filled` takes them from the server's API
    stack: Sequence[str]  # hashes of steps, in the order in which they finished


# -- read by an app


def decode(body: bytes, query: Mapping[str, str], headers: Mapping[str, str]) -> Received:
    """The call that a server makes. Its mode is REPORT, PLAN or TARGET.

    Args:
        body: JSON.
        query: of the URL: `fnId` names the function, `stepId` the step.
        headers: names in lower case. Where they and the body say the same, the headers count.

    Raises:
        QueryParamMissingError: nobody says which function.
        BodyInvalidError: the body is no call; says which member, and what was expected.
    """
    if not (function_id := query.get("fnId")):
        raise QueryParamMissingError("fnId")
    wire = members.mapping(members.document(body, "the call"), "the call")
    ctx = members.mapping(wire.get("ctx"), "ctx")
    step = query.get("stepId", DISCOVERY)
    mode = Mode.PLAN if ctx.get("disable_immediate_execution") else Mode.REPORT
    stack = _stack(ctx)
    most = ctx.get("max_attempts")
    call = Call(
        run_id=members.text(ctx.get("run_id"), "ctx.run_id"),
        function_id=function_id,
        attempt=members.integer(ctx.get("attempt"), "ctx.attempt"),
        max_attempts=None if most is None else members.integer(most, "ctx.max_attempts"),
        events=(),
        memos=(),
        open_steps=(),
        defers=_defers(wire.get("defers")),
        mode=mode if step == DISCOVERY else Mode.TARGET,
        target="" if step == DISCOVERY else step,
        generation=_generation(ctx, headers),
        request_id=_id(ctx, "request_id", headers, names.REQUEST_ID),
        job_id=_id(ctx, "job_id", headers, names.JOB_ID),
        qi_id=str(ctx.get("qi_id") or ""),
        function_uuid=str(ctx.get("fn_id") or ""),
        trace=headers.get(names.TRACE_PARENT, ""),
    )
    call = _told(call, ctx.get(OURS))
    if wire.get("use_api"):
        return Received(call, True, stack)
    listed = wire.get("events") or [wire.get("event")]
    return Received(_with_state(call, listed, wire.get("steps"), stack), False, stack)


def filled(received: Received, batch: bytes, actions: bytes) -> Call:
    """A call with what it left out.

    Args:
        received: the call.
        batch: the answer of the server's API for its events: a JSON array.
        actions: that for its memos: a JSON object, by hash.

    Raises:
        BodyInvalidError: they are something else.
    """
    events, steps = members.document(batch, "the batch of events"), members.document(actions, "the actions")
    return _with_state(received.call, events, steps, received.stack)


def _with_state(call: Call, events: object, steps: object, stack: Sequence[str]) -> Call:
    listed = members.sequence(events, "events")
    if not listed:
        raise BodyInvalidError("events: expected at least one event, got none")
    found = members.mapping({} if steps is None else steps, "steps")
    order = [*dict.fromkeys(hashed for hashed in stack if hashed in found)]
    order += sorted(found.keys() - set(order))
    inputs = {hashed: members.json_of(found[hashed]["input"], "input") for hashed in order if _is_input(found[hashed])}
    memos = [_memo(hashed, found[hashed], seq) for seq, hashed in enumerate(order) if hashed not in inputs]
    return call._replace(
        events=[_event(one, f"events[{index}]") for index, one in enumerate(listed)], memos=memos, inputs=inputs
    )


def _event(value: object, path: str) -> EventData:
    wire = members.mapping(value, path)
    given, ts = wire.get("data"), wire.get("ts")
    data = {} if given is None else members.mapping(given, f"{path}.data")
    return EventData(
        str(wire.get("id") or ""),
        members.text(wire.get("name"), f"{path}.name"),
        members.json_of(data, f"{path}.data"),
        0 if ts is None else members.integer(ts, f"{path}.ts"),
    )


def _memo(hashed: str, value: object, seq: int) -> Memo:
    """A memo: an object that has only `data`, `error`, or both, wraps a result; anything else is the result."""
    memo = Memo(StepName(hashed, 0, hashed), None, seq, None, None, 0)
    if isinstance(value, dict) and value.keys() <= {"data", "error"}:
        error = value.get("error")
        if error is None:
            value = value.get("data")
        elif _is_error(error):
            if error["name"] == operations.CANCELLED:
                return memo._replace(cancelled=True)
            return memo._replace(error=errors.read(error))
    return memo._replace(data=members.json_of(value, f"steps.{hashed}"))


def _is_error(error: object) -> bool:
    if not isinstance(error, dict) or not isinstance(error.get("stack"), str | None):
        return False
    return isinstance(error.get("name"), str) and isinstance(error.get("message"), str)


def _is_input(value: object) -> bool:
    """Whether a value replaces the arguments of a step's handler, in a run that is made again from that step."""
    return isinstance(value, dict) and value.keys() == {"input"} and isinstance(value["input"], list)


def _stack(ctx: Mapping[str, Any]) -> Sequence[str]:
    given = ctx.get("stack")
    stack = {} if given is None else members.mapping(given, "ctx.stack")
    listed = stack.get("stack")
    return [str(one) for one in members.sequence([] if listed is None else listed, "ctx.stack.stack")]


def _defers(value: object) -> Mapping[str, bool]:
    found = {} if value is None else members.mapping(value, "defers")
    return {hashed: not isinstance(one, dict) or one.get("abortable") is not False for hashed, one in found.items()}


def _id(ctx: Mapping[str, Any], member: str, headers: Mapping[str, str], name: str) -> str:
    return headers.get(name) or str(ctx.get(member) or "")


def _generation(ctx: Mapping[str, Any], headers: Mapping[str, str]) -> int:
    text = headers.get(names.GENERATION_ID, "")
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    given = ctx.get("generation_id")
    return 0 if given is None else members.integer(given, "ctx.generation_id")


def _told(call: Call, value: object) -> Call:
    """The call with what our server says beside; another says nothing."""
    if not isinstance(value, dict):
        return call._replace(foreign=True)
    return call._replace(
        follows=value.get("follows") is True,
        holds=members.integer(value.get("holds", 0), f"ctx.{OURS}.holds"),
        probes=value.get("probes") is True,
        patches=tuple(str(one) for one in members.sequence(value.get("patches", []), f"ctx.{OURS}.patches")),
        threaded=value.get("threaded") is True,
    )


# -- written by our server


class Head(NamedTuple):
    """The part of a call beside events and memos."""

    run_id: str  # ULID
    function_uuid: str
    attempt: int  # from 0: of the body, or of the target
    max_attempts: int  # retries + 1
    request_id: str  # ULID: of this call alone
    generation: int  # of the run; what an older one records counts no more
    target: str = ""  # hash of the step that is to run; "" asks what there is to do
    plan: bool = False  # no step may run at once
    stack: Sequence[str] = ()  # hashes of finished steps, in their order
    version: int = -1  # of the protocol, that the run's SDK chose; -1: it has not been asked yet
    defers: Mapping[str, bool] = {}  # by hash: whether it can be aborted
    follows: bool = False  # this and the others as in `Call`
    holds: int = 0
    probes: bool = False
    patches: Sequence[str] = ()
    threaded: bool = False
    checkpoints: bool = True  # steps may be recorded while it goes on, by an app that does

    @property
    def job_id(self) -> str:
        """The id of the run while one worker owns it."""
        return f"{self.run_id}.{self.generation}"

    @property
    def qi_id(self) -> str:
        """The text that an app gives back with what it records: it tells run and generation."""
        return base64.b64encode(f"{self.job_id}::0".encode()).decode()


def generation_of(qi_id: str) -> tuple[str, int] | None:
    """The run and the generation that a `Head.qi_id` tells; None for another text."""
    try:
        job = base64.b64decode(qi_id, validate=True).decode().removesuffix("::0")
    except (binascii.Error, ValueError):
        return None
    run_id, dot, generation = job.rpartition(".")
    return (run_id, int(generation)) if dot and generation.isascii() and generation.isdigit() else None


def event_text(event: EventData) -> str:
    """The JSON text of an event with all of its members, as calls hold it and as the state of a run has it."""
    extra = {} if event.extra is None else members_of(event.extra)
    texts = {
        "data": event.data,
        "id": codec.dumps(event.id),
        "name": codec.dumps(event.name),
        "ts": str(event.ts),
        "user": "{}",
        **{name: codec.dumps(value) for name, value in extra.items()},
    }
    return f"{{{','.join(f'{codec.dumps(name)}:{texts[name]}' for name in sorted(texts))}}}"


def memo_text(memo: Memo) -> str:
    """The JSON text of a memo, as calls hold it: `"hash":{"data":…}`.

    Args:
        memo: it. Codes of errors are left out, as other servers do.
    """
    return f"{codec.dumps(memo.step.hash)}:{memo_value(memo)}"


def input_text(hashed: str, arguments: str) -> str:
    """The JSON text of replaced arguments of a step that has no memo, in its place: `"hash":{"input":[…]}`.

    Args:
        hashed: hash of the step.
        arguments: JSON text of an array.
    """
    return f'{codec.dumps(hashed)}:{{"input":{arguments}}}'


def memo_value(memo: Memo) -> str:
    """The same without the hash."""
    data = "null" if memo.data is None else memo.data
    error = memo.error
    if memo.cancelled:
        error = ErrorInfo(operations.CANCELLED, "the caller gave up waiting for the step")
    if error is not None:
        told = {"message": error.message, "name": error.name, "stack": error.stack}
        return f'{{"error":{codec.dumps({name: one for name, one in told.items() if one is not None})}}}'
    if memo.kind in (Opcode.SLEEP, Opcode.WAIT_FOR_EVENT):
        return data
    if memo.kind is Opcode.WAIT_FOR_SIGNAL and data == "null":
        return data
    return f'{{"data":{data}}}'


def canonical_member(text: str) -> str:
    """The canonical form of a text such as `memo_text` gives.

    Raises:
        ValueError: it has none, see `signing.canonical`.
    """
    return signing.canonical_text(f"{{{text}}}")[1:-1]


def left_out(events: Iterable[str], memos: Iterable[str]) -> bool:
    """Whether these are too large for a call."""
    return sum(codec.size(text) + 1 for text in events) + sum(codec.size(text) + 1 for text in memos) > MAX_INLINE


def encode(head: Head, events: Sequence[str], memos: Iterable[str], *, left_out: bool = False) -> bytes:
    """The body of a call.

    Args:
        head: what it says beside.
        events: texts as of `event_text`, at least one; or all in canonical form.
        memos: texts as of `memo_text`, in any order; or all in canonical form.
        left_out: leave events and memos out, for the app to fetch them.
    """
    use_api = "true" if left_out else "false"
    ctx = {
        "attempt": head.attempt,
        "disable_immediate_execution": head.plan,
        "env": "",
        "fn_id": head.function_uuid,
        "generation_id": head.generation,
        "job_id": head.job_id,
        "max_attempts": head.max_attempts,
        OURS: {
            "follows": head.follows,
            "holds": head.holds,
            "patches": list(head.patches),
            "probes": head.probes,
            "threaded": head.threaded,
        },
        "qi_id": head.qi_id,
        "request_id": head.request_id,
        "run_id": head.run_id,
        "stack": {"current": len(head.stack), "stack": list(head.stack)},
        "step_id": head.target or DISCOVERY,
        "use_api": left_out,
    }
    if not head.checkpoints:
        del ctx["fn_id"], ctx["qi_id"]  # checkpoints would be told with them
    defers = {hashed: {"abortable": head.defers[hashed]} for hashed in sorted(head.defers)}
    return (
        f'{{"ctx":{codec.dumps(ctx)},"defers":{codec.dumps(defers)},"event":{events[0]},'
        f'"events":[{"" if left_out else ",".join(events)}],"steps":{{{"" if left_out else ",".join(sorted(memos))}}},'
        f'"use_api":{use_api},"version":{head.version}}}'
    ).encode()


def headers(head: Head, signature: str = "", of_run: Mapping[str, str] | None = None) -> dict[str, str]:
    """The headers of a call.

    Args:
        head: what it says.
        of_run: those that all calls of its run have, as `names.of_run` makes them once; None: they are made now.
        signature: over the canonical form of its body; "" if nobody asks for one.
    """
    found = {
        "content-type": "application/json",
        **(names.of_run(head.run_id) if of_run is None else of_run),
        names.GENERATION_ID: str(head.generation),
        names.JOB_ID: head.job_id,
        names.REQ_VERSION: str(head.version),
        names.REQUEST_ID: head.request_id,
        names.STEP_ID: head.target or DISCOVERY,
    }
    return {**found, names.SIGNATURE: signature} if signature else found


def address(url: str, function_id: str, target: str = "") -> str:
    """The URL of a call.

    Args:
        url: as the function was registered; what its query says of function and step is replaced.
        function_id: "{app}-{fn}".
        target: hash of the step that is to run; "" for none.
    """
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    kept = [(name, value) for name, value in query if name not in ("fnId", "stepId")]
    return urlunsplit(
        parts._replace(query=urlencode([*kept, ("fnId", function_id), ("stepId", target or DISCOVERY)]), fragment="")
    )
