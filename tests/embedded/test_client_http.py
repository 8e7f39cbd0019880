"""`send` and `send_sync` over HTTP, against a real server. Pauses between attempts are noted, not waited."""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import inngest
from inngest.errors import AsyncUnsupportedError, EventInvalidError, EventKeyUnspecifiedError, SendEventsError
from inngest.runtime import clock

from .event_api import Answer, EventApi, event_api

Send = Callable[..., Awaitable[list[str]]]


@pytest.fixture(params=["send", "send_sync"])
def send(request: pytest.FixtureRequest) -> Send:
    """Both twins: what is true of one is true of the other."""

    async def call(client: inngest.Inngest, *args: object, **options: object) -> list[str]:
        found: object = getattr(client, request.param)(*args, **options)
        result = await found if inspect.isawaitable(found) else found
        assert isinstance(result, list)
        return result

    return call


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    noted: list[float] = []

    async def sleep(seconds: float) -> None:
        noted.append(seconds)

    monkeypatch.setattr(clock, "sleep", sleep)
    monkeypatch.setattr(clock, "sleep_sync", noted.append)
    return noted


def client_of(api: EventApi, **options: Any) -> inngest.Inngest:
    defaults: dict[str, Any] = {"app_id": "shop", "event_api_base_url": api.origin, "is_production": False}
    return inngest.Inngest(**{**defaults, **options})


ORDER = inngest.Event(name="shop/order.placed", data={"order": 42, "note": "é\ud800", "big": 10**30})


async def test_events_are_posted_as_an_array(send: Send) -> None:
    second = inngest.Event(name="b", id="mine", ts=1_700_000_000_000)
    with event_api() as api:
        assert await send(client_of(api), [ORDER, second]) == ["id0", "id1"]
        assert await send(client_of(api), ORDER) == ["id0"]
        first, other = api.requests
    assert first.path == "/e/NO_EVENT_KEY_SET"
    ts = first.events[0].pop("ts")
    assert ts > 1_700_000_000_000
    assert first.events == [
        {"name": "shop/order.placed", "data": ORDER.data},
        {"name": "b", "data": {}, "id": "mine", "ts": 1_700_000_000_000},
    ]
    assert len(other.events) == 1


async def test_the_headers_say_who_sends_and_seed_the_ids(send: Send) -> None:
    with event_api() as api:
        await send(client_of(api, env="feature"), ORDER)
        headers = api.requests[0].headers
    assert headers["content-type"] == "application/json"
    assert headers["x-inngest-sdk"] == headers["user-agent"]
    assert headers["x-inngest-sdk"].startswith("inngest-py:v")
    assert headers["x-inngest-req-version"] == "2"
    assert headers["x-inngest-env"] == "feature"
    assert headers["x-inngest-expected-server-kind"] == "dev"
    time, _, entropy = headers["x-inngest-event-id-seed"].partition(",")
    assert time.isdigit()
    assert len(base64.b64decode(entropy, validate=True)) == 10


async def test_in_production_the_key_is_in_the_path(send: Send) -> None:
    with event_api() as api:
        await send(client_of(api, is_production=True, event_key="a key/é"), ORDER)
        assert api.requests[0].path == "/e/a%20key%2F%C3%A9"
        assert api.requests[0].headers["x-inngest-expected-server-kind"] == "cloud"
        assert "x-inngest-env" not in api.requests[0].headers


