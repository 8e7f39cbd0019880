"""Runs of the official SDKs, and of ours, are run again by our own server."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from inngest.errors import EngineConfigError
from tests.serving.strict_server import Arrivals, History, Result

from .front import serving
from .own_server import OwnServer, own_server
from .sdks import ENVIRONMENT, OFFICIAL, OURS, Sdk

NAMES = {sdk.name: sdk for sdk in (*OFFICIAL, *OURS)}
TYPESCRIPT = ["typescript", "typescript-checkpoints"]
PYTHON = ["python", "python-signed", "python-streaming"]
ALL = pytest.mark.parametrize("name", [*TYPESCRIPT, *PYTHON, "ours", "ours-flask"])


@asynccontextmanager
async def served(sdk: Sdk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[OwnServer]:
    assert ENVIRONMENT.exists(), "the other SDKs are not installed: run this suite by `make test SUITES=interop`"
    with socket.create_server(("127.0.0.1", 0)) as sock:
        told = {**sdk.environ, "INNGEST_BASE_URL": f"http://127.0.0.1:{sock.getsockname()[1]}"}
        async with (
            serving(sdk.command, told) as app,
            own_server(folder, sock, app, sdk.key, monkeypatch) as server,
        ):
            yield server


def told(history: History) -> tuple[str, object, list[Result]]:
    return history.status, history.output, list(history.steps)


@ALL
async def test_what_is_before_a_step_is_kept_and_the_rest_runs_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(NAMES[name], tmp_path, monkeypatch) as server:
        first = await server.run("app-loop", {}, Arrivals())
        for step, kept in ((None, []), ("s", []), ("s:1", ["s"]), ("s:2", ["s", "s:1"])):
            again = await server.rerun(step)
            assert (told(again.history), again.kept) == (told(first), kept)

        first = await server.run("app-chains", {}, Arrivals())
        again = await server.rerun("z")
        assert (told(again.history), again.kept) == (told(first), [one.name for one in first.steps[:-1]])

        first = await server.run("app-exhausted", {}, Arrivals())
        again = await server.rerun("after")  # the error of the step before is kept
        assert (told(again.history), again.kept, again.history.failed) == (told(first), ["bad"], [])


@pytest.mark.parametrize("name", [*TYPESCRIPT, "ours", "ours-flask"])
async def test_the_handler_of_a_step_gets_replaced_arguments(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(NAMES[name], tmp_path, monkeypatch) as server:
        await server.run("app-steps", {}, Arrivals())
        again = await server.rerun("b", [40, 2])
        assert again.kept == ["a"]
        assert list(again.history.steps) == [Result("a", 1), Result("b", 42)]
        assert isinstance(again.history.output, dict)
        assert again.history.output["sum"] == 43


async def test_the_official_sdk_for_python_is_sent_no_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(NAMES["python"], tmp_path, monkeypatch) as server:
        await server.run("app-steps", {}, Arrivals())
        with pytest.raises(EngineConfigError, match=r"the SDK py:v0\.5\.19 of app app would take replaced arguments"):
            await server.rerun("b", [40, 2])


@ALL
async def test_data_of_the_event_are_replaced(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(NAMES[name], tmp_path, monkeypatch) as server:
        await server.run("app-values", {"x": 1}, Arrivals())
        again = await server.rerun(given={"x": 2})
        assert isinstance(again.history.output, dict)
        assert (again.history.output["x"], again.kept) == (2, [])
