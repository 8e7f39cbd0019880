"""Our SDK runs the scenarios of the official ones, as a process that a strict server calls over HTTP: equal outputs,
and equal histories of steps.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.house.tree import ROOT
from tests.interop.conftest import Town
from tests.interop.scenarios import SCENARIOS, Scenario, check
from tests.interop.sdks import KEY, Sdk

SERVED = ROOT / "tests/interop/apps/served.py"
DEV = {"INNGEST_DEV": "1"}
SIGNED = {"INNGEST_SIGNING_KEY": KEY, "INNGEST_EVENT_KEY": "k"}
WHOLE = {"CHECKPOINTING": "0"}


def ours(name: str, framework: str, environ: dict[str, str]) -> Sdk:
    key = KEY if "INNGEST_SIGNING_KEY" in environ else ""
    checkpoints = "CHECKPOINTING" not in environ
    streams = "INNGEST_STREAMING" in environ
    return Sdk(name, "python", (sys.executable, SERVED, framework), environ, key, checkpoints, streams)


SDKS = [
    ours("fast_api", "fast_api", DEV | WHOLE),
    ours("signed", "fast_api", SIGNED | WHOLE),
    ours("streaming", "fast_api", DEV | WHOLE | {"INNGEST_STREAMING": "force"}),
    ours("flask", "flask", DEV | WHOLE),
    ours("checkpoints", "fast_api", DEV),
    ours("signed-checkpoints", "fast_api", SIGNED),
    ours("flask-checkpoints", "flask", DEV),
]
CASES = [
    pytest.param(sdk, scenario, id=f"{sdk.name}-{number}-{scenario.program}")
    for sdk in SDKS
    for number, scenario in enumerate(SCENARIOS)
    if sdk.has(scenario.only)
]


@pytest.fixture(scope="module")
async def town(anyio_backend: str) -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        yield Town(stack)


@pytest.mark.parametrize(("sdk", "scenario"), CASES)
async def test_a_scenario(town: Town, sdk: Sdk, scenario: Scenario) -> None:
    front = await town.front(sdk)
    history = await front.server.run(f"app-{scenario.program}", scenario.data, scenario.arrivals)
    assert front.problems == []
    check(scenario, history, exact_calls=not sdk.checkpoints)
    statuses = {part.split(" -> ")[1][:3] for part in history.trace if " -> " in part}
    assert (statuses == {"201"}) is sdk.streams
    assert (history.checkpoints > 0) <= sdk.checkpoints


@pytest.mark.parametrize("sdk", SDKS, ids=[sdk.name for sdk in SDKS])
async def test_state_that_is_too_large_is_fetched(town: Town, sdk: Sdk) -> None:
    front = await town.front(sdk)
    before = front.fetched
    history = await front.server.run("app-large", {})
    assert (history.status, history.output) == ("COMPLETED", [1_700_000] * 3), history.trace
    assert front.fetched > before or sdk.checkpoints


@pytest.mark.parametrize("sdk", SDKS, ids=[sdk.name for sdk in SDKS])
async def test_events_that_a_step_sends_come(town: Town, sdk: Sdk) -> None:
    front = await town.front(sdk)
    front.server.events.clear()
    history = await front.server.run("app-sends", {})
    assert (history.status, history.output, len(history.steps)) == ("COMPLETED", 2, 1), history.trace
    assert [event["data"] for event in front.server.events] == [{"n": 0}, {"n": 1}]


async def test_a_loop_of_steps_is_one_call_with_checkpoints(town: Town) -> None:
    history = await (await town.front(SDKS[4])).server.run("app-loop", {})
    assert (history.calls, history.checkpoints, history.output) == (1, 3, [10, 11, 12])