async def test_in_production_a_key_is_needed(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INNGEST_EVENT_KEY", raising=False)
    with event_api() as api:
        with pytest.raises(EventKeyUnspecifiedError, match="pass event_key, or set INNGEST_EVENT_KEY"):
            await send(client_of(api, is_production=True), ORDER)
        assert api.requests == []


async def test_server_errors_and_lost_connections_are_retried_with_one_seed(send: Send, pauses: list[float]) -> None:
    answers = [Answer(500, {"error": "down"}), Answer(hang_up=True), Answer(503, b"<html>"), Answer()]
    with event_api(*answers) as api:
        assert await send(client_of(api), ORDER) == ["id0"]
        assert len(api.requests) == 4
        assert len({request.headers["x-inngest-event-id-seed"] for request in api.requests}) == 1
        assert len({json.dumps(request.events) for request in api.requests}) == 1
    assert len(pauses) == 3
    for attempt, pause in enumerate(pauses):
        assert 0.1 * 2**attempt <= pause <= 0.1 * 2**attempt + 0.1


async def test_two_calls_have_two_seeds(send: Send) -> None:
    with event_api() as api:
        client = client_of(api)
        await send(client, ORDER)
        await send(client, ORDER)
        assert len({request.headers["x-inngest-event-id-seed"] for request in api.requests}) == 2


async def test_after_five_attempts_the_servers_words_and_ids_are_told(send: Send, pauses: list[float]) -> None:
    with event_api(Answer(500, {"error": "the disk is full", "ids": ["a", ""]})) as api:
        with pytest.raises(SendEventsError, match="the disk is full") as raised:
            await send(client_of(api), [ORDER, ORDER])
        assert len(api.requests) == 5
    assert (raised.value.ids, len(pauses)) == (["a", ""], 4)


async def test_no_response_at_all(send: Send, pauses: list[float]) -> None:
    with event_api(Answer(hang_up=True)) as api:
        client = client_of(api)
        with pytest.raises(SendEventsError, match=r"no response received from http://127\.0\.0\.1") as raised:
            await send(client, ORDER)
        assert len(api.requests) == 5
    assert raised.value.ids == []
    with pytest.raises(SendEventsError, match="no response received"):
        await send(client, ORDER)  # nobody listens there any more
    assert len(pauses) == 8


async def test_a_server_that_is_too_slow_is_no_response(send: Send, pauses: list[float]) -> None:
    with event_api(Answer(never=True)) as api, pytest.raises(SendEventsError, match="no response received"):
        await send(client_of(api, request_timeout=20), ORDER)
    assert len(pauses) == 4


@pytest.mark.parametrize(
    ("answer", "words", "ids"),
    [
        (
            Answer(400, {"error": "event name is empty", "ids": ["a", ""], "status": 400}),
            "event name is empty",
            ["a", ""],
        ),
        (Answer(401, {"error": "Event key not found"}), "Event key not found", []),
        (Answer(200, {"error": "half of it", "ids": ["a"]}), "half of it", ["a"]),
        (Answer(404, {}), "the server answered 404", []),
        (Answer(302, {"ids": 5}), "the server answered 302", []),
        (Answer(200, b"hello"), "answered 200 with something else than JSON: 'hello'", []),
        (Answer(413, b"<html>\xff"), "answered 413 with something else than JSON", []),
    ],
)
async def test_other_answers_are_not_retried(
    send: Send, pauses: list[float], answer: Answer, words: str, ids: list[str]
) -> None:
    with event_api(answer) as api:
        with pytest.raises(SendEventsError) as raised:
            await send(client_of(api), [ORDER, ORDER])
        assert len(api.requests) == 1
    assert words in raised.value.message
    assert (raised.value.ids, raised.value.code, pauses) == (ids, "send_event_failed", [])


async def test_a_proxy_is_not_asked_for_a_server_on_this_machine(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with event_api() as api:
        assert await send(client_of(api), ORDER) == ["id0"]


async def test_nothing_to_send_is_no_request(send: Send) -> None:
    with event_api() as api:
        assert await send(client_of(api), []) == []
        assert api.requests == []


@pytest.mark.parametrize("events", [5, "ab", {"name": "a"}, [{"name": "a"}], [ORDER, "b"], None])
async def test_something_else_than_events_is_refused(send: Send, events: object) -> None:
    with event_api() as api:
        with pytest.raises(EventInvalidError, match=r"expected an inngest.Event"):
            await send(client_of(api), events)
        assert api.requests == []


class Notes(inngest.MiddlewareSync):
    """Notes the hooks of sending, under the name of its class."""

    noted: list[str]

    def before_send_events(self, events: list[inngest.Event]) -> None:
        assert self.raw_request is None
        self.noted.append(f"{type(self).__name__} before {[event.name for event in events]}")
        events[0].data = {**events[0].data, type(self).__name__: True}
        events.append(inngest.Event(name=f"by {type(self).__name__}"))

    def after_send_events(self, result: inngest.SendEventsResult) -> None:
        self.noted.append(f"{type(self).__name__} after {result.error} {result.ids}")


def notes(names: tuple[str, str]) -> tuple[list[str], list[type[Notes]]]:
    noted: list[str] = []
    return noted, [type(name, (Notes,), {"noted": noted}) for name in names]


async def test_middleware_goes_in_order_and_comes_back_reversed(send: Send) -> None:
    noted, middleware = notes(("A", "B"))
    with event_api() as api:
        client = client_of(api, middleware=[middleware[0]])
        client.add_middleware(middleware[1])
        event = inngest.Event(name="x")
        assert await send(client, event) == ["id0", "id1", "id2"]
        assert event == inngest.Event(name="x")  # the sender's own is left alone, and can be sent again
        assert [event["name"] for event in api.requests[0].events] == ["x", "by A", "by B"]
        assert api.requests[0].events[0]["data"] == {"A": True, "B": True}
    ids = "None ['id0', 'id1', 'id2']"
    assert noted == ["A before ['x']", "B before ['x', 'by A']", f"B after {ids}", f"A after {ids}"]


async def test_middleware_sees_that_sending_failed(send: Send) -> None:
    noted, middleware = notes(("A", "B"))
    with event_api(Answer(400, {"error": "no", "ids": ["a"]})) as api, pytest.raises(SendEventsError):
        await send(client_of(api, middleware=middleware), inngest.Event(name="x"))
    assert noted[2:] == ["B after no ['a']", "A after no ['a']"]


async def test_middleware_can_be_skipped(send: Send) -> None:
    noted, middleware = notes(("A", "B"))
    with event_api() as api:
        assert await send(client_of(api, middleware=middleware), ORDER, skip_middleware=True) == ["id0"]
    assert noted == []


async def test_what_middleware_made_of_an_event_is_checked_too(send: Send) -> None:
    class Breaks(inngest.MiddlewareSync):
        def before_send_events(self, events: list[inngest.Event]) -> None:
            events[0].data = {"when": object()}

    with event_api() as api:
        with pytest.raises(EventInvalidError, match=r'events\[0\] "x": data is not JSON: \$.when: object is not JSON'):
            await send(client_of(api, middleware=[Breaks]), inngest.Event(name="x"))
        assert api.requests == []


async def test_async_middleware_is_for_async_code() -> None:
    seen: list[str] = []

    class Async(inngest.Middleware):
        async def before_send_events(self, events: list[inngest.Event]) -> None:
            seen.append("before")

    with event_api() as api:
        client = client_of(api, middleware=[Async])
        await client.send(ORDER)
        with pytest.raises(
            AsyncUnsupportedError, match="the middleware Async is async, and was met in code that is not"
        ):
            client.send_sync(ORDER)
        assert len(api.requests) == 1
    assert seen == ["before"]


async def test_an_error_of_middleware_is_the_senders(send: Send) -> None:
    class Refuses(inngest.MiddlewareSync):
        def before_send_events(self, events: list[inngest.Event]) -> None:
            raise PermissionError("not you")

    with event_api() as api:
        with pytest.raises(PermissionError, match="not you"):
            await send(client_of(api, middleware=[Refuses]), ORDER)
        assert api.requests == []


async def test_a_middleware_factory_gives_instances(send: Send) -> None:
    _, middleware = notes(("A", "B"))
    made: list[object] = []

    def factory(client: inngest.Inngest, raw_request: object) -> Notes:
        made.append(client)
        return middleware[0](client, raw_request)

    with event_api() as api:
        client = client_of(api, middleware=[factory])
        await send(client, inngest.Event(name="x"))
        await send(client, inngest.Event(name="x"))
        assert made == [client, client]  # an instance for each call
        with pytest.raises(TypeError, match="expected an instance of Middleware or MiddlewareSync"):
            await send(client_of(api, middleware=[lambda client, raw_request: 5]), ORDER)
