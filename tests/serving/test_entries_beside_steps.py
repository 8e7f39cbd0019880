"""What rides with the reports of one entry, what its steps send, and what middleware hears."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

import inngest
from inngest.protocol.calls import Completed, Mode
from inngest.protocol.opcodes import Opcode
from tests.simulation.threads import OwnThread

from .entering import enter, memo
from .world import World

REPORT, CHECKPOINT, PLAN, TARGET = Mode.REPORT, Mode.CHECKPOINT, Mode.PLAN, Mode.TARGET
Handler = Callable[..., Any]


def one(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        return await ctx.step.run("a", world.does("a", 1))

    return run


def two(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        return await asyncio.gather(
            ctx.step.run("a", world.does("a", 1)), ctx.step.run("b", world.does("b", 2)), ctx.step.sleep("nap", 50)
        )

    return run


# -- what rides with a report


def telling(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        ctx.defer("later", function="test-other")
        said = ctx.patched("new")
        await asyncio.gather(ctx.step.run("a", world.does("a", 1)), ctx.step.sleep("nap", 50))
        return [said, ctx.patched("new")]

    return run


def test_defers_and_answers_ride_with_what_is_reported() -> None:
    entered = enter(telling, REPORT)
    assert entered.said[:2] == ["DeferAdd later", "Patched new"]
    assert enter(telling, TARGET, target="a").said == ["StepRun a"]  # they were told with the plan


def test_a_server_of_others_keeps_answers_as_steps() -> None:
    first = enter(patching, REPORT, foreign=True)
    assert [op.op for op in first.ops] == [Opcode.STEP_RUN, Opcode.SLEEP]
    kept = memo(first.ops[0].step.text)._replace(data=first.ops[0].data)
    later = enter(patching, REPORT, kept, memo("nap", seq=1), foreign=True)
    assert later.outcome == Completed("[true,true]")
    before = enter(patching, REPORT, memo("nap", seq=1), foreign=True)
    assert before.outcome == Completed("[false,false]")


def patching(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        said = ctx.patched("new")
        await ctx.step.sleep("nap", 50)
        return [said, ctx.patched("new")]

    return run


def test_while_others_are_open_a_change_takes_the_old_way() -> None:
    assert enter(patching, PLAN).said == ["Sleep nap race"]
    assert enter(patching, PLAN, memo("nap")).outcome == Completed("[false,false]")
    assert enter(patching, PLAN, memo("nap"), patches=["new"]).outcome == Completed("[true,true]")


# -- what steps send


def test_events_of_a_step_have_ids_that_come_again_with_it() -> None:
    async def run(ctx: inngest.Context) -> object:
        events = [inngest.Event(name="test/one"), inngest.Event(name="test/two", id="mine")]
        return await ctx.step.send_event("send", events)

    first, again = enter(lambda _: run, REPORT), enter(lambda _: run, REPORT, attempt=1)
    assert [event.name for event in first.world.events] == ["test/one", "test/two"]
    assert [event.key for event in first.world.events] == [event.key for event in again.world.events]
    assert [event.key for event in first.world.events] == [first.world.events[0].id, "mine"]
    assert [op.data for op in first.ops] == [op.data for op in again.ops]


@pytest.mark.parametrize("step", ["send", "signal"])
def test_what_cannot_be_sent_is_a_failed_attempt(step: str) -> None:
    def make(world: World) -> Handler:
        world.refuses = True

        async def run(ctx: inngest.Context) -> object:
            if step == "signal":
                return await ctx.step.send_signal("signal", "go")
            return await ctx.step.send_event("send", inngest.Event(name="test/one"))

        return run

    entered = enter(make, REPORT, max_attempts=3)
    assert entered.said == [f"StepError {step}"]
    assert entered.ops[0].error is not None
    assert entered.ops[0].error.code == "send_event_failed"


# -- middleware


class Watching(inngest.MiddlewareSync):
    """Notes its calls."""

    told: list[str] = []  # noqa: RUF012 - of all instances

    def transform_input(self, ctx: object, function: object, steps: object) -> None:
        self.told.append(f"input of {self.raw_request}")

    def before_execution(self) -> None:
        self.told.append("before execution")

    def after_execution(self) -> None:
        self.told.append("after execution")

    def transform_output(self, result: inngest.TransformOutputResult) -> None:
        step = result.step
        self.told.append(f"output of {'the function' if step is None else f'{step.op.value} {step.id}'}")

    def before_response(self) -> None:
        self.told.append("response")

    def before_send_events(self, events: list[inngest.Event]) -> None:
        self.told.append(f"sends {len(events)}")

    def after_send_events(self, result: inngest.SendEventsResult) -> None:
        self.told.append(f"sent {len(result.ids)}")


def hooks(make: Callable[[World], Handler], mode: Mode, target: str = "") -> list[str]:
    Watching.told.clear()
    app = inngest.Inngest(app_id="test", is_production=False, middleware=[Watching])
    enter(make, mode, target=target, client=app)
    return list(Watching.told)


def test_middleware_hears_of_each_part_once() -> None:
    begin, end = ["input of None", "before execution"], ["after execution", "response"]
    assert hooks(one, REPORT) == [*begin, "output of StepRun a", *end]
    planned = ["output of Sleep nap", "output of StepPlanned a", "output of StepPlanned b"]
    assert sorted(hooks(two, REPORT)) == sorted([*begin, *planned, *end])
    assert hooks(two, TARGET, "a") == [*begin, "output of StepRun a", *end]


def test_middleware_hears_of_events_when_they_are_sent() -> None:
    def make(world: World) -> Handler:
        async def run(ctx: inngest.Context) -> object:
            return await ctx.step.send_event("send", inngest.Event(name="test/one"))

        return run

    told = hooks(make, REPORT)
    assert told[2:5] == ["sends 1", "sent 1", "output of StepRun send"]


# -- threads that a plain function starts itself


def test_steps_of_threads_of_the_functions_own_are_planned() -> None:
    def make(world: World) -> Handler:
        def run(ctx: inngest.ContextSync) -> object:
            own = [OwnThread(functools.partial(ctx.step.run, name, world.does_sync(name, name))) for name in ("a", "b")]
            return [one.result() for one in own]

        return run

    assert sorted(enter(make, REPORT).said) == ["StepPlanned a race", "StepPlanned b race", "Threaded"]
    assert sorted(enter(make, TARGET, target="b").said) == ["StepRun b"]
    over = enter(make, REPORT, memo("a", 1), memo("b", 2, seq=1), threaded=True)
    assert over.outcome == Completed("[1,2]")
