"""Values come back as JSON has them, at first as on every replay; what JSON cannot hold is told by step and place."""

from __future__ import annotations

import asyncio
import datetime
import enum
import math
from pathlib import Path

import pytest

import inngest
from inngest import Run
from inngest.errors import StepError

from .stage import Stage, failure, message, step


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


class Colour(enum.StrEnum):
    RED = "red"


VALUES: list[tuple[object, object]] = [
    (None, None),
    (True, True),
    ("é\u2028\0", "é\u2028\0"),
    ("half \ud800 pair", "half \ud800 pair"),
    (2**53 + 1, 2**53 + 1),
    (-(10**400), -(10**400)),
    (10**4299, 10**4299),  # as many digits as Python reads
    (0.1 + 0.2, 0.1 + 0.2),
    (-0.0, -0.0),
    (5e-324, 5e-324),
    ((1, (2, ())), [1, [2, []]]),
    ({1: "a", None: "b", False: "c", 1.5: "d"}, {"1": "a", "null": "b", "false": "c", "1.5": "d"}),
    (Colour.RED, "red"),
    ({"deep": [{"er": [1, None, {}]}]}, {"deep": [{"er": [1, None, {}]}]}),
]


@pytest.mark.parametrize(("given", "back"), VALUES, ids=[repr(given)[:30] for given, _ in VALUES])
async def test_a_value_is_what_json_makes_of_it(stage: Stage, given: object, back: object) -> None:
    seen: list[object] = []

    async def body(ctx: inngest.Context) -> object:
        seen.append(await ctx.step.run("give", lambda: given))
        await ctx.step.sleep("replay after this", 1)
        return given

    run = await stage.run(body)
    assert repr(seen) == repr([back, back])  # repr: -0.0 is not 0.0, and True is not 1
    assert repr(run.output) == repr(back)


async def test_a_plain_function_gets_them_too(stage: Stage) -> None:
    seen: list[object] = []

    def body(ctx: inngest.ContextSync) -> object:
        seen.append(ctx.step.run("give", lambda: (1, 10**400)))
        ctx.step.sleep("replay after this", 1)
        return ("a",)

    run = await stage.run(body)
    assert (seen, run.output) == ([[1, 10**400]] * 2, ["a"])


class Thing:
    pass


def circle() -> list[object]:
    found: list[object] = []
    found.append(found)
    return found


def nested(depth: int) -> object:
    found: object = 1
    for _ in range(depth):
        found = [found]
    return found


REFUSED = [
    (Thing(), "Thing is not JSON serializable"),
    ({"a": [1, {"b": Thing()}]}, "$.a[1].b: Thing is not JSON serializable"),
    ({1, 2}, "set is not JSON serializable"),
    (b"bytes", "bytes is not JSON serializable"),
    ({"at": datetime.datetime(2026, 1, 1)}, "$.at: datetime is not JSON serializable"),
    (math.nan, "nan is not a JSON number"),
    ({"price": [1.0, math.inf]}, "$.price[1]: inf is not a JSON number"),
    ([-math.inf], "$[0]: -inf is not a JSON number"),
    ({"a": {math.nan: 1}}, "$.a: key nan is not a JSON number"),
    ({(1, 2): 3}, "key (1, 2) must be str, int, float, bool or None, not tuple"),
    ({"n": 10**4300}, "$.n: Exceeds the limit (4300 digits) for integer string conversion"),
    (circle(), "contains itself"),
    (nested(100_000), "nested too deeply"),
]


@pytest.mark.parametrize(("given", "words"), REFUSED, ids=[words for _, words in REFUSED])
async def test_what_json_cannot_hold_fails_the_step_at_once(stage: Stage, given: object, words: str) -> None:
    calls: list[int] = []

    def give() -> object:
        calls.append(1)
        return given

    async def body(ctx: inngest.Context) -> str:
        try:
            await ctx.step.run("give", give)
        except StepError as error:
            return f"{error.name}: {error.message}"
        return "no error"

    run = await stage.run(body)
    assert isinstance(run.output, str)
    assert run.output.startswith('OutputUnserializableError: "give" returned unserializable data: ')
    assert words in run.output
    assert len(calls) == 1
    assert [attempt.error is not None for attempt in step(run, "give").attempts] == [True]


async def test_a_function_that_returns_it_fails_at_once(stage: Stage) -> None:
    calls: list[int] = []

    async def body(ctx: inngest.Context) -> object:
        calls.append(1)
        return {"at": {1, 2}}

    run = await stage.run(body)
    assert failure(run) == ("OutputUnserializableError", "output_unserializable")
    assert message(run) == (
        "function test-f returned unserializable data: $.at: set is not JSON serializable. "
        "Return what JSON can hold, or give the client serializer=inngest.PydanticSerializer(restore=True)"
    )
    assert len(calls) == 1


