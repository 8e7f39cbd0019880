"""Errors with a code on the wire, and the recorded form of any error.

Error                          code, is_retriable, name, message, stack
├── FunctionConfigInvalidError    yours: a function's configuration
├── NonRetriableError             yours, on purpose: do not try again
├── OutputUnserializableError     yours: a step or function returned what JSON cannot hold
└── …                             the rest of the tree is drawn in inngest.errors
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import ClassVar, NamedTuple


class ErrorCode(enum.StrEnum):
    """Codes of errors as they stand on the wire: a caller in any language tells errors apart by them."""

    ASYNC_UNSUPPORTED = "async_unsupported"
    BODY_INVALID = "body_invalid"
    DEFER_REJECTED = "defer_rejected"
    DETERMINISM = "determinism"
    ENGINE_BUSY = "engine_busy"
    EVENT_INVALID = "event_invalid"
    EVENT_KEY_UNSPECIFIED = "event_key_unspecified"
    FUNCTION_CONFIG_INVALID = "function_config_invalid"
    FUNCTION_NOT_FOUND = "function_not_found"
    FUNCTION_OVERFLOWED = "function_overflowed"
    HEADER_MISSING = "header_missing"
    NON_RETRIABLE = "non_retriable_error"
    OUTPUT_TOO_LARGE = "output_too_large"
    OUTPUT_UNSERIALIZABLE = "output_unserializable"
    QUERY_PARAM_MISSING = "query_param_missing"
    REGISTRATION_FAILED = "registration_failed"
    RETRY_AFTER = "retry_after_error"
    SEND_EVENTS = "send_event_failed"
    SIG_VERIFICATION_FAILED = "sig_verification_failed"
    SIGNAL_SWALLOWED = "signal_swallowed"
    SIGNING_KEY_MISSING = "signing_key_unspecified"
    STATE_OVERFLOWED = "state_overflowed"
    STEP_ARGUMENT = "step_argument"
    STEP_ERRORED = "step_errored"
    STEP_ID_TAKEN = "step_id_taken"
    STEP_INTERRUPTED = "step_interrupted"
    STEP_NESTED = "step_nested"
    STEP_NOT_AWAITED = "step_not_awaited"
    STEP_OUTSIDE = "step_outside"
    STEP_TIMEOUT = "step_timeout"
    STEP_TRANSACTION = "step_transaction"
    STEP_UNEXPECTED = "step_unexpected"
    STORE = "store"
    TIMEOUT_TOO_LONG = "timeout_too_long"
    UNKNOWN = "unknown"
    URL_INVALID = "url_invalid"
    WORKER_LOST = "worker_lost"


class Error(Exception):
    """The root of every error that this package raises.

    Attributes:
        code: its code on the wire.
        is_retriable: whether a run that meets it is tried again.
        message: its text.
        name: its class name.
        stack: its traceback as text, or None.
    """

    code: ClassVar[ErrorCode] = ErrorCode.UNKNOWN
    is_retriable: bool = True
    include_stack: bool = True
    stack: str | None = None

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or "")

    @property
    def message(self) -> str:
        """The error's text."""
        return str(self.args[0]) if self.args else ""

    @property
    def name(self) -> str:
        """The error's class name."""
        return type(self).__name__


class FunctionConfigInvalidError(Error):
    """A function's configuration is wrong; the text is `field: reason`."""

    code = ErrorCode.FUNCTION_CONFIG_INVALID
    is_retriable = False


class NonRetriableError(Error):
    """Raise it in a function or a step to stop retrying.

    In a step it is recorded at once as that step's failure; uncaught, it fails the run.

    Args:
        message: what went wrong.
        quiet: do not log it.
    """

    code = ErrorCode.NON_RETRIABLE
    is_retriable = False
    quiet = False  # here too, for a subclass whose __init__ does not call this one

    def __init__(self, message: str | None = None, quiet: bool = False) -> None:
        super().__init__(message)
        self.quiet = quiet


class BodyInvalidError(Error):
    """The body of a request or of an answer is not what the protocol says."""

    code = ErrorCode.BODY_INVALID
    is_retriable = False


class FunctionNotFoundError(Error):
    """A server asked for a function that is not served here."""

    code = ErrorCode.FUNCTION_NOT_FOUND
    is_retriable = False


class HeaderMissingError(Error):
    """A request lacks a header that the protocol needs."""

    code = ErrorCode.HEADER_MISSING
    is_retriable = False


class QueryParamMissingError(Error):
    """A request lacks a parameter of its URL that the protocol needs."""

    code = ErrorCode.QUERY_PARAM_MISSING
    is_retriable = False


class RegistrationFailedError(Error):
    """A server did not take the functions of an app."""

    code = ErrorCode.REGISTRATION_FAILED


class SigVerificationFailedError(Error):
    """The signature of a request is not that of the signing key."""

    code = ErrorCode.SIG_VERIFICATION_FAILED
    is_retriable = False


class StepUnexpectedError(Error):
    """A server asked for one step, and the code came to another."""

    code = ErrorCode.STEP_UNEXPECTED


class UnknownError(Error):
    """An error that has no code of its own."""

    code = ErrorCode.UNKNOWN


class OutputUnserializableError(Error):
    """A step or a function returned a value that JSON cannot hold. Not retried: it would return it again."""

    code = ErrorCode.OUTPUT_UNSERIALIZABLE
    is_retriable = False


class OutputTooLargeError(Error):
    """A step's output is over 4 MB, or a function's over 8 MB. Not retried: it would be again."""

    code = ErrorCode.OUTPUT_TOO_LARGE
    is_retriable = False


class ErrorInfo(NamedTuple):
    """The recorded form of an error: what a memo, an attempt or a run keeps of it."""

    name: str  # class name
    message: str
    stack: str | None = None  # traceback text
    code: str | None = None  # wire code

    def to_json(self) -> str:
        """Its JSON text; absent members are left out."""
        return json.dumps({key: value for key, value in self._asdict().items() if value is not None})

    @classmethod
    def from_mapping(cls, value: Mapping[str, object]) -> ErrorInfo:
        """From a wire object; unknown members are ignored, missing ones get the wire's defaults."""
        stack, code = value.get("stack"), value.get("code")
        return cls(
            str(value.get("name") or "Error"),
            str(value.get("message") or ""),
            str(stack) if stack is not None else None,
            str(code) if code is not None else None,
        )

    @classmethod
    def from_json(cls, text: str) -> ErrorInfo:
        """From its JSON text."""
        return cls.from_mapping(json.loads(text))
