"""What stands between an event and a run: trigger conditions, limits, collecting, singletons, pauses, timeouts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest import Run
from inngest.errors import EngineConfigError, EngineStateError, RunCancelledError, RunSkippedError
from tests.embedded.stage import Stage
from tests.wall_clock import WallClock

START = "test/start"
HOUR = 3_600_000


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def event(event_id: str = "", name: str = START, ts: int = 0, **data: object) -> inngest.Event:
    return inngest.Event(name=name, id=event_id, ts=ts, data=data)


class Log:
    """A function that notes the data of its events, and waits where it is told to."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.ended = asyncio.Semaphore(0)
        self.go = asyncio.Event()
        self.go.set()
        self.began = asyncio.Semaphore(0)

    async def __call__(self, ctx: inngest.Context) -> object:
        self.began.release()
        await self.go.wait()
        self.seen.append([one.data.get("n") for one in ctx.events])
        self.ended.release()
        return ctx.event.data.get("n")

    async def until(self, count: int) -> None:
        for _ in range(count):
            await self.ended.acquire()


def made(stage: Stage, log: Log, fn_id: str = "f", trigger: Any = None, **options: Any) -> inngest.Function[Any]:
    async def body(ctx: inngest.Context) -> object:
        return await log(ctx)

    triggers = trigger or inngest.TriggerEvent(event=START)
    return stage.client.create_function(fn_id=fn_id, trigger=triggers, **options)(body)


async def ended(engine: inngest.Engine, function: inngest.Function[Any]) -> Sequence[Run]:
    """All runs of a function, oldest first, when each has ended."""
    for run in await engine.runs(function=function, limit=100):
        try:
            await engine.wait(run.id)
        except (RunSkippedError, RunCancelledError):
            continue
    return list(reversed(await engine.runs(function=function, limit=100)))


def reason(run: Run) -> str:
    assert run.error is not None, run
    return run.error.message


# -- triggers


async def test_conditions_wildcards_and_several_triggers(stage: Stage) -> None:
    any_user, big, paid = Log(), Log(), Log()
    functions = [
        made(stage, any_user, "any", inngest.TriggerEvent(event="user/*")),
        made(stage, big, "big", inngest.TriggerEvent(event="order/made.big", expression="event.data.n > 10")),
        made(
            stage,
            paid,
            "paid",
            [
                inngest.TriggerEvent(event="order/made.*", expression="event.data.n == 11"),
                inngest.TriggerEvent(event="order/*", expression="event.data.paid"),
                inngest.TriggerEvent(event="order/made.big", expression="event.data.n == 12"),
            ],
        ),
    ]
    async with stage.engine(*functions) as engine:
        sent = [event(name="user/a.b", n=1), event(name="users/a", n=2), event(name="user", n=3)]
        sent += [event(name="order/made.big", n=n, paid=n == 12) for n in (10, 11, 12)]
        await engine.send(sent)
        for function in functions:
            await ended(engine, function)
    assert [sorted(log.seen) for log in (any_user, big, paid)] == [[[1]], [[11], [12]], [[11], [12]]]


async def test_a_condition_that_gives_no_answer_is_recorded(stage: Stage) -> None:
    log = Log()
    function = made(stage, log, trigger=inngest.TriggerEvent(event=START, expression="event.data.n + 1"))
    async with stage.engine(function) as engine:
        await engine.send([event(n=1)])
        (run,) = await ended(engine, function)
    assert (run.status, run.started_at) == ("SKIPPED", None)
    assert reason(run).startswith("trigger.expression: gave ")
    assert log.seen == []


# -- idempotency and rate limit


async def test_a_key_starts_one_run(stage: Stage) -> None:
    log = Log()
    function = made(stage, log, idempotency="event.data.order")
    async with stage.engine(function) as engine:
        await engine.send([event(n=1, order="a"), event(n=2, order="a"), event(n=3, order="b"), event(n=4)])
        await engine.send([event(n=5, order="a"), event(n=6)])
        await ended(engine, function)
        with pytest.raises(RunSkippedError, match=r"was skipped: idempotency: run 0.* has the same key"):
            await engine.invoke(function, data={"order": "b"})
    assert sorted(log.seen) == [[1], [3], [4], [6]]