MB = 1024 * 1024


async def test_a_step_may_return_four_megabytes_and_no_more(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        fits = await ctx.step.run("fits", lambda: "x" * (4 * MB - 2))  # and two quotation marks
        assert len(fits) == 4 * MB - 2
        try:
            await ctx.step.run("bytes count", lambda: "é" * (2 * MB))
        except StepError as error:
            return f"{error.name}: {error.message}"
        return "no error"

    run = await stage.run(body)
    assert run.output == (
        'OutputTooLargeError: step "bytes count" returned 4,194,306 bytes of JSON; at most 4,194,304 are allowed'
    )
    (attempt,) = step(run, "bytes count").attempts  # not retried
    assert attempt.error is not None
    assert attempt.error.code == "output_too_large"


async def test_a_function_may_return_eight_megabytes_and_no_more(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        return "x" * (8 * MB)

    run = await stage.run(body)
    assert failure(run) == ("OutputTooLargeError", "output_too_large")
    assert message(run) == "function test-f returned 8,388,610 bytes of JSON; at most 8,388,608 are allowed"


async def test_a_run_whose_steps_keep_over_32_megabytes_fails(stage: Stage) -> None:
    done: list[int] = []

    def much() -> str:
        done.append(1)
        return "x" * (3 * MB)

    async def body(ctx: inngest.Context) -> None:
        for _ in range(20):
            await ctx.step.run("much", much)

    run = await stage.run(body)
    assert failure(run) == ("StateOverflowedError", "state_overflowed")
    assert 'at step "much:10"' in message(run)
    assert len(done) == 11  # the eleventh could not be kept


async def test_a_run_with_more_steps_than_allowed_fails(stage: Stage) -> None:
    stage.options = {"max_steps": 3}

    async def body(ctx: inngest.Context) -> None:
        for _ in range(5):
            await ctx.step.run("one", lambda: 1)

    run = await stage.run(body)
    assert failure(run) == ("FunctionOverflowedError", "function_overflowed")
    assert 'the run has more than 3 steps, at step "one:3"' in message(run)
    assert len(run.steps) == 3


async def test_exactly_as_many_steps_as_allowed_are_fine(stage: Stage) -> None:
    stage.options = {"max_steps": 3}

    async def body(ctx: inngest.Context) -> str:
        await asyncio.gather(ctx.step.run("one", lambda: 1), ctx.step.sleep("two", 1), ctx.step.run("three", lambda: 3))
        return "done"

    assert (await stage.run(body)).output == "done"


async def both_kinds(stage: Stage, duration: int | datetime.timedelta) -> list[Run]:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.sleep("a year and more", duration)

    def plain(ctx: inngest.ContextSync) -> None:
        ctx.step.sleep("a year and more", duration)

    return [await stage.run(body, fn_id="a"), await Stage(stage.folder / "plain").run(plain, fn_id="b")]


@pytest.mark.parametrize("duration", [367 * 86_400_000, datetime.timedelta(days=366, milliseconds=1), 10**30])
async def test_a_sleep_over_366_days_is_refused(stage: Stage, duration: int | datetime.timedelta) -> None:
    (stage.folder / "plain").mkdir()
    for run in await both_kinds(stage, duration):
        assert failure(run) == ("TimeoutTooLongError", "timeout_too_long")
        assert 'step "a year and more"' in message(run)
        assert len(run.attempts) == 0  # it is not retried


async def test_sleeping_until_the_far_future_is_refused_and_can_be_caught(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        try:
            await ctx.step.sleep_until("doomsday", datetime.datetime(9999, 1, 1, tzinfo=datetime.UTC))
        except inngest.NonRetriableError:
            return "wrong class"
        except Exception as error:
            return str(error)
        return "slept"

    run = await stage.run(body)
    assert isinstance(run.output, str)
    assert 'step "doomsday"' in run.output
    assert "366 days" in run.output


@pytest.mark.parametrize("duration", [0, -5, datetime.timedelta(0), datetime.timedelta(days=-1)])
async def test_a_sleep_that_is_over_does_not_sleep(stage: Stage, duration: int | datetime.timedelta) -> None:
    entered: list[int] = []

    async def body(ctx: inngest.Context) -> None:
        entered.append(1)
        await ctx.step.sleep("no time", duration)
        await ctx.step.sleep_until("the past", datetime.datetime(2000, 1, 1))

    run = await stage.run(body)
    assert (len(entered), [one.status for one in run.steps]) == (1, ["completed", "completed"])
