"""Planted bugs in the conversation with apps: the storm sees each of them, so it can fail."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from inngest.engine.domain import remote
from inngest.engine.domain.advance import Moment, Woken, reports
from inngest.engine.domain.model import Changes, Policy, RunState
from inngest.engine.domain.remote import DISCOVERY, Due
from inngest.engine.remote_run import RemoteRun
from inngest.engine.slots import RunSlots
from inngest.protocol.calls import Advice
from tests.serving.test_remote_storm import test_every_run_ends_as_if_nothing_had_happened as storm
from tests.simulation.loop import StuckError

TRIES = 4
"""Seeds in which a bug has to show."""

Plant = Callable[[pytest.MonkeyPatch], None]


def calls_leave_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    async def settled(self: RemoteRun) -> Advice:
        return Advice.STOP if self.is_over else Advice.GO_ON

    patch.setattr(RemoteRun, "settled", settled)


def several_discoveries_at_a_time(patch: pytest.MonkeyPatch) -> None:
    due = remote.due

    def forgetful(state: RunState, flying: Collection[str], now: int) -> Due:
        found = due(state, [one for one in flying if one != DISCOVERY], now)
        again = [one._replace(target=DISCOVERY) for one in found.calls if one.target == DISCOVERY]
        return found if not again else found._replace(calls=[*found.calls, *again])

    patch.setattr(remote, "due", forgetful)


def steps_that_wait_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    woken = reports.woken

    def deaf(state: RunState, policy: Policy, moment: Moment) -> Woken:
        return woken(dataclasses.replace(state, open={}), policy, moment)

    patch.setattr(reports, "woken", deaf)


def a_planned_step_is_called_for_when_it_is_done(patch: pytest.MonkeyPatch) -> None:
    apply = RunState.apply

    def keeps(self: RunState, changes: Changes) -> None:
        before = dict(self.open)
        apply(self, changes)
        self.open.update({key: step for key, step in before.items() if step.mode == "race"})

    patch.setattr(RunState, "apply", keeps)


def slots_are_not_given_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RunSlots, "give", lambda self: None)


@pytest.mark.parametrize(
    "plant",
    [
        calls_leave_before_the_commit,
        several_discoveries_at_a_time,
        steps_that_wait_are_forgotten,
        a_planned_step_is_called_for_when_it_is_done,
        slots_are_not_given_back,
    ],
)
def test_a_planted_bug_shows(plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    for seed in range(TRIES):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            storm(seed, folder)
        except (AssertionError, StuckError, TimeoutError):
            return
    pytest.fail("nobody has seen it")
