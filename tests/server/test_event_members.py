"""`user`, `v` and `meta` of events: who sees them, and which are refused; and the source of an event."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import inngest
from inngest.protocol import limits
from inngest.server.app import create_app
from inngest.server.auth import Keys

from .conftest import Api

USER = {"id": 7, "name": "Ünal"}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A server whose functions look at who the user is."""
    client = inngest.Inngest(app_id="shop")
    said = inngest.TriggerEvent(event="shop/said", expression="event.user.id == 7 && event.v == '2'")

    @client.create_function(fn_id="greet", trigger=said)
    async def greet(ctx: inngest.Context) -> object:
        found = await ctx.step.wait_for_event(
            "answer", event="shop/answered", if_exp="async.user.id == event.user.id", timeout=3_600_000
        )
        assert found is not None
        return found.name

    keys = Keys(["ff"], {"web": "k1", "": "k2"})
    async with inngest.Engine(client, database=tmp_path / "i.db") as engine:
        transport = httpx.ASGITransport(create_app(engine, keys=keys))
        headers = {"authorization": "Bearer ff"}
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as http:
            yield http


async def sent(http: httpx.AsyncClient, event: dict[str, object], key: str = "k1") -> str:
    response = await http.post(f"/e/{key}", json=event)
    assert response.status_code == 200, response.text
    return str(response.json()["ids"][0])


async def runs(http: httpx.AsyncClient, event_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await http.get(f"/v1/events/{event_id}/runs")).json()["data"]
    return found


def extra(folder: Path, event_id: str) -> object:
    """What is stored of an event beside its data."""
    with contextlib.closing(sqlite3.connect(folder / "i.db")) as connection:
        (text,) = connection.execute("SELECT extra FROM inngest_events WHERE id = ?", (event_id,)).fetchone()
    return None if text is None else json.loads(text)


async def test_expressions_of_triggers_and_waits_see_them(shop: httpx.AsyncClient) -> None:
    for members in ({}, {"user": USER}, {"user": {"id": 8}, "v": "2"}):
        assert await runs(shop, await sent(shop, {"name": "shop/said", **members})) == []
    event_id = await sent(shop, {"name": "shop/said", "user": USER, "v": "2"})
    woken: list[object] = []
    while not woken:  # until its step waits
        assert (await runs(shop, event_id))[0]["status"] in ("Scheduled", "Running")
        other = await sent(shop, {"name": "shop/answered", "user": {"id": 8}})
        answer = await sent(shop, {"name": "shop/answered", "user": USER})
        woken = (await shop.get(f"/v1/events/{answer}/woken")).json()["data"]
        assert (await shop.get(f"/v1/events/{other}/woken")).json()["data"] == []
    while (run := (await runs(shop, event_id))[0])["status"] == "Running":
        pass
    assert (run["status"], run["output"]) == ("Completed", "shop/answered")


async def test_they_are_stored_with_the_name_of_the_key(shop: httpx.AsyncClient, tmp_path: Path) -> None:
    meta = {"sessions": {"cart": "c1"}}
    event = {"name": "a", "user": USER, "v": "2024-01-01", "meta": meta, "more": 1}
    expected = {"user": USER, "v": "2024-01-01", "meta": meta}
    assert extra(tmp_path, await sent(shop, event)) == {**expected, "source": "web"}
    assert extra(tmp_path, await sent(shop, event, "k2")) == expected
    assert extra(tmp_path, await sent(shop, {"name": "a", "source": "forged"}, "k2")) is None
    assert extra(tmp_path, await sent(shop, {"name": "a"})) == {"source": "web"}


async def test_many_events_keep_theirs(shop: httpx.AsyncClient, tmp_path: Path) -> None:
    """So many that they are stored together first, and accepted afterwards."""
    events = [{"name": "a", "user": {"id": number}} for number in range(limits.MAX_EVENTS_PER_SEND)]
    ids = (await shop.post("/e/k2", json=events)).json()["ids"]
    for number in (0, 1_234, len(events) - 1):
        assert extra(tmp_path, ids[number]) == {"user": {"id": number}}


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"user": 7}, "user: expected an object, got the number 7"),
        ({"user": [1]}, "user: expected an object, got an array"),
        ({"v": 2}, "v: expected a string, got the number 2"),
        ({"meta": "x"}, "meta: expected an object, got the string 'x'"),
        ({"meta": {"sessions": [1]}}, "meta.sessions: expected an object whose values are texts"),
        ({"meta": {"sessions": {"a": 1}}}, "meta.sessions: expected an object whose values are texts"),
        ({"meta": {"sessions": {str(n): "x" for n in range(6)}}}, "meta.sessions has 6 members; at most 5 are allowed"),
        ({"meta": {"sessions": {"é" * 65: "x"}}}, "is over 128 bytes"),
        ({"meta": {"sessions": {"a": "é" * 257}}}, "meta.sessions['a'] is over 512 bytes"),
        ({"user": {"x": "y" * limits.MAX_EVENT_SIZE}}, "at most 3,145,728 are allowed"),
    ],
)
async def test_what_they_may_not_be_is_told(api: Api, members: dict[str, object], text: str) -> None:
    response = await api.post([{"name": "shop/said", **members}, {"name": "shop/said"}])
    body = response.json()
    assert response.status_code == 400
    assert [bool(event_id) for event_id in body["ids"]] == [False, True]
    assert text in body["error"]


async def test_a_number_that_is_none_in_them_is_told(api: Api) -> None:
    response = await api.post(content='{"name": "a", "user": {"age": NaN}}')
    assert response.status_code == 400
    assert response.json()["error"] == "user or meta is not JSON: $.user.age: nan is not a JSON number"


@pytest.mark.parametrize("value", [None, {}])
async def test_empty_ones_are_none(api: Api, value: object) -> None:
    response = await api.post({"name": "shop/said", "user": value, "meta": value, "v": None})
    assert response.status_code == 200
