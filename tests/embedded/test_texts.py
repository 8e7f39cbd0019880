"""NUL and halves of surrogate pairs: values carry them, names and ids are refused where they come in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.errors import (
    EngineConfigError,
    EngineStateError,
    EventInvalidError,
    FunctionConfigInvalidError,
    RunNotFoundError,
)

from .stage import Stage, message, step

NUL, HALF = "a\0b", "a\ud800b"
REASONS = {NUL: "must not contain the character NUL", HALF: "must not contain half of a surrogate pair"}

both = pytest.mark.parametrize("text", [NUL, HALF], ids=["NUL", "half of a pair"])

Body = Callable[[inngest.Context, str], Awaitable[object]]


async def _defer(ctx: inngest.Context, text: str) -> object:
    return ctx.defer("d", function=text)


async def _defer_id(ctx: inngest.Context, text: str) -> object:
    return ctx.defer(text, function="test-f")


DOORS: dict[str, Body] = {
    "step id": lambda ctx, text: ctx.step.run(text, lambda: 1),
    "event": lambda ctx, text: ctx.step.send_event("s", inngest.Event(name=text)),
    "event id": lambda ctx, text: ctx.step.send_event("s", inngest.Event(name="a", id=text)),
    "wait for event": lambda ctx, text: ctx.step.wait_for_event("s", event=text, timeout=1),
    "wait for signal": lambda ctx, text: ctx.step.wait_for_signal("s", signal=text, timeout=1),
    "send signal": lambda ctx, text: ctx.step.send_signal("s", text),
    "invoke by id": lambda ctx, text: ctx.step.invoke_by_id("s", function_id=text),
    "invoke by id, app": lambda ctx, text: ctx.step.invoke_by_id("s", function_id="f", app_id=text),
    "defer": _defer,
    "defer id": _defer_id,
}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@both
@pytest.mark.parametrize("door", DOORS)
async def test_a_name_in_a_step_is_refused_with_the_reason(stage: Stage, door: str, text: str) -> None:
    async def body(ctx: inngest.Context) -> object:
        return await DOORS[door](ctx, text)

    assert REASONS[text] in message(await stage.run(body, retries=0))


@both
async def test_names_in_a_configuration_are_refused(stage: Stage, text: str) -> None:
    client: Any = stage.client
    trigger = inngest.TriggerEvent(event="a")
    for refused in (
        lambda: inngest.Inngest(app_id=text),
        lambda: client.create_function(fn_id=text, trigger=trigger),
        lambda: client.create_function(fn_id="f", name=text, trigger=trigger),
        lambda: client.create_function(fn_id="f", idempotency=f"'{text}'", trigger=trigger),
        lambda: inngest.TriggerEvent(event=text),
        lambda: inngest.Cancel(event=text),
    ):
        with pytest.raises(FunctionConfigInvalidError):
            refused()


@both
async def test_at_the_engine_nothing_has_such_a_name(stage: Stage, text: str) -> None:
    async def body(ctx: inngest.Context) -> None:
        """Do nothing."""

    async with stage.engine(stage.function(body)) as engine:
        for lookup in (engine.run, engine.wait, engine.cancel, engine.explain):
            with pytest.raises(RunNotFoundError):
                await lookup(text)
        for change in (engine.pause, engine.resume):
            with pytest.raises(EngineStateError, match="is not known to this database"):
                await change(text)
        assert await engine.runs(function=text) == []
        assert await engine.runs(event_id=text) == []
        with pytest.raises(EngineConfigError, match="before: expected the id of a run"):
            await engine.runs(before=text)
        with pytest.raises(EventInvalidError, match=REASONS[text]):
            await stage.client.send(inngest.Event(name=text))
        with pytest.raises(inngest.errors.StepArgumentError, match=REASONS[text]):
            await stage.client.send_signal(text)


@both
async def test_values_carry_them(stage: Stage, text: str) -> None:
    """From data to a step, its error, an invoked function, and the result."""

    async def raising() -> None:
        raise ValueError(text)

    async def echo(ctx: inngest.Context) -> object:
        return ctx.event.data["v"]

    async def body(ctx: inngest.Context) -> object:
        value = ctx.event.data["v"]
        kept = await ctx.step.run("kept", lambda: {"v": value, text: [value]})
        raised = ""
        try:
            await ctx.step.options(retries=0).run("failed", raising)
        except inngest.StepError as error:
            raised = error.message
        invoked = await ctx.step.invoke("invoked", function=echoing, data={"v": value})
        await ctx.step.sleep("replay", 1)
        return [value, kept, raised, invoked]

    echoing = stage.function(echo, fn_id="echo")
    function = stage.function(body)
    async with stage.engine(function, echoing) as engine:
        assert await engine.invoke(function, data={"v": text}) == [text, {"v": text, text: [text]}, text, text]
        (run,) = await engine.runs(function=function)
        recorded = step(await engine.run(run.id), "failed").error
        assert recorded is not None
        assert recorded.message == text
