"""An engine refuses, at its start, what a function asks for and it cannot do; nothing is left out in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

import inngest
from inngest.errors import EngineConfigError
from tests.embedded import databases

EVENT = inngest.TriggerEvent(event="test/start")


def test_so_are_two_functions_of_one_client(tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="a")

    async def one(ctx: inngest.Context) -> None: ...

    def other(ctx: inngest.ContextSync) -> None: ...

    async def failed(ctx: inngest.Context) -> None: ...

    alone = client.create_function(fn_id="b", trigger=EVENT)(one)
    client.create_function(fn_id="b", trigger=EVENT)(other)
    with pytest.raises(EngineConfigError) as raised:
        inngest.Engine(client, database=databases.url_in(tmp_path))
    for place in (f"{__file__}:{one.__code__.co_firstlineno}", f"{__file__}:{other.__code__.co_firstlineno}"):
        assert place in raised.value.message
    inngest.Engine([alone], database=databases.url_in(tmp_path))

    handled = client.create_function(fn_id="c", trigger=EVENT, on_failure=failed)(one)
    taken = client.create_function(fn_id="c-failure", trigger=EVENT)(one)
    with pytest.raises(EngineConfigError, match="the id 'a-c-failure' is there twice"):
        inngest.Engine([handled, taken], database=databases.url_in(tmp_path))


def test_two_functions_of_one_id_are_refused_with_both_places(tmp_path: Path) -> None:
    first, second = inngest.Inngest(app_id="a"), inngest.Inngest(app_id="a-b")

    async def one(ctx: inngest.Context) -> None: ...

    async def other(ctx: inngest.Context) -> None: ...

    functions = [
        first.create_function(fn_id="b-c", trigger=EVENT)(one),
        second.create_function(fn_id="c", trigger=EVENT)(other),
    ]
    with pytest.raises(EngineConfigError) as raised:
        inngest.Engine(functions, database=databases.url_in(tmp_path))
    for place in (f"{__file__}:{one.__code__.co_firstlineno}", f"{__file__}:{other.__code__.co_firstlineno}"):
        assert place in raised.value.message
