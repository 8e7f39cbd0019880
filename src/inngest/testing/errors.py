"""The errors of tests. All are assertions that failed.

A file of its own: all other modules of the room raise them.
"""

from __future__ import annotations


class KitError(AssertionError):
    """The root of the errors of tests."""


class RunAssertionError(KitError):
    """A run is not as it was expected to be; the text says what was expected, what is, and how it would go on."""


class NotReachedError(KitError):
    """Nothing goes on by itself any more, or the time is over, and a point was not reached; the text says why."""


class BusyError(KitError):
    """Code did not come to its end, or to its next step, within `handler_timeout` real seconds; the text says which."""


class EndlessError(KitError):
    """Functions were entered again and again, and no time passed between."""


class EffectError(KitError):
    """Something was done to the world outside more or less often than it should be, or would be done again when code
    runs again; the text says what, and where.
    """


class UnstubbedRequestError(KitError):
    """A step asked for an HTTP request that no stub answers. Tests call no server unless they say so."""


class UnstubbedStepError(KitError):
    """A function was called alone, and a step that waits for something from outside was given no value."""


class UnusedStubError(KitError):
    """A stub was made, and nothing has called it."""


class StubFailure(Exception):
    """An attempt that a stub lets fail, for `fail=` with a number. The step is tried again, as after any error."""
