"""Each kind of flow control on our server, and in process: equal runs, whoever has the functions."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import inngest

from .apps import gated
from .front import serving
from .gates import GATES, Gate, Outcome, Ran, Seen, Server, check, outcome
from .own_server import EVENT_KEY, own_server
from .sdks import ENVIRONMENT, OFFICIAL, OURS

NAMES = {sdk.name: sdk for sdk in (*OFFICIAL, *OURS)}
IN_PROCESS = "ours-in-process"
PYTHON = ["python", "python-flask", "python-django", "python-django-async"]
WHO = [*PYTHON, "typescript", "typescript-checkpoints", "ours", "ours-flask", IN_PROCESS]


class Outcomes:
    """What became of the events of all gates, by who has the functions; each is asked once.

    Args:
        folder: for databases.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, Outcome] = {}

    async def of(self, name: str) -> Outcome:
        """The runs of all functions of an SDK."""
        if name not in self._found:
            folder = self._folder / name
            folder.mkdir()
            with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as sock:
                ask = self._in_process if name == IN_PROCESS else self._served
                self._found[name] = await ask(name, folder, sock, patch)
        return self._found[name]

    async def _served(self, name: str, folder: Path, sock: socket.socket, patch: pytest.MonkeyPatch) -> Outcome:
        sdk = NAMES[name]
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        told = {**sdk.environ, "INNGEST_BASE_URL": url, "PROGRAMS": "gated"}
        async with (
            serving(sdk.command, told) as app,
            own_server(folder, sock, app, sdk.key, patch) as server,
        ):
            return await outcome(Server(url, EVENT_KEY, server.wall), GATES)

    async def _in_process(self, name: str, folder: Path, sock: socket.socket, patch: pytest.MonkeyPatch) -> Outcome:
        client = inngest.Inngest(app_id="app", is_production=False)
        gated.functions(client)
        async with own_server(folder, sock, client, "", patch) as server:
            return await outcome(Server(server.url, EVENT_KEY, server.wall), GATES)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    assert ENVIRONMENT.exists(), "the other SDKs are not installed: run this suite by `make test SUITES=interop`"
    return Outcomes(tmp_path_factory.mktemp("gates"))


@pytest.mark.parametrize("gate", GATES, ids=[gate.function for gate in GATES])
@pytest.mark.parametrize("name", WHO)
async def test_what_becomes_of_events(outcomes: Outcomes, name: str, gate: Gate) -> None:
    check(gate, (await outcomes.of(name))[gate.function])


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
