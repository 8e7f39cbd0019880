"""Checkpoints that come to another server than the one that calls the app."""

from __future__ import annotations

import asyncio

from inngest.protocol.calls import Advice
from inngest.protocol.opcodes import Op, Opcode
from tests.serving.scripted_app import ScriptedApps, Steps
from tests.serving.town import Town, remote
from tests.simulation.process import Process
from tests.unit.names import named


def ran(step_id: str, data: str) -> Op:
    return Op(Opcode.STEP_RUN, named(step_id), data=data)


async def save(process: Process, run_id: str, generation: int, *ops: Op) -> Advice:
    """A checkpoint comes to a server."""
    return await process.call(lambda: process.service.apps.checkpoint(run_id, generation, ops))


def test_a_run_goes_on_with_what_another_server_has_recorded(town: Town) -> None:
    def program(steps: Steps) -> object:
        return [steps.run("one", lambda: 1), steps.run("two", lambda: 2)]

    apps = town.carrier = ScriptedApps({"app-f": program}, version="2")
    apps.gates = {"one": asyncio.Event()}

    async def main() -> None:
        first = await town.worker(remote("app-f"))
        await town.send(first, "app/f")
        await town.until(lambda: "one" in apps.said)
        second = await town.worker()
        run_id = apps.calls[0].run_id
        assert await save(second, run_id, 1, ran("one", "5")) is Advice.STOP
        assert await save(second, run_id, 0, ran("one", "7")) is Advice.GO_ON
        assert await save(second, run_id, 0, ran("one", "7")) is Advice.GO_ON
        (view,) = await town.runs(second, "app-f")
        assert [(memo.step.id, memo.data) for memo in view.memos] == [("one", "7")]
        apps.gates["one"].set()  # it answers, too: what is recorded stays
        assert (await town.ended(second, "app-f")).output == "[7,2]"
        assert await save(second, run_id, 0, ran("two", "5")) is Advice.STOP

    town.drive(main)
    assert apps.said.count("two") == 1


def test_a_run_may_end_at_another_server(town: Town) -> None:
    def program(steps: Steps) -> object:
        return steps.run("one", lambda: 1)

    apps = town.carrier = ScriptedApps({"app-f": program}, version="2")
    apps.gates = {"one": asyncio.Event()}

    async def main() -> None:
        first = await town.worker(remote("app-f"))
        await town.send(first, "app/f")
        await town.until(lambda: "one" in apps.said)
        second = await town.worker()
        complete = Op(Opcode.RUN_COMPLETE, named("complete"), data='"there"')
        assert await save(second, apps.calls[0].run_id, 0, ran("one", "7"), complete) is Advice.GO_ON
        assert (await town.ended(second, "app-f")).output == '"there"'
        apps.gates["one"].set()
        assert (await town.ended(first, "app-f")).output == '"there"'

    town.drive(main)
    assert len(apps.calls) == 1
