"""Programs whose events do not start runs just so: each has a starter, which sends some, and more come from outside.

How many runs there are depends on when events come. What each must start, collect or be refused is asked by the
checkers of P1 and P7; here it is asked only that a run does what it should with what it was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, Cancelling, End, Looking, Meaning, Pausing, Posting, Program

SKIPPED = "RunSkippedError"


def _starter(client: inngest.Inngest, name: str, data: Sequence[dict[str, Any]]) -> Function[Any]:
    """Sends events in one step, which is one transaction."""

    @client.create_function(fn_id=name, trigger=inngest.TriggerEvent(event=f"{APP}/{name}"))
    async def starter(ctx: inngest.Context) -> int:
        own = {"number": ctx.event.data["number"]}
        await ctx.step.send_event("send", [inngest.Event(name=f"{APP}/{name}.it", data={**one, **own}) for one in data])
        return len(data)

    return starter


def _trigger(name: str) -> inngest.TriggerEvent:
    return inngest.TriggerEvent(event=f"{APP}/{name}.it")


def _rated(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(
        fn_id="rate",
        trigger=_trigger("rated"),
        rate_limit=inngest.RateLimit(limit=2, period=3_000, key="event.data.user"),
    )
    async def rate(ctx: inngest.Context) -> str:
        return await ctx.step.run("work", out.does("rated"))

    @client.create_function(
        fn_id="invoker", trigger=inngest.TriggerEvent(event=f"{APP}/rated"), idempotency="event.data.number"
    )
    async def invoker(ctx: inngest.Context) -> str:
        try:
            return await ctx.step.invoke("rate", function=rate, data={"user": "a"})
        except inngest.StepError as error:
            return error.name

    return [_starter(client, "rated", [{"user": "a"}, {"user": "b"}, {"user": "a"}, {}]), rate, invoker]


def _once(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="single", trigger=_trigger("once"), idempotency="event.data.order")
    async def single(ctx: inngest.Context) -> object:
        return await ctx.step.run("work", out.does(ctx.event.data.get("order")))

    return [_starter(client, "once", [{"order": 1}, {"order": 2}, {"order": 1}, {}, {}]), single]


def _debounced(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(
        fn_id="calm",
        trigger=_trigger("debounced"),
        debounce=inngest.Debounce(period=1_000, timeout=3_000, key="event.data.user"),
    )
    async def calm(ctx: inngest.Context) -> object:
        return await ctx.step.run("work", out.does(ctx.event.data.get("kind")))

    return [_starter(client, "debounced", [{"user": "a", "kind": 0}, {"user": "b", "kind": 1}]), calm]


def _batched(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(
        fn_id="together",
        trigger=_trigger("batched"),
        batch_events=inngest.Batch(
            max_size=3, timeout=2_000, key="event.data.user", if_exp="event.data.kind != 'alone'"
        ),
        concurrency=[inngest.Concurrency(limit=1)],
    )
    async def together(ctx: inngest.Context) -> list[object]:
        kinds = [event.data.get("kind") for event in ctx.events]
        return await ctx.step.run("work", out.does(kinds))

    given = [{"user": user, "kind": kind} for user, kind in (("a", 0), ("b", 1), ("a", "alone"), ("a", 2))]
    return [_starter(client, "batched", given), together]


def _single(mode: Any) -> Any:
    name = f"alone-{mode}"

    def make(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
        @client.create_function(
            fn_id=f"only-{mode}", trigger=_trigger(name), singleton=inngest.Singleton(mode=mode, key="event.data.user")
        )
        async def only(ctx: inngest.Context) -> str:
            await ctx.step.run("first", out.does(None))
            await ctx.step.sleep("nap", 900)
            return await ctx.step.run("last", out.does("through", ms=700))

        return [_starter(client, name, [{"user": "a"}, {"user": "b"}, {"user": "a"}]), only]

    return make


def _hurried(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(
        fn_id="hasten",
        trigger=_trigger("hurried"),
        timeouts=inngest.Timeouts(start=2_000, finish=2_000),
        concurrency=[inngest.Concurrency(limit=1)],
    )
    async def hasten(ctx: inngest.Context) -> str:
        await ctx.step.run("first", out.does(None, ms=700))
        await ctx.step.sleep("nap", ctx.event.data["length"])  # type: ignore[arg-type]  # pyright: ignore
        return await ctx.step.run("last", out.does("through"))

    return [_starter(client, "hurried", [{"length": length} for length in (600, 9_000, 100, 0)]), hasten]


def _listens(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(
        fn_id="listener",
        trigger=[
            inngest.TriggerEvent(event=f"{APP}/listens.*", expression="event.data.kind == 'right'"),
            inngest.TriggerEvent(event=f"{APP}/listens.it", expression="event.data.user == 'a'"),
            inngest.TriggerEvent(event=f"{APP}/heard"),
        ],
        cancel=[inngest.Cancel(event=f"{APP}/hush", timeout=1_000)],
    )
    async def listener(ctx: inngest.Context) -> str:
        await ctx.step.sleep("nap", 700)
        return await ctx.step.run("work", out.does("through"))

    given = [{"user": "a", "kind": "right"}, {"user": "a"}, {"user": "b"}, {"user": "b", "kind": "right"}]
    return [_starter(client, "listens", given), listener]


def _paused(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    functions: list[Function[Any]] = [_starter(client, "paused", [{}, {}])]
    for on_event in ("queue", "skip"):

        @client.create_function(
            fn_id=f"hold-{on_event}",
            trigger=_trigger("paused"),
            concurrency=[inngest.Concurrency(limit=2)] if on_event == "queue" else None,
        )
        async def hold(ctx: inngest.Context) -> str:
            await ctx.step.run("first", out.does(None))
            await ctx.step.sleep("nap", 500)
            return await ctx.step.run("last", out.does("through"))

        functions.append(hold)
    return functions


def _weighed(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(
        fn_id="weigh",
        trigger=_trigger("weighed"),
        priority=inngest.Priority(run="event.data.weight"),
        throttle=inngest.Throttle(limit=2, period=1_000, key="event.data.user"),
        concurrency=[inngest.Concurrency(limit=1, key="event.data.user")],
    )
    async def weigh(ctx: inngest.Context) -> str:
        return await ctx.step.run("work", out.does("through"))

    given = [{"user": "a", "weight": weight} for weight in (0, 5_000, -5_000, 1, -1)]
    return [_starter(client, "weighed", [*given, {"user": "b"}]), weigh]


def _hears(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    def ends(name: str, **more: Any) -> Function[Any]:
        @client.create_function(fn_id=name, trigger=_trigger("hears"), retries=0, **more)
        async def end(ctx: inngest.Context) -> str:
            if name == "fails":
                await ctx.step.run("bad", out.does(None, fails=9))
            await ctx.step.sleep("nap", 900)
            return await ctx.step.run("last", out.does("through"))

        return end

    trigger = [inngest.TriggerEvent(event=f"inngest/function.{end}") for end in ("failed", "finished", "cancelled")]

    @client.create_function(fn_id="hearer", trigger=trigger)
    async def hearer(ctx: inngest.Context) -> str:
        return await ctx.step.run("hear", out.does(ctx.event.name))

    return [_starter(client, "hears", [{}]), ends("fails"), ends("lasts"), hearer]


def _value(value: object) -> Any:
    return lambda end: end.status == "COMPLETED" and end.value == value


def _or_skipped(end: End) -> bool:
    if end.status == "SKIPPED":
        return end.error is not None and end.error["name"] == SKIPPED and not end.memos
    return end.value in ("rated", "through", end.data.get("order"))


def _or_cancelled(end: End) -> bool:
    """What is cancelled, and why, is asked by the checker of limits."""
    return end.status == "CANCELLED" or end.value == "through"


def _of_its_event(end: End) -> bool:
    return end.value == end.data.get("kind")


def _of_its_events(end: End) -> bool:
    return end.value == [data.get("kind") for data in end.batch]


_OF_DATA: dict[str, Meaning] = {
    f"event.data.{name}": lambda data, name=name: data.get(name)  # type: ignore[misc]
    for name in ("user", "order", "number", "weight")
}


def _posts(name: str, count: int, until: int, **values: Sequence[object]) -> list[Posting]:
    """Events from outside, with values in turn."""
    return [
        Posting(name, (0, until), {key: one[number % len(one)] for key, one in values.items()})
        for number in range(count)
    ]


PROGRAMS = (
    Program(
        "rated",
        _rated,
        {
            "rated": _value(4),
            "rate": _or_skipped,
            "invoker": lambda end: end.value in ("rated", "InvokedRunSkippedError"),
        },
        {"rate": None},
        meanwhile=_posts("rated.it", 7, 7_000, user=["a", "a", "b"]),
        means=_OF_DATA,
    ),
    Program(
        "once",
        _once,
        {"once": _value(5), "single": _or_skipped},
        {"single": None},
        meanwhile=_posts("once.it", 5, 3_000, order=[1, 3, False]),
        means=_OF_DATA,
    ),
    Program(
        "debounced",
        _debounced,
        {"debounced": _value(2), "calm": _of_its_event},
        {"calm": None},
        meanwhile=_posts("debounced.it", 8, 7_000, user=["a", "a", "a", "b"], kind=range(2, 10)),
        means=_OF_DATA,
    ),
    Program(
        "batched",
        _batched,
        {"batched": _value(4), "together": _of_its_events},
        {"together": None},
        meanwhile=_posts("batched.it", 8, 5_000, user=["a", "a", "b"], kind=[3, "alone", 4, 5, 6, 7, 8, 9]),
        means={**_OF_DATA, "event.data.kind != 'alone'": lambda data: data.get("kind") != "alone"},
    ),
    *(
        Program(
            f"alone-{mode}",
            _single(mode),
            {f"alone-{mode}": _value(3), f"only-{mode}": _or_skipped if mode == "skip" else _or_cancelled},
            {f"only-{mode}": None},
            meanwhile=_posts(f"alone-{mode}.it", 5, 6_000, user=["a", "b", "a", None]),
            means=_OF_DATA,
        )
        for mode in ("skip", "cancel")
    ),
    Program("hurried", _hurried, {"hurried": _value(4), "hasten": _or_cancelled}, {"hasten": 4}),
    Program(
        "listens",
        _listens,
        {"listens": _value(4), "listener": _or_cancelled},
        {"listener": None},
        meanwhile=(
            *_posts("listens.a.b", 3, 3_000, kind=["right", "wrong"]),
            Posting("heard", (0, 3_000)),
            Posting("listened.it", (0, 3_000), {"kind": "right"}),
            Posting("hush", (0, 4_000)),
        ),
        means={
            "event.data.kind == 'right'": lambda data: data.get("kind") == "right",
            "event.data.user == 'a'": lambda data: data.get("user") == "a",
        },
        looks={"cancel:0": Looking(mine=False)},
    ),
    Program(
        "weighed",
        _weighed,
        {"weighed": _value(6), "weigh": _value("through")},
        {"weigh": 9},
        meanwhile=_posts("weighed.it", 3, 2_000, user=["a"], weight=[7, 700, -700]),
        means=_OF_DATA,
    ),
    Program(
        "hears",
        _hears,
        {
            "hears": _value(1),
            "fails": lambda end: end.status == "FAILED",
            "lasts": _or_cancelled,
            "hearer": lambda end: str(end.value).startswith("inngest/function."),
        },
        {"hearer": None},
        meanwhile=(Cancelling("lasts", (0, 2_000)),),
    ),
    Program(
        "paused",
        _paused,
        {"paused": _value(2), "hold-queue": _or_skipped, "hold-skip": _or_skipped},
        {"hold-queue": None, "hold-skip": None},
        meanwhile=(
            *_posts("paused.it", 4, 4_000),
            Pausing("hold-queue", (0, 2_500), (200, 2_500), "queue"),
            Pausing("hold-skip", (0, 2_500), (200, 2_500), "skip"),
        ),
    ),
)