async def test_events_over_the_rate_start_nothing_and_are_stored(stage: Stage) -> None:
    log = Log()
    limit = inngest.RateLimit(limit=2, period=3_600_000, key="event.data.user")
    function = made(stage, log, rate_limit=limit)
    async with stage.engine(function) as engine:
        sent = await engine.send([event(str(n), n=n, user="a" if n < 5 else "b") for n in range(6)])
        await engine.send([event("0", n=0, user="a"), event("5", n=5, user="b")])  # they have been judged
        await engine.send([event(n=6, user="b"), event(n=7, user="b"), event(n=8), event(n=9), event(n=10)])
        runs = await ended(engine, function)
        assert await engine.runs(event_id=sent[2]) == []
        with pytest.raises(RunSkippedError, match="rate_limit: 2 runs have started within 1h") as raised:
            await engine.invoke(function, data={"user": "a"})
        assert (await engine.run(raised.value.run_id)).status == "SKIPPED"
    assert [run.status for run in runs] == ["COMPLETED"] * len(runs)
    assert sorted(log.seen) == [[0], [1], [5], [6], [8], [9], [10]]  # no user: no limit


async def test_what_a_step_sends_passes_the_gates_too(stage: Stage) -> None:
    log = Log()
    function = made(
        stage, log, singleton=inngest.Singleton(mode="skip"), rate_limit=inngest.RateLimit(limit=2, period=60_000)
    )
    log.go.clear()

    async def send(ctx: inngest.Context) -> None:
        await ctx.step.send_event("all", [event(n=n) for n in range(4)])

    sender = stage.client.create_function(fn_id="sender", trigger=inngest.TriggerEvent(event="s"))(send)
    async with stage.engine(function, sender) as engine:
        await engine.invoke(sender)
        await log.began.acquire()
        log.go.set()
        runs = await ended(engine, function)
    assert [run.status for run in runs] == ["COMPLETED", *["SKIPPED"] * 3]
    assert log.seen == [[0]]


async def test_who_invokes_a_run_that_is_skipped_is_told(stage: Stage) -> None:
    limited = made(stage, Log(), rate_limit=inngest.RateLimit(limit=1, period=60_000))
    debounced = made(stage, Log(), "debounced", debounce=inngest.Debounce(period=60_000))

    async def body(ctx: inngest.Context) -> list[object]:
        found = [await ctx.step.invoke("a", function=limited, data={"n": 1})]
        found.append(await ctx.step.invoke("b", function=debounced, data={"n": 2}))
        try:
            await ctx.step.invoke("c", function=limited)
        except inngest.StepError as error:
            found.append((error.name, error.message.partition(" was ")[2]))
        return found

    parent = stage.client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="p"))(body)
    async with stage.engine(limited, debounced, parent) as engine:
        told = "skipped: rate_limit: 1 run has started within 1m"
        assert await engine.invoke(parent) == [1, 2, ["InvokedRunSkippedError", told]]


async def test_a_run_that_sends_for_its_own_successor_is_cancelled_by_it(stage: Stage) -> None:
    ended: list[object] = []

    async def body(ctx: inngest.Context) -> None:
        if "n" not in ctx.event.data:
            await ctx.step.send_event("next", event(n=1))
        ended.append(ctx.event.data.get("n"))

    function = stage.function(body, singleton=inngest.Singleton(mode="cancel"))
    async with stage.engine(function) as engine:
        with pytest.raises(RunCancelledError):
            await engine.invoke(function)
        newest, _ = await engine.runs(function=function)
        await engine.wait(newest.id)
    assert ended == [1]


# -- debounce


async def test_the_last_event_starts_one_run(stage: Stage, wall: WallClock) -> None:
    log = Log()
    function = made(stage, log, debounce=inngest.Debounce(period=HOUR, key="event.data.user"))
    async with stage.engine(function) as engine:
        await engine.send([event(n=1, user="a"), event(n=2, user="b"), event(n=3, user="a")])
        sent = await engine.send([event(n=4, user="a"), event(n=5, ts=1_600_000_000_000, user="a")])
        await engine.send([event("once", n=6, user="c"), event(n=7, user="c"), event("once", n=6, user="c")])
        assert await engine.runs(function=function) == []
        assert await engine.invoke(function, data={"n": 9, "user": "a"}) == 9  # at once
        wall.forward(HOUR)
        await log.until(4)
        assert len(await engine.runs(event_id=sent[0])) == 1
        assert await engine.runs(event_id=sent[1]) == []
    assert sorted(log.seen) == [[2], [4], [7], [9]]


async def test_a_debounce_is_over_after_its_timeout(stage: Stage, wall: WallClock) -> None:
    log = Log()
    function = made(stage, log, debounce=inngest.Debounce(period=24 * HOUR, timeout=HOUR))
    async with stage.engine(function) as engine:
        await engine.send([event(n=1), event(n=2)])
        wall.forward(HOUR)
        await log.until(1)
    assert log.seen == [[2]]


