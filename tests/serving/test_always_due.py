"""A worker that takes something for due, look by look, and finds nothing: all else on its loop goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest import mock

import pytest

from tests.serving.scripted_app import ScriptedApps
from tests.serving.town import Town

TURNS, MOST = 50, 100
"""Turns of the loop that are watched, and looks in one of them that are taken for an endless loop."""


@pytest.mark.parametrize("behind", [0, 60_000, None], ids=["due now", "due for long", "asked to look"])
def test_looks_without_end_do_not_keep_others_from_their_turn(tmp_path: Path, behind: int | None) -> None:
    town = Town(tmp_path, ScriptedApps({}))
    counted = [0]  # looks since the last turn

    async def main() -> None:
        worker = await town.worker()
        executor = worker.service.executor

        def past(now: int) -> int | None:
            counted[-1] += 1
            assert counted[-1] < MOST, "nobody else has had a turn"
            if behind is None:
                executor.request_claim()
                return None
            return now - behind

        with mock.patch.object(executor, "looks_at", past):
            executor.request_claim()
            for _ in range(TURNS):
                await asyncio.sleep(0)
                counted.append(0)

    town.drive(main)
    assert sum(map(bool, counted)) > TURNS / 2
