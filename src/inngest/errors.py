"""Every error that this package raises.

Error                              the root: code, is_retriable, name, message, stack
│
│ raised by you, in a function
├── NonRetriableError              do not try again
├── RetryAfterError                try again, then
│
│ raised into your function
├── StepError                      a step failed for good
├── DeterminismError               the code asks for other steps, or types, than the run recorded
├── NestedStepError                a step inside a step's handler
├── StepOutsideError               a step from a foreign thread or loop, or after the end
├── StepIdTakenInRunError          "a:1" is the second "a", and another step's name
├── SignalSwallowedError           `except BaseException` around a step that waits
├── TimeoutTooLongError            a sleep of over 366 days
├── OutputUnserializableError      a step or function returned what JSON cannot hold
├── OutputTooLargeError            a step returned over 4 MB, or a function over 8 MB
├── AsyncUnsupportedError          async code in a plain function
│
│ raised where you configure
├── FunctionConfigInvalidError     `field: reason`
├── URLInvalidError                an origin without domain or port
├── SigningKeyMissingError         serving in production
├── EngineConfigError              an argument of Engine
├── EngineBindingError             one client in two engines
│
│ raised where you send and wait
├── EventInvalidError              an event that cannot be accepted
├── EventKeyUnspecifiedError       sending in production without a key
├── SendEventsError                sending failed; `ids` holds what was accepted
├── RunFailedError                 the run you waited for failed
├── RunCancelledError              … was cancelled
├── RunNotFoundError               … does not exist
├── EngineStateError               not started, stopped, forked, or this thread must not wait
│
│ raised by the database; nothing was written
└── StoreError
    ├── StoreBusyError             another process holds it
    ├── StoreClosedError           the engine is stopped
    ├── StoreCorruptError          damaged, or not a database
    ├── StoreFullError             no space left
    ├── StoreReadOnlyError         may not be written
    └── StoreVersionError          written by a newer version
"""

from inngest.embedded.errors import (
    EngineConfigError,
    EngineStateError,
    RunCancelledError,
    RunFailedError,
    RunNotFoundError,
)
from inngest.engine.ports import (
    StoreBusyError,
    StoreClosedError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreVersionError,
)
from inngest.protocol.errors import (
    Error,
    ErrorCode,
    ErrorInfo,
    FunctionConfigInvalidError,
    NonRetriableError,
    OutputTooLargeError,
    OutputUnserializableError,
)
from inngest.sdk.errors import (
    AsyncUnsupportedError,
    DeterminismError,
    EngineBindingError,
    EventInvalidError,
    EventKeyUnspecifiedError,
    NestedStepError,
    RetryAfterError,
    SendEventsError,
    SignalSwallowedError,
    SigningKeyMissingError,
    StepError,
    StepIdTakenInRunError,
    StepOutsideError,
    TimeoutTooLongError,
    URLInvalidError,
)

__all__ = [
    "AsyncUnsupportedError",
    "DeterminismError",
    "EngineBindingError",
    "EngineConfigError",
    "EngineStateError",
    "Error",
    "ErrorCode",
    "ErrorInfo",
    "EventInvalidError",
    "EventKeyUnspecifiedError",
    "FunctionConfigInvalidError",
    "NestedStepError",
    "NonRetriableError",
    "OutputTooLargeError",
    "OutputUnserializableError",
    "RetryAfterError",
    "RunCancelledError",
    "RunFailedError",
    "RunNotFoundError",
    "SendEventsError",
    "SignalSwallowedError",
    "SigningKeyMissingError",
    "StepError",
    "StepIdTakenInRunError",
    "StepOutsideError",
    "StoreBusyError",
    "StoreClosedError",
    "StoreCorruptError",
    "StoreError",
    "StoreFullError",
    "StoreReadOnlyError",
    "StoreVersionError",
    "TimeoutTooLongError",
    "URLInvalidError",
]
