"""What a developer may get wrong with steps: each is a clear error that names the step, and nothing hangs."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

import inngest
from inngest import Run
from inngest.errors import FunctionConfigInvalidError, RunFailedError, StepOutsideError

from .stage import Stage, failure, message


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def run_async(stage: Stage, call: Callable[[inngest.Context], Awaitable[object]], **options: Any) -> Run:
    async def body(ctx: inngest.Context) -> object:
        return await call(ctx)

    return await stage.run(body, **options)


async def run_plain(stage: Stage, call: Callable[[inngest.ContextSync], object], **options: Any) -> Run:
    def body(ctx: inngest.ContextSync) -> object:
        return call(ctx)

    return await stage.run(body, **options)


NESTED = (
    'Nested steps are not supported: step "inner" was called in the handler of step "outer". '
    "Call it in the function's body, before or after."
)


async def test_a_step_inside_a_step_fails_the_outer_one_for_good(stage: Stage) -> None:
    calls: list[int] = []

    async def body(ctx: inngest.Context) -> dict[str, str]:
        async def outer() -> None:
            calls.append(1)
            await ctx.step.run("inner", lambda: 1)

        try:
            await ctx.step.run("outer", outer)
        except inngest.StepError as error:
            return {"name": error.name, "message": error.message}
        return {}

    run = await stage.run(body)
    assert (run.output, calls) == ({"name": "NestedStepError", "message": NESTED}, [1])
    assert [one.id for one in run.steps] == ["outer"]
    assert run.steps[0].error is not None
    assert run.steps[0].error.code == "step_nested"


async def test_a_step_inside_a_step_of_a_plain_function_too(stage: Stage) -> None:
    def body(ctx: inngest.ContextSync) -> str:
        try:
            ctx.step.run("outer", lambda: ctx.step.run("inner", lambda: 1))
        except inngest.StepError as error:
            return error.message
        return ""

    run = await stage.run(body)
    assert (run.output, [one.id for one in run.steps]) == (NESTED, ["outer"])


@pytest.mark.parametrize("inner", ["sleep", "send_event", "parallel", "task", "swallowed"])
async def test_every_kind_of_step_inside_a_step_does(stage: Stage, inner: str) -> None:
    async def call(ctx: inngest.Context) -> None:
        if inner == "sleep":
            await ctx.step.sleep("inner", 1)
        elif inner == "send_event":
            await ctx.step.send_event("inner", inngest.Event(name="x"))
        elif inner == "parallel":
            await ctx.group.parallel((lambda: ctx.step.run("inner", lambda: 1),))
        elif inner == "task":
            await asyncio.create_task(ctx.step.run("inner", lambda: 1))
        else:
            try:
                await ctx.step.run("inner", lambda: 1)
            except Exception:
                return

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("outer", call, ctx)

    run = await stage.run(body)
    assert failure(run)[0] == "NestedStepError"
    assert message(run) == NESTED


async def test_a_step_on_another_event_loop_is_refused(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        def elsewhere() -> str:
            try:
                asyncio.run(ctx.step.run("s", lambda: 1))
            except StepOutsideError as error:
                return error.message
            return "ran"

        return await anyio.to_thread.run_sync(elsewhere)

    run = await stage.run(body)
    assert run.output == 'step "s" was called on another event loop than its function runs on'
    assert run.steps == ()


async def test_a_step_after_the_function_ended_is_refused(stage: Stage) -> None:
    kept: list[inngest.Context] = []
    kept_plain: list[inngest.ContextSync] = []

    async def body(ctx: inngest.Context) -> None:
        kept.append(ctx)

    def plain(ctx: inngest.ContextSync) -> None:
        kept_plain.append(ctx)

    one, other = stage.function(body, "a"), stage.function(plain, "b")
    async with stage.engine(one, other) as engine:
        await engine.invoke(one)
        await engine.invoke(other)
        with pytest.raises(StepOutsideError, match='step "late" was called after its function had ended'):
            await kept[0].step.run("late", lambda: 1)
        with pytest.raises(StepOutsideError):
            kept_plain[0].step.run("late", lambda: 1)
        assert [run.steps for run in [await engine.run(run.id) for run in await engine.runs()]] == [(), ()]


async def test_a_repeat_that_is_another_steps_name_is_refused(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        for step_id in ("a", "a", "a:1"):
            await ctx.step.run(step_id, lambda: 1)

    run = await stage.run(body)
    assert failure(run) == ("StepIdTakenInRunError", "step_id_taken")
    assert message(run).startswith('the step id "a:1" is taken twice: repeats of an id are numbered "id:1", "id:2"')
    assert [one.id for one in run.steps] == ["a", "a:1"]
    assert run.attempts == ()


async def test_the_other_way_round_too(stage: Stage) -> None:
    def body(ctx: inngest.ContextSync) -> None:
        for step_id in ("a:1", "a", "a"):
            ctx.step.run(step_id, lambda: 1)

    run = await stage.run(body)
    assert failure(run) == ("StepIdTakenInRunError", "step_id_taken")


@pytest.mark.parametrize(
    ("step_id", "words"),
    [
        (5, "a step id is a text, got 5"),
        (None, "a step id is a text, got None"),
        ("a\ud800", "the step id 'a\\ud800' must not contain half of a surrogate pair"),
        ("a\0", "the step id 'a\\x00' must not contain the character NUL"),
    ],
)
async def test_a_step_id_is_a_text_that_can_be_stored(stage: Stage, step_id: Any, words: str) -> None:
    run = await run_async(stage, lambda ctx: ctx.step.run(step_id, lambda: 1))
    assert (message(run), failure(run)[0], run.attempts) == (words, "StepArgumentError", ())
    run = await run_plain(stage, lambda ctx: ctx.step.sleep(step_id, 1), fn_id="g")
    assert (message(run), failure(run)[0], run.attempts) == (words, "StepArgumentError", ())


async def test_any_other_id_is_fine(stage: Stage) -> None:
    ids = ["", " ", "é", "a:1", "a:b", "😀", "x" * 10_000, "a/b\n'\""]

    async def body(ctx: inngest.Context) -> list[str]:
        found = [await ctx.step.run(one, str, one) for one in ids]
        await ctx.step.sleep("again", 1)
        return found

    run = await stage.run(body)
    assert run.output == ids
    assert [one.id for one in run.steps] == [*ids, "again"]


async def answer() -> int:
    return 42


async def test_a_coroutine_instead_of_a_function_is_pointed_out(stage: Stage) -> None:
    run = await run_async(stage, lambda ctx: ctx.step.run("s", answer()), retries=4)  # type: ignore[call-overload]  # pyright: ignore
    assert message(run) == (
        'step "s": expected a function, got an awaitable (coroutine): give the function itself, without calling it'
    )


async def test_something_else_than_a_function_is_pointed_out(stage: Stage) -> None:
    run = await run_plain(stage, lambda ctx: ctx.step.run("s", 5), retries=0)  # type: ignore[arg-type]  # pyright: ignore
    assert message(run) == 'step "s": expected a function, got 5: give the function itself, without calling it'


async def double(number: int) -> int:
    return 2 * number


def plain_double(number: int) -> int:
    return 2 * number


@pytest.mark.parametrize("args", [(), (1, 2)])
async def test_arguments_that_a_handler_does_not_take_are_refused_once(stage: Stage, args: tuple[Any, ...]) -> None:
    run = await run_async(stage, lambda ctx: ctx.step.run("s", double, *args), retries=4)
    assert (failure(run)[0], len(run.steps[0].attempts)) == ("StepArgumentError", 1)
    assert message(run).startswith(
        f"step \"s\": its handler double(number: 'int') -> 'int' cannot be called with {len(args)} arguments: "
    )
    run = await run_plain(stage, lambda ctx: ctx.step.run("s", plain_double, *args), retries=4, fn_id="g")
    assert (failure(run)[0], len(run.steps[0].attempts)) == ("StepArgumentError", 1)


async def test_a_type_error_of_a_handler_itself_is_tried_again(stage: Stage) -> None:
    def calls_wrongly() -> int:
        return plain_double()  # type: ignore[call-arg]  # pyright: ignore

    handlers: list[Any] = [calls_wrongly, functools.partial(len, 5)]  # type: ignore[arg-type]  # pyright: ignore
    for number, handler in enumerate(handlers):
        one = functools.partial(lambda ctx, handler: ctx.step.run("s", handler), handler=handler)
        run = await run_plain(stage, one, retries=1, fn_id=f"f{number}")
        assert (failure(run)[0], len(run.steps[0].attempts)) == ("TypeError", 2)


async def test_keyword_arguments_of_run_are_refused_once(stage: Stage) -> None:
    words = 'step "s": step.run takes no number=…: bind keyword arguments of the handler with functools.partial'
    run = await run_async(stage, lambda ctx: ctx.step.run("s", double, number=1), retries=4)  # type: ignore[call-overload]  # pyright: ignore
    assert (message(run), failure(run)[0], run.attempts) == (words, "StepArgumentError", ())
    run = await run_plain(stage, lambda ctx: ctx.step.run("s", plain_double, number=1), retries=4, fn_id="g")  # type: ignore[arg-type]  # pyright: ignore
    assert (message(run), failure(run)[0], run.attempts) == (words, "StepArgumentError", ())


@pytest.mark.parametrize(
    ("callables", "words"),
    [
        (lambda ctx: [ctx.step.run("s", answer)][0], "group.parallel: expected a tuple of functions without arguments"),
        (
            lambda ctx: (ctx.step.run("s", answer),),
            "callables[0]: expected a function, got an awaitable (coroutine)",
        ),
        (lambda ctx: (answer, 5), "group.parallel: callables[1]: expected a function, got 5"),
        (lambda ctx: (answer, lambda: 5), "group.parallel: callables[1] gave 5: expected an awaitable"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_what_parallel_takes_is_checked(stage: Stage, callables: Callable[[Any], Any], words: str) -> None:
    run = await run_async(stage, lambda ctx: ctx.group.parallel(callables(ctx)), retries=0)
    assert words in message(run)


async def test_an_unknown_mode_of_parallel_is_refused(stage: Stage) -> None:
    run = await run_async(stage, lambda ctx: ctx.group.parallel((), "fast"), retries=0)  # type: ignore[call-overload]  # pyright: ignore
    assert message(run) == "'fast' is not a valid ParallelMode"


async def test_an_async_handler_in_a_plain_function_is_pointed_out(stage: Stage) -> None:
    run = await run_plain(stage, lambda ctx: ctx.step.run("s", answer))
    assert failure(run) == ("AsyncUnsupportedError", "step_errored")
    assert message(run).startswith('step "s": async code in a plain function: it gave an awaitable')
    assert len(run.steps[0].attempts) == 1


async def test_a_plain_function_that_returns_an_awaitable_is_pointed_out(stage: Stage) -> None:
    run = await run_plain(stage, lambda ctx: answer())
    assert failure(run) == ("AsyncUnsupportedError", "async_unsupported")
    assert message(run).startswith("function test-f returned an awaitable (coroutine), which nothing awaits")


async def test_an_async_function_that_forgot_to_await_is_pointed_out(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> object:
        return answer()

    run = await stage.run(body)
    assert message(run).startswith("function test-f returned an awaitable (coroutine)")


@pytest.mark.parametrize("duration", [1.5, "1s", True, None])
async def test_a_sleep_takes_a_duration(stage: Stage, duration: Any) -> None:
    words = 'step "nap": expected milliseconds as int, or a timedelta, got '
    run = await run_async(stage, lambda ctx: ctx.step.sleep("nap", duration), retries=0)
    assert message(run) == words + type(duration).__name__
    run = await run_plain(stage, lambda ctx: ctx.step.sleep("nap", duration), retries=0, fn_id="g")
    assert message(run) == words + type(duration).__name__


async def test_sleeping_until_takes_a_datetime(stage: Stage) -> None:
    run = await run_async(stage, lambda ctx: ctx.step.sleep_until("nap", 5), retries=0)  # type: ignore[arg-type]  # pyright: ignore
    assert message(run) == 'step "nap": sleep_until expects a datetime, got int'


@pytest.mark.parametrize("events", [5, [{"name": "a"}], [inngest.Event(name="a"), inngest.Event(name="inngest/b")]])
async def test_events_of_a_step_are_checked_and_not_retried(stage: Stage, events: Any) -> None:
    started: list[int] = []

    async def on_a(ctx: inngest.Context) -> None:
        started.append(1)

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.send_event("tell", events)

    listens = stage.client.create_function(fn_id="a", trigger=inngest.TriggerEvent(event="a"))(on_a)
    sends = stage.function(body)
    async with stage.engine(listens, sends) as engine:
        with pytest.raises(RunFailedError) as raised:
            await engine.invoke(sends)
        assert raised.value.error.name == "EventInvalidError"
        assert len(await engine.runs()) == 1  # none of the events was stored
    assert started == []


async def test_a_handler_that_takes_other_arguments_is_an_error_of_the_step(stage: Stage) -> None:
    def two(a: int, b: int) -> int:
        return a + b

    one: Any = functools.partial(two, 1)
    run = await run_async(stage, lambda ctx: ctx.step.run("s", one), retries=1)
    assert failure(run)[0] == "StepArgumentError"
    assert "missing a required argument: 'b'" in message(run)


async def test_swallowing_the_signal_that_ends_an_invocation_is_pointed_out(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        try:
            await ctx.step.sleep("a moment", 60_000)
        except BaseException:
            return "went on"
        return "slept"

    run = await stage.run(body, retries=0)
    assert failure(run) == ("SignalSwallowedError", "signal_swallowed")
    assert "catch Exception, not BaseException" in message(run)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a/*", "expected the whole name of an event: patterns such as \"app/*\" are for triggers only; got 'a/*'"),
        (
            "inngest/foo",
            "come from the engine, and it sends none with that name: expected one of inngest/function.failed",
        ),
    ],
)
async def test_a_wait_for_what_never_comes_is_refused(stage: Stage, name: str, words: str) -> None:
    run = await run_async(stage, lambda ctx: ctx.step.wait_for_event("w", event=name, timeout=5), retries=4)
    assert failure(run) == ("StepArgumentError", "step_argument")
    assert words in message(run)
    with pytest.raises(FunctionConfigInvalidError) as raised:
        inngest.Cancel(event=name)
    assert words in raised.value.message


@pytest.mark.parametrize("kind", [run_async, run_plain])
async def test_patched_inside_a_step_is_pointed_out(stage: Stage, kind: Any) -> None:
    run = await kind(stage, lambda ctx: ctx.step.run("s", lambda: ctx.patched("new way")), retries=4)
    assert failure(run)[0] == "NestedStepError"
    assert 'ctx.patched "new way" was called in the handler of step "s"' in message(run)
