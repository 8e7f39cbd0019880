"""The configuration of a function: what a developer writes, checked at once, and its wire form."""

import datetime
import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

import pydantic

from inngest.cron import expression as crons

from . import durations, events, limits, texts
from .errors import FunctionConfigInvalidError
from .raw import RawModel


def _span(low_ms: int = limits.SECOND, high_ms: int | None = None) -> pydantic.AfterValidator:
    """Checks that a duration can be written on the wire and lies in a range of milliseconds."""

    def check(value: durations.Duration) -> durations.Duration:
        durations.to_text(value)  # says what cannot be written on the wire
        ms = durations.to_ms(value)
        if ms < low_ms:
            raise ValueError(f"must be at least {durations.to_text(low_ms)}, got {durations.to_text(ms)}")
        if high_ms is not None and ms > high_ms:
            raise ValueError(f"must be at most {durations.to_text(high_ms)}, got {durations.to_text(ms)}")
        return value

    return pydantic.AfterValidator(check)


def _is_duration(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | datetime.timedelta):
        raise ValueError(f"expected milliseconds as int, or a timedelta, got {value!r}")
    return value


def _is_text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    if reason := texts.problem(value):
        raise ValueError(f"{reason}: {value!r}")
    return value


def _is_expression(*variables: str, restrictive: bool = False) -> pydantic.AfterValidator:
    """Checks that an expression compiles, with the variables it may read; an ExpressionError says where it does not."""

    def check(value: str) -> str:
        from inngest.expressions.code import compile_text  # noqa: PLC0415 - most processes have no expression

        compile_text(value, variables, restrictive=restrictive)
        return value

    return pydantic.AfterValidator(check)


def _is_trigger(value: str) -> str:
    if "*" in value and not (value.endswith(("/*", ".*")) and value.count("*") == 1 and len(value) > 2):
        raise ValueError(f'"*" may only stand at the end, after "/" or ".", as in "app/*": {value!r}')
    return value


def _can_come(value: str) -> str:
    if reason := events.listening_problem(value):
        raise ValueError(f"{reason}; got {value!r}")
    return value


def _is_cron(value: str) -> str:
    crons.parse(value)
    return value


_Dur = Annotated[int | datetime.timedelta, pydantic.BeforeValidator(_is_duration)]
_AnyDuration = Annotated[_Dur, _span()]
_CancelTimeout = Annotated[_Dur, _span(high_ms=limits.MAX_CANCEL_TIMEOUT)]
_DebouncePeriod = Annotated[_Dur, _span(high_ms=limits.WEEK)]
_RatePeriod = Annotated[_Dur, _span(high_ms=limits.DAY)]
_Text = Annotated[str, pydantic.AfterValidator(_is_text)]
_OfEvent = Annotated[_Text, _is_expression("event", "vars")]
_OfBoth = Annotated[_Text, _is_expression("async", "event", "vars", restrictive=True)]
_EventName = Annotated[str, pydantic.Field(max_length=limits.MAX_TRIGGER_EVENT_NAME), pydantic.AfterValidator(_is_text)]
_TriggerName = Annotated[_EventName, pydantic.AfterValidator(_is_trigger)]
_CronText = Annotated[str, pydantic.AfterValidator(_is_cron)]


def explain(error: pydantic.ValidationError, prefix: str = "") -> FunctionConfigInvalidError:
    """The first problem of a validation as `field: reason`, with what was given."""
    problem = error.errors(include_url=False)[0]
    field = ".".join([*([prefix] if prefix else []), *(str(part) for part in problem["loc"][:1])]) or "value"
    return FunctionConfigInvalidError(f"{field}: {_reason(problem)}")


def _reason(problem: Any) -> str:
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return reason if problem["type"] in ("value_error", "missing") else f"{reason} (got {problem['input']!r})"


class _AllWrong(Exception):
    """Everything that is wrong with a model that comes over the wire. Pydantic takes it for none of its problems."""

    def __init__(self, error: pydantic.ValidationError) -> None:
        self.error = error


