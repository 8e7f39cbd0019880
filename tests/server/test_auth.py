"""Who may call what: keys of a server in production, and none in development."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.routing import BaseRoute, Mount, Route

import inngest
from inngest.protocol.wire import signing
from inngest.server.app import create_app
from inngest.server.auth import TABLE, Keys, Need, need_of

SIGNING = "signkey-prod-00112233445566778899aabbccddeeff"
FALLBACK = "ffeeddccbbaa99887766554433221100"
KEYS = Keys([SIGNING, FALLBACK], {"web": "web-key", "shop": "shop/key ü"})
BEARERS = [
    SIGNING,
    signing.bare(SIGNING),
    signing.hashed(SIGNING),
    f"signkey-prod-{signing.hashed(SIGNING)}",
    f"signkey-test-{signing.hashed(FALLBACK)}",
    FALLBACK,
]
STRANGERS = [
    None,
    "",
    "Bearer",
    "Bearer ",
    f"Basic {signing.bare(SIGNING)}",
    "Bearer 00112233445566778899aabbccddeefe",
    "Bearer web-key",
    f"Bearer {signing.hashed(signing.hashed(SIGNING))}",
    f"Bearer {SIGNING} {SIGNING}",
    "Bearer signkey-prod-",
    "Bearer \udcff",
]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[inngest.Engine]:
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="echo", trigger=inngest.TriggerEvent(event="shop/said"))
    async def echo(ctx: inngest.Context) -> object:
        return dict(ctx.event.data)

    async with inngest.Engine(client, database=tmp_path / "i.db") as engine:
        yield engine


@pytest.fixture
async def guarded(engine: inngest.Engine) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(engine, keys=KEYS), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://inngest.shop.test") as http:
        yield http


def paths(routes: list[BaseRoute], prefix: str = "") -> Iterator[str]:
    """The paths of all routes."""
    for route in routes:
        if isinstance(route, Mount):
            yield from paths(list(route.routes), prefix + route.path)
        else:
            assert isinstance(route, Route), "a kind of route that this test does not know"
            yield prefix + route.path


def unlisted(routes: list[BaseRoute]) -> list[str]:
    """The routes that no entry of the table covers."""
    return [path for path in paths(routes) if need_of(path) is None]


def test_each_route_has_an_entry() -> None:
    routes = create_app(inngest.Engine([])).routes
    assert "/v1/triggers" in list(paths(routes))
    assert unlisted(routes) == []


def test_a_route_without_an_entry_is_found() -> None:
    async def nothing(request: object) -> None: ...

    assert unlisted([Route("/events/{id}", nothing), Mount("/new", routes=[Route("/x", nothing)])]) == [
        "/events/{id}",
        "/new/x",
    ]


@pytest.mark.parametrize(
    ("path", "need"),
    [
        ("/e", Need.EVENT),
        ("/e/key", Need.EVENT),
        ("/events", None),
        ("/health", Need.NONE),
        ("/healthy", None),
        ("/v1/runs/x", Need.SIGNING),
        ("/api/v2/runs", Need.SIGNING),
        ("/api/inngest", None),
        ("", None),
        ("/", Need.NONE),
        ("//v1", None),
    ],
)
def test_an_entry_covers_whole_parts_of_a_path(path: str, need: Need | None) -> None:
    assert need_of(path) is need


@pytest.mark.parametrize("bearer", BEARERS)
async def test_who_shows_a_signing_key_is_answered(guarded: httpx.AsyncClient, bearer: str) -> None:
    for scheme in ("Bearer", "bearer"):
        response = await guarded.get("/v1/triggers", headers={"authorization": f"{scheme} {bearer}"})
        assert (response.status_code, response.json()) == (200, {"data": ["shop/said"]})
        assert response.headers["x-inngest-server-kind"] == "cloud"


@pytest.mark.parametrize("header", STRANGERS)
def test_who_shows_none_is_not(header: str | None) -> None:
    assert not KEYS.opens(header)


def test_a_header_that_has_opened_opens_again_and_no_other_does() -> None:
    keys = Keys([SIGNING, FALLBACK], {})
    good = (f"Bearer {SIGNING}", f"Bearer {FALLBACK}")
    assert all(keys.opens(header) for header in (*good, good[0], good[0]))
    assert not any(keys.opens(header) for header in (None, "", "Bearer", good[0][:-1], f"Basic {SIGNING}"))
    assert keys.opens(good[0])
    assert not any(Keys([], {}).opens(header) for header in (None, "", good[0]))


@pytest.mark.parametrize("path", [path for path, need in TABLE.items() if need is Need.SIGNING])
async def test_what_needs_a_signing_key_is_refused_before_it_is_routed(guarded: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        response = await guarded.request(method, f"{path}/anything", headers={"authorization": "Bearer ff"})
        assert response.status_code == 401
        assert response.json()["status"] == 401
        assert response.json()["error"].startswith(
            "this server does not know the signing key; a signing key is required"
        )
        assert response.headers["www-authenticate"] == "Bearer"


async def test_a_key_that_is_missing_and_one_that_is_wrong_are_told_apart(guarded: httpx.AsyncClient) -> None:
    missing = await guarded.get("/v1/triggers")
    assert missing.json()["error"].startswith("a signing key is required")
    wrong = await guarded.get("/v1/triggers", headers={"authorization": "Bearer ff"})
    assert wrong.json()["error"].startswith("this server does not know the signing key")


async def test_keys_are_listed_by_their_names_and_never_told(guarded: httpx.AsyncClient) -> None:
    key = {"authorization": f"Bearer {FALLBACK}"}
    for path, names in (("events", ["web", "shop"]), ("signing", ["signing key", "fallback"])):
        response = await guarded.get(f"/v2/keys/{path}", headers=key)
        assert [one["name"] for one in response.json()["data"]] == names
        secrets = (SIGNING, signing.bare(SIGNING), signing.hashed(SIGNING), FALLBACK, "web-key", "shop/key")
        assert not any(secret in response.text for secret in secrets)
        pages = [await guarded.get(f"/v2/keys/{path}", headers=key, params={"limit": 1})]
        pages.append(
            await guarded.get(
                f"/v2/keys/{path}", headers=key, params={"limit": 1, "cursor": pages[0].json()["page"]["cursor"]}
            )
        )
        assert [page.json()["data"] for page in pages] == [[{"name": name}] for name in names]
        assert [page.json()["page"]["hasMore"] for page in pages] == [True, False]


async def test_the_root_tells_its_paths_to_everybody_and_nothing_of_its_keys(guarded: httpx.AsyncClient) -> None:
    response = await guarded.get("/")
    assert (response.status_code, response.json()["kind"]) == (200, "cloud")
    assert SIGNING not in response.text


@pytest.mark.parametrize("path", ["/nope", "/events", "//v1/triggers", "/V1/triggers", "/e%2fx"])
async def test_what_no_entry_covers_is_closed(guarded: httpx.AsyncClient, path: str) -> None:
    assert (await guarded.get(path)).status_code == 401
    opened = await guarded.get(path, headers={"authorization": f"Bearer {SIGNING}"})
    assert opened.status_code in (401, 404)


async def test_health_and_readiness_are_open(guarded: httpx.AsyncClient) -> None:
    for path in ("/health", "/ready"):
        assert (await guarded.get(path)).status_code == 200


@pytest.mark.parametrize("key", ["web-key", "shop%2Fkey%20%C3%BC"])
async def test_each_event_key_sends_events(guarded: httpx.AsyncClient, engine: inngest.Engine, key: str) -> None:
    response = await guarded.post(f"/e/{key}", json={"name": "shop/said"})
    if key == "web-key":
        assert response.status_code == 200
        assert len(await engine.runs(event_id=response.json()["ids"][0])) == 1
    else:  # the guard knows it; in a path it would be two parts
        assert response.status_code == 404
    assert KEYS.source_of("shop/key ü") == "shop"


@pytest.mark.parametrize("key", ["nope", "web-ke", "web-key2", "WEB-KEY", "web", SIGNING, "%ff", "%00"])
async def test_another_event_key_sends_nothing(guarded: httpx.AsyncClient, engine: inngest.Engine, key: str) -> None:
    response = await guarded.post(f"/e/{key}", json={"name": "shop/said"})
    assert response.status_code == 401
    assert response.json() == {"ids": [], "status": 401, "error": "this server does not know the event key"}
    assert response.headers["access-control-allow-origin"] == "*"
    assert await engine.runs() == []


@pytest.mark.parametrize("path", ["/e", "/e/"])
async def test_an_event_key_that_is_missing_is_asked_for(guarded: httpx.AsyncClient, path: str) -> None:
    response = await guarded.post(path, json={"name": "shop/said"})
    assert response.status_code == 401
    assert response.json()["error"] == "an event key is required: POST /e/{event key}"


async def test_a_browser_may_ask_whether_it_may_send(guarded: httpx.AsyncClient) -> None:
    asked = {"origin": "https://shop.test", "access-control-request-method": "POST"}
    response = await guarded.options("/e/any", headers=asked)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"


async def test_below_another_app_the_table_is_asked_about_the_own_path(engine: inngest.Engine) -> None:
    from starlette.applications import Starlette

    outer = Starlette(routes=[Mount("/health", create_app(engine, keys=KEYS))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://x") as http:
        assert (await http.get("/health/v1/triggers")).status_code == 401
        assert (await http.get("/health/health")).status_code == 200


async def test_in_development_nobody_is_asked(engine: inngest.Engine) -> None:
    transport = httpx.ASGITransport(create_app(engine))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        for header in ("Bearer nonsense", "Basic x", ""):
            assert (await http.get("/v1/triggers", headers={"authorization": header})).status_code == 200
        assert (await http.post("/e/anything", json={"name": "shop/said"})).status_code == 200


@pytest.mark.parametrize("key", ["", "secret", "signkey-prod-", "signkey-prod-xyz", "abc"])
def test_a_signing_key_that_is_none_is_refused_and_not_told(key: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal digits") as failure:
        Keys([key], {})
    assert "xyz" not in str(failure.value)
    assert "secret" not in str(failure.value)


def test_an_empty_event_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one character"):
        Keys([SIGNING], {"web": ""})


async def test_no_key_is_logged_or_shown(guarded: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "inngest")
    given = {"authorization": f"Bearer {SIGNING}"}
    responses = [
        await guarded.post("/e/web-key", json={"name": "shop/said"}),
        await guarded.post("/e/web-key", content=b"{"),
        await guarded.get("/v1/nope", headers=given),
        await guarded.post("/invoke/nope", headers=given),
    ]
    said = caplog.text + repr(KEYS) + "".join(one.text for one in responses)
    for secret in ("web-key", signing.bare(SIGNING), signing.hashed(SIGNING), FALLBACK):
        assert secret not in said
