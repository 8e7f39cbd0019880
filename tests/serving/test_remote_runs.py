"""Runs of apps, from their event to their end: which calls leave, what is recorded, and how they go on after faults."""

from __future__ import annotations

import asyncio
import json

import pytest

from inngest.engine.domain.model import RunStatus
from inngest.engine.invokers.ports import Carried, RemoteCall
from inngest.protocol.calls import Mode
from tests.serving.scripted_app import (
    NoRetryError,
    Program,
    StepFailedError,
    Steps,
    played,
)
from tests.serving.town import Town, remote
from tests.simulation.process import Process
from tests.unit.names import named


async def steps_of(town: Town, worker: Process) -> list[tuple[str, str | None, int]]:
    (view,) = await town.runs(worker, "app-f")
    return [(memo.step.id, memo.data, memo.attempt) for memo in view.memos]


# -- calls


def test_steps_one_after_the_other_take_a_call_each(town: Town) -> None:
    def program(steps: Steps) -> object:
        first = steps.run("first", lambda: 1)
        second = steps.run("second", lambda: {"first": first})
        return {"got": second}

    apps = played(town, program)

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        assert await town.result(worker) == {"got": {"first": 1}}
        assert await steps_of(town, worker) == [("first", "1", 0), ("second", '{"first":1}', 0)]

    town.drive(main)
    assert [call.mode for call in apps.calls] == [Mode.REPORT] * 3
    assert apps.said == ["first", "second"]
    assert apps.closed
    first = apps.calls[0]
    assert (first.function_uuid, first.generation, first.max_attempts) == ("uuid-of-app-f", 0, 3)
    assert len({call.request_id for call in apps.calls}) == 3


def chains(mode: str) -> Program:
    def program(steps: Steps) -> object:
        return steps.parallel(
            lambda branch: [branch.run("a1", lambda: 1), branch.run("a2", lambda: 2)],
            lambda branch: [branch.run("b1", lambda: 3), branch.run("b2", lambda: 4)],
            mode=mode,
        )

    return program


@pytest.mark.parametrize(("mode", "version", "count"), [("wait", "2", 7), ("race", "2", 9), ("wait", "1", 9)])
def test_two_chains_of_two_steps_take_as_many_calls_as_on_other_servers(
    town: Town, mode: str, version: str, count: int
) -> None:
    apps = played(town, chains(mode), version)
    slow = {"b1": asyncio.Event(), "b2": asyncio.Event()}

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        if count == 9:  # the branch is slow, so that no completion falls into a discovery of another
            apps.gates = slow
            await town.send(worker, "app/f")
            await town.until(lambda: "a2" in apps.said)
            await asyncio.sleep(0.1)
            slow["b1"].set()
            await town.until(lambda: "b2" in apps.said)
            await asyncio.sleep(0.1)
            slow["b2"].set()
        else:
            await town.send(worker, "app/f")
        ended = await town.ended(worker, "app-f")
        assert json.loads(ended.output or "") == [[1, 2], [3, 4]]

    town.drive(main)
    assert len(apps.calls) == count
    assert sorted(apps.said) == ["a1", "a2", "b1", "b2"]
    assert apps.most == 2


def test_never_two_discoveries_at_a_time(town: Town) -> None:
    flying: list[str] = []
    seen: list[list[str]] = []

    def program(steps: Steps) -> object:
        branches = [lambda branch, name=f"s{index}": branch.run(name, lambda: 0) for index in range(6)]
        return steps.parallel(*branches, mode="race")

    apps = played(town, program)
    carry = apps.carry

    async def watched(call: RemoteCall) -> Carried:
        target = call.url.rpartition("stepId=")[2]
        flying.append(target)
        seen.append(list(flying))
        try:
            return await carry(call)
        finally:
            flying.remove(target)

    apps.carry = watched  # type: ignore[method-assign]

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.result(worker)

    town.drive(main)
    assert all(one.count("step") <= 1 and len(one) == len(set(one)) for one in seen)
    assert max(map(len, seen)) > 3


# -- attempts


