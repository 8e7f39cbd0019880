"""Arguments of steps, checked where they are written, for async and plain functions; and results as code has them."""

from __future__ import annotations

import datetime
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, TypeVar, cast

from inngest.protocol import codec, durations, events, limits, texts
from inngest.protocol.opcodes import Opcode, OpTarget
from inngest.sdk.errors import EventInvalidError, StepArgumentError, StepError
from inngest.sdk.events import Event, message_text
from inngest.sdk.function import Function
from inngest.sdk.serializers import Serializer, Unset

from .calls import TransactionRequest, WaitRequest
from .options import StepOptions

T = TypeVar("T")

OnConflict = Literal["fail", "replace"]
Since = datetime.datetime | datetime.timedelta | int

Connection: TypeAlias = Any
"""A connection as `Engine(transactions=…)` gives it: no type of ours can name those of all drivers."""


def sleep(step_id: str, duration: durations.Duration) -> WaitRequest:
    """A `step.sleep`.

    Raises:
        StepArgumentError: not a duration. Names the step.
    """
    try:
        return WaitRequest(step_id, Opcode.SLEEP, duration=durations.to_ms(duration))
    except TypeError as error:
        raise StepArgumentError(f'step "{step_id}": {error}') from None


def sleep_until(step_id: str, until: datetime.datetime) -> WaitRequest:
    """A `step.sleep_until`; a naive datetime is taken as local time.

    Raises:
        StepArgumentError: not a datetime. Names the step.
    """
    if not isinstance(until, datetime.datetime):
        raise StepArgumentError(f'step "{step_id}": sleep_until expects a datetime, got {type(until).__name__}')
    return WaitRequest(step_id, Opcode.SLEEP, until=round(until.timestamp() * 1000))


def event(step_id: str, name: str, timeout: durations.Duration, if_exp: str | None, since: Since | None) -> WaitRequest:
    """A `step.wait_for_event`.

    Raises:
        StepArgumentError: an argument is wrong. Names the step and the argument.
    """
    if not isinstance(name, str) or not name:
        raise _wrong(step_id, "event", "the name of an event", name)
    _check_name(f'step "{step_id}": event', name)
    if reason := events.listening_problem(name):
        raise StepArgumentError(f'step "{step_id}": event: {reason}; got {name!r}')
    if if_exp and (reason := _mistake(if_exp)) is not None:
        raise StepArgumentError(f'step "{step_id}": if_exp: {reason}')
    at, ago = _since(step_id, since)
    target = OpTarget(name, if_exp or None, at)
    return WaitRequest(step_id, Opcode.WAIT_FOR_EVENT, target, _ms(step_id, "timeout", timeout), ago=ago)


def signal(step_id: str, name: str, timeout: durations.Duration, on_conflict: OnConflict) -> WaitRequest:
    """A `step.wait_for_signal`.

    Raises:
        StepArgumentError: an argument is wrong. Names the step and the argument.
    """
    if on_conflict not in ("fail", "replace"):
        raise _wrong(step_id, "on_conflict", "'fail' or 'replace'", on_conflict)
    target = OpTarget(signal_name(f'step "{step_id}"', name), replace=on_conflict == "replace")
    return WaitRequest(step_id, Opcode.WAIT_FOR_SIGNAL, target, _ms(step_id, "timeout", timeout))


def send_signal(step_id: str, name: str, data: object, serializer: Serializer | None) -> WaitRequest:
    """A `step.send_signal`: it is done as it is recorded.

    Raises:
        StepArgumentError: the name or the data are wrong.
    """
    return WaitRequest(step_id, Opcode.SEND_SIGNAL, sent_signal(f'step "{step_id}"', name, data, serializer))


def sent_signal(where: str, name: str, data: object, serializer: Serializer | None) -> OpTarget:
    """A signal to send.

    Raises:
        StepArgumentError: the name or the data are wrong.
    """
    try:
        return OpTarget(signal_name(where, name), data=message_text(data, serializer))
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
        text = message_text(dict(data or {}), serializer)
    except codec.NotJsonError as error:
        raise StepArgumentError(f'step "{step_id}": data is not JSON: {error}') from None
    length = None if timeout is None else _ms(step_id, "timeout", timeout)
    return WaitRequest(step_id, Opcode.INVOKE, OpTarget(function_id, data=text), length)