class ConfigModel(RawModel, pydantic.BaseModel):
    """The root of the configuration models: keyword arguments only, no coercion, nothing unknown.

    Raises:
        FunctionConfigInvalidError: `field: reason`.
    """

    model_config = pydantic.ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)
    wire_names: ClassVar[Mapping[str, str]] = {}
    wire_defaults: ClassVar[Mapping[str, object]] = {}
    """What is not sent: a server knows these fields only if it honours them."""
    wire_units: ClassVar[Sequence[str]] = ("w", "d", "h", "m")

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def _say_which_field(cls, value: object, build: Callable[[object], Self], info: pydantic.ValidationInfo) -> Self:
        try:
            return build(value)
        except pydantic.ValidationError as error:
            raise (explain(error, cls.__name__) if info.context is None else _AllWrong(error)) from None

    @pydantic.model_serializer(mode="wrap")
    def _as_wire(
        self, dump: pydantic.SerializerFunctionWrapHandler, info: pydantic.SerializationInfo
    ) -> dict[str, object]:
        """The result of `model_dump`: durations as text, and with `by_alias` the wire names."""
        dumped: dict[str, object] = dump(self)
        for field in _DURATIONS & dumped.keys():
            if (value := getattr(self, field)) is not None:
                dumped[field] = durations.to_text(value, self.wire_units)
        return {self.wire_names.get(name, name): one for name, one in dumped.items()} if info.by_alias else dumped

    @classmethod
    def _members(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        names = {wire: field for field, wire in cls.wire_names.items()}
        members = super()._members({names.get(name, name): value for name, value in raw.items()})
        texts_of = {field: members[field] for field in _DURATIONS & members.keys() if isinstance(members[field], str)}
        return {**members, **{field: durations.parse(text) for field, text in texts_of.items()}}

    def to_wire(self) -> dict[str, object]:
        """Its members under their wire names; durations as text, absent members left out."""
        wire: dict[str, object] = {}
        for field in type(self).model_fields:
            value = getattr(self, field)
            if value is None or (field in self.wire_defaults and value == self.wire_defaults[field]):
                continue
            if field in _DURATIONS:
                value = durations.to_text(value, self.wire_units)
            wire[self.wire_names.get(field, field)] = value
        return wire


_DURATIONS = frozenset(("finish", "period", "start", "timeout"))

M = TypeVar("M", bound=ConfigModel)


def read(kind: type[M], wire: Mapping[str, object]) -> tuple[M | None, Sequence[tuple[str, str]]]:
    """The model of a wire object: names in any case; nulls and members that nobody knows are ignored.

    Returns:
        The model, or None; and everything that is wrong with it: the name of a member, and why.
    """
    names = {kind.wire_names.get(field, field).lower(): field for field in kind.model_fields}
    members: dict[str, object] = {}
    wrong: dict[str, str] = {}
    for name, value in wire.items():
        field = names.get(name.lower())
        if field is None or value is None:
            continue
        try:
            members[field] = _parsed(value) if field in _DURATIONS else value
        except ValueError as error:
            wrong[field] = str(error)
    try:
        made = kind.model_validate(members, context=kind)
    except _AllWrong as all_wrong:
        for problem in all_wrong.error.errors(include_url=False):
            wrong.setdefault(str(problem["loc"][0]) if problem["loc"] else "", _reason(problem))
    except FunctionConfigInvalidError as error:
        wrong.setdefault("", error.message)
    else:
        if not wrong:
            return made, ()
    return None, [(kind.wire_names.get(field, field), reason) for field, reason in wrong.items()]


def _parsed(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError(f"expected a duration such as 30s, 5m, 1h30m or 7d, got {value!r}")
    return durations.parse(value)


class Batch(ConfigModel):
    """Collects events and starts one run for them.

    Args:
        max_size: start when this many events have come; at least 2.
        timeout: start at the latest this long after the first event; at least 1 s. None waits until it is full.
        key: CEL expression on `event`; one batch per value.
        if_exp: CEL expression on `event`; events for which it is false start a run of their own at once.
    """

    wire_names = {"max_size": "maxSize", "if_exp": "if"}
    wire_units = ("h", "m")  # a server takes no days or weeks here
    max_size: Annotated[int, pydantic.Field(ge=2)]
    timeout: _AnyDuration | None = None
    key: _OfEvent | None = None
    if_exp: _OfEvent | None = None


class Cancel(ConfigModel):
    """Cancels a run when an event comes.

    Args:
        event: name of the event.
        if_exp: CEL expression on `event` (what started the run) and `async` (the event that has come); comparisons
            and logic only.
        timeout: listen only this long after the run was created; at most 366 days.
    """

    wire_names = {"if_exp": "if"}
    event: Annotated[_EventName, pydantic.AfterValidator(_can_come)]
    if_exp: _OfBoth | None = None
    timeout: _CancelTimeout | None = None


class Concurrency(ConfigModel):
    """Limits how many steps execute at the same time. Sleeping and waiting runs do not count.

    Args:
        limit: how many; 0 means no limit.
        key: CEL expression on `event`; the limit holds for each value.
        scope: what shares the limit: this function (default), or every function with the same key in the
            environment or account; a key is required then.
    """

    key: _OfEvent | None = None
    limit: Annotated[int, pydantic.Field(ge=0)]
    scope: Literal["account", "env", "fn"] | None = None

    @pydantic.model_validator(mode="after")
    def _shared_needs_a_key(self) -> Self:
        if self.scope in ("account", "env") and self.key is None:
            raise FunctionConfigInvalidError(f"Concurrency.key: scope {self.scope!r} needs a key")
        return self


class Debounce(ConfigModel):
    """Waits until no event has come for a while, then starts one run with the last.

    Args:
        period: how long no event may come; 1 s to 7 d.
        key: CEL expression on `event`; one debounce per value.
        timeout: start at the latest this long after the first event.
    """

    key: _OfEvent | None = None
    period: _DebouncePeriod
    timeout: _AnyDuration | None = None


class Priority(ConfigModel):
    """Moves a run forward or back in the queue.

    Args:
        run: CEL expression on `event` that gives seconds, clamped to ±600: 60 counts the run as a minute older.
    """

    run: _OfEvent


class RateLimit(ConfigModel):
    """Starts no more than `limit` runs in any window of length `period`; surplus events start nothing.

    Args:
        limit: how many; at least 1.
        period: 1 s to 24 h.
        key: CEL expression on `event`; the limit holds for each value.
    """

    key: _OfEvent | None = None
    limit: Annotated[int, pydantic.Field(ge=1)]
    period: _RatePeriod


class Singleton(ConfigModel):
    """Keeps at most one unfinished run.

    Args:
        mode: "skip" drops the new run, "cancel" cancels the old one.
        key: CEL expression on `event`; one run per value.
    """

    key: _OfEvent | None = None
    mode: Literal["skip", "cancel"]


class Throttle(ConfigModel):
    """Spreads the starts of runs over time; surplus runs wait.

    Args:
        limit: how many starts per period; at least 1.
        period: at least 1 s.
        key: CEL expression on `event`; the limit holds for each value.
        burst: how many may start at once; 1 spaces them evenly.
    """

    key: _OfEvent | None = None
    limit: Annotated[int, pydantic.Field(ge=1)]
    period: _AnyDuration
    burst: Annotated[int, pydantic.Field(ge=1)] = 1


class Timeouts(ConfigModel):
    """Cancels runs that are late.

    Args:
        start: cancel a run that has not begun this long after it could: after it was created, or the `ts` of its event.
        finish: cancel a run that has not ended this long after it began.
    """

    start: _AnyDuration | None = None
    finish: _AnyDuration | None = None


class TriggerEvent(ConfigModel):
    """Starts a run for each event of a name.

    Args:
        event: the name; `a/*` and `a.*` match every name that begins so, but for those that begin with `inngest/`.
        expression: CEL expression on `event`; only events for which it is true start a run.
    """

    event: _TriggerName
    expression: _OfEvent | None = None


class TriggerCron(ConfigModel):
    """Starts runs on a schedule.

    Args:
        cron: five fields, with an optional `TZ=Area/City ` in front (default UTC).
        jitter: delays each run by up to this long (`"30s"`, 1 s to 5 min), never to the next tick, spread by function
            and tick.
        catch_up: what becomes of ticks that were missed while nothing ran: `"none"` starts no run for them, `"last"`
            one for the last of them, `"all"` one for each.
        overlap: what becomes of a tick while the run of an earlier one is unfinished: `"allow"` starts its run
            beside it, `"skip"` starts none, `"cancel"` cancels the earlier run first.
        catch_up_limit: with `catch_up="all"`, at most so many runs, of the last ticks; 1 to 10,000.
    """

    wire_names = {"catch_up": "catchUp", "catch_up_limit": "catchUpLimit"}
    wire_defaults = {"catch_up": "none", "overlap": "allow", "catch_up_limit": limits.DEFAULT_CATCH_UP}
    cron: _CronText
    jitter: str | None = None
    catch_up: Literal["none", "last", "all"] = "none"
    overlap: Literal["allow", "skip", "cancel"] = "allow"
    catch_up_limit: Annotated[int, pydantic.Field(ge=1, le=limits.MAX_CATCH_UP)] = limits.DEFAULT_CATCH_UP

    @pydantic.field_validator("jitter")
    @classmethod
    def _jitter_in_range(cls, value: str | None) -> str | None:
        if value is not None and not limits.SECOND <= durations.parse(value) <= limits.MAX_JITTER:
            raise ValueError(f"must be from 1s to 5m, got {value!r}")
        return value


Trigger = TriggerEvent | TriggerCron


class Checkpointing(ConfigModel):
    """Says when a served function sends results of steps to its server while its code goes on.

    Args:
        buffered_steps: send them when so many have come; at least 1. More are faster, and as many may run again after a
            crash.
        max_interval: send them with the next result if this long has passed since the last; None for never.
        max_runtime: answer the call with the next result when it has taken this long, so that no proxy gives up on it.
    """

    buffered_steps: Annotated[int, pydantic.Field(ge=1)] = 1
    max_interval: _AnyDuration | None = None
    max_runtime: _AnyDuration = 10 * limits.SECOND


class Streaming(enum.Enum):
    """Whether a served function's answer begins before the function has ended, so that no proxy gives up on it."""

    DISABLE = "disable"
    FORCE = "force"
