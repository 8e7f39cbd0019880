"""Middleware that encrypts, by each SDK on our server: what is stored nobody reads, and it is the same text for all."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import inngest
from tests.serving.strict_server import Arrivals, History, Result

from .apps import sealed
from .front import serving
from .own_server import own_server
from .sdks import ENVIRONMENT, IN_PROCESS, OFFICIAL, OURS, Sdk

SDKS = [*OFFICIAL, *OURS, IN_PROCESS]
OUTPUT = ["attack at dawn", "attack at dawn, by sea"]


async def _ran(sdk: Sdk, folder: Path, patch: pytest.MonkeyPatch) -> History:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        if sdk == IN_PROCESS:
            client = inngest.Inngest(app_id="app", is_production=False)
            sealed.functions(client)
            async with own_server(folder, sock, client, "", patch) as server:
                return await server.run("app-planned", {}, Arrivals())
        assert ENVIRONMENT.exists(), "the other SDKs are not installed: run this suite by `make test SUITES=interop`"
        told = {**sdk.environ, "INNGEST_BASE_URL": f"http://127.0.0.1:{sock.getsockname()[1]}", "PROGRAMS": "sealed"}
        async with (
            serving(sdk.command, told) as app,
            own_server(folder, sock, app, sdk.key, patch) as server,
        ):
            return await server.run("app-planned", {}, Arrivals())


def _stored(folder: Path) -> bytes:
    """All that the files of the database hold."""
    return b"".join(path.read_bytes() for path in folder.glob("own.db*") if path.is_file())


@pytest.mark.parametrize("sdk", SDKS, ids=[sdk.name for sdk in SDKS])
async def test_what_it_encrypts_nobody_reads_in_the_store(
    sdk: Sdk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = await _ran(sdk, tmp_path, monkeypatch)
    assert history.status == "COMPLETED", history.trace
    assert history.steps == [Result("plan", sealed.seal(OUTPUT[0])), Result("order", sealed.seal({"order": OUTPUT[1]}))]
    assert (history.output, sealed.unseal(history.output)) == (sealed.seal(OUTPUT), OUTPUT)
    stored = _stored(tmp_path)
    assert b"planned" in stored
    assert b"attack" not in stored
