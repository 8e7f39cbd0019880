"""Each scenario by each official SDK: equal outputs, and equal histories of steps."""

from __future__ import annotations

import pytest

from tests.serving.strict_server import History, Result

from .conftest import Town
from .scenarios import SCENARIOS, Scenario, check
from .sdks import OFFICIAL, Sdk

CASES = [
    pytest.param(sdk, scenario, id=f"{sdk.name}-{number}-{scenario.program}")
    for sdk in OFFICIAL
    for number, scenario in enumerate(SCENARIOS)
    if sdk.has(scenario.only)
]


@pytest.mark.parametrize(("sdk", "scenario"), CASES)
async def test_a_scenario(town: Town, sdk: Sdk, scenario: Scenario) -> None:
    front = await town.front(sdk)
    history = await front.server.run(f"app-{scenario.program}", scenario.data, scenario.arrivals)
    assert front.problems == []
    check(scenario, history, exact_calls=not sdk.checkpoints)
    statuses = {part.split(" -> ")[1][:3] for part in history.trace if " -> " in part}
    assert (statuses == {"201"}) is sdk.streams


def test_a_history_that_is_another_is_seen() -> None:
    scenario = next(one for one in SCENARIOS if one.program == "retried")
    good = History(
        "COMPLETED", "attempt 2", "", scenario.steps, [("flaky", "Flaky", 15_000), ("flaky", "Flaky", 30_000)], 5, 0, []
    )
    check(scenario, good)
    wrong = [
        good._replace(output="attempt 1"),
        good._replace(status="FAILED", error="x"),
        good._replace(steps=good.steps[:1]),
        good._replace(steps=[*good.steps, Result("more", 1)]),
        good._replace(steps=good.steps[::-1]),
        good._replace(failed=good.failed[:1]),
        good._replace(failed=[good.failed[0], ("flaky", "Flaky", 1)]),
        good._replace(calls=6),
    ]
    for one in wrong:
        with pytest.raises((AssertionError, ValueError)):
            check(scenario, one)
