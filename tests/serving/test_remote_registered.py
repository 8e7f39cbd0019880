"""An app that registers is there again: runs that waited for it, or for a function of it, are called at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from inngest.engine.invokers.ports import Carried, RemoteCall
from inngest.engine.records import PutOff, PutOffPage
from inngest.protocol.wire.registration import Registration
from tests.simulation.process import Process

from .scripted_app import Steps, played, refused
from .town import URL, Town


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path, None)


def function(name: str, retries: int = 2) -> dict[str, object]:
    """A function object of the wire."""
    runtime = {"type": "http", "url": f"{URL}?fnId=app-{name}&stepId=step"}
    steps = {"step": {"id": "step", "name": "step", "retries": {"attempts": retries}, "runtime": runtime}}
    return {"id": f"app-{name}", "name": name, "triggers": [{"event": f"app/{name}"}], "steps": steps}


async def register(worker: Process, *names: str) -> None:
    given = Registration("app", URL, [function(name) for name in names])
    found = await worker.call(lambda: worker.service.apps.register(given))
    assert not found.problems


def two_steps(steps: Steps) -> object:
    return [steps.run("a", lambda: 1), steps.run("b", lambda: 2)]


def test_runs_that_waited_for_an_app_are_called_as_it_registers(town: Town) -> None:
    apps, away = played(town, two_steps), True
    apps.before = lambda call: refused(call) if away else None

    async def main() -> None:
        nonlocal away
        worker = await town.worker()
        await register(worker, "f")
        for _ in range(3):
            await town.send(worker, "app/f")
        await asyncio.sleep(17)  # calls after 1, 3, 7 and 15 s, and the next one after 31
        away = False
        await register(worker, "f")
        await town.until(lambda: len(apps.said) == 6)
        assert town.now() < 18_000_000
        for view in await town.runs(worker, "app-f"):
            await town.end_of(worker, view.run.id)
            assert view.failed == []

    town.drive(main)


def test_an_app_that_registers_and_cannot_be_reached_is_asked_once(town: Town) -> None:
    apps, calls = played(town, two_steps), 0

    def counted(call: RemoteCall) -> Carried | None:
        nonlocal calls
        calls += 1
        return refused(call) if town.now() < 60_000_000 else None

    apps.before = counted

    async def main() -> None:
        worker = await town.worker()
        await register(worker, "f")
        for _ in range(20):
            await town.send(worker, "app/f")
        await asyncio.sleep(40)
        before = calls
        await register(worker, "f")
        await asyncio.sleep(0.5)
        assert calls == before + 1
        await town.until(lambda: len(apps.said) == 40)
        for view in await town.runs(worker, "app-f"):
            await town.end_of(worker, view.run.id)

    town.drive(main)


def test_runs_of_a_function_that_comes_back_are_tried_at_once(town: Town) -> None:
    town.retry_interval = 3_600_000
    known = False

    def program(steps: Steps) -> object:
        if not known:
            raise LookupError("no such function")
        return two_steps(steps)

    played(town, program)

    async def main() -> None:
        nonlocal known
        worker = await town.worker()
        await register(worker, "f", "g")
        await register(worker, "g")
        known = True
        await register(worker, "f", "g")
        known = False
        await town.send(worker, "app/f")
        await asyncio.sleep(10)
        (view,) = await town.runs(worker, "app-f")
        assert [one.attempt for one in view.failed] == [0]
        await register(worker, "g")
        known = True
        await register(worker, "g")
        await asyncio.sleep(10)
        (view,) = await town.runs(worker, "app-f")
        assert view.run.ended_at is None
        await register(worker, "f", "g")
        await town.end_of(worker, view.run.id)
        assert town.now() < 60_000_000

    town.drive(main)


def test_what_is_tried_again_for_another_reason_keeps_its_time(town: Town) -> None:
    town.retry_interval = 25_000
    tries = 0

    def program(steps: Steps) -> object:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise LookupError("busy")
        return two_steps(steps)

    played(town, program)

    async def main() -> None:
        worker = await town.worker()
        await register(worker, "f")
        await town.send(worker, "app/f")
        await asyncio.sleep(5)
        await worker.call(lambda: worker.store.app_is_away("app", "why", worker.clock.now()))
        await register(worker, "f")
        await asyncio.sleep(5)
        assert tries == 1
        (view,) = await town.runs(worker, "app-f")
        await town.end_of(worker, view.run.id)
        assert town.now() > 25_000_000

    town.drive(main)


def test_a_registration_does_not_wait_until_runs_that_waited_are_found(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = asyncio.Event()
    played(town, two_steps).before = lambda call: None if known.is_set() else refused(call)

    async def main() -> None:
        worker = await town.worker()
        await register(worker, "f", "g")
        await town.send(worker, "app/f")
        await asyncio.sleep(17)
        await register(worker, "g")
        looks, answered, find = 0, asyncio.Event(), worker.store.put_off

        async def found(asked: PutOff, now: int) -> PutOffPage:
            nonlocal looks
            looks += 1
            await answered.wait()
            return await find(asked, now)

        monkeypatch.setattr(worker.store, "put_off", found)
        known.set()
        async with asyncio.timeout(60):
            await register(worker, "f", "g")
        answered.set()
        (view,) = await town.runs(worker, "app-f")
        await town.end_of(worker, view.run.id)
        assert looks > 0

    town.drive(main)
