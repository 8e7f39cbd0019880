"""The developer's errors. The whole tree is drawn in `inngest.errors`."""

from __future__ import annotations

import datetime

from inngest.protocol import durations
from inngest.protocol.errors import Error, ErrorCode, ErrorInfo, NonRetriableError
from inngest.runtime.clock import wall_clock
from inngest.runtime.raised import Signal


class RetryAfterError(Error):
    """Raise it in a function or a step to set the delay of the next attempt. It counts as an attempt.

    Args:
        message: what went wrong.
        retry_after: milliseconds or timedelta from now, or a datetime (a naive one is taken as local time).
        quiet: do not log it.

    Attributes:
        retry_after: the datetime of the next attempt.
    """

    code = ErrorCode.RETRY_AFTER
    quiet = False  # here too, for a subclass whose __init__ does not call this one

    def __init__(
        self,
        message: str | None,
        retry_after: int | datetime.timedelta | datetime.datetime,
        quiet: bool = False,
    ) -> None:
        super().__init__(message)
        self.quiet = quiet
        self._raised_at = wall_clock()
        if isinstance(retry_after, datetime.datetime):
            self.retry_after = retry_after.astimezone() if retry_after.tzinfo is None else retry_after
        else:
            self.retry_after = self._raised_at + datetime.timedelta(milliseconds=_delay(retry_after))

    @property
    def delay(self) -> int | None:
        """Milliseconds from when the error was made; never negative. None if it does not say."""
        if "retry_after" not in vars(self):  # a subclass whose __init__ does not call this one
            return None
        return max(0, durations.to_ms(self.retry_after - self._raised_at))


def _delay(value: int | datetime.timedelta) -> int:
    try:
        return durations.to_ms(value)
    except TypeError:
        raise TypeError(
            f"retry_after: expected milliseconds as int, a timedelta or a datetime, got {type(value).__name__}"
        ) from None


class StepArgumentError(Error, TypeError):
    """An argument of a step is wrong; the text says which step and argument, and what was expected."""

    code = ErrorCode.STEP_ARGUMENT
    is_retriable = False


class TransactionError(Error):
    """A `step.transaction`, or a `send` on a connection, cannot do what it promises: the text says why. The writes of a
    step's handler are rolled back, unless the text says that the handler has committed them; of what was sent, nothing
    is stored.
    """

    code = ErrorCode.STEP_TRANSACTION
    is_retriable = False


class DeferRejectedError(Error):
    """A function cannot be deferred: the run would defer more than it may. Nothing is recorded of it.

    Attributes:
        reason: "per_run_count", "per_defer_size" or "aggregate_size".
    """

    code = ErrorCode.DEFER_REJECTED
    is_retriable = False

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class StepError(Error):
    """A step failed for good: raised by the step's call, in the first run and in every replay.

    Attributes:
        name: class name of the error that the handler raised.
        message: its text.
        stack: its traceback, or None.
    """

    code = ErrorCode.STEP_ERRORED
    is_retriable = False

    def __init__(self, message: str, name: str = "StepError", stack: str | None = None) -> None:
        super().__init__(message)
        self._name = name
        self.stack = stack

    @classmethod
    def from_info(cls, info: ErrorInfo) -> StepError:
        """From its recorded form."""
        return cls(info.message, info.name, info.stack)

    @classmethod
    def of_handler(cls, info: ErrorInfo) -> StepError:
        """From what a handler raised: `except NonRetriableError` and `except RetryAfterError` catch theirs, too.

        Servers keep the names of errors, and drop their codes.
        """
        kind = _ALSO.get(info.code or _CODES.get(info.name, ""), StepError)
        return kind(info.message, info.name, info.stack)

    @property
    def name(self) -> str:
        """Class name of the error that the handler raised."""
        return self._name


class StepInterruptedError(StepError):
    """A step with `on_crash="fail"` was cut while its handler ran: its worker died, or was stopped.

    The outcome is unknown: the handler may have done all, some or nothing of its work. It is not begun again.
    """

    code = ErrorCode.STEP_INTERRUPTED


class StepNonRetriableError(StepError, NonRetriableError):
    """A step failed for good by a `NonRetriableError` of its handler. `except` catches it as the one and the other."""

    code = ErrorCode.NON_RETRIABLE


