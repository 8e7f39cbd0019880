"""Types that JSON does not have, kept by a serializer: with `output_type`, or by the handler's annotation."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import functools
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pydantic
import pytest
from typing_extensions import TypedDict

import inngest
from inngest.errors import RunFailedError

from .stage import Stage, failure, message, step


class Size(enum.Enum):
    SMALL = "small"


class Item(pydantic.BaseModel):
    name: str
    size: Size
    prices: tuple[decimal.Decimal, ...] = ()


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    at: datetime.datetime
    pair: tuple[int, str]


@dataclasses.dataclass
class Parcel:
    items: list[Item]
    sent: datetime.date
    by: tuple[str, datetime.timedelta]


class Address(TypedDict):
    since: datetime.date


class Point(NamedTuple):
    x: int
    when: datetime.datetime


NOON = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)
ITEM = Item(name="cup", size=Size.SMALL, prices=(decimal.Decimal("1.10"),))
PARCEL = Parcel(items=[ITEM], sent=NOON.date(), by=("ship", datetime.timedelta(days=1)))
ID = uuid.UUID(int=5)

KEPT: list[tuple[Any, Any]] = [
    (Item, ITEM),
    (Strict, Strict(at=NOON, pair=(1, "a"))),
    (Parcel, PARCEL),
    (Address, {"since": NOON.date()}),
    (Point, Point(1, NOON)),
    (datetime.datetime, NOON),
    (datetime.timedelta, datetime.timedelta(hours=1)),
    (Size, Size.SMALL),
    (tuple[int, tuple[str, ...]], (1, ("a", "b"))),
    (list[Item | None], [ITEM, None]),
    (dict[int, Parcel], {1: PARCEL}),
    (set[int], {1, 2}),
    (uuid.UUID, ID),
    (Annotated[int, pydantic.Field(gt=0)], 5),
    (Item | None, None),
]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, inngest.Inngest(app_id="test", serializer=inngest.PydanticSerializer()))


@pytest.fixture
def restoring(tmp_path: Path) -> Stage:
    serializer = inngest.PydanticSerializer(restore=True)
    return Stage(tmp_path, inngest.Inngest(app_id="test", serializer=serializer))


def annotated(annotation: object, value: object) -> Callable[[], object]:
    def give() -> object:
        return value

    give.__annotations__ = {"return": annotation}
    return give


@pytest.mark.parametrize(("typ", "value"), KEPT, ids=[str(typ) for typ, _ in KEPT])
async def test_output_type_brings_a_value_back(stage: Stage, typ: object, value: object) -> None:
    seen: list[object] = []

    async def body(ctx: inngest.Context) -> None:
        seen.append(await ctx.step.run("s", lambda: value, output_type=typ))
        await ctx.step.sleep("replay after this", 1)

    await stage.run(body)
    assert seen == [value, value]
    assert [type(one) for one in seen] == [type(value)] * 2


@pytest.mark.parametrize(("typ", "value"), KEPT, ids=[str(typ) for typ, _ in KEPT])
async def test_restore_brings_it_back_by_the_annotation(restoring: Stage, typ: object, value: object) -> None:
    seen: list[object] = []

    def plain(ctx: inngest.ContextSync) -> None:
        seen.append(ctx.step.run("s", annotated(typ, value)))
        ctx.step.sleep("replay after this", 1)

    await restoring.run(plain)
    assert seen == [value, value]
    assert [type(one) for one in seen] == [type(value)] * 2


async def test_every_kind_of_handler_has_an_annotation(restoring: Stage) -> None:
    class Shop:
        def __call__(self) -> Item:
            return ITEM

        def method(self, name: str) -> Item:
            return ITEM.model_copy(update={"name": name})

        async def async_method(self, *, name: str) -> Item:
            return ITEM.model_copy(update={"name": name})

        @classmethod
        def of_class(cls) -> Item:
            return ITEM

    def wrapped(function: Callable[[], Item]) -> Callable[[], Item]:
        @functools.wraps(function)
        def call() -> Item:
            return function()

        return call

    @wrapped
    def decorated() -> Item:
        return ITEM

    async def async_item() -> Item:
        return ITEM

    def gives_a_coroutine() -> Awaitable[Item]:
        return async_item()

    seen: list[object] = []

    async def body(ctx: inngest.Context) -> None:
        run, shop = ctx.step.run, Shop()
        seen.extend(
            (
                await run("async", async_item),
                await run("method", shop.method, "a"),
                await run("partial", functools.partial(shop.async_method, name="b")),
                await run("object", shop),
                await run("class method", Shop.of_class),
                await run("decorated", decorated),
                await run("coroutine", gives_a_coroutine),
                await run("class", functools.partial(Item, name="c", size=Size.SMALL)),
            )
        )

    await restoring.run(body)
    assert all(isinstance(one, Item) for one in seen)
    assert [one.name for one in seen if isinstance(one, Item)] == ["cup", "a", "b", "cup", "cup", "cup", "cup", "c"]


async def test_without_an_annotation_values_are_as_json_has_them(restoring: Stage) -> None:
    def anything() -> Any:
        return (1, 2)

    async def body(ctx: inngest.Context) -> list[object]:
        plain = await ctx.step.run("lambda", lambda: (1, 2))
        return [plain, await ctx.step.run("any", anything), await ctx.step.run("none", lambda: None)]

    assert (await restoring.run(body)).output == [[1, 2], [1, 2], None]


async def test_output_type_wins_over_the_annotation(restoring: Stage) -> None:
    def item() -> Item:
        return ITEM

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("s", item, output_type=object)

    assert (await restoring.run(body)).output == {"name": "cup", "size": "small", "prices": ["1.10"]}


async def test_an_annotation_that_cannot_be_resolved_is_told(restoring: Stage) -> None:
    def local() -> Nowhere:  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore
        return 5

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("s", local)

    run = await restoring.run(body, retries=0)
    assert "the return annotation 'Nowhere' of " in message(run)
    assert "define the type at module level, or pass output_type" in message(run)


async def test_an_annotation_of_a_function_that_cannot_be_resolved_is_told(restoring: Stage) -> None:
    async def body(ctx: inngest.Context) -> Nowhere:  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore
        return 5

    run = await restoring.run(body)
    assert failure(run) == ("OutputUnserializableError", "output_unserializable")
    assert message(run).startswith("function test-f: the return annotation 'Nowhere' of ")


@pytest.mark.parametrize("given", ["5", 5, [ITEM, 5]])
async def test_a_value_that_is_not_of_its_type_fails_its_step_at_once(stage: Stage, given: object) -> None:
    async def body(ctx: inngest.Context) -> str:
        try:
            await ctx.step.run("s", lambda: given, output_type=list[Item])
        except inngest.StepError as error:
            return error.message
        return "no error"

    run = await stage.run(body)
    assert isinstance(run.output, str)
    assert run.output.startswith('"s" returned unserializable data: TypeError: not of the type list[')
    assert len(step(run, "s").attempts) == 1


async def test_a_type_that_pydantic_cannot_handle_fails_its_step(stage: Stage) -> None:
    class Handle:
        pass

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("s", Handle, output_type=Handle)

    run = await stage.run(body)
    assert message(run).startswith('"s" was not run: what it returns could not be kept: PydanticSchemaGenerationError')


async def test_a_type_that_changed_while_the_run_slept_is_told(stage: Stage) -> None:
    types: list[object] = [str, int]

    async def body(ctx: inngest.Context) -> object:
        found = await ctx.step.run("s", lambda: "a text", output_type=types[0])
        types.pop(0)
        await ctx.step.sleep("nap", 1)
        return found

    run = await stage.held(body, retries=0)
    assert run.hold is not None
    assert (run.hold.sign, run.hold.step) == ("value", "s")
    assert run.hold.text.startswith(
        'the recorded value of step "s" is not of the type int, which the code asks for now'
    )


async def test_a_functions_result_is_kept_by_output_type(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> Parcel:
        return PARCEL

    function = stage.function(body, output_type=Parcel)
    async with stage.engine(function) as engine:
        assert await engine.invoke(function) == PARCEL


async def test_a_functions_result_is_restored_by_its_annotation(restoring: Stage) -> None:
    def plain(ctx: inngest.ContextSync) -> Parcel:
        return PARCEL

    function = restoring.function(plain)
    async with restoring.engine(function) as engine:
        assert await engine.invoke(function) == PARCEL


async def test_a_function_whose_result_is_not_of_its_type_fails(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> object:
        return "a text"

    run = await stage.run(body, output_type=Item)
    assert failure(run) == ("OutputUnserializableError", "output_unserializable")
    assert "not of the type Item" in message(run)


async def test_the_type_of_a_function_is_not_that_of_its_failure_handler(stage: Stage) -> None:
    async def on_failure(ctx: inngest.Context) -> Point:
        return Point(1, NOON)

    async def body(ctx: inngest.Context) -> Item:
        raise inngest.NonRetriableError("stop")

    function = stage.function(body, on_failure=on_failure, output_type=Item)
    async with stage.engine(function) as engine:
        with pytest.raises(RunFailedError):
            await engine.invoke(function)
        (handled,) = await engine.runs(function="test-f-failure")
        assert await engine.wait(handled.id) == [1, "2026-01-02T12:00:00Z"]


async def test_without_a_serializer_output_type_does_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("s", lambda: 5, output_type=str)

    assert (await stage.run(body, output_type=str)).output == 5


async def test_a_serializer_of_ones_own(tmp_path: Path) -> None:
    asked: list[object] = []

    class Hex:
        def serialize(self, obj: object, typ: object) -> object:
            asked.append(("out", typ))
            return bytes.hex(obj) if isinstance(obj, bytes) else obj

        def deserialize(self, obj: object, typ: object) -> object:
            asked.append(("in", typ))
            return bytes.fromhex(str(obj))

    stage = Stage(tmp_path, inngest.Inngest(app_id="test", serializer=Hex()))

    async def body(ctx: inngest.Context) -> bool:
        await ctx.step.run("untyped", lambda: 5)
        return await ctx.step.run("s", lambda: b"\xff", output_type=bytes) == b"\xff"

    run = await stage.run(body)
    assert (run.output, step(run, "s").output) == (True, "ff")
    assert asked == [("out", bytes), ("in", bytes)]
