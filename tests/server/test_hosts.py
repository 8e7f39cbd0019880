"""Foreign `Host` headers are refused: a page whose domain was made to point to this machine reads nothing here."""

from __future__ import annotations

import httpx
import pytest

import inngest
from inngest.server.app import create_app

OWN = ["localhost", "localhost:8288", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8288", "[::1]", "[::1]:8288", "localhost."]
FOREIGN = ["evil.test", "evil.test:8288", "localhost.evil.test", "127.0.0.1.evil.test", "", "[::2]", "10.0.0.5:8288"]


async def status(host_header: str, bound: str = "127.0.0.1", allowed: tuple[str, ...] = ()) -> int:
    app = create_app(inngest.Engine([]), host=bound, allowed_hosts=allowed)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
        response = await http.get("/health", headers={"host": host_header})
        if response.status_code == 403:
            assert repr(host_header) in response.json()["error"]
            assert "--allow-host" in response.json()["error"]
        return response.status_code


@pytest.mark.parametrize("host", OWN)
async def test_this_machine_is_answered(host: str) -> None:
    assert await status(host) == 200


@pytest.mark.parametrize("host", FOREIGN)
async def test_a_foreign_host_is_refused(host: str) -> None:
    assert await status(host) == 403


async def test_the_bound_address_and_named_hosts_are_answered() -> None:
    assert await status("10.0.0.5:8288", "10.0.0.5") == 200
    assert await status("10.0.0.6:8288", "10.0.0.5") == 403
    assert await status("dev.shop.test:8288", allowed=("Dev.shop.test",)) == 200


CHANGES = [("POST", "/fn/register"), ("DELETE", "/v0/runs/x"), ("POST", "/v2/runs/x/cancel"), ("POST", "/invoke/x")]


async def from_page(origin: str, method: str, path: str, host: str = "127.0.0.1", named: tuple[str, ...] = ()) -> str:
    """Why a request from a page is refused; "" if it is not, whatever else is wrong with it."""
    app = create_app(inngest.Engine([]), host=host, allowed_hosts=named)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8288") as http:
        headers = {"origin": origin, "content-type": "text/plain"}
        response = await http.request(method, path, headers=headers, content=b"{}")
        return str(response.json()["error"]) if response.status_code == 403 else ""


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize("origin", ["https://evil.test", "null", "", "http://[::", "http://localhost.evil.test:8288"])
async def test_a_foreign_page_may_change_nothing(origin: str, method: str, path: str) -> None:
    text = await from_page(origin, method, path)
    assert text.startswith(f"the page at {origin!r} is not of this machine")
    assert "--allow-host" in text


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5173"])
async def test_pages_of_this_machine_may(origin: str) -> None:
    for method, path in CHANGES:
        assert await from_page(origin, method, path) == ""


async def test_pages_of_hosts_that_are_named_may_and_those_of_other_addresses_may_not() -> None:
    assert await from_page("https://dev.shop.test", "POST", "/fn/register", named=("dev.shop.test",)) == ""
    assert await from_page("http://6.6.6.6", "POST", "/fn/register", host="0.0.0.0") != ""


async def test_every_page_may_send_events_and_ask_without_reading_the_answer() -> None:
    for method, path in (("POST", "/e/key"), ("OPTIONS", "/e/key"), ("GET", "/health")):
        assert await from_page("https://evil.test", method, path) == ""


@pytest.mark.parametrize("bound", ["0.0.0.0", "::"])
async def test_bound_to_every_address_every_address_is_answered_but_no_name(bound: str) -> None:
    assert await status("192.168.1.7:8288", bound) == 200
    assert await status("[fe80::1]:8288", bound) == 200
    assert await status("evil.test", bound) == 403
