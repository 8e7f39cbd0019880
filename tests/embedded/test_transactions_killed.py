"""Crash points of `step.transaction`: wherever the worker is killed, what was written and the record are both there,
once, or neither is.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.embedded.transactions.of_psycopg import PsycopgConnection
from inngest.embedded.transactions.of_sqlite3 import Sqlite3Connection
from inngest.engine.store import within
from tests import processes
from tests.embedded.orders import Orders, add, is_file
from tests.embedded.stage import TRIGGER, Stage

POINTS = (
    "before the write",
    "after the write",
    "before the record",
    "after the record",
    "before the commit",
    "after the commit",
    "after the answer",
)


class Killer:
    """Kills its process at a point.

    Args:
        point: where; "" for nowhere.
    """

    def __init__(self, point: str) -> None:
        self._point = point

    def at(self, point: str) -> None:
        """The code is there."""
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
        """The function, with a point before and one after it."""

        def called(*args: Any) -> Any:
            self.at(before)
            value = function(*args)
            self.at(after)
            return value

        return called


def function_of(url: str, killer: Killer) -> inngest.Function[Any]:
    """Adds two orders, each in a step."""
    orders = Orders(url)

    def write(connection: Any) -> int:
        killer.at("before the write")
        found = add(connection, orders)
        killer.at("after the write")
        return found

    async def body(ctx: inngest.Context) -> list[object]:
        first = await ctx.step.transaction("first", write)
        killer.at("after the answer")
        return [first, await ctx.step.transaction("second", write)]

    client = inngest.Inngest(app_id="test")
    return client.create_function(fn_id="f", trigger=TRIGGER)(body)


def worker(talk: processes.Talk, url: str, point: str) -> None:
    """Runs the function until it is killed."""
    killer = Killer(point)
    kind: Any = Sqlite3Connection if is_file(url) else PsycopgConnection
    kind.commit = killer.around(kind.commit, "before the commit", "after the commit")
    within.record = killer.around(within.record, "before the record", "")  # just before it is executed
    within.begin_anew = killer.around(within.begin_anew, "after the record", "")  # just after
    with inngest.Engine([function_of(url, killer)], database=url, lease=2_000) as engine:
        engine.send_sync(inngest.Event(name="test/start"))
        talk.hear()


@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_that_is_killed_leaves_both_or_neither(tmp_path: Path, point: str) -> None:
    url = Stage(tmp_path).database
    orders = Orders(url)
    with processes.started(worker, url, point) as killed:
        assert killed.join() == -signal.SIGKILL
    written = orders.count()
    async with inngest.Engine([function_of(url, Killer(""))], database=url, lease=2_000) as engine:
        (run,) = await engine.runs()
        recorded = len((await engine.run(run.id)).steps)
        assert await engine.wait(run.id) == [1, 2]
    assert written == (1 if point in ("after the commit", "after the answer") else 0)
    assert recorded >= written
    assert orders.count() == 2
