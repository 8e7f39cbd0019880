"""A value of a step comes back equal, or its step is refused by name: nothing is lost or changed without a word."""

from __future__ import annotations

import collections
import dataclasses
import decimal
import enum
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import pydantic
import pytest
from pydantic.alias_generators import to_camel

import inngest

from .stage import Stage, failure, message, step

T = TypeVar("T")


class Camel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=to_camel)
    order_id: int


class CamelWithDefault(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=to_camel)
    order_id: int = 0


class CamelWritten(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=to_camel, serialize_by_alias=True)
    order_id: int = 0


class CamelOnly(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=to_camel, extra="forbid")
    order_id: int = 0


class Around(pydantic.BaseModel):
    inner: list[Camel]


class TwoNames(pydantic.BaseModel):
    x: int = pydantic.Field(validation_alias="inX", serialization_alias="outX")


class Choices(pydantic.BaseModel):
    x: int = pydantic.Field(validation_alias=pydantic.AliasChoices("p", "q"))


class Swapped(pydantic.BaseModel):
    a: int = pydantic.Field(alias="b")
    b: int = pydantic.Field(alias="a")


@pydantic.dataclasses.dataclass
class AliasedParts:
    a: int = pydantic.Field(alias="A")


class Square(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    width: int

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        return self.width**2


class Text(pydantic.BaseModel):
    parts: pydantic.Json[list[int]]


class Loose(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    a: int


class Anything(pydantic.BaseModel):
    v: Any


class Msg(pydantic.BaseModel):
    role: str


class ToolMsg(Msg):
    result: str


@dataclasses.dataclass
class Parent:
    a: int


@dataclasses.dataclass
class Child(Parent):
    b: int


@dataclasses.dataclass(eq=False)
class Incomparable:
    a: int


@dataclasses.dataclass
class Counted:
    a: int

    def __post_init__(self) -> None:
        self.a += 1


class Token(pydantic.BaseModel):
    token: pydantic.SecretStr


class ShownToken(pydantic.BaseModel):
    token: pydantic.SecretStr

    @pydantic.field_serializer("token")
    def show(self, token: pydantic.SecretStr) -> str:
        return token.get_secret_value()


class Excluding(pydantic.BaseModel):
    n: int
    hidden: str = pydantic.Field(exclude=True, default="d")


class ExcludingMust(pydantic.BaseModel):
    n: int
    hidden: str = pydantic.Field(exclude=True)


class Private(pydantic.BaseModel):
    n: int
    _note: str = pydantic.PrivateAttr(default="")


class Validated(pydantic.BaseModel):
    v: int

    @pydantic.field_validator("v")
    @classmethod
    def add(cls, v: int) -> int:
        return v + 1


class Box(pydantic.BaseModel, Generic[T]):
    item: T


class Pair(NamedTuple):
    a: int
    b: int


class One(enum.IntEnum):
    ONE = 1


KEPT: list[tuple[Any, Any]] = [
    (Camel, Camel.model_validate({"orderId": 7})),
    (CamelWithDefault, CamelWithDefault.model_validate({"orderId": 7})),
    (CamelWritten, CamelWritten.model_validate({"orderId": 7})),
    (CamelOnly, CamelOnly.model_validate({"orderId": 7})),
    (Around, Around(inner=[Camel.model_validate({"orderId": 7})])),
    (list[Camel], [Camel.model_validate({"orderId": 7})]),
    (TwoNames, TwoNames.model_validate({"inX": 7})),
    (Choices, Choices.model_validate({"q": 7})),
    (Swapped, Swapped(a=1, b=2)),
    (AliasedParts, AliasedParts(A=7)),
    (Square, Square(width=3)),
    (Text, Text.model_validate({"parts": "[1, 2]"})),
    (Loose, Loose.model_validate({"a": 1, "z": 2})),
    (ShownToken, ShownToken(token=pydantic.SecretStr("sk-live"))),
    (Excluding, Excluding(n=1)),
    (Private, Private(n=1)),
    (list[ToolMsg | Msg], [ToolMsg(role="tool", result="42"), Msg(role="user")]),
    (Box[Msg], Box[Msg](item=Msg(role="user"))),
    (dict[str, list[int]], collections.defaultdict(list, a=[1])),
    (float, 10),
    (decimal.Decimal, 0),
    (Pair, Pair(1, 2)),
    (One, One.ONE),
    (Annotated[decimal.Decimal, pydantic.AllowInfNan()], decimal.Decimal("NaN")),
]

REFUSED: list[tuple[str, Any, Any, str]] = [
    ("a model", Msg, ToolMsg(role="tool", result="42"), "ToolMsg would come back as Msg; name ToolMsg where"),
    ("models", list[Msg], [ToolMsg(role="tool", result="42")], "[0]: ToolMsg would come back as Msg"),
    ("a dataclass", Parent, Child(1, 2), "Child would come back as Parent; name Child where"),
    ("a named tuple", tuple[int, int], Pair(1, 2), "Pair would come back as tuple; name Pair where"),
    ("an enum", int, One.ONE, "One would come back as int; name One where"),
    ("a secret", Token, Token(token=pydantic.SecretStr("sk-live")), ".token: SecretStr is masked when it is written"),
    ("excluded", Excluding, Excluding(n=1, hidden="kept?"), ".hidden: this field has exclude=True, and would be lost"),
    ("excluded, required", ExcludingMust, ExcludingMust(n=1, hidden="?"), "['hidden']: is there, but is not written"),
    ("validated twice", Validated, Validated(v=1), ".v: 2 would come back as 3; a serializer, a validator"),
    ("counted twice", Counted, Counted(1), ".a: 2 would come back as 3"),
    ("a bare generic", Box, Box(item=Msg(role="user")), ".item: Msg would come back as dict; the type says nothing"),
    ("a field that is Any", Anything, Anything(v=Msg(role="user")), ".v: Msg would come back as dict"),
    ("a bare list", list, [Msg(role="user")], "[0]: Msg would come back as dict"),
    ("text for a number", int, "5", "str would come back as int; return a int, or name str in"),
    ("text in a list", list[int], [1, "5"], "[1]: str would come back as int"),
    ("a tuple for a list", list[int], (1, 2), "tuple would come back as list"),
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


def same(value: object, back: object) -> bool:
    return value == back or (value != value and back != back)


@pytest.mark.parametrize(("typ", "value"), KEPT, ids=[str(typ) for typ, _ in KEPT])
async def test_it_comes_back_equal_on_every_replay(stage: Stage, typ: object, value: object) -> None:
    seen: list[object] = []

    async def body(ctx: inngest.Context) -> None:
        seen.append(await ctx.step.run("s", lambda: value, output_type=typ))
        await ctx.step.sleep("replay after this", 1)

    await stage.run(body)
    assert len(seen) == 2
    assert all(same(value, one) for one in seen)


@pytest.mark.parametrize(("typ", "value"), KEPT, ids=[str(typ) for typ, _ in KEPT])
async def test_so_does_the_result_of_a_function(restoring: Stage, typ: object, value: object) -> None:
    async def body(ctx: inngest.Context) -> Any:
        return value

    body.__annotations__["return"] = typ
    function = restoring.function(body)
    async with restoring.engine(function) as engine:
        assert same(value, await engine.invoke(function))


@pytest.mark.parametrize(("typ", "value", "why"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_what_would_not_is_refused_by_name(restoring: Stage, typ: object, value: object, why: str) -> None:
    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("s", annotated(typ, value))

    run = await restoring.run(body, retries=2)
    assert failure(run) == ("OutputUnserializableError", "step_errored")
    assert message(run).startswith('"s" returned unserializable data: TypeError: ')
    assert why in message(run)
    assert step(run, "s").output is None
    assert len(step(run, "s").attempts) == 1


async def test_the_message_does_not_tell_what_is_hidden(restoring: Stage) -> None:
    values = [Token(token=pydantic.SecretStr("hunter2")), Excluding(n=1, hidden="hunter2")]
    texts: list[str] = []

    async def body(ctx: inngest.Context) -> None:
        for value in values:
            try:
                await ctx.step.run("s", annotated(type(value), value))
            except inngest.StepError as error:
                texts.append(error.message)

    await restoring.run(body)
    assert len(texts) == 2
    assert "hunter2" not in "".join(texts)


async def test_a_private_attribute_that_would_be_lost_is_named(restoring: Stage) -> None:
    value = Private(n=1)
    value._note = "set"

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("s", annotated(Private, value))

    assert "._note: a private attribute is not written" in message(await restoring.run(body))


async def test_what_has_no_equality_is_compared_by_its_fields(restoring: Stage) -> None:
    async def body(ctx: inngest.Context) -> int:
        found = await ctx.step.run("s", annotated(list[Incomparable], [Incomparable(1)]))
        assert isinstance(found, list)
        return int(found[0].a)

    assert (await restoring.run(body)).output == 1


async def test_a_type_that_nobody_can_keep_is_told_before_the_handler_runs(restoring: Stage) -> None:
    class Handle:
        pass

    calls: list[int] = []

    def charge() -> Handle:
        calls.append(1)
        return Handle()

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("s", charge, output_type=Handle)

    run = await restoring.run(body)
    assert message(run).startswith('"s" was not run: what it returns could not be kept: PydanticSchemaGenerationError')
    assert calls == []


async def test_a_lambda_is_told_how_to_say_its_type(restoring: Stage) -> None:
    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("s", lambda: Msg(role="user"))

    assert message(await restoring.run(body)) == (
        '"s" returned unserializable data: Msg is not JSON serializable. Say its type: use output_type=, or a handler '
        "with a return annotation (a lambda has none)"
    )


async def test_without_restore_the_type_is_to_be_said(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("s", annotated(Msg, Msg(role="user")))

    assert message(await stage.run(body)).endswith("Msg is not JSON serializable. Say its type: use output_type=")


async def test_object_asks_for_what_json_has(restoring: Stage) -> None:
    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("s", annotated(Msg, ToolMsg(role="tool", result="42")), output_type=object)

    assert (await restoring.run(body)).output == {"role": "tool", "result": "42"}


async def test_what_older_versions_wrote_is_read_by_names_and_by_aliases() -> None:
    serializer = inngest.PydanticSerializer()
    assert serializer.deserialize({"order_id": 7}, CamelWithDefault) == CamelWithDefault.model_validate({"orderId": 7})
    assert serializer.deserialize({"orderId": 7}, CamelWithDefault) == CamelWithDefault.model_validate({"orderId": 7})
