"""A call whose connection was lost as it left may have come, or not: another call is made, and no attempt counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from inngest.engine.domain.model import RunStatus
from inngest.engine.invokers.ports import Carried, Doubtful, RemoteCall
from inngest.protocol.calls import Advice
from inngest.protocol.opcodes import Op, Opcode
from tests.serving.scripted_app import Program, ScriptedApps, Steps, times
from tests.serving.town import Town, remote
from tests.unit.names import named


def doubtful(_: RemoteCall) -> Carried:
    """The kept connection was lost."""
    return Doubtful("the connection was reset")


def two(steps: Steps) -> object:
    return [steps.run("a", lambda: 1), steps.run("b", lambda: 2)]


def beside(steps: Steps) -> object:
    return steps.parallel(lambda branch: branch.run("a", lambda: 1), lambda branch: branch.run("b", lambda: 2))


def once(steps: Steps) -> object:
    return steps.run("a", lambda: 1, once=True)


@pytest.mark.parametrize("program", [two, beside])
@pytest.mark.parametrize("arrived", [True, False])
def test_it_is_another_call_and_no_attempt(tmp_path: Path, program: Program, arrived: bool) -> None:
    apps = ScriptedApps({"app-f": program})
    if arrived:
        apps.after = times(3, doubtful)
    else:
        apps.before = times(3, doubtful)
    town = Town(tmp_path, apps)

    async def main() -> None:
        worker = await town.worker(remote("app-f", retries=0))
        assert await town.result(worker) == [1, 2]
        (view,) = await town.runs(worker, "app-f")
        assert [memo.attempt for memo in view.memos] == [0, 0]
        assert not view.failed

    town.drive(main)
    assert apps.calls[-1].generation == 3
    assert len({call.request_id for call in apps.calls}) == len(apps.calls)


def test_the_first_call_may_record_nothing_any_more(tmp_path: Path) -> None:
    apps = ScriptedApps({"app-f": two})
    apps.after = times(1, doubtful)
    town = Town(tmp_path, apps)

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.send(worker, "app/f")
        await town.until(lambda: len(apps.calls) > 1)
        op = Op(Opcode.STEP_RUN, named("a"), data="7")
        run_id = apps.calls[0].run_id
        advice = await worker.call(lambda: worker.service.apps.checkpoint(run_id, 0, [op]))
        assert advice is Advice.STOP
        assert (await town.ended(worker, "app-f")).output == "[1,2]"

    town.drive(main)


def test_a_step_that_may_run_once_only_is_not_called_again(tmp_path: Path) -> None:
    apps = ScriptedApps({"app-f": once})
    town = Town(tmp_path, apps)

    def lost(call: RemoteCall) -> Carried | None:
        return doubtful(call) if apps.calls[-1].target else None

    apps.after = lost

    async def main() -> None:
        worker = await town.worker(remote("app-f", retries=0))
        await town.send(worker, "app/f")
        assert (await town.ended(worker, "app-f")).status is RunStatus.FAILED

    town.drive(main)
    assert apps.said == ["a"]
