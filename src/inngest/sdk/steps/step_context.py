"""The steps of the function that the code runs in, without handing them down: a context variable."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, cast

from .step import Step
from .step_sync import StepSync

P = ParamSpec("P")
T = TypeVar("T")

STEP_CONTEXT: contextvars.ContextVar[Step | StepSync] = contextvars.ContextVar("inngest_step")


def get_step_context() -> Step | StepSync:
    """`ctx.step` of the function that this code runs in.

    Raises:
        LookupError: it does not run in one.
    """
    try:
        return STEP_CONTEXT.get()
    except LookupError:
        raise LookupError("get_step_context: this code does not run in a function") from None


@contextmanager
def set_step_context(step: Step | StepSync) -> Generator[None]:
    """Make steps ambient for a block. Functions have theirs already; this is for tests and for building on it.

    Raises:
        Exception: there are ambient steps already.
    """
    if STEP_CONTEXT.get(None) is not None:
        raise Exception("Step context already set")
    token = STEP_CONTEXT.set(step)
    try:
        yield
    finally:
        STEP_CONTEXT.reset(token)


def step(step_id: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a step of each call of a function, anywhere below a durable function; elsewhere it is called as it is.

    In an async function the call gives an awaitable, also for a plain function. Keyword arguments are allowed.

    Args:
        step_id: of the step; each further call is counted.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            ambient = STEP_CONTEXT.get(None)
            if ambient is None:
                return function(*args, **kwargs)
            run = cast("Any", ambient).run
            return cast("T", run(step_id, functools.partial(function, *args, **kwargs)))

        return call

    return decorate
