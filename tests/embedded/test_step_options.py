"""Options of single steps: how often one is tried, when, and on what."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest import Run
from inngest.errors import FunctionConfigInvalidError, RunFailedError

from .stage import Stage, failure, message, step


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture(params=["async", "plain"])
def run_step(request: pytest.FixtureRequest, stage: Stage) -> Callable[..., Any]:
    """Runs one step with options, in a function of each kind; its error's name is the run's output."""

    async def run(handler: Callable[[], object], *, of_function: int = 4, **options: Any) -> Run:
        async def body(ctx: inngest.Context) -> object:
            try:
                return await ctx.step.options(**options).run("s", handler)
            except inngest.StepError as error:
                return error.name

        def plain(ctx: inngest.ContextSync) -> object:
            try:
                return ctx.step.options(**options).run("s", handler)
            except inngest.StepError as error:
                return error.name

        return await stage.run(body if request.param == "async" else plain, retries=of_function)

    return run


def failing(*errors: type[Exception] | Exception) -> tuple[list[int], Callable[[], str]]:
    """A handler that raises these, one for each call, and then returns."""
    calls: list[int] = []

    def handler() -> str:
        calls.append(len(calls))
        if len(calls) <= len(errors):
            raise errors[len(calls) - 1]
        return "paid"

    return calls, handler


async def test_a_step_has_retries_of_its_own(run_step: Callable[..., Any]) -> None:
    calls, handler = failing(*[OSError] * 9)
    run = await run_step(handler, of_function=4, retries=1)
    assert (run.output, len(calls)) == ("OSError", 2)
    assert [one.number for one in step(run, "s").attempts] == [0, 1]


async def test_a_step_may_have_more_retries_than_its_function(run_step: Callable[..., Any]) -> None:
    calls, handler = failing(*[OSError] * 6)
    run = await run_step(handler, of_function=0, retries=6)
    assert (run.output, len(calls)) == ("paid", 7)
    assert [one.number for one in step(run, "s").attempts] == list(range(7))


async def test_a_step_without_options_keeps_its_functions(run_step: Callable[..., Any]) -> None:
    calls, handler = failing(*[OSError] * 9)
    run = await run_step(handler, of_function=2)
    assert (run.output, len(calls)) == ("OSError", 3)


async def test_only_what_is_named_is_retried(run_step: Callable[..., Any]) -> None:
    calls, handler = failing(ConnectionResetError, ConnectionRefusedError, ValueError)
    run = await run_step(handler, retry_on=ConnectionError)
    assert (run.output, len(calls)) == ("ValueError", 3)


async def test_several_may_be_named_and_retry_after_always_is(run_step: Callable[..., Any]) -> None:
    calls, handler = failing(ConnectionError(), KeyError(), inngest.RetryAfterError("later", 0))
    run = await run_step(handler, retry_on=(ConnectionError, KeyError))
    assert (run.output, len(calls)) == ("paid", 4)


async def test_what_must_not_be_retried_is_not_even_if_it_is_named(run_step: Callable[..., Any]) -> None:
    calls, handler = failing(inngest.NonRetriableError("stolen card"))
    run = await run_step(handler, retry_on=(Exception,))
    assert (run.output, len(calls)) == ("NonRetriableError", 1)


def delays(run: Run) -> list[float]:
    """Milliseconds between the attempts of the step, as far as they were planned: the last one is still to come."""
    found = step(run, "s")
    assert found.due_at is not None
    return [(found.due_at - found.attempts[-1].ended_at) / datetime.timedelta(milliseconds=1)]


@pytest.mark.parametrize(
    ("options", "raised", "expected"),
    [
        ({"backoff": 90_000}, OSError(), 90_000),
        ({"backoff": datetime.timedelta(hours=2)}, OSError(), 7_200_000),
        ({"backoff": inngest.Backoff(60_000, 3)}, OSError(), 60_000),
        ({"backoff": 90_000}, inngest.RetryAfterError("later", 5_000), 5_000),
        ({"retries": 2}, OSError(), 50_000),  # the engine's
    ],
)
async def test_the_delay_between_attempts(
    stage: Stage, options: dict[str, Any], raised: Exception, expected: int
) -> None:
    stage.options["retry_interval"] = 50.0
    failed = asyncio.Event()

    def handler() -> None:
        failed.set()
        raise raised

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.options(**options).run("s", handler)

    function = stage.function(body)
    async with stage.engine(function) as engine:
        await stage.client.send(inngest.Event(name="test/start"))
        await failed.wait()
    async with stage.engine() as engine:  # what was recorded, with nobody who goes on
        (found,) = await engine.runs()
        assert delays(await engine.run(found.id)) == [expected]


async def test_a_delay_of_its_own_is_kept(run_step: Callable[..., Any], stage: Stage) -> None:
    stage.options["retry_interval"] = 3600.0  # the step would never be tried again in time
    calls, handler = failing(OSError, OSError)
    run = await run_step(handler, backoff=0)
    assert (run.output, len(calls)) == ("paid", 3)


def test_a_schedule_of_delays() -> None:
    assert [inngest.Backoff(100).delay(n) for n in range(4)] == [100, 200, 400, 800]
    assert [inngest.Backoff(100, 1).delay(n) for n in (0, 7)] == [100, 100]
    assert [inngest.Backoff(100, 1.5, 300).delay(n) for n in range(4)] == [100, 150, 225, 300]
    assert inngest.Backoff(datetime.timedelta(seconds=1), maximum=datetime.timedelta(seconds=3)).delay(9) == 3_000
    assert inngest.Backoff(0).delay(9_999) == 0
    assert inngest.Backoff(1, 10.0).delay(9_999) == 86_400_000


async def test_a_memo_stands_whatever_the_options_are_changed_to(stage: Stage) -> None:
    calls, handler = failing()
    retries = iter((0, 7))

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.options(retries=next(retries), timeout=60_000).run("s", handler)
        await ctx.step.sleep("nap", 1)

    run = await stage.run(body)
    assert (run.status, len(calls), list(retries)) == ("COMPLETED", 1, [])


async def test_options_may_be_kept_for_several_steps(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> list[int]:
        careful = ctx.step.options(retries=1)
        return [await careful.run("s", int, text) for text in ("1", "2")]

    run = await stage.run(body)
    assert (run.output, [one.id for one in run.steps]) == ([1, 2], ["s", "s:1"])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"retries": -1}, "retries: expected a whole number from 0 to 20, got -1"),
        ({"retries": 21}, "retries: expected a whole number from 0 to 20, got 21"),
        ({"retries": True}, "retries: expected a whole number from 0 to 20, got True"),
        ({"timeout": 0}, "timeout: expected milliseconds as int, or a timedelta, from 1 to 31622400000 ms, got 0"),
        ({"timeout": 1.5}, "timeout: expected milliseconds as int, or a timedelta, from 1 to 31622400000 ms, got 1.5"),
        ({"backoff": -1}, "backoff: expected milliseconds as int, or a timedelta, from 0 to 86400000 ms, got -1"),
        ({"retry_on": "OSError"}, "retry_on: expected an exception class or a tuple of them, got 'OSError'"),
        ({"retry_on": (OSError, OSError())}, "retry_on: expected an exception class or a tuple of them, got OSError()"),
    ],
)
async def test_a_wrong_option_fails_the_run_and_says_which(stage: Stage, options: dict[str, Any], reason: str) -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.options(**options).run("s", print)

    run = await stage.run(body)
    assert failure(run) == ("FunctionConfigInvalidError", "function_config_invalid")
    assert message(run) == reason
    assert run.attempts == ()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((-1,), "backoff.initial: expected milliseconds as int, or a timedelta, from 0 to 86400000 ms, got -1"),
        ((1, 0.5), "backoff.factor: expected a number of at least 1, got 0.5"),
        ((1, float("nan")), "backoff.factor: expected a number of at least 1, got nan"),
        ((1, 2, 99_000_000), "backoff.maximum: expected milliseconds as int, or a timedelta, from 0 to 86400000 ms"),
    ],
)
def test_a_wrong_schedule_is_refused(arguments: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(FunctionConfigInvalidError, match=f"^{reason}"):
        inngest.Backoff(*arguments)


async def test_what_is_no_function_is_refused_as_ever(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.options(retries=1).run("s", 5)  # type: ignore[call-overload]  # pyright: ignore

    function = stage.function(body, retries=0)
    async with stage.engine(function) as engine:
        with pytest.raises(RunFailedError, match='step "s": expected a function, got 5'):
            await engine.invoke(function)
