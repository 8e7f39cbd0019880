"""An engine's life in its process: start, use, stop, and what may not be done when."""

from __future__ import annotations

import os
from pathlib import Path

import inngest


async def test_an_engine_without_functions_sends_and_reads(tmp_path: Path) -> None:
    async with inngest.Engine([], database=f"sqlite:///{tmp_path}/inngest.db") as engine:
        (event_id,) = await engine.send(inngest.Event(name="nobody/listens"))
        assert await engine.runs(event_id=event_id) == []


async def test_a_clean_stop_leaves_one_file(tmp_path: Path) -> None:
    async with inngest.Engine([], database=f"sqlite:///{tmp_path}/inngest.db") as engine:
        await engine.send(inngest.Event(name="nobody/listens"))
        assert await engine.runs() == []  # a reader has the file open too
    assert sorted(os.listdir(tmp_path)) == ["inngest.db", "inngest.db-workers"]
