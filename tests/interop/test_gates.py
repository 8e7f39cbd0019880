"""Each kind of flow control on our server, and in process: equal runs, whoever has the functions."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

import inngest

from .apps import gated
from .front import serving
from .gates import GATES, Gate, Outcome, Ran, Seen, Server, check, outcome
from .own_server import EVENT_KEY, own_server
from .sdks import ENVIRONMENT, IN_PROCESS, OFFICIAL, OURS, Sdk

SDKS = [*(sdk for sdk in (*OFFICIAL, *OURS) if not sdk.key and not sdk.streams), IN_PROCESS]


def _had(sdk: Sdk) -> Sequence[Gate]:
    return [gate for gate in GATES if sdk.has(gate.only)]


CASES = [pytest.param(sdk, gate, id=f"{sdk.name}-{gate.function}") for sdk in SDKS for gate in _had(sdk)]


class Outcomes:
    """What became of the events of all gates, by who has the functions; each is asked once.

    Args:
        folder: for databases.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, Outcome] = {}

    async def of(self, sdk: Sdk) -> Outcome:
        """The runs of all functions of an SDK."""
        if sdk.name not in self._found:
            folder = self._folder / sdk.name
            folder.mkdir()
            with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as sock:
                ask = self._in_process if sdk == IN_PROCESS else self._served
                self._found[sdk.name] = await ask(sdk, folder, sock, patch)
        return self._found[sdk.name]

    async def _served(self, sdk: Sdk, folder: Path, sock: socket.socket, patch: pytest.MonkeyPatch) -> Outcome:
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        told = {**sdk.environ, "INNGEST_BASE_URL": url, "PROGRAMS": "gated"}
        async with (
            serving(sdk.command, told) as app,
            own_server(folder, sock, app, sdk.key, patch) as server,
        ):
            return await outcome(Server(url, EVENT_KEY, server.wall), _had(sdk))

    async def _in_process(self, sdk: Sdk, folder: Path, sock: socket.socket, patch: pytest.MonkeyPatch) -> Outcome:
        client = inngest.Inngest(app_id="app", is_production=False)
        gated.functions(client)
        async with own_server(folder, sock, client, "", patch) as server:
            return await outcome(
                Server(server.url, EVENT_KEY, server.wall), [gate for gate in GATES if sdk.has(gate.only)]
            )


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    assert ENVIRONMENT.exists(), "the other SDKs are not installed: run this suite by `make test SUITES=interop`"
    return Outcomes(tmp_path_factory.mktemp("gates"))


@pytest.mark.parametrize(("sdk", "gate"), CASES)
async def test_what_becomes_of_events(outcomes: Outcomes, sdk: Sdk, gate: Gate) -> None:
    check(gate, (await outcomes.of(sdk))[gate.function])


def test_an_outcome_that_is_another_is_seen() -> None:
    gates = {gate.function: gate for gate in GATES}
    gate = gates["throttle"]
    good = [Seen(ran, 1_000.0 * n) for n, ran in enumerate(gate.runs)]
    check(gate, good)
    wrong = [
        good[:2],
        [*good, good[0]],
        [*good[:2], good[2]._replace(began=1_999.0)],
        [good[0]._replace(began=2_000.0), good[1], good[2]._replace(began=0.0)],
        [*good[:2], good[2]._replace(ran=Ran(2, "FAILED"))],
        [*good[:2], good[2]._replace(ran=Ran(2, "COMPLETED", [1]))],
    ]
    ticks = [Seen(ran, 0.0) for ran in gates["cron"].runs]
    check(gates["cron"], ticks * 2)
    judged = [(gate, one) for one in wrong] + [(gates["cron"], []), (gates["cron"], [*ticks, good[0]])]
    for judge, one in judged:
        with pytest.raises(AssertionError):
            check(judge, one)
