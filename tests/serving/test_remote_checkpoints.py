"""Checkpoints at the worker whose call is under way: what is recorded, what is refused, and when that is told."""

from __future__ import annotations

import asyncio

from inngest.protocol.calls import Advice, Recorded
from inngest.protocol.opcodes import Op, Opcode
from inngest.protocol.wire.operations import COMPLETE
from tests.serving.scripted_app import cut, one_step, played, times, two_steps
from tests.serving.town import Town, remote
from tests.simulation.process import Process
from tests.unit.names import named


def recorded(step_id: str, data: str) -> Op:
    return Op(Opcode.STEP_RUN, named(step_id), data=data)


async def checkpoint(worker: Process, run_id: str, generation: int, *ops: Op) -> Advice:
    async def asking() -> Advice:
        found = worker.service.executor.checkpoint(run_id, generation, ops)
        assert found is not None
        return (found if isinstance(found, Recorded) else await found).advice

    return await worker.call(asking)


def test_checkpoints_are_recorded_while_the_call_goes_on(town: Town) -> None:
    apps = played(town, two_steps)
    apps.gates = {"one": asyncio.Event()}

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.send(worker, "app/f")
        await town.until(lambda: "one" in apps.said)
        run_id = apps.calls[0].run_id
        assert await checkpoint(worker, run_id, -1, recorded("one", "5")) is Advice.STOP
        newer = worker.service.executor.checkpoint(run_id, 1, [recorded("one", "5")])
        assert newer is None  # of another worker's call, if of any: the store knows
        assert await checkpoint(worker, run_id, 0, recorded("one", "1")) is Advice.GO_ON
        assert await checkpoint(worker, run_id, 0, recorded("one", "1"), recorded("two", "2")) is Advice.GO_ON
        (view,) = await town.runs(worker, "app-f")
        assert [(memo.step.id, memo.data) for memo in view.memos] == [("one", "1"), ("two", "2")]
        apps.gates["one"].set()  # it answers with what is recorded
        assert (await town.ended(worker, "app-f")).output == "[1,2]"

    town.drive(main)
    assert len(apps.calls) == 2


def test_a_checkpoint_that_is_repeated_is_acknowledged_when_the_first_one_is_committed(town: Town) -> None:
    apps = played(town, two_steps)
    apps.gates = {"one": asyncio.Event()}

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.send(worker, "app/f")
        await town.until(lambda: "one" in apps.said)
        ops = [recorded("one", "1"), recorded("two", "2")]
        run_id = apps.calls[0].run_id

        async def twice() -> None:
            first, again = (worker.service.executor.checkpoint(run_id, 0, ops) for _ in range(2))
            assert isinstance(first, asyncio.Future)
            assert isinstance(again, asyncio.Future)
            assert not first.done()
            assert (await again).advice is Advice.GO_ON
            assert first.done()
            repeated = worker.service.executor.checkpoint(run_id, 0, ops)
            assert isinstance(repeated, Recorded)
            assert repeated.advice is Advice.GO_ON

        await worker.call(twice)
        apps.gates["one"].set()
        assert (await town.ended(worker, "app-f")).output == "[1,2]"

    town.drive(main)


def test_a_checkpoint_may_complete_the_run(town: Town) -> None:
    apps = played(town, one_step)
    apps.gates = {"one": asyncio.Event()}

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.send(worker, "app/f")
        await town.until(lambda: "one" in apps.said)
        run_id = apps.calls[0].run_id
        done = Op(Opcode.RUN_COMPLETE, COMPLETE, data="9")
        await checkpoint(worker, run_id, 0, done)
        assert (await town.ended(worker, "app-f")).output == "9"
        assert worker.service.executor.checkpoint(run_id, 0, [done]) is None
        apps.gates["one"].set()

    town.drive(main)


def test_a_checkpoint_of_a_call_that_was_cut_is_refused(town: Town) -> None:
    apps = played(town, one_step)
    apps.after = times(1, cut)

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        apps.gates = {"one": asyncio.Event()}
        await town.send(worker, "app/f")
        await town.until(lambda: "one" in apps.said)
        apps.gates["one"].set()
        apps.gates = {"one": asyncio.Event()}
        await town.until(lambda: len(apps.calls) == 2)
        assert await checkpoint(worker, apps.calls[0].run_id, 0, recorded("one", "5")) is Advice.STOP
        apps.gates["one"].set()
        assert (await town.ended(worker, "app-f")).output == "1"

    town.drive(main)
