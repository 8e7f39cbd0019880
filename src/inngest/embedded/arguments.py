"""Arguments of the methods of `Engine`, checked before anything is done with them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from inngest.engine.domain.model import RunStatus
from inngest.protocol import codec, durations, limits, texts, ulids
from inngest.sdk.events import Event, to_sent
from inngest.sdk.function import Function
from inngest.sdk.serializers import Serializer

from .errors import EngineConfigError

MAX_LIMIT = 10_000
"""Runs in one answer: they are all in memory at once."""


def timeout_of(timeout: int | datetime.timedelta | None) -> float | None:
    """Seconds to wait; None for ever.

    Raises:
        EngineConfigError: not a duration.
    """
    if timeout is None:
        return None
    try:
        return max(0, durations.to_ms(timeout)) / 1000
    except TypeError as error:
        raise EngineConfigError(f"timeout: {error}") from None


def function_id_of(function: object) -> str:
    """The id of a function that is to run.

    Raises:
        EngineConfigError: not a function made by `create_function`.
    """
    if not isinstance(function, Function):
        hint = ": Engine.start_run starts a function by its id" if isinstance(function, str) else ""
        raise EngineConfigError(f"fn: expected a function made by create_function, got {function!r}{hint}")
    return function.id


def id_of(name: str, value: object) -> str:
    """The id of a run or an event, as an argument.

    Raises:
        EngineConfigError: not a text.
    """
    if isinstance(value, str):
        return texts.stored(value)
    known = getattr(value, "id", None)
    hint = f": its id is {known!r}" if isinstance(known, str) else ""
    raise EngineConfigError(f"{name}: expected an id as str, got {value!r:.80}{hint}")


def named_function(name: str, value: object) -> str:
    """The id of a function that is given itself, or by its id.

    Raises:
        EngineConfigError: neither.
    """
    if isinstance(value, Function):
        return value.id
    if isinstance(value, str):
        return texts.stored(value)
    raise EngineConfigError(f"{name}: expected a function made by create_function, or its id, got {value!r:.80}")


def function_of_runs(value: object) -> str | None:
    """The id of the function whose runs are wanted; None for those of all.

    Raises:
        EngineConfigError: no function, and no id that one may have.
    """
    if value is None:
        return None
    function_id = named_function("function", value)
    if function_id and "-" not in function_id:
        raise EngineConfigError(f"function: expected an id as app-function, got {function_id!r}")
    return function_id


def before_of(before: object) -> str | None:
    """The id of a run; None if there is none.

    Raises:
        EngineConfigError: no id of a run.
    """
    if before is None:
        return None
    run_id = id_of("before", before)
    try:
        ulids.read(run_id)
    except ValueError:
        raise EngineConfigError(f"before: expected the id of a run, got {run_id!r:.80}") from None
    return run_id


def data_of(data: Mapping[str, object] | None, serializer: Serializer | None) -> str:
    """The data of an event that starts a run, as JSON.

    Raises:
        EngineConfigError: not a mapping.
        EventInvalidError: it cannot be written as JSON, or it is over 3 MB.
    """
    if data is not None and not isinstance(data, Mapping):
        raise EngineConfigError(f"data: expected a dict, or None, got {data!r:.80}")
    given = data or {}
    named = all(isinstance(key, str) for key in given)  # then there is nothing that pydantic would refuse
    event = Event.model_construct(name="invoke", data=given, id="", ts=0) if named else Event(name="invoke", data=given)
    return to_sent([event], serializer)[0].data


class Rerun(NamedTuple):
    """How a run is to be run again."""

    step: str | None  # from which on; None: from the start
    given: str | None  # JSON text: with a step an array, its handler's arguments; without, an object, the event's data


def rerun_of(from_step: object, given: object) -> Rerun:
    """How a run is to be run again.

    Args:
        from_step: id of a step, or None.
        given: with a step a list of arguments, else the event's data; or None.

    Raises:
        EngineConfigError: they are wrong, or cannot be written as JSON, or are too large.
        EventInvalidError: the event's data cannot be written as JSON, or are over 3 MB.
    """
    step = None if from_step is None else id_of("from_step", from_step)
    if given is None:
        return Rerun(step, None)
    if step is None:
        if not isinstance(given, Mapping):
            text = "without from_step it is the event's data"
            raise EngineConfigError(f"input: expected a dict, as {text}, got {given!r:.80}")
        return Rerun(None, data_of(given, None))
    if not isinstance(given, Sequence) or isinstance(given, str | bytes | bytearray):
        raise EngineConfigError(f"input: expected a list of the step's arguments, got {given!r:.80}")
    try:
        text = codec.dumps(list(given))
    except codec.NotJsonError as error:
        raise EngineConfigError(f"input: {error}") from None
    if (size := codec.size(text)) > limits.MAX_STEP_OUTPUT:
        raise EngineConfigError(f"input: {size:,} bytes of JSON; at most {limits.MAX_STEP_OUTPUT:,} are allowed")
    return Rerun(step, text)


def status_of(status: RunStatus | str | None) -> RunStatus | None:
    """The status that runs are to be in.

    Raises:
        EngineConfigError: there is no such status.
    """
    if status is None:
        return None
    try:
        return RunStatus(status)
    except ValueError:
        raise EngineConfigError(f"status: expected one of {', '.join(RunStatus)}, got {status!r}") from None


def limit_of(limit: int) -> int:
    """How many runs are wanted.

    Raises:
        EngineConfigError: not a number from 1 to 10,000.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise EngineConfigError(f"limit: expected a whole number from 1 to {MAX_LIMIT:,}, got {limit!r}")
    return limit