async def test_what_is_collected_outlives_the_engine(stage: Stage, wall: WallClock) -> None:
    log = Log()
    debounced = made(stage, log, "d", debounce=inngest.Debounce(period=HOUR))
    batched = made(stage, log, "b", batch_events=inngest.Batch(max_size=9, timeout=HOUR))
    async with stage.engine(debounced, batched) as engine:
        await engine.send([event(n=1), event(n=2)])
    assert log.seen == []
    async with stage.engine(debounced, batched):
        wall.forward(HOUR)
        await log.until(2)
    assert sorted(log.seen) == [[1, 2], [2]]


# -- batch


async def test_a_batch_is_one_run_with_all_its_events(stage: Stage, wall: WallClock) -> None:
    log = Log()
    batch = inngest.Batch(max_size=3, timeout=HOUR, key="event.data.user", if_exp="event.data.n < 10")
    function = made(stage, log, batch_events=batch)
    async with stage.engine(function) as engine:
        first = await engine.send([event("a", n=1, user="a"), event(n=2, user="b"), event("a", n=1, user="a")])
        await engine.send([event(n=10, user="a")])  # alone
        await log.until(1)
        second = await engine.send([event(n=3, user="a"), event(n=4, user="a"), event(n=5, user="a")])
        await log.until(1)
        wall.forward(HOUR)
        await log.until(2)
        (run,) = await engine.runs(event_id=first[0])
        assert [one.id for one in await engine.runs(event_id=second[1])] == [run.id]
        whole = await engine.run(run.id)
        assert [one["data"] for one in whole.events] == [{"n": n, "user": "a"} for n in (1, 3, 4)]
        assert whole.event == whole.events[0]
        assert whole.batch_id is not None
    assert sorted(log.seen) == [[1, 3, 4], [2], [5], [10]]


async def test_a_large_batch_is_over_early(stage: Stage) -> None:
    log = Log()
    function = made(stage, log, batch_events=inngest.Batch(max_size=100, timeout=600_000))
    async with stage.engine(function) as engine:
        for n in range(4):
            await engine.send([event(n=n, text="x" * 2_800_000)])
        await log.until(1)
    assert log.seen == [[0, 1, 2]]


async def test_the_failure_of_a_batch_tells_of_all_events(stage: Stage) -> None:
    told: asyncio.Future[inngest.Event] = asyncio.get_running_loop().create_future()

    async def on_failure(ctx: inngest.Context) -> None:
        told.set_result(ctx.event)

    @stage.client.create_function(
        fn_id="f",
        trigger=inngest.TriggerEvent(event=START),
        batch_events=inngest.Batch(max_size=2),
        retries=0,
        on_failure=on_failure,
    )
    async def function(ctx: inngest.Context) -> None:
        raise ValueError("no")

    async with stage.engine(function) as engine:
        await engine.send([event(n=1), event(n=2)])
        failed = await told
    originals: Any = failed.data["events"]
    assert [one["data"] for one in originals] == [{"n": 1}, {"n": 2}]


# -- singleton


async def test_a_singleton_skips_while_a_run_has_not_ended(stage: Stage) -> None:
    log = Log()
    log.go.clear()
    function = made(stage, log, singleton=inngest.Singleton(mode="skip", key="event.data.user"))
    async with stage.engine(function) as engine:
        await engine.send([event(n=1, user="a"), event(n=2, user="a"), event(n=3, user="b"), event(n=4)])
        await engine.send([event(n=5), event(n=6, user="a")])
        with pytest.raises(RunSkippedError, match="singleton: run"):
            await engine.invoke(function, data={"user": "b"})
        log.go.set()
        runs = await ended(engine, function)
        skipped = [run for run in runs if run.status == "SKIPPED"]
        assert {reason(run) for run in skipped[:2]} == {f"singleton: run {runs[0].id} has not ended"}
        assert await engine.invoke(function, data={"n": 7, "user": "a"}) == 7
    assert len(skipped) == 3
    assert sorted(log.seen) == [[1], [3], [4], [5], [7]]


async def test_a_singleton_cancels_the_run_before(stage: Stage) -> None:
    log = Log()
    log.go.clear()
    function = made(stage, log, singleton=inngest.Singleton(mode="cancel"))
    async with stage.engine(function) as engine:
        first = asyncio.ensure_future(engine.invoke(function, data={"n": 1}))
        await log.began.acquire()
        await engine.send([event(n=2), event(n=3)])
        with pytest.raises(RunCancelledError):
            await first
        log.go.set()
        runs = await ended(engine, function)
    assert [run.status for run in runs] == ["CANCELLED", "CANCELLED", "COMPLETED"]
    assert reason(runs[1]) == f"singleton: run {runs[2].id} takes its place"
    assert runs[2].output == 3


# -- pauses


async def test_a_paused_function_keeps_its_runs(stage: Stage) -> None:
    log, other = Log(), Log()
    function, free = made(stage, log), made(stage, other, "free")
    async with stage.engine(function, free) as engine:
        await engine.pause(function)
        await engine.send([event(n=1), event(n=2)])
        await other.until(2)
        assert [run.status for run in await engine.runs(function=function)] == ["QUEUED"] * 2
        await engine.resume(function.id)
        await log.until(2)
    assert sorted(log.seen) == [[1], [2]]


