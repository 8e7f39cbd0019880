"""A server that stops lets its calls come to their end, and begins none: whatever falls due meanwhile waits.

A file of its own: what goes wrong here blocks a loop for ever, and is easily found by the name of the file.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.serving.scripted_app import ScriptedApps, Steps
from tests.serving.town import Town, remote


def gated(steps: Steps) -> object:
    return steps.run("gated", lambda: 1)


def test_a_run_that_falls_due_while_a_server_drains_does_not_keep_its_loop(tmp_path: Path) -> None:
    apps = ScriptedApps({"app-f": gated})
    town = Town(tmp_path, apps)
    gate = apps.gates["gated"] = asyncio.Event()

    async def main() -> None:
        worker, other = await town.worker(remote("app-f")), await town.worker()
        await town.send(worker, "app/f")
        await town.until(lambda: apps.calls)
        draining = asyncio.ensure_future(worker.call(worker.service.drain))
        await town.until(lambda: worker.service.executor.draining)
        await town.send(worker, "app/f")
        await town.until(lambda: len(apps.calls) > 1)  # by the other one
        gate.set()
        await draining
        first, second = await town.runs(other, "app-f")
        for view in (first, second):
            assert (await town.end_of(other, view.run.id)).output == "1"

    town.drive(main)
