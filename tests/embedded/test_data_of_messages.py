"""What events, invocations, deferred functions and signals may carry: what JSON holds, or a serializer writes."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import types
import uuid
from pathlib import Path

import pydantic
import pytest

import inngest
from inngest.errors import EventInvalidError, StepArgumentError

from .stage import Stage, message

NOON = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)


class Size(enum.Enum):
    SMALL = "small"


class Item(pydantic.BaseModel):
    name: str
    at: datetime.datetime


@dataclasses.dataclass
class Parcel:
    items: list[Item]
    weight: decimal.Decimal


class Token(pydantic.BaseModel):
    token: pydantic.SecretStr


class ShownToken(Token):
    @pydantic.field_serializer("token")
    def show(self, token: pydantic.SecretStr) -> str:
        return token.get_secret_value()


ITEM = Item(name="cup", at=NOON)
ITEM_TEXT = {"name": "cup", "at": "2026-01-02T12:00:00Z"}

WRITTEN: list[tuple[str, object, object]] = [
    ("datetime", NOON, "2026-01-02T12:00:00Z"),
    ("date", NOON.date(), "2026-01-02"),
    ("timedelta", datetime.timedelta(hours=1), "PT1H"),
    ("uuid", uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ("decimal", decimal.Decimal("1.10"), "1.10"),
    ("enum", Size.SMALL, "small"),
    ("enum as a key", {Size.SMALL: Size.SMALL}, {"small": "small"}),
    ("set", {1}, [1]),
    ("bytes", b"text", "text"),
    ("model", ITEM, ITEM_TEXT),
    ("dataclass", Parcel([ITEM], decimal.Decimal(1)), {"items": [ITEM_TEXT], "weight": "1"}),
    ("nested", [{"a": (ITEM, None)}], [{"a": [ITEM_TEXT, None]}]),
    ("mapping", types.MappingProxyType({"a": NOON}), {"a": "2026-01-02T12:00:00Z"}),
    ("shown secret", ShownToken(token=pydantic.SecretStr("x")), {"token": "x"}),
    ("beside half of a pair", [NOON, "\ud800"], ["2026-01-02T12:00:00Z", "\ud800"]),
    ("beside a huge number", [NOON, 2**70], ["2026-01-02T12:00:00Z", 2**70]),
]

REFUSED: list[tuple[str, object, str]] = [
    ("object", object(), "data is not JSON: $.v: object is not JSON serializable"),
    ("deep", [{"a": object()}], "data is not JSON: $.v[0].a: object is not JSON serializable"),
    ("nan beside", [NOON, float("nan")], "data is not JSON: $.v[1]: nan is not a JSON number"),
    ("bytes", b"\xff", "data is not JSON: $.v: bytes is not JSON serializable: UnicodeDecodeError"),
    ("secret", pydantic.SecretStr("hunter2"), "data is not JSON: $.v: a secret would be masked"),
    ("secret within", [Token(token=pydantic.SecretStr("hunter2"))], "$.v[0].token: a secret would be masked"),
    ("key", {object(): 1}, "data is not JSON: $.v: object is not JSON serializable"),
]


@pytest.fixture(params=[None, inngest.PydanticSerializer()], ids=["without a serializer", "with one"])
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Stage:
    return Stage(tmp_path, inngest.Inngest(app_id="test", serializer=request.param))


@pytest.mark.parametrize(("value", "text"), [row[1:] for row in WRITTEN], ids=[row[0] for row in WRITTEN])
async def test_every_message_carries_what_can_be_written(stage: Stage, value: object, text: object) -> None:
    seen: dict[str, object] = {}

    async def echo(ctx: inngest.Context) -> object:
        return ctx.event.data["v"]

    async def deferred(ctx: inngest.Context) -> None:
        seen["defer"] = ctx.event.data["v"]
        await ctx.step.send_event("done", inngest.Event(name="deferred"))

    def plain(ctx: inngest.ContextSync) -> object:
        return ctx.step.invoke("i", function=echoing, data={"v": value})

    async def body(ctx: inngest.Context) -> None:
        seen["direct"] = ctx.event.data["v"]
        data = {"v": value}
        seen["invoke"] = await ctx.step.invoke("i", function=echoing, data=data)
        seen["invoke_by_id"] = await ctx.step.invoke_by_id("id", function_id="echo", data=data)
        seen["plain"] = await ctx.step.invoke("p", function=plainly)
        await ctx.step.send_event("send", inngest.Event(name="back", data=data))
        got = await ctx.step.wait_for_event("w", event="back", timeout=60_000, since=60_000)
        seen["event"] = got and got.data["v"]
        ctx.defer("d", function=deferring, data=data)

        async def signal() -> object:
            return await ctx.step.wait_for_signal("s", signal="s", timeout=60_000)

        async def send() -> object:
            await ctx.step.sleep("until the wait is recorded", 1)
            await ctx.step.send_signal("send signal", "s", value)
            return None

        seen["signal"] = (await ctx.group.parallel((signal, send)))[0]

    echoing, deferring = stage.function(echo, fn_id="echo"), stage.function(deferred, fn_id="deferred")
    plainly, function = stage.function(plain, fn_id="plain"), stage.function(body)
    async with stage.engine(function, echoing, deferring, plainly) as engine:
        await engine.invoke(function, data={"v": value})
        for run in await engine.runs(function=deferring):
            await engine.wait(run.id)
        assert await stage.client.send(inngest.Event(name="sent", data={"v": value}))
    ways = ("direct", "invoke", "invoke_by_id", "plain", "event", "defer", "signal")
    assert seen == dict.fromkeys(ways, text)


@pytest.mark.parametrize(("value", "why"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_what_cannot_is_refused_by_place(stage: Stage, value: object, why: str) -> None:
    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.invoke("i", function=echoing, data={"v": value})

    echoing = stage.function(by_nobody, fn_id="echo")
    assert why in message(await stage.run(body, fn_id="other", retries=0))
    async with stage.engine(echoing) as engine:
        with pytest.raises(EventInvalidError) as raised:
            await stage.client.send(inngest.Event(name="a", data={"v": value}))
        assert why in str(raised.value)
        assert "hunter2" not in str(raised.value)
        with pytest.raises(EventInvalidError):
            await engine.invoke(echoing, data={"v": value})
        with pytest.raises(StepArgumentError):
            await stage.client.send_signal("s", {"v": value})


async def test_data_that_contain_themselves_are_refused(stage: Stage) -> None:
    data: dict[str, object] = {"at": NOON}
    data["self"] = data
    async with stage.engine(stage.function(by_nobody)):
        with pytest.raises(EventInvalidError, match="data is not JSON: "):
            await stage.client.send(inngest.Event(name="a", data=data))


async def by_nobody(ctx: inngest.Context) -> None:
    """Do nothing."""


async def test_a_serializer_of_ones_own_writes_them(tmp_path: Path) -> None:
    asked: collections.Counter[object] = collections.Counter()

    class Hex:
        def serialize(self, obj: object, typ: object) -> object:
            asked[typ] += 1
            return bytes.hex(obj) if isinstance(obj, bytes) else obj

        def deserialize(self, obj: object, typ: object) -> object:
            return obj

    stage = Stage(tmp_path, inngest.Inngest(app_id="test", serializer=Hex()))

    async def body(ctx: inngest.Context) -> object:
        return [ctx.event.data["v"], ctx.event.data["plain"]]

    function = stage.function(body)
    async with stage.engine(function) as engine:
        assert await engine.invoke(function, data={"v": [b"\xff"], "plain": 1}) == [["ff"], 1]
        with pytest.raises(EventInvalidError, match=r"\$\.v: datetime is not JSON serializable"):
            await engine.invoke(function, data={"v": NOON})
    assert set(asked) == {object}


async def test_the_sender_keeps_its_event(stage: Stage) -> None:
    event = inngest.Event(name="a", data={"at": NOON})
    async with stage.engine(stage.function(by_nobody)):
        await stage.client.send(event)
    assert event.data == {"at": NOON}
