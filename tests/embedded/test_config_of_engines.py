"""An engine refuses, at its start, what a function asks for and it cannot do; nothing is left out in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.errors import EngineConfigError

EVENT = inngest.TriggerEvent(event="test/start")

ASKED: list[tuple[dict[str, Any], str]] = [
    ({"trigger": inngest.TriggerEvent(event="inngest/function.failed")}, "'inngest/function.failed'"),
]


@pytest.mark.parametrize(("asked", "name"), ASKED, ids=[name for _, name in ASKED])
def test_what_an_engine_cannot_do_is_refused_by_name(tmp_path: Path, asked: dict[str, Any], name: str) -> None:
    client = inngest.Inngest(app_id="test")

    @client.create_function(**{"fn_id": "f", "trigger": EVENT, **asked})
    async def body(ctx: inngest.Context) -> None: ...

    with pytest.raises(EngineConfigError) as raised:
        inngest.Engine([body], database=f"sqlite:///{tmp_path}/inngest.db")
    assert raised.value.message.startswith("functions: 'test-f' uses ")
    assert name in raised.value.message


def test_all_that_it_cannot_do_is_told_at_once(tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="test")

    @client.create_function(
        fn_id="f",
        trigger=[inngest.TriggerEvent(event=f"inngest/function.{what}") for what in ("failed", "finished")],
    )
    async def body(ctx: inngest.Context) -> None: ...

    with pytest.raises(EngineConfigError, match=r"uses TriggerEvent\(event='inngest/function.failed'\), Trigger"):
        inngest.Engine(client, database=f"sqlite:///{tmp_path}/inngest.db")


def test_two_functions_of_one_id_are_refused_with_both_places(tmp_path: Path) -> None:
    first, second = inngest.Inngest(app_id="a"), inngest.Inngest(app_id="a-b")

    async def one(ctx: inngest.Context) -> None: ...

    async def other(ctx: inngest.Context) -> None: ...

    functions = [
        first.create_function(fn_id="b-c", trigger=EVENT)(one),
        second.create_function(fn_id="c", trigger=EVENT)(other),
    ]
    with pytest.raises(EngineConfigError) as raised:
        inngest.Engine(functions, database=f"sqlite:///{tmp_path}/inngest.db")
    for place in (f"{__file__}:{one.__code__.co_firstlineno}", f"{__file__}:{other.__code__.co_firstlineno}"):
        assert place in raised.value.message
