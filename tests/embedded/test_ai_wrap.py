"""`step.ai.wrap`: a step like another, that middleware and servers can tell apart."""

from __future__ import annotations

from pathlib import Path

import pytest

import inngest

from .stage import Stage, step


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def complete(prompt: str, temperature: float = 0.0) -> dict[str, object]:
    return {"text": prompt.upper(), "temperature": temperature}


async def complete_async(prompt: str) -> dict[str, object]:
    return complete(prompt)


@pytest.mark.parametrize("fn", [complete, complete_async])
async def test_a_call_of_a_model_is_durable(stage: Stage, fn: object) -> None:
    async def body(ctx: inngest.Context) -> object:
        answer = await ctx.step.ai.wrap("ask", fn, "hello")  # type: ignore[call-overload]  # pyright: ignore
        await ctx.step.sleep("nap", 1)
        return answer

    run = await stage.run(body)
    assert run.output == {"text": "HELLO", "temperature": 0.0}
    assert (step(run, "ask").kind, len(step(run, "ask").attempts)) == ("StepRun", 1)


async def test_plain_functions_have_it_too_and_options_apply(stage: Stage) -> None:
    calls: list[int] = []

    def flaky(prompt: str) -> str:
        calls.append(len(calls))
        raise ConnectionError(prompt)

    def body(ctx: inngest.ContextSync) -> object:
        answer = ctx.step.ai.wrap("ask", complete, "hello", 0.5)
        with pytest.raises(inngest.StepError, match="boo"):
            ctx.step.options(retries=1).ai.wrap("ask", flaky, "boo")
        return answer

    run = await stage.run(body)
    assert (run.output, len(calls)) == ({"text": "HELLO", "temperature": 0.5}, 2)


async def test_middleware_is_told_what_it_is(stage: Stage) -> None:
    told: list[object] = []

    class Tells(inngest.MiddlewareSync):
        def transform_output(self, result: inngest.TransformOutputResult) -> None:
            if result.step is not None:
                told.append((result.step.id, result.step.op, result.step.opts, result.error is None))

    stage.client = inngest.Inngest(app_id="test", middleware=[Tells])

    def refuse() -> None:
        raise inngest.NonRetriableError("no")

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("s", complete, "x")
        await ctx.step.ai.wrap("ask", complete, "x")
        with pytest.raises(inngest.StepError):
            await ctx.step.ai.wrap("refused", refuse)

    await stage.run(body)
    kind = {"type": "step.ai.wrap"}
    assert told == [
        ("s", "StepRun", None, True),
        ("ask", "StepRun", kind, True),
        ("refused", "StepFailed", kind, False),
    ]


async def test_middleware_is_told_which_failure_is_the_last(stage: Stage) -> None:
    told: list[str] = []

    class Tells(inngest.MiddlewareSync):
        def transform_output(self, result: inngest.TransformOutputResult) -> None:
            if result.step is not None:
                told.append(result.step.op)

    stage.client = inngest.Inngest(app_id="test", middleware=[Tells])

    def fails() -> None:
        raise OSError

    async def body(ctx: inngest.Context) -> None:
        for options in ({"retries": 1}, {"retries": 3}, {"retry_on": KeyError}):
            with pytest.raises(inngest.StepError):
                await ctx.step.options(**options).run("s", fails)  # pyright: ignore[reportArgumentType]

    await stage.run(body, retries=2)
    assert told == ["StepError", "StepFailed", "StepError", "StepError", "StepError", "StepFailed", "StepFailed"]


async def test_what_is_no_function_is_refused(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.ai.wrap("ask", 5)  # type: ignore[call-overload]  # pyright: ignore

    run = await stage.run(body, retries=0)
    assert run.error is not None
    assert run.error.message.startswith('step "ask": expected a function, got 5')
