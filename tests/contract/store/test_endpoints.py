"""Runs of endpoints: begun and gone on with by apps, owned by nobody, and claimed when their apps are silent."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

import pytest

from inngest.engine.domain import endpoints
from inngest.engine.domain.endpoints import RESTS, SILENCE, TooManyEndpointsError
from inngest.engine.domain.explaining import Rule, explain
from inngest.engine.domain.hosts import Hosts
from inngest.engine.domain.model import App, Ended, Event, FunctionSpec, Run, RunStatus, Transport
from inngest.engine.ports import Store
from inngest.engine.records import Beginning, Circle, Claimed, InRequest, Requested, RunView, Session
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Op, Opcode, OpTarget
from inngest.protocol.requests import Request, Secrets
from inngest.protocol.wire.endpoints import EVENT, Begun, HttpCause
from inngest.protocol.wire.operations import COMPLETE
from tests.contract.store import values
from tests.contract.store.values import NOW, owner, step

DATA = '{"method":"GET","domain":"http://shop.test","path":"/x"}'
FUNCTION = "shop.test-get-x"
APP = App("shop.test", "uuid", "http://shop.test", "api", "js:v4.24.0")
END = Op(Opcode.RUN_COMPLETE, COMPLETE, data='{"ok":true}')
NAP = Op(Opcode.SLEEP, step("nap"), Opcode.SLEEP, duration=60_000)
FAILS = Op(Opcode.STEP_ERROR, step("b"), error=ErrorInfo("Error", "no"), retry_after=20_000)
_numbers = itertools.count(1)


def begun(fn: str = "", domain: str = "http://shop.test", retries: int = 3) -> Begun:
    return Begun("", HttpCause("GET", domain, "/x", "", "", "", fn), DATA, [], 2, retries)


def ran(step_id: str, data: str = "1") -> Op:
    return Op(Opcode.STEP_RUN, step(step_id), data=data)


async def function(store: Store) -> FunctionSpec:
    found = await store.add_endpoint(APP, begun(), NOW)
    assert found is not None
    return found


def beginning(run_id: str = "", data: str = DATA, retries: int = 3) -> Beginning:
    run_id = run_id or f"run-{next(_numbers)}"
    event = Event(values.new_id(NOW), EVENT, data, NOW, "", NOW)
    discovery = endpoints.first_discovery(2)
    run = Run(run_id, FUNCTION, "v", event.id, RunStatus.RUNNING, NOW, retries, started_at=NOW, discovery=discovery)
    return Beginning(run, event)


async def begin(store: Store, *ops: Op, begins: Beginning | None = None) -> InRequest:
    await function(store)
    begins = beginning() if begins is None else begins
    written = await store.request(Requested(begins.run.id, ops, NOW, 0.5, begins))
    assert written is not None
    return written


async def go_on(store: Store, begun: InRequest, *ops: Op, now: int = NOW + 10) -> InRequest | None:
    return await store.request(Requested(begun.run.id, ops, now))


async def read(store: Store, written: InRequest) -> RunView:
    view = await store.run(written.run.id)
    assert view is not None
    return view


async def claim(store: Store, now: int) -> Sequence[Claimed]:
    return (await store.claim(owner(), 10, [FUNCTION], now, alone=True)).runs


async def due(store: Store, written: InRequest) -> list[int]:
    return [job.due_at for job in await store.jobs(written.run.id)]


# -- functions


async def test_an_endpoint_is_known_from_its_first_request_on(store: Store, other: Store) -> None:
    made = await function(store)
    assert (made.id, made.transport, made.url) == (FUNCTION, Transport.API, "http://shop.test")
    registry = await other.functions(-1)
    assert registry is not None
    assert registry.functions[FUNCTION] == made
    (app,) = await other.apps()
    assert (app.name, app.method, app.sdk, app.error) == ("shop.test", "api", "js:v4.24.0", None)


async def test_nothing_is_written_of_an_endpoint_that_is_known(store: Store) -> None:
    await function(store)
    before = await store.functions(-1)
    await function(store)
    assert before is not None
    assert await store.functions(before.generation) is None
    changed = await store.add_endpoint(APP, begun(retries=1), NOW)
    assert changed is not None
    assert changed.retries == 1
    assert await store.functions(before.generation) is not None


async def test_it_takes_no_function_from_others(store: Store) -> None:
    await store.register([values.function("order", "go", app="shop.test")], replace_app=None, now=NOW)
    assert await store.add_endpoint(APP, begun(fn="order"), NOW) is None
    registry = await store.functions(-1)
    assert registry is not None
    assert registry.functions["shop.test-order"].transport is Transport.LOCAL


async def test_an_app_that_registers_leaves_the_endpoints_at_its_name(store: Store) -> None:
    made = await function(store)
    await store.register_app(APP._replace(method="serve", checksum="c"), [], NOW)
    registry = await store.functions(-1)
    assert registry is not None
    assert made.id in registry.functions
    await store.archive_app("shop.test", NOW)
    registry = await store.functions(-1)
    assert registry is not None
    assert made.id in registry.archived
    await function(store)  # it is asked again
    registry = await store.functions(-1)
    assert registry is not None
    assert made.id in registry.functions


async def known_hosts(store: Store) -> tuple[list[str], list[str]]:
    """The hosts that have endpoints, and the apps."""
    registry = await store.functions(-1)
    assert registry is not None
    found = [one.app_id for one in registry.functions.values() if one.transport is Transport.API]
    return sorted(found), [app.name for app in await store.apps()]


async def ask(store: Store, host: str, now: int) -> FunctionSpec | None:
    """A request has come to a host."""
    domain = f"http://{host}"
    return await store.add_endpoint(App(host, host, domain, "api", "js:v4.24.0"), begun(domain=domain), now)


async def test_one_that_rests_gives_its_place_to_another(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "ENDPOINTS", 2)
    await ask(store, "a.test", NOW)
    await ask(store, "b.test", NOW + 1)
    await ask(store, "a.test", NOW + 2)  # it is used
    with pytest.raises(TooManyEndpointsError):
        await ask(store, "c.test", NOW + RESTS)
    assert await ask(store, "c.test", NOW + RESTS + 1) is not None
    assert await known_hosts(store) == (["a.test", "c.test"], ["a.test", "c.test"])


async def test_one_with_runs_under_way_or_paused_does_not_rest(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "ENDPOINTS", 1)
    written = await begin(store)
    with pytest.raises(TooManyEndpointsError):
        await ask(store, "c.test", NOW + RESTS)
    await claim(store, NOW + SILENCE)
    with pytest.raises(TooManyEndpointsError):
        await ask(store, "c.test", NOW + SILENCE + RESTS)
    await store.cancel([written.run.id], "by hand", NOW + SILENCE)
    await store.pause(FUNCTION, "queue", NOW)
    with pytest.raises(TooManyEndpointsError):
        await ask(store, "c.test", NOW + SILENCE + RESTS)
    await store.resume(FUNCTION, NOW)
    assert await ask(store, "c.test", NOW + SILENCE + RESTS) is not None
    assert await known_hosts(store) == (["c.test"], ["c.test"])
    assert (await read(store, written)).run.function_id == FUNCTION


# -- in its request


async def test_a_run_begins_with_what_has_happened_of_it(store: Store) -> None:
    written = await begin(store, ran("a", '{"n":1}'))
    assert written.new
    view = await read(store, written)
    assert (view.run.status, view.worker, view.run.started_at) == (RunStatus.RUNNING, None, NOW)
    assert (view.run.discovery.generation, view.run.discovery.version, view.run.discovery.owed) == (0, 2, False)
    assert (view.event.name, view.event.data) == (EVENT, DATA)
    assert [(memo.step.id, memo.data) for memo in view.memos] == [("a", '{"n":1}')]


async def test_each_report_puts_off_when_it_is_taken_from_its_app(store: Store) -> None:
    written = await begin(store)
    assert written.due_at == NOW + SILENCE
    later = await go_on(store, written, ran("a"))
    assert later is not None
    assert not later.new
    assert await due(store, written) == [later.due_at] == [NOW + 10 + SILENCE]
    assert not await claim(store, NOW + SILENCE)


async def test_a_run_that_begins_again_is_the_same(store: Store, other: Store) -> None:
    begins = beginning()
    await begin(store, ran("a"), begins=begins)
    event = begins.event._replace(id=values.new_id(NOW))
    again = await begin(other, ran("a"), begins=Beginning(begins.run._replace(event_id=event.id), event))
    assert not again.new
    assert again.run.event_id == begins.event.id
    assert await store.event(event.id) is None
    assert len((await read(store, again)).memos) == 1


async def test_another_run_of_the_same_id_does_not_begin(store: Store) -> None:
    written = await begin(store)
    other = beginning(written.run.id, '{"method":"POST"}')
    assert await store.request(Requested(other.run.id, [], NOW, 0.5, other)) is None
    assert await store.event(other.event.id) is None


async def test_it_ends_in_its_request(store: Store) -> None:
    heard = values.hear(store)
    written = await begin(store, ran("a"))
    ended = await go_on(store, written, ran("b"), END)
    assert ended is not None
    assert isinstance(ended.changes.transition, Ended)
    view = await read(store, written)
    assert (view.run.status, view.run.output, view.run.ended_at) == (RunStatus.COMPLETED, '{"ok":true}', NOW + 10)
    assert await due(store, written) == []
    assert not heard.take().cancelled
    assert await go_on(store, written, END) is not None  # its answer was lost
    assert await go_on(store, written, ran("c")) is None


async def test_it_may_end_as_it_begins(store: Store) -> None:
    written = await begin(store, END)
    assert (await read(store, written)).run.status is RunStatus.COMPLETED
    assert await due(store, written) == []


async def test_a_cancelled_run_takes_no_more(store: Store) -> None:
    written = await begin(store, ran("a"))
    await store.cancel([written.run.id], "why", NOW)
    assert await go_on(store, written, ran("b")) is None
    assert await go_on(store, written, END) is None
    assert [memo.step.id for memo in (await read(store, written)).memos] == ["a"]


async def test_nobody_goes_on_with_a_run_that_is_not_there(store: Store) -> None:
    assert await store.request(Requested("nobody", [ran("a")], NOW)) is None


async def test_only_runs_of_endpoints_are_in_a_request(store: Store) -> None:
    claimed = await values.begin(store)
    assert await store.request(Requested(claimed.run.id, [ran("a")], NOW)) is None
    await values.commit(store, claimed, values.release(NOW))
    assert await store.request(Requested(claimed.run.id, [ran("a")], NOW)) is None


# -- it leaves its request


async def test_a_silent_one_is_taken_from_its_app(store: Store) -> None:
    written = await begin(store, ran("a"))
    (claimed,) = await claim(store, NOW + SILENCE)
    assert claimed.run.discovery.generation == 1
    assert [memo.step.id for memo in claimed.memos] == ["a"]
    assert await go_on(store, written, ran("b"), now=NOW + SILENCE) is None  # too late
    assert await go_on(store, written, ran("a"), now=NOW + SILENCE) is not None  # that is recorded
    assert len((await read(store, written)).memos) == 1


async def test_it_is_taken_at_once_if_somebody_asks_for_it(store: Store) -> None:
    await begin(store)
    written = await begin(store, ran("a"))
    assert (await store.retry_now(written.run.id, NOW)).anything
    assert [claimed.run.id for claimed in await claim(store, NOW)] == [written.run.id]


@pytest.mark.parametrize(("op", "later"), [(NAP, 60_000), (FAILS, 20_000), (Op(Opcode.STEP_PLANNED, step("p")), 0)])
async def test_it_leaves_its_request_when_that_cannot_end_at_once(store: Store, op: Op, later: int) -> None:
    written = await begin(store, ran("a"))
    left = await go_on(store, written, op)
    assert left is not None
    assert left.due_at == NOW + 10 + later
    assert await go_on(store, written, op) is not None  # its answer was lost
    assert await go_on(store, written, ran("z")) is None
    assert not await claim(store, NOW + 9 + later)
    (claimed,) = await claim(store, NOW + 10 + later)
    assert claimed.run.id == written.run.id
    assert await go_on(store, written, op) is not None


async def test_a_failed_attempt_is_kept_with_what_it_counts_for(store: Store) -> None:
    written = await begin(store, FAILS)
    view = await read(store, written)
    assert view.run.attempt == 1
    assert [(one.step, one.attempt, one.error.message) for one in view.failed] == [(step("b").hash, 0, "no")]


async def test_a_step_that_waits_hears_what_comes_from_then_on(store: Store) -> None:
    target = OpTarget("answer")
    wait = Op(Opcode.WAIT_FOR_EVENT, step("w"), Opcode.WAIT_FOR_EVENT, target=target, duration=3_600_000)
    written = await begin(store, wait)
    await values.accept(store, values.event("answer", now=NOW + 20))
    (claimed,) = await claim(store, NOW + 20)
    assert (claimed.run.id, [one.hash for one in claimed.arrivals]) == (written.run.id, [step("w").hash])


async def test_a_request_whose_credentials_nobody_keeps_has_the_code_asked_again(store: Store) -> None:
    request = Request("http://x.test/", "GET", {}).to_json()
    ops = [
        Op(
            Opcode.GATEWAY,
            step(f"g{number}"),
            Opcode.GATEWAY,
            target=OpTarget("GET http://x.test/", data=request, secrets=secrets),
        )
        for number, secrets in enumerate((None, Secrets({"authorization": "x"})))
    ]
    written = await begin(store, *ops)
    assert written.due_at == NOW
    found = await store.due_requests("worker", Hosts(50, {}), NOW + 1, Circle())
    assert [key.hash for key in found.keys] == [step("g0").hash]


async def test_the_end_of_a_run_is_told_as_that_of_any_other(store: Store) -> None:
    await store.register([values.function("seen", "inngest/function.finished")], replace_app=None, now=NOW)
    written = await begin(store, END)
    (run,) = await store.runs(event_id=None, function_id="app-seen", status=None, limit=10, before=None)
    event = await store.event(run.event_id)
    assert event is not None
    assert json.loads(event.data)["run_id"] == written.run.id


# -- for people


async def test_it_is_told_that_its_app_has_it(store: Store) -> None:
    written = await begin(store, ran("a"))
    await store.begin_session(Session("caller", NOW, "host", 1, ["*"]))
    facts = await store.facts(written.run.id, NOW)
    assert facts is not None
    (reason,) = explain(facts, NOW)
    assert (reason.rule, reason.until) == (Rule.ANSWERING, NOW + SILENCE)
    assert 'Its app answers the request itself, and recorded step "a" last' in reason.text
    await go_on(store, written, NAP)
    facts = await store.facts(written.run.id, NOW)
    assert facts is not None
    assert [one.rule for one in explain(facts, NOW)] == [Rule.SLEEPING]


async def test_an_app_that_was_archived_is_there_again_with_its_next_request(store: Store) -> None:
    await function(store)
    await store.archive_app(APP.name, NOW)
    await function(store)
    assert [app.archived_at for app in await store.apps()] == [None]
