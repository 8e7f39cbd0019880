"""What one entry into a function behind HTTP runs, and what it reports."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

import inngest
from inngest.protocol.calls import Advice, Completed, Failed, Held, Mode, Sign, Yielded
from inngest.protocol.opcodes import Opcode
from inngest.protocol.steps import hash_step_id

from .entering import enter, memo
from .world import World

REPORT, CHECKPOINT, PLAN, TARGET = Mode.REPORT, Mode.CHECKPOINT, Mode.PLAN, Mode.TARGET
RACE = inngest.ParallelMode.RACE
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


def plain(world: World) -> Handler:
    def run(ctx: inngest.ContextSync) -> object:
        branches = (functools.partial(ctx.step.run, "a", world.does_sync("a", 1)), lambda: ctx.step.sleep("nap", 50))
        return list(ctx.group.parallel(branches))

    return run


def grouped(mode: inngest.ParallelMode) -> Callable[[World], Handler]:
    def make(world: World) -> Handler:
        async def run(ctx: inngest.Context) -> object:
            return list(await ctx.group.parallel((lambda: ctx.step.run("a", world.does("a", 1)),), mode))

        return run

    return make


def racing(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        return await ctx.group.race((lambda: ctx.step.run("a", world.does("a", 1)),))

    return run


def nested(world: World) -> Handler:
    """A group that waits for both, in one that does not; and code that runs side by side by itself in a branch."""

    async def run(ctx: inngest.Context) -> object:
        async def inner() -> object:
            return await ctx.group.parallel((lambda: ctx.step.sleep("w", 1), lambda: ctx.step.sleep("x", 1)))

        async def beside() -> object:
            return await asyncio.gather(ctx.step.sleep("y", 1), ctx.step.sleep("z", 1))

        return await ctx.group.parallel((inner, beside, lambda: ctx.step.sleep("r", 1)), RACE)

    return run


def sleeping(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        await ctx.step.sleep("nap", 50)
        return "slept"

    return run


@pytest.mark.parametrize(
    ("make", "mode", "said"),
    [
        (one, REPORT, ["StepRun a"]),
        (one, PLAN, ["StepPlanned a race"]),  # something else is open
        (two, REPORT, ["StepPlanned a race", "StepPlanned b race", "Sleep nap race"]),
        (two, CHECKPOINT, ["StepPlanned a race", "StepPlanned b race", "Sleep nap race"]),
        (two, PLAN, ["StepPlanned a race", "StepPlanned b race", "Sleep nap race"]),
        (plain, REPORT, ["StepPlanned a", "Sleep nap"]),
        (grouped(inngest.ParallelMode.WAIT), REPORT, ["StepPlanned a"]),
        (grouped(RACE), REPORT, ["StepPlanned a race"]),
        (racing, REPORT, ["StepPlanned a race"]),
        (nested, REPORT, ["Sleep w", "Sleep x", "Sleep y race", "Sleep z race", "Sleep r race"]),
        (sleeping, REPORT, ["Sleep nap"]),
        (sleeping, PLAN, ["Sleep nap race"]),
    ],
)
def test_a_lone_step_runs_and_others_are_reported_with_their_pace(
    make: Callable[[World], Handler], mode: Mode, said: list[str]
) -> None:
    entered = enter(make, mode)
    assert sorted(entered.said) == sorted(said)
    assert entered.world.begun == ({"a": 1} if said == ["StepRun a"] else {})


def test_with_checkpoints_a_group_of_one_runs() -> None:
    entered = enter(grouped(inngest.ParallelMode.WAIT), CHECKPOINT, advice=Advice.GO_ON)
    assert entered.said == ["StepRun a"]
    assert entered.outcome == Completed("[1]", entered.outcome.ops)


def test_with_checkpoints_the_code_lets_go_when_it_is_asked_to() -> None:
    async def run(ctx: inngest.Context) -> object:
        await ctx.step.run("a", lambda: 1)
        return await ctx.step.run("b", lambda: 2)

    entered = enter(lambda _: run, CHECKPOINT, advice=Advice.YIELD)
    assert entered.said[0] == "StepRun a"
    assert isinstance(entered.outcome, Yielded)
    assert entered.outcome.at_once


def test_a_transaction_says_where_it_works() -> None:
    called: list[object] = []

    async def run(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("book", called.append)

    (op,) = enter(lambda _: run, REPORT).ops
    assert (op.op, called) == (Opcode.STEP_FAILED, [])
    assert op.error is not None
    assert op.error.name == "TransactionError"
    assert "needs an engine of this process" in op.error.message
    assert "Behind HTTP use step.run" in op.error.message


# -- one target


@pytest.mark.parametrize(("target", "said"), [("a", ["StepRun a"]), ("b", ["StepRun b"]), ("nap", ["Sleep nap race"])])
def test_a_target_runs_and_no_other_step_is_told(target: str, said: list[str]) -> None:
    entered = enter(two, TARGET, target=target)
    assert entered.said == said
    assert entered.world.begun == ({} if target == "nap" else {target: 1})


def test_the_target_of_a_plain_function_runs_in_its_thread() -> None:
    assert enter(plain, TARGET, target="a").said == ["StepRun a"]


def test_a_target_has_the_attempt_of_the_call_and_the_body_too() -> None:
    told: list[int] = []

    async def run(ctx: inngest.Context) -> object:
        told.append(ctx.attempt)
        return await asyncio.gather(ctx.step.run("a", lambda: told.append(ctx.attempt)), ctx.step.sleep("nap", 1))

    enter(lambda _: run, TARGET, target="a", attempt=3)
    assert told == [3, 3]


def late(io: float) -> Callable[[World], Handler]:
    """A target that the code comes to after some I/O, beside another step."""

    def make(world: World) -> Handler:
        async def run(ctx: inngest.Context) -> object:
            async def comes_late() -> object:
                await asyncio.sleep(io)
                return await ctx.step.run("late", world.does("late", 1))

            return await asyncio.gather(ctx.step.run("soon", world.does("soon", 1)), comes_late())

        return run

    return make


def test_a_target_has_a_second_to_come() -> None:
    assert enter(late(0.9), TARGET, target="late").said == ["StepRun late"]


@pytest.mark.parametrize("seed", range(3))
def test_a_target_that_does_not_come_is_a_failed_attempt(seed: int) -> None:
    entered = enter(late(100), TARGET, target="late", foreign=True, seed=seed)
    assert isinstance(entered.outcome, Failed)
    assert (entered.outcome.error.name, entered.outcome.retriable) == ("StepUnexpectedError", True)
    assert hash_step_id("late") in entered.outcome.error.message
    assert '"soon"' in entered.outcome.error.message
    assert (entered.said, entered.world.begun) == ([], {})
    assert 1_000 <= entered.ms <= 1_050


def test_patience_with_a_target_grows_with_the_time_of_the_replay_up_to_a_minute() -> None:
    def after(io: float, world: World) -> Handler:
        async def run(ctx: inngest.Context) -> object:
            await asyncio.sleep(io)
            return await ctx.step.run("other", world.does("other"))

        return run

    for io, least in ((5, 5_000 + 11_000), (100, 100_000 + 60_000)):
        entered = enter(functools.partial(after, io), TARGET, target="gone", foreign=True)
        assert isinstance(entered.outcome, Failed)
        assert least <= entered.ms <= least + 50


def test_nobody_is_impatient_while_no_step_waits() -> None:
    def make(world: World) -> Handler:
        async def run(ctx: inngest.Context) -> object:
            await asyncio.sleep(500)
            return await ctx.step.run("a", world.does("a"))

        return run

    assert enter(make, TARGET, target="a", foreign=True).said == ["StepRun a"]


def test_a_plain_function_that_rests_has_no_more_to_come() -> None:
    entered = enter(plain, TARGET, target="gone", foreign=True)
    assert isinstance(entered.outcome, Failed)
    assert entered.outcome.error.name == "StepUnexpectedError"
    assert entered.ms < 100


def test_a_run_of_ours_goes_on_hold_if_its_target_does_not_come() -> None:
    entered = enter(two, TARGET, target="gone")
    assert entered.outcome == Held(Sign.CALLED, hash_step_id("gone"), "a")


def test_a_target_that_is_done_is_no_sign_of_changed_code() -> None:
    entered = enter(two, TARGET, memo("a", 1), target="a")
    assert isinstance(entered.outcome, Failed)
    assert entered.outcome.error.name == "StepUnexpectedError"


def test_a_body_that_returns_without_its_target_has_returned() -> None:
    def make(world: World) -> Handler:
        async def run(ctx: inngest.Context) -> object:
            tasks = [asyncio.ensure_future(ctx.step.run(name, world.does(name))) for name in ("fast", "slow")]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return len(done)

        return run

    entered = enter(make, TARGET, memo("fast"), target="slow")
    assert entered.outcome == Completed("1")


def test_a_branch_that_is_given_up_beside_the_target_is_told_later() -> None:
    """Its record would end the entry, and the result of the target would be lost."""

    def make(world: World) -> Handler:
        async def run(ctx: inngest.Context) -> object:
            return await asyncio.gather(
                ctx.group.race((lambda: ctx.step.run("won", world.does("won")), lambda: ctx.step.sleep("lost", 9_000))),
                ctx.step.run("target", world.does("target", "done", 500)),
            )

        return run

    entered = enter(make, TARGET, memo("won"), target="target")
    assert entered.said == ["StepRun target"]
    assert enter(make, PLAN, memo("won")).said == ["StepCancelled lost"]


def test_a_branch_that_is_given_up_before_the_code_comes_to_the_target_is_told_later() -> None:
    def make(world: World) -> Handler:
        async def run(ctx: inngest.Context) -> object:
            async def comes_late() -> object:
                await asyncio.sleep(0.5)
                return await ctx.step.run("target", world.does("target", "done"))

            branches = (lambda: ctx.step.run("won", world.does("won")), lambda: ctx.step.sleep("lost", 9_000))
            return await asyncio.gather(ctx.group.race(branches), comes_late())

        return run

    assert enter(make, TARGET, memo("won"), target="target").said == ["StepRun target"]


def test_with_checkpoints_attempts_are_counted_from_0_after_a_step() -> None:
    async def run(ctx: inngest.Context) -> object:
        first = await ctx.step.run("a", lambda: ctx.attempt)
        return [first, ctx.attempt, await ctx.step.run("b", lambda: ctx.attempt)]

    entered = enter(lambda _: run, CHECKPOINT, advice=Advice.GO_ON, attempt=2, max_attempts=4)
    assert isinstance(entered.outcome, Completed)
    assert entered.outcome.data == "[2,0,0]"


def test_a_call_that_is_given_up_while_a_handler_runs_is_told_later() -> None:
    def make(world: World) -> Handler:
        async def run(ctx: inngest.Context) -> object:
            async def beside() -> object:
                await asyncio.sleep(0.05)
                async with asyncio.timeout(0.05):
                    await ctx.step.sleep("nap", 60_000)
                return "slept"

            return await asyncio.gather(ctx.step.run("slow", world.does("slow", 1, 500)), beside())

        return run

    entered = enter(make, REPORT)
    assert entered.said == ["StepRun slow"]
    assert entered.world.ended == {"slow": 1}


def test_logs_speak_once_the_target_begins(caplog: pytest.LogCaptureFixture) -> None:
    def make(world: World) -> Handler:
        async def run(ctx: inngest.Context) -> object:
            ctx.logger.warning("between")
            values = await asyncio.gather(
                ctx.step.run("a", lambda: ctx.logger.warning("inside")), ctx.step.sleep("nap", 50)
            )
            ctx.logger.warning("after")
            return values

        return run

    for mode, target, told in ((REPORT, "", ["between"]), (TARGET, "a", ["inside"])):
        caplog.clear()
        enter(make, mode, target=target)
        assert [record.getMessage() for record in caplog.records] == told
    caplog.clear()
    enter(make, REPORT, memo("a"), memo("nap", seq=1))
    assert [record.getMessage() for record in caplog.records] == ["after"]


# -- what is known of the run


def test_changed_code_is_held_with_a_server_of_ours_and_goes_on_with_others() -> None:
    def make(world: World) -> Handler:
        async def run(ctx: inngest.Context) -> object:
            return await ctx.step.run("new", world.does("new", 1))

        return run

    held = enter(make, REPORT, memo("old"))
    assert held.outcome == Held(Sign.CALLED, hash_step_id("old"), "new")
    assert held.world.begun == {}
    assert enter(make, REPORT, memo("old"), foreign=True).said == ["StepRun new"]


def test_memos_find_their_calls_and_errors_their_classes() -> None:
    async def run(ctx: inngest.Context) -> object:
        value = await ctx.step.run("a", lambda: 0)
        await ctx.step.sleep("nap", 1)
        signal = await ctx.step.wait_for_signal("signal", signal="go", timeout=1)
        with pytest.raises(inngest.NonRetriableError):
            await ctx.step.run("bad", lambda: 0)
        with pytest.raises(inngest.StepError) as caught:
            await ctx.step.invoke_by_id("other", function_id="other")
        return [value, signal, isinstance(caught.value, inngest.NonRetriableError)]

    memos = [
        memo("a", [1]),
        memo("nap", seq=1),
        memo("signal", {"signal": "go", "data": 2}, seq=2),
        memo("bad", seq=3, error="NonRetriableError"),
        memo("other", seq=4, error="NonRetriableError"),
    ]
    assert enter(lambda _: run, REPORT, *memos).outcome == Completed("[[1],2,false]")


def test_a_step_whose_arguments_were_replaced_runs_with_others() -> None:
    def make(world: World) -> Handler:
        async def run(ctx: inngest.Context) -> object:
            return await ctx.step.run("a", world.does("a"), 1, 2)

        return run

    entered = enter(make, REPORT, inputs={hash_step_id("a"): '["x",{"y":1}]'})
    assert [op.data for op in entered.ops] == ['["x",{"y":1}]']


@pytest.mark.parametrize(
    ("attempt", "most", "op"),
    [
        (0, 2, Opcode.STEP_ERROR),
        (1, 2, Opcode.STEP_FAILED),
        (99, None, Opcode.STEP_ERROR),  # who does not know how many there are, leaves it to the server
    ],
)
def test_the_last_attempt_of_a_step_is_its_failure(attempt: int, most: int | None, op: Opcode) -> None:
    entered = enter(failing, REPORT, attempt=attempt, max_attempts=most)
    assert [(one.op, one.attempt) for one in entered.ops] == [(op, attempt)]


def failing(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        return await ctx.step.run("a", world.does("a", fails=100))

    return run


def test_code_that_swallows_the_signal_fails_for_good() -> None:
    async def run(ctx: inngest.Context) -> object:
        try:
            await ctx.step.sleep("nap", 1_000)
        except BaseException:
            return "swallowed"
        return "slept"

    entered = enter(lambda _: run, REPORT)
    assert isinstance(entered.outcome, Failed)
    assert (entered.outcome.error.code, entered.outcome.retriable) == ("signal_swallowed", False)


def test_the_result_of_a_step_is_reported_though_its_body_swallows_the_signal() -> None:
    async def run(ctx: inngest.Context) -> object:
        try:
            return await ctx.step.run("a", lambda: 1)
        except BaseException:
            return "swallowed"

    entered = enter(lambda _: run, REPORT)
    assert entered.said == ["StepRun a"]
    assert not isinstance(entered.outcome, Completed)


# -- steps that must not run twice


def at_most_once(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        return await ctx.step.options(on_crash="fail").run("charge", world.does("charge", 1))

    return run


@pytest.mark.parametrize("mode", [REPORT, CHECKPOINT])
def test_a_step_that_must_not_run_twice_is_planned_so_that_the_server_knows_of_it(mode: Mode) -> None:
    entered = enter(at_most_once, mode)
    assert [(op.op, op.once) for op in entered.ops] == [(Opcode.STEP_PLANNED, True)]
    assert enter(at_most_once, TARGET, target="charge").said == ["StepRun charge"]


@pytest.mark.parametrize(("mode", "target"), [(REPORT, ""), (CHECKPOINT, ""), (PLAN, ""), (TARGET, "charge")])
def test_it_is_refused_by_name_where_the_server_cannot_know_of_it(mode: Mode, target: str) -> None:
    entered = enter(at_most_once, mode, target=target, foreign=True)
    assert isinstance(entered.outcome, Failed)
    assert entered.outcome.error.message.startswith('on_crash: step "charge" must not run twice')
    assert not entered.outcome.retriable
    assert entered.world.begun == {}
