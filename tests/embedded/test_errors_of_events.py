"""Events that cannot be accepted: told by place, and nothing of the same send is stored."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pydantic
import pytest
from pydantic import SecretStr

import inngest
from inngest.errors import EventInvalidError

from .stage import TRIGGER, Stage

MB = 1024 * 1024
NAME = TRIGGER.event


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def nothing(ctx: inngest.Context) -> None:
    """A body."""


def large(size: int) -> inngest.Event:
    """An event whose data and name take so many bytes."""
    return inngest.Event(name=NAME, data={"x": "é" * ((size - len(NAME) - len('{"x":""}')) // 2)})


REFUSED: list[tuple[str, Callable[[], inngest.Event], str]] = [
    ("no name", lambda: inngest.Event(name=""), "event name is empty"),
    ("blank name", lambda: inngest.Event(name=" "), "event name is empty"),
    ("reserved", lambda: inngest.Event(name="inngest/x"), "event name is reserved for internal use"),
    ("reserved in any case", lambda: inngest.Event(name="InnGest/x"), "event name is reserved for internal use"),
    ("long name", lambda: inngest.Event(name="x" * 513), "event name is 513 characters long; at most 512 are allowed"),
    ("broken name", lambda: inngest.Event(name="a\ud800"), "event name must not contain half of a surrogate pair"),
    ("broken id", lambda: inngest.Event(name="a", id="b\0"), "event id must not contain the character NUL"),
    ("past", lambda: inngest.Event(name="a", ts=1_700_000_000), "before Jan 1, 1980; ts is in unix milliseconds"),
    ("negative", lambda: inngest.Event(name="a", ts=-1), "timestamp is before Jan 1, 1980"),
    ("future", lambda: inngest.Event(name="a", ts=4_102_444_800_001), "timestamp is after Jan 1, 2100"),
    ("too large", lambda: large(3 * MB + 2), "at most 3,145,728 are allowed"),
    ("object", lambda: inngest.Event(name="a", data={"b": [object()]}), "data is not JSON: $.b[0]: object is not JSON"),
    ("secret", lambda: inngest.Event(name="a", data={"b": [SecretStr("x")]}), "$.b[0]: a secret would be masked: send"),
    ("nan", lambda: inngest.Event(name="a", data={"b": float("nan")}), "$.b: nan is not a JSON number"),
    ("digits", lambda: inngest.Event(name="a", data={"b": 10**4300}), "$.b: Exceeds the limit (4300 digits)"),
]


@pytest.mark.parametrize(("make", "words"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED])
async def test_an_event_is_refused_by_place_and_nothing_is_stored(
    stage: Stage, make: Callable[[], inngest.Event], words: str
) -> None:
    function = stage.function(nothing)
    async with stage.engine(function) as engine:
        for send in (engine.send, stage.client.send):
            with pytest.raises(EventInvalidError) as raised:
                await send([inngest.Event(name=NAME), make()])
            assert raised.value.message.startswith("events[1] ")
            assert words in raised.value.message
        assert await engine.runs() == []


async def test_more_than_5000_events_are_refused(stage: Stage) -> None:
    function = stage.function(nothing)
    events = [inngest.Event(name="nobody listens")] * 5000
    async with stage.engine(function) as engine:
        with pytest.raises(EventInvalidError, match="5001 events in one send; at most 5000 are allowed"):
            await engine.send([*events, inngest.Event(name=NAME)])
        assert await engine.runs() == []
        assert len(set(await engine.send(events))) == 5000


async def test_the_largest_event_is_stored_whole(stage: Stage) -> None:
    async def length(ctx: inngest.Context) -> int:
        return len(str(ctx.event.data["x"]))

    function = stage.function(length)
    event = large(3 * MB)
    async with stage.engine(function) as engine:
        (event_id,) = await stage.client.send(event)
        (run,) = await engine.runs(event_id=event_id)
        assert await engine.wait(run.id) == len(str(event.data["x"]))


async def test_any_json_and_name_comes_through(stage: Stage) -> None:
    async def back(ctx: inngest.Context) -> object:
        return [ctx.event.name, dict(ctx.event.data), ctx.event.id, ctx.event.ts, len(ctx.events)]

    name, data = "a/é 😀'\"", {"half \ud800": [10**30, 5e-324, "\0"], "": {}}
    function = stage.client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event=name))(back)
    async with stage.engine(function) as engine:
        (event_id,) = await engine.send(inngest.Event(name=name, data=data, id="my id", ts=1_700_000_000_000))
        (run,) = await engine.runs(event_id=event_id)
        assert await engine.wait(run.id) == [name, data, "my id", 1_700_000_000_000, 1]


def test_an_event_is_checked_when_it_is_made() -> None:
    assert inngest.Event(name="a", data=None) == inngest.Event(name="a")  # type: ignore[arg-type]  # pyright: ignore
    assert inngest.Event.model_validate({"name": "a", "user": {}, "v": "1"}) == inngest.Event(name="a")
    assert inngest.Event(name="a").model_dump() == {"name": "a", "data": {}, "id": "", "ts": 0}
    for wrong in ({}, {"name": 5}, {"name": "a", "data": [1]}, {"name": "a", "ts": "now"}, {"name": "a", "id": 5}):
        with pytest.raises(pydantic.ValidationError):
            inngest.Event.model_validate(wrong)


async def test_a_second_event_with_the_same_id_starts_nothing(stage: Stage) -> None:
    function = stage.function(nothing)
    async with stage.engine(function) as engine:
        first, second = await stage.client.send([inngest.Event(name=NAME, id="once")] * 2)
        (third,) = await stage.client.send(inngest.Event(name=NAME, id="once"))
        assert len({first, second, third}) == 3
        assert [run.event_id for run in await engine.runs()] == [first]


async def test_an_event_from_the_future_delays_its_run(stage: Stage) -> None:
    function = stage.function(nothing)
    in_an_hour = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    async with stage.engine(function) as engine:
        await stage.client.send(inngest.Event(name=NAME, ts=int(in_an_hour.timestamp() * 1000)))
        (run,) = await engine.runs()
        with pytest.raises(TimeoutError):
            await engine.wait(run.id, timeout=0)
        assert (await engine.run(run.id)).status == "QUEUED"
