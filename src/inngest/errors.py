"""Every error that this package raises.

Error                              the root: code, is_retriable, name, message, stack
│
│ raised by you, in a function
├── NonRetriableError              do not try again
├── RetryAfterError                try again, then
│
│ raised into your function
├── AsyncUnsupportedError          async code in a plain function
├── DeferRejectedError             over 20 defers in a run, or over 4 MB
├── DeterminismError               a recorded value is not of the type that the code asks for
├── NestedStepError                a step inside a step's handler
├── OutputTooLargeError            a step returned over 4 MB, or a function over 8 MB
├── OutputUnserializableError      a step or function returned what JSON cannot hold
├── SignalSwallowedError           `except BaseException` around a step that waits
├── StepArgumentError              a wrong argument of a step that waits, such as an expression
├── StepError                      a step failed for good
│   ├── StepInterruptedError       on_crash="fail", and its worker died or stopped meanwhile
│   ├── StepNonRetriableError      by a NonRetriableError of its handler, which it is, too
│   └── StepRetryAfterError        by a RetryAfterError in its last attempt, which it is, too
├── StepIdTakenInRunError          "a:1" is the second "a", and another step's name
├── StepNotAwaitedError            a step that was called without await, when the function ends
├── StepOutsideError               a step from a foreign event loop, or after the end
├── StepTimeoutError               an attempt of a step took longer than its timeout
├── TimeoutTooLongError            a sleep, or a wait, of over 366 days
├── TransactionError               a transaction that would not commit with the record of its step, or with what is sent
│
│ raised where you configure
├── EngineBindingError             one client in two engines
├── EngineConfigError              an argument of Engine, or of a method of it
├── FunctionConfigInvalidError     `field: reason`
├── SigningKeyMissingError         serving in production
├── URLInvalidError                an origin without domain or port
│
│ raised where you send and wait
├── EngineStateError               not started, stopped, forked, or this thread must not wait
├── EventInvalidError              an event that cannot be accepted
├── EventKeyUnspecifiedError       sending in production without a key
├── RunNotCompletedError           the run you waited for is over without a result; the root of these
│   ├── RunCancelledError          it was cancelled
│   ├── RunFailedError             it failed
│   └── RunSkippedError            it was not begun: a limit, a singleton, a pause
├── RunNotFoundError               the run you asked for does not exist
├── RunsUnderWayError              what is to be erased goes on, and was not to be cancelled
├── SendEventsError                sending failed; `ids` holds what was accepted
│
│ raised where functions are served to a server, by the protocol's codes
├── BodyInvalidError               a body that is not what the protocol says
├── FunctionNotFoundError          a function that is not served here
├── HeaderMissingError             a request without a header that is needed
├── QueryParamMissingError         a request without a parameter that is needed
├── RegistrationFailedError        a server did not take the functions
├── SigVerificationFailedError     a signature that is not the signing key's
├── StepUnexpectedError            one step was asked for, and another one came
├── UnknownError                   what has no code of its own
│
│ raised by the database; nothing was written
└── StoreError                     the root of these
    ├── StoreBusyError             another process holds it
    ├── StoreClosedError           the engine is stopped
    ├── StoreCorruptError          damaged, or not a database
    ├── StoreFullError             no space left
    ├── StoreReadOnlyError         may not be written
    └── StoreVersionError          written by a newer version

Three more are never raised, only recorded as why a run failed: `FunctionOverflowedError` (more steps than
`max_steps`), `StateOverflowedError` (results of steps over 32 MB) and `WorkerLostError` (its process died on it, again
and again).
"""

from inngest.embedded.errors import (
    EngineConfigError,
    EngineStateError,
    RunCancelledError,
    RunFailedError,
    RunNotCompletedError,
    RunNotFoundError,
    RunSkippedError,
    RunsUnderWayError,
)
from inngest.engine.errors import (
    StoreBusyError,
    StoreClosedError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreVersionError,
)
from inngest.protocol.errors import (
    BodyInvalidError,
    Error,
    ErrorCode,
    ErrorInfo,
    FunctionConfigInvalidError,
    FunctionNotFoundError,
    HeaderMissingError,
    NonRetriableError,
    OutputTooLargeError,
    OutputUnserializableError,
    QueryParamMissingError,
    RegistrationFailedError,
    SigVerificationFailedError,
    StepUnexpectedError,
    UnknownError,
)
from inngest.sdk.errors import (
    AsyncUnsupportedError,
    DeferRejectedError,
    DeterminismError,
    EngineBindingError,
    EventInvalidError,
    EventKeyUnspecifiedError,
    NestedStepError,
    RetryAfterError,
    SendEventsError,
    SignalSwallowedError,
    SigningKeyMissingError,
    StepArgumentError,
    StepError,
    StepIdTakenInRunError,
    StepInterruptedError,
    StepNonRetriableError,
    StepNotAwaitedError,
    StepOutsideError,
    StepRetryAfterError,
    StepTimeoutError,
    TimeoutTooLongError,
    TransactionError,
    URLInvalidError,
)

__all__ = ["AsyncUnsupportedError", "BodyInvalidError", "DeferRejectedError", "DeterminismError"]
__all__ += ["EngineBindingError", "EngineConfigError", "EngineStateError", "Error", "ErrorCode", "ErrorInfo"]
__all__ += ["EventInvalidError", "EventKeyUnspecifiedError", "FunctionConfigInvalidError", "FunctionNotFoundError"]
__all__ += ["HeaderMissingError", "NestedStepError", "NonRetriableError", "OutputTooLargeError"]
__all__ += ["OutputUnserializableError", "QueryParamMissingError", "RegistrationFailedError", "RetryAfterError"]
__all__ += ["RunCancelledError", "RunFailedError", "RunNotCompletedError", "RunNotFoundError", "RunSkippedError"]
__all__ += ["RunsUnderWayError", "SendEventsError"]
__all__ += ["SigVerificationFailedError", "SignalSwallowedError", "SigningKeyMissingError"]
__all__ += ["StepArgumentError", "StepError", "StepIdTakenInRunError", "StepInterruptedError"]
__all__ += ["StepNonRetriableError", "StepNotAwaitedError", "StepOutsideError"]
__all__ += ["StepRetryAfterError", "StepTimeoutError", "StepUnexpectedError", "StoreBusyError", "StoreClosedError"]
__all__ += ["StoreCorruptError", "StoreError", "StoreFullError", "StoreReadOnlyError", "StoreVersionError"]
__all__ += ["TimeoutTooLongError", "TransactionError", "URLInvalidError", "UnknownError"]