def deferred(defer_id: str, function: object, data: object, serializer: Serializer | None) -> OpTarget:
    """A function that `ctx.defer` is to start.

    Raises:
        StepArgumentError: an argument is wrong. Names the defer and the argument.
    """
    function_id = function.id if isinstance(function, Function) else function
    if not isinstance(function_id, str) or not function_id:
        raise StepArgumentError(
            f'defer "{defer_id}": function: expected a function made by create_function, or the id of one as text, '
            f"got {function!r}"
        )
    if reason := texts.problem(function_id):
        raise StepArgumentError(f'defer "{defer_id}": function: {reason}: {function_id!r}')
    if data is not None and not isinstance(data, Mapping):
        raise StepArgumentError(f'defer "{defer_id}": data: expected a mapping, got {data!r}')
    try:
        return OpTarget(function_id, data=message_text(dict(data or {}), serializer))
    except codec.NotJsonError as error:
        raise StepArgumentError(f'defer "{defer_id}": data is not JSON: {error}') from None


def id_of(step_id: str, given: object) -> str:
    """The id of a function that is to be invoked.

    Raises:
        StepArgumentError: it is no function.
    """
    if not isinstance(given, Function):
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


def result_of(given: Function[T], value: object) -> T:
    """The result of an invoked function, as its own serializer keeps it."""
    serializer = given.client.serializer
    kept_as = given.result_type(given.id)
    if serializer is None or kept_as is Unset:
        return cast("T", value)
    return cast("T", serializer.deserialize(value, kept_as))


def event_of(step_id: str, value: object) -> Event | None:
    """The event that a wait gave; None if its time ran out.

    Raises:
        StepError: a server has told of something that is no event.
    """
    if not isinstance(value, dict):
        return None
    name, data, event_id, ts = (value.get(member) for member in ("name", "data", "id", "ts"))
    if not isinstance(name, str) or not isinstance(data, dict | None):
        told = ", ".join(map(repr, value)) or "nothing"
        text = f'step "{step_id}": expected an event with a name and data, and the server told of {told}'
        raise StepError(text, EventInvalidError.__name__)
    return Event.model_construct(name=name, data=data or {}, id=str(event_id or ""), ts=ts or 0)


def ids_of(value: object) -> list[str]:
    """The ids of events that a step sent."""
    return [str(one) for one in value] if isinstance(value, list) else []


def run_id_of(value: object) -> str | None:
    """The run that a signal has woken; None if there was none."""
    return None if value is None else str(value)


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


def not_a_function(where: str, given: object) -> StepArgumentError:
    """The error for a handler, or a branch, that cannot be called."""
    if not inspect.isawaitable(given):
        return StepArgumentError(
            f"{where}: expected a function, got {given!r}: give the function itself, without calling it"
        )
    if inspect.iscoroutine(given):
        given.close()
    return StepArgumentError(
        f"{where}: expected a function, got an awaitable ({type(given).__name__}): give the function itself, "
        "without calling it"
    )


def not_to_be_run(where: str, handler: object, unexpected: Mapping[str, object]) -> StepArgumentError:
    """The error for a `step.run` of what is no function, or with keyword arguments."""
    if not callable(handler):
        return not_a_function(where, handler)
    named = ", ".join(f"{name}=…" for name in unexpected)
    return StepArgumentError(
        f"{where}: step.run takes no {named}: bind keyword arguments of the handler with functools.partial"
    )


def check_callables(callables: object, where: str = "group.parallel") -> None:
    """Checks the argument of a group.

    Raises:
        StepArgumentError: it is something else.
    """
    if not isinstance(callables, tuple | list):
        raise StepArgumentError(f"{where}: expected a tuple of functions without arguments, got {callables!r}")
    for index, branch in enumerate(callables):
        if not callable(branch):
            raise not_a_function(f"{where}: callables[{index}]", branch)


def transaction_of(
    step_id: str, fn: Callable[..., object], args: tuple[object, ...], output_type: object, options: StepOptions
) -> TransactionRequest:
    """A `step.transaction`.

    Raises:
        StepArgumentError: it is no plain function.
    """
    if not callable(fn):
        raise not_a_function(f'step "{step_id}"', fn)
    if inspect.iscoroutinefunction(fn):
        raise StepArgumentError(
            f'step "{step_id}": step.transaction takes a plain function, which runs in a thread, and got the async '
            f"function {fn.__qualname__}: write it with `def`"
        )
    return TransactionRequest(step_id, fn, args, output_type, options)
