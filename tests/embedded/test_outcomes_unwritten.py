"""An outcome that cannot be written is tried again, as a failed attempt, until it can be."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

import inngest
from inngest.engine import invocations
from inngest.engine.owned_run import OwnedRun
from inngest.protocol.calls import Outcome
from tests.embedded.stage import Stage


@pytest.mark.parametrize("times", [1, 3])
async def test_a_run_whose_outcome_cannot_be_written_goes_on(
    times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invocations, "UNWRITTEN", 1)
    conclude = OwnedRun.conclude
    left = times

    async def broken(owned_run: OwnedRun, outcome: Outcome) -> object:
        nonlocal left
        if left:
            left -= 1
            raise ValueError("it cannot be written")
        return await conclude(owned_run, outcome)

    async def body(ctx: inngest.Context) -> str:
        return "done"

    with mock.patch.object(OwnedRun, "conclude", broken):
        run = await Stage(tmp_path).run(body, retries=1)

    assert left == 0
    assert run.output == "done"
    assert [attempt.error and attempt.error.message for attempt in run.attempts] == ["it cannot be written"]
