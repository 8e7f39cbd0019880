"""The configuration of a function as given to `create_function`, checked at once."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Sequence
from typing import TypeVar

from inngest.protocol import config, durations, limits, texts
from inngest.protocol.errors import FunctionConfigInvalidError

from .function import FunctionOptions

B = TypeVar("B")
C = TypeVar("C")


def text(field: str, value: object) -> str:
    """A text that is not empty.

    Raises:
        FunctionConfigInvalidError: it is not one.
    """
    if not isinstance(value, str) or not value.strip():
        raise FunctionConfigInvalidError(f"{field}: expected a text that is not empty, got {value!r}")
    if reason := texts.problem(value):
        raise FunctionConfigInvalidError(f"{field}: {reason}: {value!r}")
    return value


def expression(field: str, value: object) -> str:
    """An expression on `event`.

    Raises:
        FunctionConfigInvalidError: it is none; says where.
    """
    from inngest.expressions.code import compile_text  # noqa: PLC0415 - most processes have no expression

    written = text(field, value)
    try:
        compile_text(written, ("event", "vars"))
    except ValueError as error:
        raise FunctionConfigInvalidError(f"{field}: {error}") from None
    return written


def middleware(field: str, value: Sequence[C] | None) -> tuple[C, ...]:
    """Classes or factories of middleware.

    Raises:
        FunctionConfigInvalidError: something else is there; an instance, for example.
    """
    expected = "expected a list of middleware classes, or factories (client, raw_request) -> instance"
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise FunctionConfigInvalidError(f"{field}: {expected}, got {value!r}")
    for one in value:
        if not callable(one):
            raise FunctionConfigInvalidError(f"{field}: {expected}, got {one!r} in it")
    return tuple(value)


def timeout(value: object) -> float:
    """Seconds of the client's `request_timeout`.

    Raises:
        FunctionConfigInvalidError: no duration, or none that anything can be done in.
    """
    expected = "request_timeout: expected milliseconds as int, or a timedelta, over 0"
    if isinstance(value, bool) or not isinstance(value, int | datetime.timedelta) or durations.to_ms(value) <= 0:
        raise FunctionConfigInvalidError(f"{expected}, got {value!r}")
    return durations.to_ms(value) / 1000


def outbox(value: B) -> B:
    """Where a client sends in transactions.

    Raises:
        FunctionConfigInvalidError: it is something else: a URL, for example.
    """
    if value is not None and not callable(getattr(value, "put", None)):
        raise FunctionConfigInvalidError(
            f'outbox: expected inngest.Outbox("sqlite:///inngest.db"), or of another URL, got {value!r:.200}'
        )
    return value


def as_checkpointing(value: config.Checkpointing | bool) -> config.Checkpointing | bool:
    """Whether, and when, results of steps are sent while served code goes on.

    Raises:
        FunctionConfigInvalidError: something else.
    """
    if not isinstance(value, bool | config.Checkpointing):
        raise FunctionConfigInvalidError(f"checkpointing: expected inngest.Checkpointing, or a bool, got {value!r}")
    return value


def check(
    *,
    fn_id: str,
    trigger: object,
    name: str | None,
    retries: int | None,
    on_change: object,
    batch_events: config.Batch | None,
    cancel: Sequence[config.Cancel] | None,
    checkpointing: config.Checkpointing | bool | None,
    concurrency: Sequence[config.Concurrency] | None,
    debounce: config.Debounce | None,
    idempotency: str | None,
    priority: config.Priority | None,
    rate_limit: config.RateLimit | None,
    singleton: config.Singleton | None,
    throttle: config.Throttle | None,
    timeouts: config.Timeouts | None,
) -> FunctionOptions:
    """The checked options.

    Raises:
        FunctionConfigInvalidError: `field: reason`.
    """
    single: dict[str, tuple[object, type]] = {
        "batch_events": (batch_events, config.Batch),
        "debounce": (debounce, config.Debounce),
        "priority": (priority, config.Priority),
        "rate_limit": (rate_limit, config.RateLimit),
        "singleton": (singleton, config.Singleton),
        "throttle": (throttle, config.Throttle),
        "timeouts": (timeouts, config.Timeouts),
    }
    for field, (value, expected) in single.items():
        if value is not None and not isinstance(value, expected):
            raise FunctionConfigInvalidError(f"{field}: expected inngest.{expected.__name__}, got {value!r}")
    if batch_events is not None:
        given = {
            "cancel": cancel,
            "debounce": debounce,
            "idempotency": idempotency,
            "priority": priority,
            "rate_limit": rate_limit,
            "singleton": singleton,
            "timeouts.start": timeouts and timeouts.start,
        }
        for field, other in given.items():
            if other:
                raise FunctionConfigInvalidError(f"{field}: cannot be combined with batch_events")
    if on_change not in ("hold", "follow"):
        raise FunctionConfigInvalidError(f'on_change: expected "hold" or "follow", got {on_change!r}')
    return FunctionOptions(
        fn_id=text("fn_id", fn_id),
        name=text("name", name) if name is not None else fn_id,
        triggers=_triggers(trigger),
        retries=_retries(fn_id, retries),
        on_change=str(on_change),
        batch_events=batch_events,
        checkpointing=None if checkpointing is None else as_checkpointing(checkpointing),
        cancel=_several("cancel", cancel, config.Cancel, limits.MAX_CANCELS),
        concurrency=_concurrency(concurrency),
        debounce=debounce,
        idempotency=None if idempotency is None else expression("idempotency", idempotency),
        priority=priority,
        rate_limit=rate_limit,
        singleton=singleton,
        throttle=throttle,
        timeouts=timeouts,
    )


def _triggers(trigger: object) -> tuple[config.Trigger, ...]:
    given = trigger if isinstance(trigger, list | tuple) else [trigger]
    if not 1 <= len(given) <= limits.MAX_TRIGGERS:
        raise FunctionConfigInvalidError(f"trigger: expected 1 to {limits.MAX_TRIGGERS} triggers, got {len(given)}")
    checked: list[config.Trigger] = []
    for one in given:
        if not isinstance(one, config.TriggerEvent | config.TriggerCron):
            hint = f": give inngest.TriggerEvent(event={one!r})" if isinstance(one, str) else ""
            raise FunctionConfigInvalidError(
                f"trigger: expected inngest.TriggerEvent or TriggerCron, got {one!r}{hint}"
            )
        checked.append(one)
    return tuple(checked)


def _retries(fn_id: str, retries: int | None) -> int:
    if retries is None:
        return limits.DEFAULT_RETRIES
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise FunctionConfigInvalidError(
            f"retries: expected a whole number from 0 to {limits.MAX_RETRIES}, got {retries!r}"
        )
    if retries > limits.MAX_RETRIES:
        warnings.warn(
            f'function "{fn_id}": retries={retries} is over the limit, {limits.MAX_RETRIES} are used', stacklevel=4
        )
        return limits.MAX_RETRIES
    return retries


def _several(field: str, values: Sequence[C] | None, expected: type[C], most: int) -> tuple[C, ...]:
    if values is None:
        return ()
    if not isinstance(values, list | tuple):
        hint = ": put it into a list" if isinstance(values, expected) else ""
        raise FunctionConfigInvalidError(
            f"{field}: expected a list of inngest.{expected.__name__}, got {values!r}{hint}"
        )
    for value in values:
        if not isinstance(value, expected):
            raise FunctionConfigInvalidError(f"{field}: expected inngest.{expected.__name__}, got {value!r}")
    if len(values) > most:
        raise FunctionConfigInvalidError(f"{field}: at most {most} are allowed, got {len(values)}")
    return tuple(values)


def _concurrency(values: Sequence[config.Concurrency] | None) -> tuple[config.Concurrency, ...]:
    checked = _several("concurrency", values, config.Concurrency, limits.MAX_CONCURRENCY_LIMITS)
    if sum(value.key is None for value in checked) > 1:
        raise FunctionConfigInvalidError("concurrency: only one limit without a key is allowed")
    return checked