def test_a_step_has_its_attempts_and_its_error_can_be_caught(town: Town) -> None:
    def fail() -> object:
        raise ValueError("never")

    def program(steps: Steps) -> object:
        try:
            steps.run("fails", fail)
        except StepFailedError as error:
            return [str(error), steps.run("then", lambda: 1)]
        return None

    apps = played(town, program)

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        assert await town.result(worker) == ["never", 1]
        (view,) = await town.runs(worker, "app-f")
        assert [one.attempt for one in view.failed] == [0, 1]
        assert view.memos[0].attempt == 2

    town.drive(main)
    assert [call.attempt for call in apps.calls] == [0, 1, 2, 0, 0]


def test_planned_steps_have_attempts_of_their_own(town: Town) -> None:
    failures = ["a", "a", "b"]

    def handler(name: str) -> object:
        if name in failures:
            failures.remove(name)
            raise ValueError(name)
        return name

    def program(steps: Steps) -> object:
        return steps.parallel(
            lambda branch: branch.run("a", lambda: handler("a")), lambda branch: branch.run("b", lambda: handler("b"))
        )

    apps = played(town, program)

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        assert await town.result(worker) == ["a", "b"]
        assert sorted(await steps_of(town, worker)) == [("a", '"a"', 2), ("b", '"b"', 1)]

    town.drive(main)
    assert [call.attempt for call in apps.calls if call.target == named("a").hash] == [0, 1, 2]


@pytest.mark.parametrize(("error", "attempts"), [(ValueError("no"), [0, 1, 2]), (NoRetryError("no"), [0])])
def test_a_body_that_fails_for_good_fails_the_run_and_its_handler_hears_it(
    town: Town, error: Exception, attempts: list[int]
) -> None:
    def program(steps: Steps) -> object:
        raise error

    apps = played(town, program)
    apps.programs["app-f-failure"] = lambda steps: steps.data

    async def main() -> None:
        worker = await town.worker(remote("app-f"), remote("app-f-failure", events=(), failure_of="app-f"))
        await town.send(worker, "app/f")
        ended = await town.ended(worker, "app-f")
        assert ended.status is RunStatus.FAILED
        assert ended.error is not None
        assert (ended.error.name, ended.error.message) == (type(error).__name__, "no")
        told = await town.ended(worker, "app-f-failure")
        assert json.loads(told.output or "")["function_id"] == "app-f"

    town.drive(main)
    assert [call.attempt for call in apps.calls if call.function_id == "app-f"] == attempts


def test_an_app_that_says_nothing_is_asked_four_times_for_each_attempt(town: Town) -> None:
    apps = played(town, lambda steps: None)
    apps._answered = lambda call: (206, {"x-inngest-sdk": "x"}, "[]")  # type: ignore[method-assign]

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.send(worker, "app/f")
        ended = await town.ended(worker, "app-f")
        assert ended.error is not None
        assert "without doing anything" in ended.error.message

    town.drive(main)
    assert [call.attempt for call in apps.calls] == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]


def test_an_answer_that_is_no_sdk_is_a_failed_attempt(town: Town) -> None:
    apps = played(town, lambda steps: None)
    apps._answered = lambda call: (200, {}, "<html>hello</html>")  # type: ignore[method-assign]

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.send(worker, "app/f")
        ended = await town.ended(worker, "app-f")
        assert ended.error is not None
        assert "not from an SDK" in ended.error.message

    town.drive(main)
    assert len(apps.calls) == 3


# -- waiting


def test_a_sleep_lets_the_run_go_and_a_worker_takes_it_up(town: Town) -> None:
    town.look = 60_000

    def program(steps: Steps) -> object:
        steps.run("before", lambda: 1)
        steps.sleep("nap", 3_600_000)
        return steps.run("after", lambda: 2)

    apps = played(town, program)

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.send(worker, "app/f")
        await town.until(lambda: len(apps.calls) == 2)
        await asyncio.sleep(1)
        (view,) = await town.runs(worker, "app-f")
        assert view.worker is None
        assert [step.step.id for step in view.open] == ["nap"]
        ended = await town.ended(worker, "app-f")
        assert ended.output == "2"
        assert town.now() > 3_600_000_000

    town.drive(main)
    assert [call.generation for call in apps.calls] == [0, 0, 1, 1]


def test_a_short_sleep_keeps_the_run(town: Town) -> None:
    def program(steps: Steps) -> object:
        steps.sleep("nap", 50)
        return 1

    apps = played(town, program)

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        assert await town.result(worker) == 1

    town.drive(main)
    assert [call.generation for call in apps.calls] == [0, 0]


