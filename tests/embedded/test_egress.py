"""Requests on real connections: which hosts they reach, by redirects and proxies too, and what goes along."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import inngest
from inngest.embedded.engine import host_of
from inngest.embedded.settings import Apps
from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.runtime.egress import Egress
from inngest.runtime.http import AiohttpClient

from .answering import Answer, answering


class Client:
    """Makes requests, and closes what it opened."""

    def __init__(self) -> None:
        self._opened: list[AiohttpClient] = []

    async def __call__(
        self,
        url: str,
        *,
        egress: Egress | None = None,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> HttpResponse:
        client = AiohttpClient(egress)
        self._opened.append(client)
        return await client.send(HttpRequest(method, url, headers or {}, content, 10_000, 1_000, True))

    async def close(self) -> None:
        for client in self._opened:
            await client.close()


@pytest.fixture
async def fetch() -> AsyncIterator[Client]:
    client = Client()
    yield client
    await client.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_this_machine_is_refused_where_only_public_hosts_may_be_called(fetch: Client, host: str) -> None:
    with answering() as server:
        url = server.url.replace("127.0.0.1", host)
        with pytest.raises(HttpError, match="not a public address") as failure:
            await fetch(url, egress=Egress(private=False))
        assert server.requests == []
    assert not failure.value.retriable
    assert f"--allow-host {host}:{urlsplit(url).port} " in str(failure.value)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]"])
async def test_other_spellings_of_this_machine_are_refused_too(fetch: Client, host: str) -> None:
    with answering() as server:
        with pytest.raises(HttpError) as failure:
            await fetch(server.url.replace("127.0.0.1", host), egress=Egress(private=False))
        assert server.requests == []
    assert not failure.value.retriable


async def test_a_name_that_is_allowed_is_called(fetch: Client) -> None:
    with answering("here") as server:
        port = urlsplit(server.url).port
        found = await fetch(f"http://localhost:{port}/", egress=Egress(allow=[f"localhost:{port}"], private=False))
        assert found.content == b"here"


async def test_a_redirect_is_asked_about_as_well(fetch: Client) -> None:
    with answering("secret") as inner, answering(Answer(status=302, headers={"location": inner.url})) as outer:
        egress = Egress(allow=[outer.url.removeprefix("http://")], private=False)
        with pytest.raises(HttpError, match="not a public address"):
            await fetch(outer.url, egress=egress)
        assert (len(outer.requests), inner.requests) == (1, [])


async def test_what_looks_like_a_credential_does_not_follow_to_another_origin(fetch: Client) -> None:
    sent = {"authorization": "Bearer k", "x-api-key": "k", "cookie": "a=b", "x-order": "7"}
    with answering() as there, answering(Answer(status=307, headers={"location": there.url})) as here:
        await fetch(here.url, method="POST", headers=sent, content=b"body")
        (first,), (second,) = here.requests, there.requests
    assert {name: first.headers.get(name) for name in sent} == sent
    assert {name: second.headers.get(name) for name in sent} == {**dict.fromkeys(sent), "x-order": "7"}
    assert (second.method, second.body) == ("POST", b"body")


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (301, "PUT", "PUT"),
        (302, "POST", "GET"),
        (302, "PUT", "GET"),
        (303, "PUT", "GET"),
        (307, "POST", "POST"),
        (308, "PUT", "PUT"),
    ],
)
async def test_the_method_of_a_redirect(fetch: Client, status: int, method: str, then: str) -> None:
    with answering(Answer(status=status, headers={"location": "/there"}), "x") as server:
        await fetch(server.url, method=method, content=b"body", headers={"content-type": "text/plain"})
        _, second = server.requests
    kept = then != "GET"
    assert (second.method, second.path, second.body) == (then, "/there", b"body" if kept else b"")
    assert second.headers.get("content-type") == ("text/plain" if kept else None)


async def test_redirects_come_to_an_end(fetch: Client) -> None:
    with answering(Answer(status=302, headers={"location": "/"})) as server:
        with pytest.raises(HttpError, match="redirected more than 20 times") as failure:
            await fetch(server.url)
        assert len(server.requests) == 21
    assert not failure.value.retriable


async def test_cookies_of_one_answer_go_nowhere(fetch: Client) -> None:
    with answering(Answer(headers={"set-cookie": "session=1"})) as server:
        client = AiohttpClient()
        for _ in range(2):
            await client.send(HttpRequest("GET", server.url, {}, None, 10_000, 1_000, True))
        await client.close()
        assert [one.headers.get("cookie") for one in server.requests] == [None, None]


async def test_the_proxy_of_the_environment_is_asked_but_not_for_this_machine(
    fetch: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering("by proxy") as proxy, answering("direct") as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        public = Egress(private=False)  # whoever sets a proxy wants it to be called
        assert (await fetch("http://shop.test/x", egress=public)).content == b"by proxy"
        assert [one.path for one in proxy.requests] == ["http://shop.test/x"]
        assert (await fetch(server.url)).content == b"direct"


async def test_a_body_that_cannot_be_unpacked_is_not_asked_for_again(fetch: Client) -> None:
    with (
        answering(Answer(b"no gzip", headers={"content-encoding": "gzip"})) as server,
        pytest.raises(HttpError) as failure,
    ):
        await fetch(server.url)
    assert not failure.value.retriable


async def test_the_text_of_a_failure_has_no_url(fetch: Client) -> None:
    for url in ("http://127.0.0.1:1/?token=secret", "http://no-such-host.invalid/?token=secret"):
        with pytest.raises(HttpError, match=r"^ConnectError: ") as failure:
            await fetch(url)
        assert failure.value.retriable
        assert "secret" not in str(failure.value)


async def test_requests_of_steps_keep_to_the_policy_of_their_server(tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="look", retries=0, trigger=inngest.TriggerEvent(event="a"))
    async def look(ctx: inngest.Context) -> object:
        return (await ctx.step.fetch("get", str(ctx.event.data["url"]))).body

    with answering("here") as allowed, answering("secret") as other:
        engine = inngest.Engine(client, database=tmp_path / "i.db")
        host_of(engine).call_apps(Apps(Egress(allow=[allowed.url.removeprefix("http://")], private=False)))
        async with engine:
            assert await engine.invoke(look, data={"url": allowed.url}) == "here"
            with pytest.raises(inngest.errors.RunFailedError, match="--allow-host"):
                await engine.invoke(look, data={"url": other.url})
        assert other.requests == []
