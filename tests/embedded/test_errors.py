"""Errors: what each does to its step and its run, and what is recorded of it."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest import Run
from inngest.errors import RunFailedError

from .stage import Stage, failure, message, step


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture(params=["async", "plain"])
def run_step(request: pytest.FixtureRequest, stage: Stage) -> Callable[..., Any]:
    """Runs one step, in a function of each kind, and tells what its call gave or raised."""

    async def run(handler: Callable[[], object], *, catch: bool = True, retries: int = 4) -> Run:
        async def body(ctx: inngest.Context) -> object:
            try:
                return await ctx.step.run("s", handler)
            except inngest.StepError as error:
                if not catch:
                    raise
                return caught(error)

        def plain(ctx: inngest.ContextSync) -> object:
            try:
                return ctx.step.run("s", handler)
            except inngest.StepError as error:
                if not catch:
                    raise
                return caught(error)

        return await stage.run(body if request.param == "async" else plain, retries=retries)

    return run


def caught(error: inngest.StepError) -> dict[str, object]:
    stack = error.stack or ""
    return {
        "text": str(error),
        "message": error.message,
        "name": error.name,
        "code": error.code,
        "is_retriable": error.is_retriable,
        "stack": stack,
    }


def attempts(run: Run, step_id: str = "s") -> list[str | None]:
    """The name of the error of each attempt of a step; None where it succeeded."""
    return [None if one.error is None else one.error.name for one in step(run, step_id).attempts]


class CardRefused(ValueError):
    """A user's own."""


def failing(error: Callable[[int], Exception | None]) -> tuple[list[int], Callable[[], str]]:
    """A handler that raises what `error` gives for each call, counted from 0."""
    calls: list[int] = []

    def handler() -> str:
        calls.append(len(calls))
        if (given := error(calls[-1])) is not None:
            raise given
        return "paid"

    return calls, handler


async def test_an_ordinary_error_is_retried_until_it_works(run_step: Callable[..., Any]) -> None:
    calls, handler = failing(lambda call: CardRefused("no") if call < 3 else None)
    run = await run_step(handler)
    assert (run.output, len(calls)) == ("paid", 4)
    assert attempts(run) == ["CardRefused"] * 3 + [None]
    assert [one.number for one in step(run, "s").attempts] == [0, 1, 2, 3]


@pytest.mark.parametrize("retries", [0, 1, 4])
async def test_a_step_that_always_fails_runs_once_more_than_its_retries(
    run_step: Callable[..., Any], retries: int
) -> None:
    calls, handler = failing(lambda call: CardRefused(f"no {call}"))
    run = await run_step(handler, retries=retries)
    assert len(calls) == retries + 1
    assert run.output["name"] == "CardRefused"
    assert run.output["message"] == run.output["text"] == f"no {retries}"
    assert run.output["code"] == "step_errored"
    assert run.output["is_retriable"] is False
    assert attempts(run) == ["CardRefused"] * (retries + 1)


async def test_the_stack_of_a_step_error_is_the_handlers(run_step: Callable[..., Any]) -> None:
    _, handler = failing(lambda call: CardRefused("no"))
    run = await run_step(handler, retries=0)
    stack = run.output["stack"]
    assert stack.startswith("Traceback (most recent call last):")
    assert stack.rstrip().endswith("CardRefused: no")
    assert "test_errors.py" in stack
    assert "sdk/values.py" not in stack  # frames of this package at its top are left out


async def test_a_failure_that_nobody_catches_fails_the_run_at_once(run_step: Callable[..., Any]) -> None:
    calls, handler = failing(lambda call: CardRefused("no"))
    run = await run_step(handler, catch=False, retries=1)
    assert len(calls) == 2
    assert failure(run) == ("CardRefused", "step_errored")
    assert message(run) == "no"
    assert run.attempts == ()  # of the body: it is not entered again


class Blocked(inngest.NonRetriableError):
    """A user's own."""


@pytest.mark.parametrize("given", [inngest.NonRetriableError, Blocked])
async def test_non_retriable_in_a_step_is_recorded_at_once_and_raised_as_a_step_error(
    run_step: Callable[..., Any], given: type[inngest.NonRetriableError]
) -> None:
    calls, handler = failing(lambda call: given("stolen card"))
    run = await run_step(handler)
    assert len(calls) == 1
    assert (run.output["name"], run.output["message"]) == (given.__name__, "stolen card")
    assert attempts(run) == [given.__name__]


async def test_non_retriable_in_a_step_fails_the_run_when_nobody_catches_it(run_step: Callable[..., Any]) -> None:
    calls, handler = failing(lambda call: inngest.NonRetriableError("stolen card"))
    run = await run_step(handler, catch=False)
    assert (len(calls), failure(run), message(run)) == (1, ("NonRetriableError", "non_retriable_error"), "stolen card")


async def test_retry_after_counts_as_an_attempt(run_step: Callable[..., Any]) -> None:
    calls, handler = failing(lambda call: inngest.RetryAfterError("later", 0))
    run = await run_step(handler, retries=2)
    assert len(calls) == 3
    assert (run.output["name"], run.output["message"]) == ("RetryAfterError", "later")
    assert attempts(run) == ["RetryAfterError"] * 3


