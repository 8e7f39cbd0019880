"""What a waiting step waits for: checked where it is written, in async and plain functions alike."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeVar, cast

from inngest.protocol import codec, durations, limits, texts
from inngest.protocol.opcodes import Opcode, OpTarget
from inngest.sdk import outgoing
from inngest.sdk.errors import StepArgumentError
from inngest.sdk.events import Event
from inngest.sdk.invocable import Invocable
from inngest.sdk.serializers import Serializer, Unset

T = TypeVar("T")

OnConflict = Literal["fail", "replace"]
Since = datetime.datetime | datetime.timedelta | int


class WaitRequest(NamedTuple):
    """A checked call of a waiting step."""

    kind: Opcode
    target: OpTarget
    timeout: int | None  # ms
    ago: int | None = None  # ms: events that arrived so long before the call count too


def event(step_id: str, name: str, timeout: durations.Duration, if_exp: str | None, since: Since | None) -> WaitRequest:
    """A `step.wait_for_event`.

    Raises:
        StepArgumentError: an argument is wrong. Names the step and the argument.
    """
    if not isinstance(name, str) or not name:
        raise _wrong(step_id, "event", "the name of an event", name)
    _check_name(f'step "{step_id}": event', name)
    if if_exp and (reason := _mistake(if_exp)) is not None:
        raise StepArgumentError(f'step "{step_id}": if_exp: {reason}')
    at, ago = _since(step_id, since)
    return WaitRequest(Opcode.WAIT_FOR_EVENT, OpTarget(name, if_exp or None, at), _ms(step_id, "timeout", timeout), ago)


def signal(step_id: str, name: str, timeout: durations.Duration, on_conflict: OnConflict) -> WaitRequest:
    """A `step.wait_for_signal`.

    Raises:
        StepArgumentError: an argument is wrong. Names the step and the argument.
    """
    if on_conflict not in ("fail", "replace"):
        raise _wrong(step_id, "on_conflict", "'fail' or 'replace'", on_conflict)
    target = OpTarget(signal_name(f'step "{step_id}"', name), replace=on_conflict == "replace")
    return WaitRequest(Opcode.WAIT_FOR_SIGNAL, target, _ms(step_id, "timeout", timeout))


def sent_signal(where: str, name: str, data: object, serializer: Serializer | None) -> OpTarget:
    """A signal to send.

    Raises:
        StepArgumentError: the name or the data are wrong.
    """
    try:
        return OpTarget(signal_name(where, name), data=outgoing.text_of(data, serializer))
    except codec.NotJsonError as error:
        raise StepArgumentError(f"{where}: data is not JSON: {error}") from None


def signal_name(where: str, name: object) -> str:
    """The name of a signal.

    Raises:
        StepArgumentError: it is none.
    """
    if not isinstance(name, str) or not name or len(name) > limits.MAX_EVENT_NAME:
        raise StepArgumentError(
            f"{where}: signal: expected a name of up to {limits.MAX_EVENT_NAME} characters, got {name!r}"
        )
    _check_name(f"{where}: signal", name)
    return name


def function(
    step_id: str,
    function_id: str,
    data: Mapping[str, object] | None,
    timeout: durations.Duration | None,
    serializer: Serializer | None,
) -> WaitRequest:
    """A `step.invoke`.

    Raises:
        StepArgumentError: an argument is wrong. Names the step and the argument.
    """
    if data is not None and not isinstance(data, Mapping):
        raise _wrong(step_id, "data", "a mapping", data)
    try:
        text = outgoing.text_of(dict(data or {}), serializer)
    except codec.NotJsonError as error:
        raise StepArgumentError(f'step "{step_id}": data is not JSON: {error}') from None
    length = None if timeout is None else _ms(step_id, "timeout", timeout)
    return WaitRequest(Opcode.INVOKE, OpTarget(function_id, data=text), length)


def id_of(step_id: str, given: object) -> str:
    """The id of a function that is to be invoked.

    Raises:
        StepArgumentError: it is no function.
    """
    if not isinstance(given, Invocable):
        raise _wrong(step_id, "function", "a function made by create_function", given)
    return given.id


def full_id(step_id: str, app_id: str, function_id: object) -> str:
    """The id of a function, from what `step.invoke_by_id` is given.

    Raises:
        StepArgumentError: it is no id.
    """
    if not isinstance(function_id, str) or not function_id:
        raise _wrong(step_id, "function_id", "the id of a function", function_id)
    _check_name(f'step "{step_id}": function_id', found := f"{app_id}-{function_id}")
    return found


def _check_name(where: str, name: str) -> None:
    if reason := texts.problem(name):
        raise StepArgumentError(f"{where}: {reason}: {name!r}")


def result_of(given: Invocable[T], value: object) -> T:
    """What an invoked function returned, as its own serializer keeps it."""
    serializer = given.client.serializer
    kept_as = given.result_type(given.id)
    if serializer is None or kept_as is Unset:
        return cast("T", value)
    return cast("T", serializer.deserialize(value, kept_as))


def event_of(value: object) -> Event | None:
    """The event that a wait gave; None if its time ran out."""
    if not isinstance(value, dict):
        return None
    return Event.model_construct(name=value["name"], data=value["data"], id=value["id"], ts=value["ts"])


@functools.lru_cache(maxsize=256)
def _mistake(expression: str) -> str | None:
    """Why an expression is wrong, or None."""
    from inngest.expressions.code import compile_text  # noqa: PLC0415 - most processes have no expression
    from inngest.expressions.errors import ExpressionError  # noqa: PLC0415
    from inngest.expressions.scope import WAIT  # noqa: PLC0415

    try:
        compile_text(expression, WAIT)
    except ExpressionError as error:
        return str(error)
    return None


def _since(step_id: str, since: Since | None) -> tuple[int | None, int | None]:
    if since is None:
        return None, None
    if isinstance(since, datetime.datetime):
        return round(since.timestamp() * 1000), None
    return None, _ms(step_id, "since", since)


def _ms(step_id: str, name: str, length: object) -> int:
    try:
        return durations.to_ms(cast("durations.Duration", length))
    except TypeError as error:
        raise StepArgumentError(f'step "{step_id}": {name}: {error}') from None


def _wrong(step_id: str, name: str, expected: str, got: object) -> StepArgumentError:
    return StepArgumentError(f'step "{step_id}": {name}: expected {expected}, got {got!r}')
