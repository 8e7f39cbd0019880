"""Programs that wait for events and signals from outside, beside other steps and against the clock."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, Cancelling, End, Looking, Posting, Program, Signalling

MINE = "event.data.number == async.data.number"
HOUR = 3_600_000


def _number(ctx: inngest.Context | inngest.ContextSync) -> int:
    number = ctx.event.data["number"]
    assert isinstance(number, int)
    return number


async def _kind(waiting: Awaitable[inngest.Event | None]) -> object:
    """What tells the event that came from others; None if the time ran out."""
    found = await waiting
    return None if found is None else found.data.get("kind", "came")


def came(end: End, step: str) -> object:
    """The same, as the memo has it."""
    memo = end.memo(step)
    found = None if memo is None or memo["data"] is None else json.loads(str(memo["data"]))
    return None if found is None else found["data"].get("kind", "came")


def _awaits(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="awaits", trigger=inngest.TriggerEvent(event=f"{APP}/awaits"))
    async def awaits(ctx: inngest.Context) -> list[object]:
        first = await ctx.step.run("first", out.does("first"))
        paid = await _kind(ctx.step.wait_for_event("paid", event=f"{APP}/paid", timeout=4_000, if_exp=MINE))
        return [first, paid, await ctx.step.run("after", out.does(paid))]

    return [awaits]


def _filtered(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="filtered", trigger=inngest.TriggerEvent(event=f"{APP}/filtered"))
    async def filtered(ctx: inngest.Context) -> list[object]:
        right = f"{MINE} && async.data.kind == 'right'"
        found = await _kind(ctx.step.wait_for_event("right", event=f"{APP}/kinds", timeout=3_000, if_exp=right))
        again = await _kind(ctx.step.wait_for_event("any", event=f"{APP}/kinds", timeout=1_500))
        return [found, again]

    return [filtered]


def _since(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="since", trigger=inngest.TriggerEvent(event=f"{APP}/since"))
    async def since(ctx: inngest.Context) -> list[object]:
        await ctx.step.run("slow", out.does(None))
        wait = ctx.step.wait_for_event("before", event=f"{APP}/early", timeout=3_000, if_exp=MINE, since=HOUR)
        return list(await asyncio.gather(_kind(wait), ctx.step.run("beside", out.does("beside", ms=6_000))))

    return [since]


def _mixed(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="mixed", trigger=inngest.TriggerEvent(event=f"{APP}/mixed"))
    async def mixed(ctx: inngest.Context) -> list[object]:
        async def waits() -> object:
            found = await _kind(ctx.step.wait_for_event("go", event=f"{APP}/go", timeout=1_200, if_exp=MINE))
            return [found, await ctx.step.run("gone", out.does("gone"))]

        async def works() -> object:
            return [await ctx.step.run("work", out.does(number)) for number in range(3)]

        return list(await asyncio.gather(waits(), works(), ctx.step.sleep("nap", 900)))

    return [mixed]


def _nearly(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="nearly", trigger=inngest.TriggerEvent(event=f"{APP}/nearly"))
    async def nearly(ctx: inngest.Context) -> list[object]:
        async def races(number: int) -> object:
            # The sleep is over, and the run claimed, a moment before the time to wait runs out.
            only = f"{MINE} && async.data.kind == {number}"
            wait = ctx.step.wait_for_event(f"go-{number}", event=f"{APP}/near", timeout=1_000 + number, if_exp=only)
            found = await _kind(wait)
            return [found, await ctx.step.run(f"then-{number}", out.does(found, ms=3))]

        return list(await asyncio.gather(ctx.step.sleep("nap", 980), *(races(20 * number) for number in range(3))))

    return [nearly]


def _each_as_recorded(end: End) -> bool:
    return end.value == [None, *([came(end, f"go-{number}")] * 2 for number in (0, 20, 40))]


def _loser(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="loser", trigger=inngest.TriggerEvent(event=f"{APP}/loser"))
    async def loser(ctx: inngest.Context) -> list[object]:
        wait = asyncio.create_task(
            _kind(ctx.step.wait_for_event("go", event=f"{APP}/lose", timeout=20_000, if_exp=MINE))
        )
        work = asyncio.create_task(ctx.step.run("work", out.does("worked")))
        done, left = await asyncio.wait([wait, work], return_when=asyncio.FIRST_COMPLETED)
        winner = "wait" if wait in done else "work"
        for task in left:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await ctx.step.sleep("then", 1_500)
        return [winner, await ctx.step.run("end", out.does(winner))]

    return [loser]


def _was_decided(end: End) -> bool:
    winner = "wait" if end.place("go") < end.place("work") else "work"
    return end.value == [winner, winner]


def _brief(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="brief", trigger=inngest.TriggerEvent(event=f"{APP}/brief"))
    async def brief(ctx: inngest.Context) -> list[object]:
        async def patient() -> object:
            wait = ctx.step.wait_for_event("go", event=f"{APP}/brief-go", timeout=20_000, if_exp=MINE)
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(_kind(wait), 0.0005)
            return await ctx.step.run("gave-up", out.does("gave up"))

        said = await asyncio.gather(patient(), ctx.step.run("beside", out.does("beside", ms=60)))
        await ctx.step.sleep("then", 1_500)
        return [*said, await ctx.step.run("end", out.does("end"))]

    return [brief]


def _gave_up_if_recorded(end: End) -> bool:
    memo = end.memo("go")
    found = "gave up" if memo is None or memo["cancelled"] else came(end, "go")
    return end.value == [found, "beside", "end"]


def _crew(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="crew", trigger=inngest.TriggerEvent(event=f"{APP}/crew"))
    async def crew(ctx: inngest.Context) -> list[object]:
        said: list[object] = []

        async def waits() -> None:
            said.append(await _kind(ctx.step.wait_for_event("go", event=f"{APP}/crew-go", timeout=HOUR, if_exp=MINE)))

        async def fails() -> None:
            await ctx.step.run("bad", out.does("?", ms=700, fails=9, error=lambda: inngest.NonRetriableError("bad")))

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(waits())
                group.create_task(fails())
        except* inngest.StepError as caught:
            said.append(str(caught.exceptions[0]))
        await ctx.step.sleep("then", 1_000)
        return [*said, await ctx.step.run("end", out.does("end"))]

    return [crew]


def _lost_or_came(end: End) -> bool:
    memo = end.memo("go")
    return memo is not None and end.value == [*([] if memo["cancelled"] else ["came"]), "bad", "end"]


def _plainly(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="plainly", trigger=inngest.TriggerEvent(event=f"{APP}/plainly"))
    def plainly(ctx: inngest.ContextSync) -> list[object]:
        found = ctx.step.wait_for_event("go", event=f"{APP}/plain-go", timeout=2_000, if_exp=MINE)
        signal = ctx.step.wait_for_signal("call", signal=f"plain/{_number(ctx)}", timeout=2_000)
        return [found and "came", signal, ctx.step.run("end", out.does_plain("end"))]

    return [plainly]


def _called(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="called", trigger=inngest.TriggerEvent(event=f"{APP}/called"))
    async def called(ctx: inngest.Context) -> list[object]:
        first = await ctx.step.wait_for_signal("first", signal=f"call/{_number(ctx)}", timeout=3_000)
        return [first, await ctx.step.run("end", out.does("end"))]

    return [called]


def data_of(end: End, step: str) -> object:
    """What a step gave."""
    memo = end.memo(step)
    return None if memo is None or memo["data"] is None else json.loads(str(memo["data"]))


def _to_itself(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="to-itself", trigger=inngest.TriggerEvent(event=f"{APP}/to-itself"))
    async def to_itself(ctx: inngest.Context) -> list[object]:
        name = f"self/{_number(ctx)}"

        async def sends() -> object:
            await ctx.step.sleep("nap", 500)
            woken = await ctx.step.send_signal("send", name, {"a": 1})
            return [woken == ctx.run_id, await ctx.step.send_signal("send", name, "again")]

        return list(await asyncio.gather(ctx.step.wait_for_signal("wait", signal=name, timeout=HOUR), sends()))

    return [to_itself]


def _heard_itself(end: End) -> bool:
    """Where the wall clock is set forward by hours, the hour of the wait may be over before the first signal."""
    possible = ([{"a": 1}, [True, None]], [None, [False, None]])
    return end.status == "COMPLETED" and end.value in possible


def _conflict(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="conflict", trigger=inngest.TriggerEvent(event=f"{APP}/conflict"))
    async def conflict(ctx: inngest.Context) -> list[object]:
        async def waits(step: str, name: str, replaces: bool) -> object:
            try:
                return await ctx.step.wait_for_signal(
                    step, signal=f"{name}/{_number(ctx)}", timeout=HOUR, on_conflict="replace" if replaces else "fail"
                )
            except inngest.StepError as error:
                return error.name

        async def sends(name: str) -> object:
            await ctx.step.sleep(f"nap-{name}", 500)
            return await ctx.step.send_signal(f"send-{name}", f"{name}/{_number(ctx)}", name) == ctx.run_id

        branches = [
            waits("a", "one", False), waits("b", "one", False), sends("one"),
            waits("c", "two", False), waits("d", "two", True), sends("two"),
        ]  # fmt: skip
        return list(await asyncio.gather(*branches, ctx.step.run("beside", out.does("beside"))))

    return [conflict]


_TAKEN = "SignalConflictError"


def _one_of_two(end: End) -> bool:
    """A loop that is torn down between the records of two waits leaves the second one recorded: it was there first."""
    rest = [True, _TAKEN, "two", True, "beside"]
    possible = [["one", _TAKEN, *rest], [_TAKEN, "one", *rest]]
    return end.status == "COMPLETED" and end.value in possible


def _watched(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(
        fn_id="watched",
        trigger=inngest.TriggerEvent(event=f"{APP}/watched"),
        cancel=[inngest.Cancel(event=f"{APP}/stop", if_exp=MINE)],
    )
    async def watched(ctx: inngest.Context) -> str:
        await ctx.step.run("first", out.does(None))
        await asyncio.gather(ctx.step.sleep("nap", 700), ctx.step.run("long", out.does(None, ms=4_500)))
        await ctx.step.wait_for_event("never", event=f"{APP}/never", timeout=500)
        return await ctx.step.run("last", out.does("through"))

    return [watched]


def _stopped(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="stopped", trigger=inngest.TriggerEvent(event=f"{APP}/stopped"))
    async def stopped(ctx: inngest.Context) -> str:
        wait = ctx.step.wait_for_event("go", event=f"{APP}/stopped-go", timeout=1_000, if_exp=MINE)
        await asyncio.gather(_kind(wait), ctx.step.run("work", out.does(None, ms=700)), ctx.step.sleep("nap", 1_500))
        return await ctx.step.run("last", out.does("through", ms=700))

    return [stopped]


def _broadcast(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    """Several wait for the same event, and look for the next when they have it; and all may be cancelled by one."""

    @client.create_function(fn_id="broadcast", trigger=inngest.TriggerEvent(event=f"{APP}/broadcast"))
    async def broadcast(ctx: inngest.Context) -> int:
        data = {"number": _number(ctx)}
        await ctx.step.send_event("send", [inngest.Event(name=f"{APP}/broadcast.it", data=data) for _ in range(3)])
        return 3

    @client.create_function(
        fn_id="addressee",
        trigger=inngest.TriggerEvent(event=f"{APP}/broadcast.it"),
        cancel=[inngest.Cancel(event=f"{APP}/hush", if_exp=MINE)],
    )
    async def addressee(ctx: inngest.Context) -> list[object]:
        one = await _kind(ctx.step.wait_for_event("one", event=f"{APP}/news", timeout=2_000, if_exp=MINE))
        two = await _kind(ctx.step.wait_for_event("two", event=f"{APP}/news", timeout=1_500, if_exp=MINE))
        return [one, two, await ctx.step.run("after", out.does("after"))]

    return [broadcast, addressee]


def _heard_or_hushed(end: End) -> bool:
    if end.status == "CANCELLED":
        return True
    return end.value == [came(end, "one"), came(end, "two"), "after"]


def through_or_cancelled(end: End) -> bool:
    """How a run ends that is cancelled at some time, or too late."""
    return end.value == "through" if end.status == "COMPLETED" else end.status == "CANCELLED"


def _value(value: object) -> Any:
    return lambda end: end.status == "COMPLETED" and end.value == value


def _filtered_end(end: End) -> bool:
    return end.value == [came(end, "right"), came(end, "any")] and came(end, "right") in (None, "right")


def _is_right(event: Any) -> bool:
    return bool(event["kind"] == "right")


def _of_kind(kind: object) -> Callable[[Mapping[str, object]], bool]:
    return lambda event: event["kind"] == kind


PROGRAMS = (
    Program(
        "awaits",
        _awaits,
        {"awaits": lambda end: end.value == ["first", came(end, "paid"), came(end, "paid")]},
        meanwhile=(Posting("paid", (0, 6_000)), Posting("paid", (2_000, 8_000))),
        looks={"paid": Looking()},
    ),
    Program(
        "filtered",
        _filtered,
        {"filtered": _filtered_end},
        meanwhile=(Posting("kinds", (0, 3_000), {"kind": "wrong"}), Posting("kinds", (500, 5_000), {"kind": "right"})),
        looks={"right": Looking(that=_is_right), "any": Looking(mine=False)},
    ),
    Program(
        "since",
        _since,
        {"since": lambda end: end.value == [came(end, "before"), "beside"]},
        meanwhile=(Posting("early", (0, 600)),),
        looks={"before": Looking(since=True)},
    ),
    Program(
        "mixed",
        _mixed,
        {"mixed": lambda end: end.value == [[came(end, "go"), "gone"], [0, 1, 2], None]},
        meanwhile=(Posting("go", (0, 1_800)),),
        looks={"go": Looking()},
    ),
    Program(
        "nearly",
        _nearly,
        {"nearly": _each_as_recorded},
        meanwhile=[Posting("near", (1_000, 1_250), {"kind": number}) for number in (0, 20, 40)],
        looks={f"go-{number}": Looking(that=_of_kind(number)) for number in (0, 20, 40)},
    ),
    Program(
        "loser",
        _loser,
        {"loser": _was_decided},
        meanwhile=(Posting("lose", (0, 900)), Posting("lose", (0, 2_000))),
        looks={"go": Looking()},
    ),
    Program(
        "brief",
        _brief,
        {"brief": _gave_up_if_recorded},
        meanwhile=(Posting("brief-go", (0, 200)), Posting("brief-go", (0, 1_500))),
        looks={"go": Looking()},
        replays=False,  # its time-out is none of a step
    ),
    Program(
        "crew", _crew, {"crew": _lost_or_came}, meanwhile=(Posting("crew-go", (0, 1_200)),), looks={"go": Looking()}
    ),
    Program(
        "plainly",
        _plainly,
        {"plainly": lambda end: end.value == [came(end, "go"), data_of(end, "call"), "end"]},
        meanwhile=(Posting("plain-go", (0, 3_000)), Signalling("plain", (0, 3_000), tries=4)),
        looks={"go": Looking()},
    ),
    Program(
        "called",
        _called,
        {"called": lambda end: end.value == [data_of(end, "first"), "end"]},
        meanwhile=(Signalling("call", (0, 4_000), tries=3), Signalling("call", (0, 4_000), tries=1)),
    ),
    Program("to-itself", _to_itself, {"to-itself": _heard_itself}),
    Program("conflict", _conflict, {"conflict": _one_of_two}),
    Program(
        "broadcast",
        _broadcast,
        {"broadcast": _value(3), "addressee": _heard_or_hushed},
        runs={"addressee": 3},
        meanwhile=(
            Posting("news", (200, 2_500), {"kind": "a"}),
            Posting("news", (200, 2_500), {"kind": "b"}),
            Posting("hush", (1_000, 6_000)),
        ),
        looks={"one": Looking(), "two": Looking(), "cancel:0": Looking()},
    ),
    Program(
        "watched",
        _watched,
        {"watched": through_or_cancelled},
        meanwhile=(Posting("stop", (0, 4_000)),),
        looks={"cancel:0": Looking()},
    ),
    Program(
        "stopped",
        _stopped,
        {"stopped": through_or_cancelled},
        meanwhile=(Cancelling("stopped", (0, 3_500)), Posting("stopped-go", (0, 2_000))),
        looks={"go": Looking()},
    ),
)
