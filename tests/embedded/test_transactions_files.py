"""`step.transaction` on SQLite: it holds the file while its function runs.

A file of its own: other stories of it are told on both kinds of databases.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.embedded.transactions import thread
from inngest.errors import EngineStateError
from tests.embedded.orders import Orders, add
from tests.embedded.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def orders(stage: Stage) -> Orders:
    return Orders(stage.database)


async def test_on_sqlite_an_engine_call_inside_is_refused_and_a_long_one_is_told(
    stage: Stage, orders: Orders, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread, "LONG", 0)
    warned = threading.Event()
    handler = logging.Handler()
    handler.emit = lambda record: warned.set() if "nothing else is written" in record.getMessage() else None  # type: ignore[method-assign]
    logging.getLogger("inngest.engine").addHandler(handler)
    said: list[str] = []

    def calls(connection: Any) -> int:
        with pytest.raises(EngineStateError) as caught:
            stage.client.send_sync(inngest.Event(name="other"))
        said.append(str(caught.value))
        assert warned.wait(20)
        return add(connection, orders)

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.transaction("add", calls)

    try:
        assert (await stage.run(body)).output == 1
    finally:
        logging.getLogger("inngest.engine").removeHandler(handler)
    assert "the call would wait for itself" in said[0]