def test_waits_are_answered_from_outside(town: Town) -> None:
    def program(steps: Steps) -> object:
        event = steps.wait_for_event("event", "app/paid", 60_000, "event.data.id == async.data.id")
        signal = steps.wait_for_signal("signal", "go", 60_000)
        child = steps.invoke("child", "app-g", {"n": 2})
        missed = steps.wait_for_event("missed", "app/never", 5_000)
        assert isinstance(event, dict)
        return [event["data"], signal, child, missed]

    apps = played(town, program)
    apps.programs["app-g"] = lambda steps: ["child", steps.run("in child", lambda: 7)]

    async def main() -> None:
        worker = await town.worker(remote("app-f"), remote("app-g"))
        await town.send(worker, "app/f", {"id": 4})
        await town.until(lambda: len(apps.calls) == 1)
        await asyncio.sleep(1)
        await town.send(worker, "app/paid", {"id": 3})
        await town.send(worker, "app/paid", {"id": 4, "x": "y"})
        await town.until(lambda: len(apps.calls) == 2)
        await asyncio.sleep(1)
        assert await worker.call(lambda: worker.service.control.signal("go", '"now"')) is not None
        ended = await town.ended(worker, "app-f")
        data, signal, child, missed = json.loads(ended.output or "")
        assert (data, child, missed) == ({"id": 4, "x": "y"}, ["child", 7], None)
        assert signal == {"data": "now", "signal": "go"}

    town.drive(main)


def test_an_event_comes_while_another_call_of_the_run_is_under_way(town: Town) -> None:
    def program(steps: Steps) -> object:
        return steps.parallel(
            lambda branch: branch.run("slow", lambda: 1),
            lambda branch: branch.wait_for_event("wait", "app/paid", 60_000) is not None,
        )

    apps = played(town, program)
    apps.gates = {"slow": asyncio.Event()}

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.send(worker, "app/f")
        await town.until(lambda: "slow" in apps.said)
        await town.send(worker, "app/paid")
        await asyncio.sleep(1)
        (view,) = await town.runs(worker, "app-f")
        assert [memo.step.id for memo in view.memos] == ["wait"]
        apps.gates["slow"].set()
        assert (await town.ended(worker, "app-f")).output == "[1,true]"

    town.drive(main)
    assert len(apps.calls) == 3


# -- flow control


def test_a_run_that_must_not_have_two_steps_at_a_time_has_one_call_at_a_time(town: Town) -> None:
    apps = played(town, chains("race"))

    async def main() -> None:
        worker = await town.worker(remote("app-f", {"concurrency": [{"limit": 1}]}))
        for index in range(3):
            await town.send(worker, "app/f", {"n": index})
        await town.until(lambda: len(apps.said) == 12)
        for view in await town.runs(worker, "app-f"):
            await town.end_of(worker, view.run.id)

    town.drive(main)
    assert apps.most == 1
    assert sorted(apps.said) == sorted(["a1", "a2", "b1", "b2"] * 3)


def test_a_run_that_waits_has_no_slot(town: Town) -> None:
    def program(steps: Steps) -> object:
        steps.sleep("nap", 10_000)
        return 1

    apps = played(town, program)

    async def main() -> None:
        worker = await town.worker(remote("app-f", {"concurrency": [{"limit": 1}]}))
        await town.send(worker, "app/f")
        await town.send(worker, "app/f")
        await town.until(lambda: len(apps.calls) == 2)
        assert town.now() < 9_000_000
        for view in await town.runs(worker, "app-f"):
            await town.end_of(worker, view.run.id)

    town.drive(main)
    assert apps.most == 1


def test_an_app_has_so_many_calls_at_a_time(town: Town) -> None:
    gate = asyncio.Event()
    apps = played(town, lambda steps: steps.run("one", lambda: 1))
    apps.programs["other-f"] = lambda steps: 1

    async def main() -> None:
        worker = await town.worker(remote("app-f"), remote("other-f"))
        apps.gates = {"one": gate}
        for _ in range(300):
            await town.send(worker, "app/f")
        await town.until(lambda: apps.flying >= 256)
        await asyncio.sleep(5)
        assert apps.flying == 256
        await town.send(worker, "other/f")
        assert (await town.ended(worker, "other-f")).output == "1"
        gate.set()
        await town.until(lambda: len(apps.said) == 300)

    town.drive(main)
    assert apps.most <= 257