@pytest.mark.parametrize(
    "after",
    [
        lambda: 3_600_000,
        lambda: datetime.timedelta(hours=1),
        lambda: datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1),
        lambda: datetime.datetime.now() + datetime.timedelta(hours=1),  # naive: local time
    ],
    ids=["milliseconds", "timedelta", "aware", "naive"],
)
async def test_retry_after_sets_the_delay(stage: Stage, after: Callable[[], Any]) -> None:
    async def body(ctx: inngest.Context) -> None:
        def handler() -> None:
            raise inngest.RetryAfterError("later", after())

        await ctx.step.run("s", handler)

    function = stage.function(body)
    async with stage.engine(function) as engine:
        with pytest.raises(TimeoutError):
            await engine.invoke(function, timeout=0)
        (run,) = await engine.runs()
        record = await recorded(engine, run.id)
    assert record.due_at is not None
    waits = record.due_at - record.attempts[0].ended_at
    assert abs(waits - datetime.timedelta(hours=1)) < datetime.timedelta(minutes=1)
    assert record.status == "retrying"


async def recorded(engine: inngest.Engine, run_id: str) -> Any:
    """The one step of a run, as soon as there is a record of it."""
    while not (run := await engine.run(run_id)).steps:
        pass
    return run.steps[0]


async def test_retry_after_overrides_the_interval_of_the_engine(stage: Stage) -> None:
    stage.options = {"retry_interval": 86_400}
    _, handler = failing(lambda call: inngest.RetryAfterError("later", 0) if call < 2 else None)

    async def body(ctx: inngest.Context) -> str:
        return await ctx.step.run("s", handler)

    assert (await stage.run(body)).output == "paid"


async def test_steps_have_attempts_of_their_own(stage: Stage) -> None:
    handlers = {name: failing(lambda call: CardRefused("no") if call < 4 else None) for name in "abc"}

    async def body(ctx: inngest.Context) -> list[str]:
        return [await ctx.step.run(name, handler) for name, (_, handler) in handlers.items()]

    run = await stage.run(body)
    assert run.output == ["paid"] * 3
    assert [len(calls) for calls, _ in handlers.values()] == [5, 5, 5]
    assert all(attempts(run, name) == ["CardRefused"] * 4 + [None] for name in "abc")


async def test_the_body_is_retried_too_and_its_counter_starts_anew_after_a_step(stage: Stage) -> None:
    entered: list[tuple[str, int]] = []

    async def body(ctx: inngest.Context) -> str:
        entered.append(("start", ctx.attempt))
        if len(entered) < 4:
            raise CardRefused("before")
        await ctx.step.run("s", lambda: entered.append(("step", ctx.attempt)))
        entered.append(("after", ctx.attempt))
        if len(entered) < 12:
            raise CardRefused("after")
        return "done"

    run = await stage.run(body, retries=4)
    assert run.output == "done"
    assert entered[:6] == [("start", 0), ("start", 1), ("start", 2), ("start", 3), ("step", 0), ("after", 0)]
    assert entered[6:] == [("start", 1), ("after", 1), ("start", 2), ("after", 2), ("start", 3), ("after", 3)]
    assert [one.error.name for one in run.attempts if one.error] == ["CardRefused"] * 6


async def test_a_body_that_always_fails_fails_the_run(stage: Stage) -> None:
    entered: list[int] = []

    async def body(ctx: inngest.Context) -> None:
        entered.append(ctx.attempt)
        raise CardRefused(f"no {ctx.attempt}")

    run = await stage.run(body, retries=2)
    assert (entered, failure(run), message(run)) == ([0, 1, 2], ("CardRefused", "unknown"), "no 2")
    assert run.error is not None
    assert "test_errors.py" in (run.error.stack or "")


@pytest.mark.parametrize("raised", [inngest.NonRetriableError("stop"), inngest.StepError("stop", "Mine")])
async def test_a_body_that_must_not_be_retried_is_not(stage: Stage, raised: Exception) -> None:
    entered: list[int] = []

    async def body(ctx: inngest.Context) -> None:
        entered.append(ctx.attempt)
        raise raised

    run = await stage.run(body)
    assert (entered, message(run)) == ([0], "stop")


async def test_a_step_error_that_is_wrapped_is_an_error_of_the_body(stage: Stage) -> None:
    calls, handler = failing(lambda call: CardRefused("no"))

    async def body(ctx: inngest.Context) -> None:
        try:
            await ctx.step.run("s", handler)
        except inngest.StepError as error:
            raise RuntimeError("the order cannot be paid") from error

    run = await stage.run(body, retries=1)
    assert (len(calls), failure(run), message(run)) == (2, ("RuntimeError", "unknown"), "the order cannot be paid")
    assert len(run.attempts) == 1
    assert "The above exception was the direct cause" in (run.error.stack or "") if run.error else False


