"""Each scenario by the official SDKs and by ours, driven by our own server: equal outputs, and equal histories."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import inngest
from tests.serving.strict_server import Arrivals, Result

from .apps import programs
from .front import serving
from .own_server import other_server, own_server
from .scenarios import FETCHED, SCENARIOS, Scenario, check
from .sdks import ENVIRONMENT, IN_PROCESS, OFFICIAL, OURS, Sdk

JITTER = 30_000
"""Milliseconds that our server adds to a pause between attempts at most."""

NAMES = {sdk.name: sdk for sdk in (*OFFICIAL, *OURS)}
LEFT_OUT = [
    ("typescript-signed", "naps"),
    ("typescript-signed", "naps-until"),
    ("typescript-signed", "waits"),
    ("ours-signed", "naps"),
    ("ours-signed", "naps-until"),
    ("ours-signed", "waits"),
]
"""Not asked for here, because they are about long times without anything that comes: the clocks of apps are not set
forward with the server's, and these apps refuse calls that are signed an hour or more ahead of their time.
"""

SDKS = [
    *(NAMES[name] for name in ("python", "python-signed", "python-streaming")),
    *(NAMES[name] for name in ("python-flask", "python-django", "python-django-async")),
    *(NAMES[name] for name in ("typescript", "typescript-signed", "typescript-checkpoints")),
    *(NAMES[name] for name in ("ours", "ours-signed", "ours-streaming", "ours-flask")),
]
CASES = [
    pytest.param(sdk, scenario, id=f"{sdk.name}-{number}-{scenario.program}")
    for sdk in (*SDKS, IN_PROCESS)
    for number, scenario in enumerate(SCENARIOS)
    if sdk.has(scenario.only)
    if scenario.arrivals.events or (sdk.name, scenario.program) not in LEFT_OUT
]


def by_our_server(scenario: Scenario, elsewhere: str, sdk: Sdk) -> Scenario:
    """The same, as our server does it: pauses have jitter, requests are made, and who is invoked sees its own id."""
    made = scenario._replace(pauses=tuple((least, most + JITTER) for least, most in scenario.pauses))
    match scenario.program:
        case "values":
            data = {**scenario.data, "_inngest": {"fn_id": "app-values"}}
            return made._replace(output=data, steps=[Result("same", data)])
        case "signals" if sdk == IN_PROCESS:  # a step keeps the data alone, and no SDK is sent the signal with them
            return made._replace(steps=[Result("signal", scenario.output)])
        case "asks":
            return made._replace(data={"url": elsewhere})
        case "fetches":
            url = f"{elsewhere}/x"
            return made._replace(data={"url": url}, steps=[Result("step.fetch: 127.0.0.1", {**FETCHED, "url": url})])
        case _:
            return made


class Apps:
    """Apps, each with the socket of a server; they are started when they are needed first."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._found: dict[str, tuple[socket.socket, str]] = {}

    async def of(self, sdk: Sdk) -> tuple[socket.socket, str | inngest.Inngest]:
        """The socket at which an app looks for its server, and the URL of the app, or a client with its functions."""
        if sdk == IN_PROCESS:
            client = inngest.Inngest(app_id="app", is_production=False)
            programs.functions(client)
            return self._stack.enter_context(socket.create_server(("127.0.0.1", 0))), client
        if sdk.name not in self._found:
            found = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            told = {**sdk.environ, "INNGEST_BASE_URL": f"http://127.0.0.1:{found.getsockname()[1]}"}
            self._found[sdk.name] = found, await self._stack.enter_async_context(serving(sdk.command, told))
        return self._found[sdk.name]


@pytest.fixture(scope="module")
async def apps(anyio_backend: str) -> AsyncIterator[Apps]:
    assert ENVIRONMENT.exists(), "the other SDKs are not installed: run this suite by `make test SUITES=interop`"
    async with AsyncExitStack() as stack:
        yield Apps(stack)


@pytest.fixture(scope="module")
async def elsewhere(anyio_backend: str) -> AsyncIterator[str]:
    async with other_server() as url:
        yield url


@pytest.mark.parametrize(("sdk", "scenario"), CASES)
async def test_a_scenario(
    apps: Apps, elsewhere: str, sdk: Sdk, scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = by_our_server(scenario, elsewhere, sdk)
    sock, app = await apps.of(sdk)
    async with own_server(tmp_path, sock, app, sdk.key, monkeypatch) as server:
        history = await server.run(f"app-{scenario.program}", expected.data, scenario.arrivals)
    check(expected, history, exact_calls=not sdk.checkpoints and sdk != IN_PROCESS)
    assert (history.calls > 0) is (sdk != IN_PROCESS)
    assert (history.checkpoints > 0) <= sdk.checkpoints
    assert history.checkpoints > 0 or not sdk.checkpoints or scenario.program != "loop"


@pytest.mark.parametrize("sdk", SDKS, ids=[sdk.name for sdk in SDKS])
async def test_state_of_5_mb_is_left_out_of_calls_and_fetched(
    apps: Apps, sdk: Sdk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sock, app = await apps.of(sdk)
    async with own_server(tmp_path, sock, app, sdk.key, monkeypatch) as server:
        history = await server.run("app-large", {}, Arrivals())
    assert (history.status, history.output) == ("COMPLETED", [1_700_000] * 3), history.trace
    assert [len(str(one.value)) for one in history.steps] == [1_700_000] * 3
    assert (server.fetched > 0) is not sdk.checkpoints  # who records steps in a call needs no second one