async def test_a_pause_outlives_engines_and_holds_runs_that_wait(stage: Stage, wall: WallClock) -> None:
    log = Log()

    async def body(ctx: inngest.Context) -> None:
        log.began.release()
        await ctx.step.sleep("doze", HOUR)
        await log(ctx)

    function = stage.function(body)
    debounce = inngest.Debounce(period=2 * HOUR)
    other = made(stage, marker := Log(), "other", inngest.TriggerEvent(event="m"), debounce=debounce)
    async with stage.engine(function, other) as engine:
        await engine.send([event(n=1)])
        await log.began.acquire()
        await engine.send(event(name="m"))
        await engine.pause(function)
    wall.forward(2 * HOUR)
    async with stage.engine(function, other) as engine:
        await marker.until(1)  # the sleep is over since
        (run,) = await engine.runs(function=function)
        assert (run.status, log.seen) == ("RUNNING", [])
        await engine.resume(function)
        await log.until(1)


async def test_a_paused_function_skips_events(stage: Stage) -> None:
    log = Log()
    function = made(stage, log)
    gated = made(stage, log, "gated", rate_limit=inngest.RateLimit(limit=1, period=60_000))
    async with stage.engine(function, gated) as engine:
        await engine.pause(function, on_event="skip")
        await engine.pause(gated, on_event="skip")
        await engine.send([event(n=1), event(n=2)])
        runs = [*await ended(engine, function), *await ended(engine, gated)]
        assert {(run.status, reason(run)) for run in runs} == {("SKIPPED", "the function is paused")}
        assert len(runs) == 4
        with pytest.raises(RunSkippedError, match="the function is paused"):
            await engine.invoke(function)
        await engine.resume(function)
        await engine.resume(gated)
        await engine.send([event(n=3)])  # what was skipped does not count
        await log.until(2)
    assert log.seen == [[3], [3]]


async def test_what_cannot_be_paused_is_named(stage: Stage) -> None:
    function = made(stage, Log())
    async with stage.engine(function) as engine:
        with pytest.raises(EngineStateError, match="'test-unknown' is not known to this database"):
            await engine.pause("test-unknown")
        with pytest.raises(EngineStateError, match="'test-unknown' is not known to this database"):
            await engine.resume("test-unknown")
        with pytest.raises(EngineConfigError, match='on_event: expected "queue" or "skip", got \'drop\''):
            await engine.pause(function, on_event="drop")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_pausing_from_plain_code(stage: Stage) -> None:
    log = Log()
    function = made(stage, log)
    with inngest.Engine([function], database=stage.database) as engine:
        engine.pause_sync(function, on_event="skip")
        with pytest.raises(RunSkippedError):
            engine.invoke_sync(function)
        engine.resume_sync(function)
        assert engine.invoke_sync(function, data={"n": 1}) == 1


# -- timeouts


async def test_a_run_that_does_not_begin_in_time_is_cancelled(stage: Stage, wall: WallClock) -> None:
    log = Log()
    function = made(stage, log, timeouts=inngest.Timeouts(start=HOUR))
    async with stage.engine(function) as engine:
        assert await engine.invoke(function, data={"n": 1}) == 1
        await engine.pause(function)
        second = asyncio.ensure_future(engine.invoke(function, data={"n": 2}))
        while len(runs := await engine.runs(function=function)) < 2:
            pass
        wall.forward(HOUR)
        with pytest.raises(RunCancelledError):
            await second
        late = await engine.run(runs[0].id)
    assert (late.status, reason(late)) == ("CANCELLED", "timeouts.start: it has not begun within 1h")
    assert log.seen == [[1]]


async def test_a_run_that_does_not_end_in_time_is_cancelled(stage: Stage, wall: WallClock) -> None:
    async def body(ctx: inngest.Context) -> None:
        begun.set()
        await ctx.step.sleep("doze", 24 * HOUR)

    begun = asyncio.Event()
    function = stage.function(body, timeouts=inngest.Timeouts(finish=HOUR))
    async with stage.engine(function) as engine:
        invoked = asyncio.ensure_future(engine.invoke(function))
        await begun.wait()
        wall.forward(HOUR)
        with pytest.raises(RunCancelledError):
            await invoked
        (late,) = await engine.runs()
    assert (late.status, reason(late)) == ("CANCELLED", "timeouts.finish: it has not ended within 1h")
    assert late.ended_at is not None
    assert late.started_at is not None
    assert (late.ended_at - late.started_at).total_seconds() >= 3_600