async def test_system_exit_in_a_step_is_an_error_of_the_step(run_step: Callable[..., Any]) -> None:
    def leave() -> None:
        raise SystemExit("bye")

    run = await run_step(leave, retries=1)
    assert (run.output["name"], run.output["message"]) == ("SystemExit", "bye")
    assert attempts(run) == ["SystemExit"] * 2


class Abort(BaseException):
    """Some libraries have such ones, that `except Exception` is not to catch."""


@pytest.mark.parametrize("raised", [Abort("stop"), BaseExceptionGroup("stop", [Abort()])])
async def test_a_base_exception_of_a_handler_is_an_error_of_the_step(
    run_step: Callable[..., Any], raised: BaseException
) -> None:
    def abort() -> None:
        raise raised

    run = await run_step(abort, retries=1)
    assert run.output["name"] == type(raised).__name__
    assert attempts(run) == [type(raised).__name__] * 2


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_a_base_exception_of_the_body_is_an_error_of_the_body(stage: Stage, kind: str) -> None:
    entered: list[int] = []

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("s", lambda: 1)
        entered.append(1)
        raise Abort("stop")

    def plain(ctx: inngest.ContextSync) -> None:
        ctx.step.run("s", lambda: 1)
        entered.append(1)
        raise Abort("stop")

    run = await stage.run(body if kind == "async" else plain, retries=1)
    assert (failure(run), message(run), len(entered)) == (("Abort", "unknown"), "stop", 2)


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_a_handler_that_cancels_itself_is_an_error_of_the_step(stage: Stage, kind: str) -> None:
    def give_up() -> None:
        raise asyncio.CancelledError("mine")

    async def body(ctx: inngest.Context) -> str:
        try:
            await ctx.step.run("s", give_up)
        except inngest.StepError as error:
            return error.name
        return ""

    def plain(ctx: inngest.ContextSync) -> str:
        try:
            ctx.step.run("s", give_up)
        except inngest.StepError as error:
            return error.name
        return ""

    run = await stage.run(body if kind == "async" else plain, retries=1)
    assert run.output == "CancelledError"


@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize("where", ["step", "body"])
async def test_quiet_errors_are_not_logged(
    stage: Stage, caplog: pytest.LogCaptureFixture, quiet: bool, where: str
) -> None:
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise inngest.RetryAfterError("secret one", 0, quiet=quiet)
        raise inngest.NonRetriableError("secret two", quiet=quiet)

    async def body(ctx: inngest.Context) -> str:
        if where == "body":
            fail()
        try:
            await ctx.step.run("s", fail)
        except inngest.StepError:
            return "caught"
        return "no error"

    with caplog.at_level(logging.DEBUG, "inngest"):
        await stage.run(body)
    logged = [record for record in caplog.records if "secret" in record.getMessage()]
    assert len(logged) == (0 if quiet else 2)
    assert all(record.levelno == logging.ERROR and record.exc_info for record in logged)


async def test_an_error_of_any_make_is_recorded(stage: Stage) -> None:
    class NoText(Exception):
        def __str__(self) -> str:
            raise RuntimeError("not even a text")

    class OwnInit(inngest.NonRetriableError):
        def __init__(self) -> None:
            """Does not call the one above."""

    class OwnRetryAfter(inngest.RetryAfterError):
        def __init__(self) -> None:
            """Does not call the one above."""

    class Long(Exception):
        def __str__(self) -> str:
            return "begin" + "x" * 1_000_000 + "end"

    async def body(ctx: inngest.Context) -> list[str]:
        told = []
        for given in (NoText, OwnInit, OwnRetryAfter, Long):

            def fail(given: type[Exception] = given) -> None:
                raise given

            try:
                await ctx.step.run(given.__name__, fail)
            except inngest.StepError as error:
                told.append(f"{error.name}: {error.message}")
        return told

    run = await stage.run(body, retries=1)
    assert isinstance(run.output, list)
    assert run.output[:3] == ["NoText: (its text cannot be had: RuntimeError)", "OwnInit: ", "OwnRetryAfter: "]
    assert run.output[3].startswith("Long: beginxxx")
    assert run.output[3].endswith("xxxend")
    assert len(run.output[3]) < 70_000
    assert [len(one.attempts) for one in run.steps] == [2, 1, 2, 2]


async def test_a_failed_run_is_raised_by_the_one_who_waits(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        raise inngest.NonRetriableError("stop")

    function = stage.function(body)
    async with stage.engine(function) as engine:
        with pytest.raises(RunFailedError, match=r"run \w{26} failed: NonRetriableError: stop") as raised:
            await engine.invoke(function)
        with pytest.raises(RunFailedError):
            await engine.wait(raised.value.run_id)
    assert (raised.value.error.name, raised.value.error.code) == ("NonRetriableError", "non_retriable_error")


async def test_an_error_without_words_is_told_by_its_name(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        raise inngest.NonRetriableError("")

    function = stage.function(body)
    async with stage.engine(function) as engine:
        with pytest.raises(RunFailedError, match=r"failed: NonRetriableError$"):
            await engine.invoke(function)
