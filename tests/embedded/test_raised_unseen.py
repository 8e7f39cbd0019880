"""Exceptions that cannot be looked at, and our own errors that users derive theirs from: each is a failed attempt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

import inngest
from inngest import Run
from tests.embedded.stage import Stage, failure, step

# -- exceptions that cannot be looked at


class Payload(Exception):
    """Looks its attributes up in a dict, as many do."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.payload = {"message": text}

    def __getattr__(self, name: str) -> object:
        return self.payload[name]


class NoText(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class NoRepr(Exception):
    def __str__(self) -> str:
        return f"{self!r}"

    def __repr__(self) -> str:
        raise RecursionError


def _refuse(_: object) -> NoReturn:
    raise RuntimeError


Notes = type("Notes", (Exception,), {"__notes__": property(_refuse)})
Cause = type("Cause", (Exception,), {"__cause__": property(_refuse), "__class__": property(_refuse)})


class Text(str):
    def __len__(self) -> int:
        raise RuntimeError

    def __str__(self) -> str:
        raise RuntimeError


class OddText(Exception):
    def __str__(self) -> str:
        return Text("card declined")


class Directory:
    """Its names cannot be listed, which is done to suggest one."""

    def __dir__(self) -> NoReturn:
        raise SystemExit(3)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError("card declined", name=name, obj=self)


def suggests(_: str) -> BaseException:
    try:
        Directory().price  # noqa: B018
    except AttributeError as error:
        return error
    raise AssertionError


class Loader:
    def get_source(self, *_: object) -> NoReturn:
        raise RuntimeError


def from_odd_module(text: str) -> BaseException:
    """Raised by a module whose source cannot be had."""
    space: dict[str, Any] = {"__name__": "odd", "__loader__": Loader()}
    exec(compile("def fail(text):\n    raise ValueError(text)", "/nowhere/odd.py", "exec"), space)
    try:
        space["fail"](text)
    except ValueError as error:
        return error
    raise AssertionError


def raised_from(text: str) -> BaseException:
    error = ValueError(text)
    error.__cause__ = Payload("cause")
    return error


def grouped(text: str) -> BaseException:
    return ExceptionGroup(text, [Payload("one"), NoText("two")])


Make = Callable[[str], BaseException]

odd_syntax: Any = SyntaxError
odd_import: Any = ImportError

UNSEEN: dict[str, Make] = {
    **{kind.__name__: kind for kind in (Payload, NoText, NoRepr, Notes, Cause, OddText)},
    **{make.__name__: make for make in (suggests, from_odd_module, raised_from, grouped)},
    "text of int": lambda text: odd_syntax(text, ("f", 1, 1, 5)),
    "text of bytes": lambda text: odd_syntax(text, ("f", 1, 1, b"abc")),
    "place of text": lambda text: odd_syntax(text, ("f", 1, "x", "abc")),
    "line of text": lambda text: odd_syntax(text, ("f", "x", 1, "abc")),
    "file of int": lambda text: odd_syntax(text, (5, 1, 1, "abc")),
    "far away": lambda text: SyntaxError(text, ("f", 1, 10**9, "abc", 1, 10**9 + 5)),
    "no end": lambda text: SyntaxError(text, ("f", 1, 1, "abc", None, None)),
    "surrogate": lambda text: ValueError(f"{text}\ud800"),
    "imported": lambda text: odd_import(text, name=5, path=6),
}
"""Exceptions whose text, notes, causes or traceback cannot be had, by what is odd about them."""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def the_only(runs: list[Run]) -> Run:
    (run,) = runs
    return run


@pytest.mark.parametrize("make", UNSEEN.values(), ids=UNSEEN)
async def test_an_exception_that_cannot_be_looked_at_is_a_failed_attempt(make: Make, stage: Stage) -> None:
    told: list[str] = []

    async def handler() -> NoReturn:
        raise make("card declined")

    async def body(ctx: inngest.Context) -> NoReturn:
        try:
            await ctx.step.run("charge", handler)
        except inngest.StepError as error:
            told.append(error.message)
        raise make("card declined")

    run = await stage.run(body, retries=1)

    assert run.status == "FAILED"
    assert run.error is not None
    assert "card declined" in run.error.message
    assert all("card declined" in text for text in told)
    assert told
    assert run.error.stack
    assert run.error.name == type(make("")).__name__
    assert len(step(run, "charge").attempts) == 2
    assert [attempt.number for attempt in run.attempts] == [0]  # before the last


# -- our own errors, of which users derive theirs


OddCode = type("OddCode", (inngest.NonRetriableError,), {"code": 402})
OddMessage = type("OddMessage", (inngest.NonRetriableError,), {"message": ("declined", 402)})
OddAnswer = type(
    "OddAnswer",
    (inngest.NonRetriableError,),
    {name: property(_refuse) for name in ("is_retriable", "name", "stack")},
)


class OddPayload(Payload, inngest.NonRetriableError):
    """Both."""


@pytest.mark.parametrize("kind", [OddCode, OddMessage, OddAnswer, OddPayload])
async def test_an_error_of_ours_is_not_retried_whatever_its_class_says(
    kind: type[inngest.NonRetriableError], stage: Stage
) -> None:
    async def body(ctx: inngest.Context) -> NoReturn:
        raise kind("declined")

    run = await stage.run(body, retries=3)

    assert run.error is not None
    assert "declined" in run.error.message
    assert run.error.code == "non_retriable_error"
    assert run.attempts == ()


OddDelay: Any = type("OddDelay", (inngest.RetryAfterError,), {"delay": "soon"})


async def test_a_delay_that_says_nothing_is_the_usual_one(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> NoReturn:
        raise OddDelay("later", 10**9)

    run = await stage.run(body, retries=1)

    assert failure(run) == ("OddDelay", "retry_after_error")
    assert len(run.attempts) == 1  # before the last