class StepRetryAfterError(StepError, RetryAfterError):
    """A step failed for good, and the last error of its handler was a `RetryAfterError`. It is not retried.

    Attributes:
        retry_after: not recorded; there is no next attempt.
    """

    code = ErrorCode.STEP_ERRORED

    def __init__(self, message: str, name: str = "RetryAfterError", stack: str | None = None) -> None:
        Error.__init__(self, message)
        self._name = name
        self.stack = stack

    @property
    def delay(self) -> None:
        """There is no next attempt."""
        return None


_ALSO: dict[str, type[StepError]] = {
    ErrorCode.STEP_INTERRUPTED.value: StepInterruptedError,
    ErrorCode.NON_RETRIABLE.value: StepNonRetriableError,
    ErrorCode.RETRY_AFTER.value: StepRetryAfterError,
}
_CODES = {
    StepInterruptedError.__name__: ErrorCode.STEP_INTERRUPTED.value,
    NonRetriableError.__name__: ErrorCode.NON_RETRIABLE.value,
    RetryAfterError.__name__: ErrorCode.RETRY_AFTER.value,
}
"""By the names of errors that are recorded without a code."""


class StepTimeoutError(Error, TimeoutError):
    """An attempt of a step took longer than its `timeout`. It counts as a failed attempt, and is tried again."""

    code = ErrorCode.STEP_TIMEOUT


class DeterminismError(Error):
    """The recorded value of a step is not of the type that the code asks for, in a run that follows changed code."""

    code = ErrorCode.DETERMINISM


class NestedStepError(Error):
    """A step was called inside another step's handler."""

    code = ErrorCode.STEP_NESTED
    is_retriable = False

    def __init__(self, inner: str, outer: str, call: str = "step") -> None:
        super().__init__(
            f'Nested steps are not supported: {call} "{inner}" was called in the handler of step "{outer}". '
            "Call it in the function's body, before or after."
        )


class StepOutsideError(Error):
    """A step was called where no invocation can see it: from a foreign event loop, or after the function ended."""

    code = ErrorCode.STEP_OUTSIDE
    is_retriable = False


class StepNotAwaitedError(Error):
    """A function ended, and had called a step without `await`: the step was not run. The text names each such call."""

    code = ErrorCode.STEP_NOT_AWAITED
    is_retriable = False


class StepIdTakenInRunError(Error):
    """A step is named as the repeat of another one would be."""

    code = ErrorCode.STEP_ID_TAKEN
    is_retriable = False


class SignalSwallowedError(Error):
    """User code caught the signal that ends an invocation, and returned."""

    code = ErrorCode.SIGNAL_SWALLOWED

    def __init__(self, function_id: str) -> None:
        super().__init__(
            f"function {function_id} caught the signal that ends an invocation while it waits, and returned: "
            "catch Exception, not BaseException, around step calls, or raise it again."
        )


class TimeoutTooLongError(Error):
    """A sleep is longer than 366 days."""

    code = ErrorCode.TIMEOUT_TOO_LONG
    is_retriable = False

    def __init__(self, step: str, does: str, length: int) -> None:
        super().__init__(f'step "{step}" {does} {length} ms; at most 366 days are allowed')


class AsyncUnsupportedError(Error):
    """Something async was used where code is not async."""

    code = ErrorCode.ASYNC_UNSUPPORTED
    is_retriable = False


class EngineBindingError(Error):
    """A client cannot be given to this engine: another one runs its functions in this process."""

    code = ErrorCode.ENGINE_BUSY
    is_retriable = False


class EventInvalidError(Error):
    """An event cannot be accepted; nothing was stored."""

    code = ErrorCode.EVENT_INVALID
    is_retriable = False


class EventKeyUnspecifiedError(Error):
    """Sending an event over HTTP in production needs an event key."""

    code = ErrorCode.EVENT_KEY_UNSPECIFIED
    is_retriable = False


class SigningKeyMissingError(Error):
    """Serving functions in production needs a signing key."""

    code = ErrorCode.SIGNING_KEY_MISSING
    is_retriable = False


class URLInvalidError(Error):
    """A URL has no domain or port."""

    code = ErrorCode.URL_INVALID
    is_retriable = False


class SendEventsError(Error):
    """Sending events failed.

    Attributes:
        ids: ids of the events that were accepted nevertheless; "" where one was not.
    """

    code = ErrorCode.SEND_EVENTS

    def __init__(self, message: str, ids: list[str]) -> None:
        super().__init__(message)
        self.ids = ids


class EndOfInvocation(Signal):
    """A control signal, not an error: this invocation is over, and the code is being unwound.

    It derives from BaseException so that `except Exception` in user code does not catch it.
    """
