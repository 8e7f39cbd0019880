"""While an engine runs, its functions' clients send into it, whatever their mode and keys; then over HTTP again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import anyio
import pytest

import inngest
from inngest.errors import EngineBindingError, EngineStateError, EventInvalidError, EventKeyUnspecifiedError
from tests.embedded import databases

from .event_api import event_api

ORDER = inngest.Event(name="shop/order.placed", data={"order": 42})


class Shop:
    """A client with one function, which notes what it was started by."""

    def __init__(self, client: inngest.Inngest) -> None:
        self.client = client
        self.seen: asyncio.Queue[inngest.Event] = asyncio.Queue()

        @client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="shop/order.placed"))
        async def pay(ctx: inngest.Context) -> None:
            self.seen.put_nowait(ctx.event)

        self.pay = pay


@pytest.fixture
def database(tmp_path: Path) -> str:
    return databases.url_in(tmp_path)


async def test_a_client_without_a_key_sends_in_process_and_over_http_again_afterwards(database: str) -> None:
    with event_api() as api:
        keyless = Shop(inngest.Inngest(app_id="shop", is_production=True, event_api_base_url=api.origin))
        with pytest.raises(EventKeyUnspecifiedError):
            await keyless.client.send(ORDER)
        async with inngest.Engine([keyless.pay], database=database) as engine:
            (event_id,) = await keyless.client.send(ORDER)
            started_by = await keyless.seen.get()
            assert (started_by.id, started_by.data) == (event_id, {"order": 42})
            assert len(await engine.runs(event_id=event_id)) == 1
        with pytest.raises(EventKeyUnspecifiedError):
            await keyless.client.send(ORDER)
        assert api.requests == []


async def test_a_client_of_a_development_server_does_too(database: str) -> None:
    with event_api() as api:
        dev = Shop(inngest.Inngest(app_id="shop", is_production=False, event_api_base_url=api.origin))
        assert await dev.client.send(ORDER) == ["id0"]
        async with inngest.Engine([dev.pay], database=database):
            assert await dev.client.send([ORDER, ORDER]) != ["id0", "id1"]
            await dev.seen.get()
            await dev.seen.get()
        assert await dev.client.send(ORDER) == ["id0"]
        assert len(api.requests) == 2


async def test_a_client_that_is_given_whole_is_bound_even_without_functions(database: str) -> None:
    client = inngest.Inngest(app_id="shop", is_production=True)
    async with inngest.Engine(client, database=database) as engine:
        await client.send(ORDER)
        assert await engine.runs() == []


async def test_the_blocking_twin_is_for_other_threads(database: str) -> None:
    shop = Shop(inngest.Inngest(app_id="shop"))
    async with inngest.Engine([shop.pay], database=database):
        (event_id,) = await anyio.to_thread.run_sync(shop.client.send_sync, ORDER)
        assert (await shop.seen.get()).id == event_id
        with pytest.raises(EngineStateError, match="on the engine's own event loop would wait for itself"):
            shop.client.send_sync(ORDER)


async def test_a_client_sends_from_any_loop(database: str) -> None:
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="shop/order.placed"))
    def pay(ctx: inngest.ContextSync) -> object:
        return ctx.event.data["order"]

    with inngest.Engine([pay], database=database) as engine:  # on a thread, with a loop of its own
        (event_id,) = await client.send(ORDER)
        assert client.send_sync(inngest.Event(name="nobody listens")) != [event_id]
        (run,) = engine.runs_sync(event_id=event_id)
        assert engine.wait_sync(run.id) == 42


async def test_middleware_goes_with_what_is_sent_in_process(database: str) -> None:
    noted: list[object] = []

    class Stamps(inngest.Middleware):
        async def before_send_events(self, events: list[inngest.Event]) -> None:
            noted.append("before")
            events[0].data = {**events[0].data, "stamped": True}

        async def after_send_events(self, result: inngest.SendEventsResult) -> None:
            noted.append((result.error, len(result.ids)))

    shop = Shop(inngest.Inngest(app_id="shop", middleware=[Stamps]))
    async with inngest.Engine([shop.pay], database=database):
        await shop.client.send(ORDER)
        assert (await shop.seen.get()).data == {"order": 42, "stamped": True}
        await shop.client.send(ORDER, skip_middleware=True)
        assert (await shop.seen.get()).data == {"order": 42}
    assert noted == ["before", (None, 1)]


async def test_an_event_that_cannot_be_accepted_leaves_nothing(database: str) -> None:
    shop = Shop(inngest.Inngest(app_id="shop"))
    async with inngest.Engine([shop.pay], database=database) as engine:
        with pytest.raises(EventInvalidError, match=r'events\[1\] "inngest/x": event name is reserved'):
            await shop.client.send([ORDER, inngest.Event(name="inngest/x")])
        assert await engine.runs() == []


async def test_a_client_runs_in_one_engine_at_a_time(database: str) -> None:
    shop = Shop(inngest.Inngest(app_id="shop"))
    async with inngest.Engine([shop.pay], database=database):
        with pytest.raises(EngineBindingError, match='the client "shop" runs in another Engine'):
            async with inngest.Engine([shop.pay], database=database):
                pass
        await shop.client.send(ORDER)  # the first one still has it
        await shop.seen.get()


async def test_a_function_sends_with_its_client(database: str) -> None:
    shop = Shop(inngest.Inngest(app_id="shop"))

    @shop.client.create_function(fn_id="import", trigger=inngest.TriggerEvent(event="shop/import"))
    async def bring_in(ctx: inngest.Context) -> list[str]:
        return await ctx.step.run("announce", shop.client.send, ORDER)

    async with inngest.Engine(shop.client, database=database) as engine:
        ids = await engine.invoke(bring_in)
        assert [(await shop.seen.get()).id] == ids
