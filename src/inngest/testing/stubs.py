"""Stubs of steps and functions: their answers, how often those fail, and their calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from inngest.embedded.errors import EngineConfigError
from inngest.sdk.serializers import Unset

from .errors import StubFailure


class StubCall(NamedTuple):
    """One call of a handler, or of a function, that a stub saw."""

    run_id: str  # ULID
    step: str | None  # its id, as written, with `:n` for a repeat; None of a function
    args: tuple[object, ...]  # of the handler; of a function the data of its event
    attempt: int  # from 0
    returned: object  # None while there is nothing
    raised: BaseException | None


Fail = int | BaseException | type[BaseException] | Sequence[BaseException | type[BaseException]]
"""Attempts that fail: so many of the first; each, by this error; or the first, by these errors in turn."""


class Stub:
    """Stands in the place of a step's handler, or of a function. Made by `Engine.stub` and `Engine.stub_function`.

    Attributes:
        calls: what it was called with, and what came of it, in order.
    """

    def __init__(
        self, where: str, matches: Callable[[str, str], bool], answer: Answer, *, optional: bool, names: str
    ) -> None:
        self.calls: list[StubCall] = []
        self.where = where  # for people: what it stands for
        self.names = names  # the step or function that it was given
        self.optional = optional
        self.matches = matches
        self.answer = answer

    def __repr__(self) -> str:
        return f"<stub of {self.where}, called {len(self.calls)} times>"

    @property
    def called(self) -> bool:
        """Whether it was called at all."""
        return bool(self.calls)


class Answer(NamedTuple):
    """The answer of a stub."""

    returns: object = Unset
    calls: Callable[..., object] | None = None
    fail: Fail = 0

    @property
    def is_any(self) -> bool:
        """Whether it does anything but look on."""
        return self.returns is not Unset or self.calls is not None or self.fail != 0

    def failure(self, attempt: int) -> BaseException | None:
        """The error of the attempt of this number; None: the stub lets it go on."""
        fail = self.fail
        if isinstance(fail, int):
            return StubFailure(f"attempt {attempt}, by the stub") if attempt < fail else None
        if isinstance(fail, BaseException | type):
            return _made(fail)
        return _made(fail[attempt]) if attempt < len(fail) else None

    def in_place_of(self, handler: Callable[..., object]) -> Callable[..., object]:
        """The callable for a handler when the attempt does not fail by the stub."""
        if self.calls is not None:
            return self.calls
        return handler if self.returns is Unset else lambda *_: self.returns


def answer_of(returns: object, calls: object, fail: object) -> Answer:
    """The answer of a stub, checked.

    Raises:
        EngineConfigError: it cannot do that.
    """
    if returns is not Unset and calls is not None:
        raise EngineConfigError("stub: expected returns or calls, got both: calls= may return what it likes")
    if calls is not None and not callable(calls):
        raise EngineConfigError(
            f"calls: expected a function, which is called in the place of the handler, got {calls!r}"
        )
    if isinstance(fail, bool) or (isinstance(fail, int) and fail < 0):
        raise EngineConfigError(f"fail: expected the number of attempts that fail, from 0, got {fail!r}")
    if not isinstance(fail, int) and not _is_error(fail) and not _are_errors(fail):
        raise EngineConfigError(
            "fail: expected a number of attempts, an exception, or a list of exceptions for the first attempts, got "
            f"{fail!r}"
        )
    return Answer(returns, calls, fail)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def step_matcher(function_id: str | None, step: str | re.Pattern[str], nth: int | None) -> Callable[[str, str], bool]:
    """Whether a stub stands for a step of a function.

    Args:
        function_id: of which function; None: of any.
        step: the id as written in code, or a pattern that all of it matches.
        nth: which of the calls with this id, from 0; None: each.

    Raises:
        EngineConfigError: an argument is wrong.
    """
    if not isinstance(step, str | re.Pattern) or not step:
        raise EngineConfigError(f"step: expected the id of a step, or a pattern of re.compile, got {step!r}")
    if nth is not None and (isinstance(nth, bool) or not isinstance(nth, int) or nth < 0):
        raise EngineConfigError(f"nth: expected which of the calls with this id, from 0, got {nth!r}")

    def matches(of: str, text: str) -> bool:
        if function_id is not None and of != function_id:
            return False
        step_id, repeat = parted(text)
        if nth is not None and repeat != nth:
            return False
        if isinstance(step, re.Pattern):
            return step.fullmatch(step_id) is not None or step.fullmatch(text) is not None
        return step in (step_id, text)

    return matches


def parted(text: str) -> tuple[str, int]:
    """The id of a step as code has it, and which of the calls with that id it is, from 0."""
    step_id, colon, repeat = text.rpartition(":")
    return (step_id, int(repeat)) if colon and repeat.isdecimal() else (text, 0)


def _made(fail: Any) -> BaseException:
    return fail() if isinstance(fail, type) else fail  # type: ignore[no-any-return]


def _is_error(fail: object) -> bool:
    return isinstance(fail, BaseException) or (isinstance(fail, type) and issubclass(fail, BaseException))


def _are_errors(fail: object) -> bool:
    return isinstance(fail, list | tuple) and bool(fail) and all(_is_error(one) for one in fail)
