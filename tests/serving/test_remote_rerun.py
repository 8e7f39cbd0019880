"""Runs of an app are run again: its calls tell the memos that were kept, and replaced arguments."""

from __future__ import annotations

import json

import pytest

import inngest
from inngest.engine.domain.model import App
from inngest.engine.records import Forked
from inngest.protocol.steps import hash_step_id
from tests.serving.scripted_app import ScriptedApps, Steps
from tests.serving.test_remote_sdk import CLIENT, TRIGGER, Endpoint
from tests.serving.town import Town, remote
from tests.simulation.process import Process


async def rerun(worker: Process, run_id: str, step: str | None = None, given: str | None = None) -> Forked:
    return await worker.call(lambda: worker.service.control.rerun(run_id, step, given))


async def result(town: Town, worker: Process, forked: Forked) -> object:
    assert forked.run is not None, forked.refusal
    return json.loads((await town.end_of(worker, forked.run.id)).output or "null")


@pytest.mark.parametrize("takes_checkpoints", [False, True])
def test_our_sdk_runs_on_from_a_step_with_other_arguments(town: Town, *, takes_checkpoints: bool) -> None:
    did: list[str] = []

    async def body(ctx: inngest.Context) -> object:
        async def plus(name: str, value: int) -> int:
            did.append(name)
            return value + 1

        first = await ctx.step.run("first", plus, "first", 1)
        second = await ctx.step.run("second", plus, "second", first)
        return [first, second, await ctx.step.run("third", plus, "third", second)]

    endpoint = Endpoint([CLIENT.create_function(fn_id="f", trigger=TRIGGER)(body)], takes_checkpoints=takes_checkpoints)
    endpoint.town, town.carrier = town, endpoint

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        assert await town.result(worker) == [2, 3, 4]
        (view,) = await town.runs(worker, "app-f")
        run_id = view.run.id
        for step, given, expected in (
            (None, None, [2, 3, 4]),
            ("second", None, [2, 3, 4]),
            ("second", '["other",10]', [2, 11, 12]),
            ("third", '["last",70]', [2, 3, 71]),
        ):
            did.append(f"from {step}")
            assert await result(town, worker, await rerun(worker, run_id, step, given)) == expected

    town.drive(main)
    assert " ".join(did) == (
        "first second third from None first second third from second second third "
        "from second other third from third last"
    )


def test_calls_tell_arguments_until_the_step_has_a_memo(town: Town) -> None:
    def program(steps: Steps) -> object:
        return [steps.run("one", lambda: 1), steps.run("two", lambda: 2), steps.run("three", lambda: 3)]

    apps = town.carrier = ScriptedApps({"app-f": program}, version="2")

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.send(worker, "app/f")
        await town.ended(worker, "app-f")
        (view,) = await town.runs(worker, "app-f")
        apps.calls.clear()
        assert await result(town, worker, await rerun(worker, view.run.id, "two", '[{"b":1,"a":1.0}]')) == [1, 2, 3]

    town.drive(main)
    two = hash_step_id("two")
    told = [([memo.step.hash for memo in call.memos], dict(call.inputs)) for call in apps.calls]
    assert told[0] == ([hash_step_id("one")], {two: '[{"b":1,"a":1.0}]'})
    assert (two in told[-1][0], told[-1][1]) == (True, {})


@pytest.mark.parametrize(
    ("sdk", "refused"),
    [
        ("py:v0.5.19", True),
        ("py:v0.1.0", True),
        ("py:v0.1.0+pyngest", False),
        ("py:v7.2+pyngest", False),
        ("js:v4.24.0", False),
        ("", False),
    ],
)
def test_an_sdk_that_takes_arguments_for_a_result_is_not_told_any(town: Town, sdk: str, *, refused: bool) -> None:
    def program(steps: Steps) -> object:
        return steps.run("one", lambda: 1)

    town.carrier = ScriptedApps({"app-f": program}, version="2")

    async def main() -> None:
        worker = await town.worker()
        app = App("app", "uuid", "http://app.test/", sdk=sdk)
        await worker.call(lambda: worker.store.register_app(app, [remote("app-f")], worker.clock.now()))
        await worker.call(worker.service.see_functions)
        await town.send(worker, "app/f")
        await town.ended(worker, "app-f")
        (view,) = await town.runs(worker, "app-f")
        forked = await rerun(worker, view.run.id, "one", "[5]")
        if refused:
            assert forked.refusal is not None
            assert forked.refusal.argument == "input"
            assert f"the SDK {sdk} of app app would take replaced arguments for the result" in forked.refusal.text
        assert (forked.run is None) is refused
        assert await result(town, worker, await rerun(worker, view.run.id, "one")) == 1

    town.drive(main)
