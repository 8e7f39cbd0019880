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


@pytest.mark.parametrize("bound", ["0.0.0.0", "::"])
async def test_bound_to_every_address_every_address_is_answered_but_no_name(bound: str) -> None:
    assert await status("192.168.1.7:8288", bound) == 200
    assert await status("[fe80::1]:8288", bound) == 200
    assert await status("evil.test", bound) == 403
