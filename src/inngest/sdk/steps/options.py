"""Options of single steps: how often one is tried, when, on what, and how long an attempt may take."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, replace

from inngest.protocol import durations, limits
from inngest.protocol.errors import FunctionConfigInvalidError
from inngest.sdk.errors import RetryAfterError

Exceptions = type[BaseException] | tuple[type[BaseException], ...]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays between the attempts of a step: `initial`, then each `factor` times the one before, up to `maximum`.

    Args:
        initial: before the second attempt; milliseconds or timedelta.
        factor: at least 1.
        maximum: the longest delay; milliseconds or timedelta, at most 24 h.

    Raises:
        FunctionConfigInvalidError: a value is wrong.
    """

    initial: int | datetime.timedelta
    factor: float = 2.0
    maximum: int | datetime.timedelta = limits.RETRY_AFTER_MAX

    def __post_init__(self) -> None:
        _ms("backoff.initial", self.initial, 0, limits.RETRY_AFTER_MAX)
        _ms("backoff.maximum", self.maximum, 0, limits.RETRY_AFTER_MAX)
        factor = self.factor
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 1 <= factor < math.inf:
            raise FunctionConfigInvalidError(f"backoff.factor: expected a number of at least 1, got {factor!r}")

    def delay(self, attempt: int) -> int:
        """Milliseconds until the attempt after `attempt`, which is counted from 0."""
        initial, maximum = durations.to_ms(self.initial), durations.to_ms(self.maximum)
        if initial == 0:
            return 0
        try:
            return round(min(initial * self.factor**attempt, maximum))
        except OverflowError:
            return maximum


@dataclass(frozen=True, slots=True)
class StepOptions:
    """The options of one call of a step, checked."""

    retries: int | None = None  # None: the function's
    backoff: Backoff | None = None  # None: the engine's table
    timeout: int | None = None  # ms that each attempt has; None: no limit
    retry_on: tuple[type[BaseException], ...] | None = None  # None: whatever may be tried again
    once: bool = False  # no attempt is begun again whose outcome nobody knows
    kind: str | None = None  # what middleware and servers are told that it is; None for an ordinary step

    @property
    def max_attempts(self) -> int | None:
        """How many attempts there are at most; None: as many as the function's."""
        return None if self.retries is None else self.retries + 1

    @property
    def opts(self) -> dict[str, object] | None:
        """The members of the wire's `opts`; None if there are none."""
        return None if self.kind is None else {"type": self.kind}

    def of_kind(self, kind: str) -> StepOptions:
        """The same for another kind of step."""
        return replace(self, kind=kind)

    def may_retry(self, error: BaseException, attempt: int) -> bool:
        """Whether these options allow another attempt after this one."""
        if self.retries is not None and attempt >= self.retries:
            return False
        kind = type(error)  # `isinstance` may ask the exception itself, which may raise
        if self.retry_on is None or issubclass(kind, RetryAfterError):
            return True
        return issubclass(kind, self.retry_on)

    def delay(self, attempt: int) -> int | None:
        """Milliseconds until the attempt after this one; None: as the engine's table says."""
        return None if self.backoff is None else self.backoff.delay(attempt)


DEFAULT = StepOptions()


def check(
    retries: int | None,
    backoff: int | datetime.timedelta | Backoff | None,
    timeout: int | datetime.timedelta | None,
    retry_on: Exceptions | None,
    on_crash: object,
) -> StepOptions:
    """Options as a developer gave them.

    Raises:
        FunctionConfigInvalidError: `field: reason`.
    """
    most = limits.MAX_RETRIES
    if retries is not None and (isinstance(retries, bool) or not isinstance(retries, int) or not 0 <= retries <= most):
        raise FunctionConfigInvalidError(f"retries: expected a whole number from 0 to {most}, got {retries!r}")
    if backoff is not None and not isinstance(backoff, Backoff):
        backoff = Backoff(_ms("backoff", backoff, 0, limits.RETRY_AFTER_MAX), 1)
    if on_crash not in ("retry", "fail"):
        raise FunctionConfigInvalidError(f'on_crash: expected "retry" or "fail", got {on_crash!r}')
    return StepOptions(
        retries=retries,
        backoff=backoff,
        timeout=None if timeout is None else _ms("timeout", timeout, 1, limits.MAX_SLEEP),
        retry_on=_exceptions(retry_on),
        once=on_crash == "fail",
    )


def _exceptions(retry_on: object) -> tuple[type[BaseException], ...] | None:
    if retry_on is None:
        return None
    classes: list[type[BaseException]] = []
    for one in retry_on if isinstance(retry_on, tuple) else (retry_on,):
        if not (isinstance(one, type) and issubclass(one, BaseException)):
            raise FunctionConfigInvalidError(f"retry_on: expected an exception class or a tuple of them, got {one!r}")
        classes.append(one)
    return tuple(classes)


def _ms(field: str, value: object, least: int, most: int) -> int:
    expected = f"expected milliseconds as int, or a timedelta, from {least} to {most} ms"
    if isinstance(value, bool) or not isinstance(value, int | datetime.timedelta):
        raise FunctionConfigInvalidError(f"{field}: {expected}, got {value!r}")
    ms = durations.to_ms(value)
    if not least <= ms <= most:
        raise FunctionConfigInvalidError(f"{field}: {expected}, got {value!r}")
    return ms
