"""Runs of apps while workers die at commits and between them, and calls are lost, cut, or answered late."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from inngest.engine.errors import StoreError
from inngest.engine.invokers.ports import Broken, Carried, NotDelivered, RemoteCall
from inngest.protocol.steps import hash_step_id
from tests.serving.scripted_app import Program, ScriptedApps, Steps
from tests.serving.town import Town, remote
from tests.simulation.faults import Fault
from tests.simulation.process import GoneError, Process

SEEDS = range(12)
LASTS = 40.0
"""Seconds of a storm."""

KILLS = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.CRASH_KNOWN)


def chain(steps: Steps) -> object:
    return [steps.run(f"s{index}", lambda index=index: index) for index in range(5)]  # type: ignore[misc]


def fan(steps: Steps) -> object:
    branches = [lambda branch, index=index: two(branch, index) for index in range(4)]
    return steps.parallel(*branches)


def race(steps: Steps) -> object:
    branches = [lambda branch, index=index: two(branch, index) for index in range(3)]
    return steps.parallel(*branches, mode="race")


def two(branch: Steps, index: int) -> object:
    first = branch.run(f"a{index}", lambda: index)
    branch.sleep(f"nap{index}", 700 * index)
    return [first, branch.run(f"b{index}", lambda: -index)]


def family(steps: Steps) -> object:
    steps.sleep("nap", 1_500)
    return [steps.invoke("child", "app-chain"), steps.run("last", lambda: "end")]


PROGRAMS: dict[str, Program] = {"app-chain": chain, "app-fan": fan, "app-race": race, "app-family": family}
CHAIN = [0, 1, 2, 3, 4]
RESULTS = {
    "app-chain": CHAIN,
    "app-fan": [[index, -index] for index in range(4)],
    "app-race": [[index, -index] for index in range(3)],
    "app-family": [CHAIN, "end"],
}


class Stormy(Town):
    """A town where workers die, and others come."""

    look = 50

    def __init__(self, folder: Path, apps: Watched, seed: int) -> None:
        super().__init__(folder, apps, seed)
        self.chance = random.Random(f"{seed}/storm")
        self.killed: Counter[Fault] = Counter()
        self.calm = False
        apps.town = self

    def boundary(self) -> tuple[int, Fault | None]:
        number, _ = super().boundary()
        if not self.calm and self.chance.random() < 0.03:
            return number, self.chance.choice(KILLS)
        return number, None

    def fired(self, fault: Fault, process: Process | None) -> None:
        self.killed[fault] += 1

    @property
    def alive(self) -> list[Process]:
        return [process for process in self.processes if not process.dead]

    async def life(self) -> None:
        """A worker, and another one whenever it dies."""
        while True:
            with contextlib.suppress(GoneError, StoreError):
                process = await self.worker()
                await process.gone
            await asyncio.sleep(self.chance.choice((0.01, 0.5, 2.0)))

    async def insist(self, work: Callable[[Process], Awaitable[object]]) -> None:
        """Have a worker do something, until one has."""
        while True:
            with contextlib.suppress(GoneError, StoreError, IndexError):
                await work(self.chance.choice(self.alive))
                return
            await asyncio.sleep(0.1)


class Watched(ScriptedApps):
    """Apps whose calls are compared with what is committed as they leave; and which are lost, cut, or late."""

    town: Stormy

    def __init__(self, seed: int) -> None:
        super().__init__(PROGRAMS)
        self.lottery = random.Random(f"{seed}/lines")
        self.wrong: list[str] = []
        self.discovering: Counter[tuple[str, int]] = Counter()

    async def carry(self, call: RemoteCall) -> Carried:
        town, lottery = self.town, self.lottery
        memos = {row[1]: one for row, one in town.history.state.steps.items() if row[0] == call.run_id}
        body = json.loads(call.body)
        sent = set(body["steps"])
        committed = {hashed for hashed, row in memos.items() if row["seq"] is not None}
        if sent != committed:
            self.wrong.append(f"a call leaves with {sent}, and {committed} are committed")
        target = body["ctx"]["step_id"]
        if target != "step" and target not in memos.keys() - committed:
            self.wrong.append(f"a call leaves for the step {target}, which is not open")
        key = (call.run_id, body["ctx"]["generation_id"])
        self.discovering[key] += target == "step"
        if self.discovering[key] > 1:
            self.wrong.append(f"two discoveries of {key} are under way")
        try:
            await asyncio.sleep(lottery.choice((0.0, 0.001, 0.02, 0.3)))
            if not town.calm and lottery.random() < 0.05:
                return NotDelivered("lost on the way")
            if not town.calm and lottery.random() < 0.05:
                return Broken("lost on the way, as it seems")
            answer = await super().carry(call)
            if not town.calm and lottery.random() < 0.05:
                return Broken("the answer is cut")
            return answer
        finally:
            self.discovering[key] -= target == "step"


@pytest.mark.parametrize("seed", SEEDS)
def test_every_run_ends_as_if_nothing_had_happened(seed: int, tmp_path: Path) -> None:
    apps = Watched(seed)
    town = Stormy(tmp_path, apps, seed)
    specs = [
        remote(function_id, {"concurrency": [{"limit": 2}]} if function_id == "app-fan" else None, retries=20)
        for function_id in PROGRAMS
    ]

    async def main() -> None:
        lives = [asyncio.ensure_future(town.life()) for _ in range(2)]
        await town.insist(lambda worker: town.register(worker, *specs))
        for number in range(12):
            name = town.chance.choice(list(PROGRAMS)).replace("app-", "app/")
            await town.insist(lambda worker, key=f"k{number}", name=name: town.send(worker, name, {}, key))  # type: ignore[misc]
            await asyncio.sleep(town.chance.random())
        await asyncio.sleep(LASTS)
        town.calm = True
        await town.until(lambda: not town.history.state.unfinished)
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)

    town.drive(main)
    assert apps.wrong == []
    runs = town.history.state.runs.values()
    assert len(runs) >= 12
    for run in runs:
        assert run["status"] == "COMPLETED", run
        assert json.loads(str(run["output"])) == RESULTS[str(run["function_id"])]
        assert run["takeovers"] == 0
    assert {row["used"] for row in town.history.state.budgets.values()} <= {0}
    assert not town.history.state.kept_slots
    assert sum(town.killed.values()) > 0


def test_calls_of_all_kinds_were_made(tmp_path: Path) -> None:
    """The programs that the storm plays are what it says they are."""
    apps = Watched(0)
    town = Stormy(tmp_path, apps, 0)
    town.calm = True

    async def main() -> None:
        worker = await town.worker(*(remote(function_id) for function_id in PROGRAMS))
        for name in PROGRAMS:
            await town.send(worker, name.replace("app-", "app/"))
        await town.until(lambda: town.history.state.runs and not town.history.state.unfinished)

    town.drive(main)
    targets = {call.target for call in apps.calls}
    assert {"", hash_step_id("a1"), hash_step_id("b2")} <= targets
    assert any(call.mode.name == "PLAN" for call in apps.calls)
    assert apps.wrong == []
