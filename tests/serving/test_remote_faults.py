"""What breaks between a worker and an app, and how runs go on: lost calls, cut answers, dead workers, cancels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from inngest.engine.domain.explaining import Rule
from inngest.engine.domain.model import RunStatus
from inngest.engine.invokers import places
from inngest.engine.invokers.ports import Carried, RawAnswer, RemoteCall
from tests.serving.scripted_app import (
    ScriptedApps,
    StepFailedError,
    Steps,
    cut,
    one_step,
    played,
    refused,
    times,
    two_steps,
)
from tests.serving.town import Town, remote
from tests.simulation.process import Process
from tests.unit.names import named

# -- between worker and app


def test_a_call_that_is_not_delivered_is_no_attempt(town: Town) -> None:
    apps = played(town, two_steps)
    apps.before = times(5, refused)

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        assert await town.result(worker) == [1, 2]
        (view,) = await town.runs(worker, "app-f")
        assert view.failed == []
        assert 15_000_000 < town.now() < 60_000_000  # pauses of 1, 2, 4, 8 and 16 s

    town.drive(main)
    assert [call.attempt for call in apps.calls] == [0, 0, 0]


def test_it_is_told_that_an_app_is_away_and_which_calls_are_under_way(town: Town) -> None:
    def program(steps: Steps) -> object:
        return steps.parallel(
            lambda branch: branch.run("slow", lambda: 1), lambda branch: branch.run("quick", lambda: 2)
        )

    apps = played(town, program)
    apps.gates = {"slow": asyncio.Event()}
    apps.before = times(3, refused)

    async def why(worker: Process) -> list[tuple[Rule, str]]:
        (view,) = await town.runs(worker, "app-f")
        found = await worker.call(lambda: worker.service.queries.explain(view.run.id))
        return [(one.rule, one.text) for one in found.reasons]

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.send(worker, "app/f")
        await asyncio.sleep(0.5)
        ((rule, text),) = await why(worker)
        assert rule is Rule.APP
        assert "Its app app cannot be reached since" in text
        assert "http://app.test: connection refused. Start it" in text
        await town.until(lambda: "slow" in apps.said)
        await asyncio.sleep(3)
        (view,) = await town.runs(worker, "app-f")
        other = await town.worker()  # it has made no call
        for one in (worker, other):
            (view,) = await town.runs(one, "app-f")
            (rule, text), *others = await why(one)
            assert rule is Rule.EXECUTING
            assert ': step "slow", since' in text
            assert Rule.APP not in [rule for rule, _ in others]  # it has answered since
        apps.gates["slow"].set()
        await town.end_of(worker, view.run.id)

    town.drive(main)


def test_of_many_runs_one_asks_whether_the_app_is_there_again(town: Town) -> None:
    apps = played(town, one_step)
    asked: list[int] = []

    def away(call: RemoteCall) -> Carried | None:
        if town.now() < 100_000_000:
            asked.append(town.now())
            return refused(call)
        return None

    apps.before = away

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        for _ in range(50):
            await town.send(worker, "app/f")
        await town.until(lambda: len(apps.said) == 50)
        assert len([at for at in asked if at > 2_000_000]) <= 12
        assert town.now() < 140_000_000
        for view in await town.runs(worker, "app-f"):
            await town.end_of(worker, view.run.id)

    town.drive(main)


def test_an_app_that_is_away_for_a_day_fails_attempts(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "GIVEN_UP", 400_000)  # a day is long
    apps = played(town, one_step)
    apps.before = refused

    async def main() -> None:
        worker = await town.worker(remote("app-f", retries=0))
        await town.send(worker, "app/f")
        ended = await town.ended(worker, "app-f")
        assert ended.status is RunStatus.FAILED
        assert ended.error is not None
        assert "could not be reached for a day: connection refused" in ended.error.message
        assert town.now() > 400_000_000

    town.drive(main)


def test_how_long_an_app_has_been_away_is_known_to_workers_that_start_later(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "GIVEN_UP", 400_000)  # a day is long
    apps = played(town, one_step)
    apps.before = refused

    async def main() -> None:
        first = await town.worker(remote("app-f", retries=0))
        await town.send(first, "app/f")
        await asyncio.sleep(300)
        await first.stop()
        second = await town.worker()
        ended = await town.ended(second, "app-f")
        assert ended.error is not None
        assert "could not be reached for a day" in ended.error.message
        assert 400_000_000 < town.now() < 500_000_000
        (name, trouble), *_ = (await second.call(lambda: second.store.apps_away(second.clock.now()))).items()
        assert (name, trouble.since < second.clock.now() - 400_000) == ("app", True)

    town.drive(main)


def test_an_answer_that_is_cut_is_a_failed_attempt_of_a_generation_that_is_over(town: Town) -> None:
    apps = played(town, two_steps)
    apps.after = times(1, cut)

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        assert await town.result(worker) == [1, 2]
        (view,) = await town.runs(worker, "app-f")
        assert [(one.step, one.attempt, one.error.message) for one in view.failed] == [
            ("", 0, "the connection was reset")
        ]

    town.drive(main)
    assert [call.attempt for call in apps.calls] == [0, 1, 0, 0]
    assert apps.calls[1].generation > apps.calls[0].generation
    assert apps.said == ["one", "one", "two"]


def test_attempts_of_the_body_are_counted_by_whoever_has_the_run(town: Town) -> None:
    town.retry_interval = 60_000
    apps = played(town, one_step)
    apps.after = cut

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.send(worker, "app/f")
        assert (await town.ended(worker, "app-f")).status is RunStatus.FAILED

    town.drive(main)
    assert [call.attempt for call in apps.calls] == [0, 1, 2]
    generations = [call.generation for call in apps.calls]
    assert generations == sorted(set(generations))


def only_once(steps: Steps) -> object:
    try:
        return steps.run("pay", lambda: "paid", once=True)
    except StepFailedError as error:
        return str(error)


def test_a_step_that_must_not_be_repeated_fails_when_its_call_is_cut(town: Town) -> None:
    apps = played(town, only_once)
    apps.after = lambda call: cut(call) if call.url.endswith(named("pay").hash) else None

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        assert "was cut while its app ran it" in str(await town.result(worker))

    town.drive(main)
    assert apps.said == ["pay"]


@pytest.mark.parametrize("status", [200, 206, 404, 502, 504])
def test_a_step_that_must_not_be_repeated_fails_when_its_answer_is_no_sdks(town: Town, status: int) -> None:
    apps = played(town, only_once)
    given_up = RawAnswer(status, {"server": "proxy", "retry-after": "1"}, b"<html>")
    apps.after = lambda call: given_up if call.url.endswith(named("pay").hash) else None

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        assert "was cut while its app ran it" in str(await town.result(worker))

    town.drive(main)
    assert apps.said == ["pay"]


def test_a_call_that_a_proxy_gave_up_may_record_nothing_any_more(town: Town) -> None:
    town.retry_interval = 50  # the same worker makes the next one
    apps = played(town, one_step)
    apps.after = times(1, lambda _: RawAnswer(504, {}, b""))

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        assert await town.result(worker) == 1
        (view,) = await town.runs(worker, "app-f")
        assert [one.error.message for one in view.failed] == ["invalid status code: 504"]

    town.drive(main)
    assert [call.generation for call in apps.calls] == [0, 1, 1]


def test_a_step_that_must_not_be_repeated_fails_when_its_worker_dies(town: Town) -> None:
    apps = played(town, only_once)
    apps.gates = {"pay": asyncio.Event()}

    async def main() -> None:
        first = await town.worker(remote("app-f"))
        second = await town.worker()
        await town.send(first, "app/f")
        await town.until(lambda: "pay" in apps.said)
        first.crash("of the test")
        ended = await town.ended(second, "app-f")
        assert "was cut while its app ran it" in (ended.output or "")
        apps.gates["pay"].set()

    town.drive(main)
    assert apps.said == ["pay"]


def test_a_step_that_must_not_be_repeated_is_called_for_again_if_nobody_got_the_call(town: Town) -> None:
    apps = played(town, only_once)
    lost = times(2, refused)
    apps.before = lambda call: lost(call) if call.url.endswith(named("pay").hash) else None

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        assert await town.result(worker) == "paid"
        (view,) = await town.runs(worker, "app-f")
        assert (view.failed, view.memos[0].attempt) == ([], 0)

    town.drive(main)
    assert apps.said == ["pay"]


def test_a_body_that_waits_for_its_next_attempt_can_be_tried_now(town: Town) -> None:
    town.retry_interval = 200_000
    apps = played(town, one_step)
    apps.after = times(1, cut)

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.send(worker, "app/f")
        await town.until(lambda: "one" in apps.said)
        await asyncio.sleep(1)
        (view,) = await town.runs(worker, "app-f")
        assert (await worker.call(lambda: worker.service.control.retry_now(view.run.id))) is not None
        await town.end_of(worker, view.run.id)
        assert town.now() < 100_000_000

    town.drive(main)
    assert [call.attempt for call in apps.calls] == [0, 1, 0]


# -- workers


def test_a_worker_that_dies_in_a_call_costs_no_attempt_and_its_answer_counts_no_more(town: Town) -> None:
    apps = played(town, two_steps)
    apps.gates = {"two": asyncio.Event()}

    async def main() -> None:
        first = await town.worker(remote("app-f"))
        second = await town.worker()
        await town.send(first, "app/f")
        await town.until(lambda: "two" in apps.said)
        (view,) = await town.runs(second, "app-f")
        assert view.worker is not None
        first.crash("of the test")
        await town.until(lambda: apps.said.count("two") == 2)
        apps.gates["two"].set()
        ended = await town.ended(second, "app-f")
        assert ended.output == "[1,2]"
        (view,) = await town.runs(second, "app-f")
        assert (view.run.takeovers, view.failed) == (0, [])

    town.drive(main)
    assert apps.said == ["one", "two", "two"]
    assert [call.attempt for call in apps.calls] == [0] * 4
    assert apps.calls[-1].generation > apps.calls[0].generation


def test_a_request_whose_credentials_died_with_their_worker_is_asked_for_again(town: Town) -> None:
    def program(steps: Steps) -> object:
        answer = steps.fetch("ask", "http://slow.test/secret", "Bearer sim")
        assert isinstance(answer, dict)
        return answer["status_code"]

    apps = played(town, program)

    async def main() -> None:
        first = await town.worker(remote("app-f", retries=20))
        second = await town.worker()
        await town.send(first, "app/f")
        await town.until(lambda: len(apps.calls) == 1)
        await town.until(lambda: town.history.state.requests)
        first.crash("of the test")
        ended = await town.ended(second, "app-f")
        assert ended.output == "200"

    town.drive(main)
    assert len(apps.calls) >= 3


def test_many_workers_that_die_in_calls_put_nothing_into_quarantine(town: Town) -> None:
    apps = played(town, one_step)
    apps.gates = {"one": asyncio.Event()}

    async def main() -> None:
        witness = await town.worker(remote("app-f"))
        await town.send(witness, "app/f")
        await town.until(lambda: len(apps.said) == 1)
        for count in range(2, 14):
            owner = next(one for one in town.processes if not one.dead)
            await town.worker()
            owner.crash("of the test")
            await town.until(lambda count=count: len(apps.said) == count)  # type: ignore[misc]
        apps.gates["one"].set()
        assert (await town.ended(town.processes[-1], "app-f")).output == "1"

    town.drive(main)


def test_a_worker_that_stops_waits_for_its_calls_and_makes_no_more(town: Town) -> None:
    apps = played(town, two_steps)
    apps.gates = {"one": asyncio.Event()}

    async def main() -> None:
        first = await town.worker(remote("app-f"))
        await town.send(first, "app/f")
        await town.until(lambda: "one" in apps.said)
        stopping = asyncio.ensure_future(first.stop())
        await asyncio.sleep(0.5)
        apps.gates["one"].set()
        await stopping
        assert len(apps.calls) == 1
        second = await town.worker()
        assert (await town.ended(second, "app-f")).output == "[1,2]"

    town.drive(main)
    assert apps.said == ["one", "two"]
    assert [call.attempt for call in apps.calls] == [0, 0, 0]


def test_a_worker_that_stops_does_not_wait_for_ever(town: Town) -> None:
    apps = played(town, one_step)
    apps.gates = {"one": asyncio.Event()}

    async def main() -> None:
        first = await town.worker(remote("app-f"))
        await town.send(first, "app/f")
        await town.until(lambda: "one" in apps.said)
        await first.stop()
        assert apps.flying == 0  # its connection is closed
        apps.gates["one"].set()
        second = await town.worker()
        assert (await town.ended(second, "app-f")).output == "1"
        (view,) = await town.runs(second, "app-f")
        assert view.failed == []

    town.drive(main)
    assert apps.said == ["one", "one"]


@pytest.mark.parametrize("seed", range(6))
def test_a_call_that_is_not_delivered_as_its_run_ends_writes_nothing_any_more(tmp_path: Path, seed: int) -> None:
    def program(steps: Steps) -> object:
        return steps.first(
            lambda branch: branch.run("fast", lambda: 1), lambda branch: branch.run("pay", lambda: 2, once=True)
        )

    over = asyncio.Event()

    class Apps(ScriptedApps):
        async def carry(self, call: RemoteCall) -> Carried:
            if call.url.endswith(named("pay").hash):
                await over.wait()
                return refused(call)
            carried = await super().carry(call)
            if isinstance(carried, RawAnswer) and carried.status == 200:
                over.set()
            return carried

    apps = Apps({"app-f": program})
    town = Town(tmp_path, apps, seed)
    ends: list[str] = []

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        worker.service.executor.on_end = lambda run_id, _: ends.append(run_id)
        await town.send(worker, "app/f")
        await town.until(over.is_set)
        await asyncio.sleep(1)
        (view,) = await town.runs(worker, "app-f")
        assert (view.run.status, ends) == (RunStatus.COMPLETED, [view.run.id])

    town.drive(main)


# -- cancelled


def test_what_a_cancelled_run_answers_is_dropped_and_its_slot_is_free_then(town: Town) -> None:
    apps = played(town, one_step)
    apps.gates = {"one": asyncio.Event()}

    async def main() -> None:
        worker = await town.worker(remote("app-f", {"concurrency": [{"limit": 1}]}))
        await town.send(worker, "app/f")
        await town.until(lambda: "one" in apps.said)
        (view,) = await town.runs(worker, "app-f")
        assert await worker.call(lambda: worker.service.control.cancel(view.run.id, "by the test"))
        await town.send(worker, "app/f")
        await asyncio.sleep(5)
        assert len(apps.calls) == 1  # the app is still at it
        apps.gates["one"].set()
        await town.until(lambda: len(apps.calls) == 3)
        first, second = await town.runs(worker, "app-f")
        assert (first.run.status, first.memos) == (RunStatus.CANCELLED, [])
        assert (await town.end_of(worker, second.run.id)).output == "1"

    town.drive(main)


def test_what_others_answer_after_the_end_is_dropped(town: Town) -> None:
    def program(steps: Steps) -> object:
        return steps.first(lambda branch: branch.run("fast", lambda: 1), lambda branch: branch.run("slow", lambda: 2))

    apps = played(town, program)
    apps.gates = {"slow": asyncio.Event()}

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        assert await town.result(worker) == 1
        assert apps.flying == 1
        apps.gates["slow"].set()
        await town.until(lambda: apps.flying == 0)
        await asyncio.sleep(1)
        (view,) = await town.runs(worker, "app-f")
        assert [memo.step.id for memo in view.memos] == ["fast"]

    town.drive(main)


class Hasty(ScriptedApps):
    """Its carrier fails to send calls in the middle of what the loop does, so many times."""

    failures = 3

    def begin(self, call: RemoteCall, told: Callable[[Carried], object]) -> Callable[[], object] | None:
        if self.failures > 0:
            self.failures -= 1
            raise LookupError(call.run_id)
        return None


def test_a_call_that_cannot_be_sent_gives_its_place_back(town: Town) -> None:
    apps = town.carrier = Hasty({"app-f": two_steps})

    async def main() -> None:
        worker = await town.worker(remote("app-f"))
        await town.send(worker, "app/f")
        await town.ended(worker, "app-f")
        assert apps.failures == 0
        calls = worker.service.executor.worker.remote
        assert calls is not None
        assert calls.places.taken == 0

    town.drive(main)
