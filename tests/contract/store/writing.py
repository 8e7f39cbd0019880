"""Every verb of the store that writes, in cases: what must be there before, and the call (P10)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from inngest.engine.domain import erasing, subscriptions
from inngest.engine.domain.effects import Effects
from inngest.engine.domain.erasing import AuditEntry, Part
from inngest.engine.domain.model import (
    Changes,
    Code,
    Hold,
    Released,
    SubscriptionKind,
    Wait,
)
from inngest.engine.domain.run_metadata import Op as OfMetadata
from inngest.engine.domain.run_metadata import Update
from inngest.engine.domain.waiting_facts import Handler
from inngest.engine.ports import Store
from inngest.engine.records import Cancellation, Checkpoint, Claimed, Commit, EventCursor, Fork, Requested, Written
from inngest.protocol.calls import Sign
from inngest.protocol.opcodes import Memo, Op, Opcode, OpenStep, OpTarget
from tests.contract.store import values
from tests.contract.store.test_apps import SHOP, served
from tests.contract.store.test_endpoints import APP, beginning, begun
from tests.contract.store.test_requests import answer, asked, claims_of, find
from tests.contract.store.test_waits import PAID, woken
from tests.contract.store.values import NOW, accept, acceptance, begin, event, function, owner, step

LATER = NOW + 60_000
LIMITED = function("limited", "limited", config='{"concurrency":[{"limit":5}]}')
TIMED = function("timed", "timed", config='{"debounce":{"period":"10s"}}')

KEYED = function("keyed", "keyed", config='{"idempotency":"event.data.k"}')
OF_MANY = Cancellation("C1", "app", "app-a", None, LATER, None, LATER)

Act = Callable[[], Awaitable[object]]
Verb = Callable[[Store], Awaitable[Act]]


async def claims(store: Store) -> Act:
    await accept(store, event("go"), event("go"))
    return lambda: store.claim(owner(), 10, ["app-a"], NOW, alone=True)


async def accepts_and_begins(store: Store) -> Act:
    given = acceptance(event("go"), claim=[owner()])
    return lambda: store.accept(given)


async def accepts_what_is_limited(store: Store) -> Act:
    given = acceptance(*(event("limited") for _ in range(3)), claim=[owner()], functions=frozenset({"app-limited"}))
    return lambda: store.accept(given)


async def takes_slots(store: Store) -> Act:
    given = acceptance(event("limited"), claim=[owner()], functions=frozenset({"app-limited"}))
    ((start, owned),) = (await store.accept(given)).started
    assert owned is not None
    assert start.run.lane is not None
    return lambda: store.extra_slots(owned, start.run.lane or "", 2, NOW)


async def wakes(store: Store) -> Act:
    """A wait's time runs out as what it waits for comes: what came counts."""
    claimed = await begin(store)
    run_id = claimed.run.id
    open_step = OpenStep(PAID, Opcode.WAIT_FOR_EVENT, 0, LATER, NOW)
    watch = subscriptions.bound(run_id, PAID.hash, SubscriptionKind.STEP, "paid", None, {}, LATER)
    assert watch is not None
    opened = Changes(0, open=[open_step], waits=[Wait(open_step, OpTarget("paid", None))])
    await store.commit(commit_of(claimed, opened)._replace(waiting=True, subscriptions=[watch]))
    assert await woken(store, {"amount": 1}) == {run_id}
    memo = Memo(PAID, Opcode.WAIT_FOR_EVENT, 0, "null", None, NOW, 0, NOW)
    return lambda: store.commit(commit_of(claimed, values.record(memo))._replace(waiting=True))


async def opens_a_step_and_sends(store: Store) -> Act:
    claimed = await begin(store)
    sent = [event("both")]
    changes = values.record(values.memo("x", 0), open_steps=[values.open_step("y")])
    commit = commit_of(claimed, changes)._replace(effects=Effects(sent))
    return lambda: store.commit(commit)


async def ends(store: Store) -> Act:
    claimed = await begin(store)
    return lambda: store.commit(commit_of(claimed, values.end()))


async def records_alone(store: Store) -> Act:
    claimed = await begin(store)
    return lambda: store.commit(commit_of(claimed, values.record(values.memo("x", 0))))


async def runs_again(store: Store) -> Act:
    claimed = await begin(store)
    await values.commit(store, claimed, values.record(values.memo("x", 0), values.memo("y", 1)))
    fork = Fork(claimed.run.id, values.new_id(NOW), values.new_id(NOW), "y", None, NOW)
    return lambda: store.fork(fork)


async def cancels(store: Store) -> Act:
    claimed = await begin(store)
    return lambda: store.cancel([claimed.run.id], "for a reason", NOW)


async def signals(store: Store) -> Act:
    claimed = await begin(store)
    open_step = OpenStep(step("s"), Opcode.WAIT_FOR_SIGNAL, 0, LATER, NOW)
    wait = Wait(open_step, OpTarget("door", None))
    watch = subscriptions.of_step(claimed.run.id, wait, claimed.events)
    assert watch is not None
    opened = Changes(0, open=[open_step], waits=[wait])
    await store.commit(commit_of(claimed, opened)._replace(waiting=True, subscriptions=[watch]))
    return lambda: store.signal("door", "1", NOW)


async def fires(store: Store) -> Act:
    await accept(store, event("timed"))
    return lambda: store.fire(NOW + 10_000)


async def claims_requests(store: Store) -> Act:
    await asked(store)
    due = await find(store, now=NOW)
    return lambda: store.claim_requests("worker", due.keys, NOW)


async def answers_a_request(store: Store) -> Act:
    claimed = await asked(store)
    await claims_of(store, now=NOW)
    return lambda: store.answer_request(answer(claimed))


async def begins_a_session(store: Store) -> Act:
    return lambda: store.begin_session(values.session("another"))


async def ends_a_session(store: Store) -> Act:
    await begin(store)
    return lambda: store.end_session("worker", NOW, died=True)


async def registers(store: Store) -> Act:
    return lambda: store.register([function("new", "new")], replace_app=None, now=NOW)


async def pauses(store: Store) -> Act:
    await accept(store, event("go"))
    return lambda: store.pause("app-a", "queue", NOW)


async def resumes(store: Store) -> Act:
    await store.pause("app-a", "queue", NOW)
    await accept(store, event("go"))
    return lambda: store.resume("app-a", NOW)


async def removes(store: Store) -> Act:
    claimed = await begin(store)
    await store.commit(commit_of(claimed, values.end()))
    return lambda: store.remove_runs(NOW + 1)


async def registers_an_app(store: Store) -> Act:
    return lambda: store.register_app(SHOP, [served("pay", "paid"), served("send", "paid")], NOW)


async def notes_that_an_app_did_not_register(store: Store) -> Act:
    await store.register_app(SHOP, [served("pay", "paid")], NOW)
    return lambda: store.note_sync_error(SHOP._replace(error="why"), NOW)


async def archives_an_app(store: Store) -> Act:
    await store.register_app(SHOP, [served("pay", "paid")], NOW)
    return lambda: store.archive_app("shop", NOW)


async def notes_that_an_app_is_away(store: Store) -> Act:
    return lambda: store.app_is_away("shop", "it is off", NOW)


async def notes_that_an_app_is_back(store: Store) -> Act:
    await store.app_is_away("shop", "it is off", NOW)
    return lambda: store.app_is_back("shop", NOW)


async def has_a_run_claimed(store: Store) -> Act:
    run_id = await asleep(store)
    return lambda: store.go_on([run_id], NOW)


async def tries_runs_again(store: Store) -> Act:
    run_id = await asleep(store, attempt=1)
    return lambda: store.retry_all([run_id], NOW)


async def tries_a_run_again(store: Store) -> Act:
    run_id = await asleep(store, attempt=1)
    return lambda: store.retry_now(run_id, NOW)


async def releases(store: Store) -> Act:
    claimed = await begin(store)
    hold = Hold(Sign.CALLED, "a", "b", "", 1, NOW, NOW)
    changes = Changes(0, transition=Released(LATER, hold), code=Code(hold=hold, holds=1))
    await store.commit(commit_of(claimed, changes))
    return lambda: store.release(claimed.run.id, NOW)


async def saves_a_checkpoint(store: Store) -> Act:
    claimed = await begin(store)
    ops = [Op(Opcode.STEP_RUN, step("x"), data="1")]
    return lambda: store.checkpoint(Checkpoint(claimed.run.id, claimed.run.discovery.generation, ops, NOW))


async def adds_an_endpoint(store: Store) -> Act:
    return lambda: store.add_endpoint(APP, begun(), NOW)


async def begins_in_a_request(store: Store) -> Act:
    await store.add_endpoint(APP, begun(), NOW)
    begins = beginning("run-of-a-request")
    return lambda: store.request(Requested(begins.run.id, [Op(Opcode.STEP_RUN, step("x"), data="1")], NOW, 0.5, begins))


async def asks_who_lives(store: Store) -> Act:
    return store.sessions


async def tells_of_handlers(store: Store) -> Act:
    return lambda: store.tell_handlers("worker", [Handler("run", "x", 0, NOW)])


async def keeps_the_time(store: Store) -> Act:
    return lambda: store.keep_time(LATER, anew=True)


async def puts_a_parcel(store: Store) -> Act:
    sent = [event("go"), event("both")]
    return lambda: store.put_parcel(sent, NOW)


async def gives_slots_back(store: Store) -> Act:
    given = acceptance(event("limited"), claim=[owner()], functions=frozenset({"app-limited"}))
    ((start, owned),) = (await store.accept(given)).started
    assert owned is not None
    await store.cancel([start.run.id], "enough", NOW)
    return lambda: store.free_slots(owned, 0, NOW)


async def puts_aside(store: Store) -> Act:
    """What users wrote in transactions of theirs is gone meanwhile: another worker has accepted it."""
    return lambda: store.put_aside("row", "not now")


async def puts_a_timer_off(store: Store) -> Act:
    await accept(store, event("timed"))
    (timer,) = await store.due_timers(NOW + 10_000)
    return lambda: store.put_timer_off(timer, "not now", NOW + 10_000)


async def puts_a_run_off(store: Store) -> Act:
    claimed = await begin(store)
    return lambda: store.put_run_off(claimed.owner, "not now", NOW, taken_at=NOW, alone=False)


async def begins_a_cancellation(store: Store) -> Act:
    await accept(store, event("go"))
    return lambda: store.begin_cancellation(OF_MANY)


async def goes_on_with_a_cancellation(store: Store) -> Act:
    await accept(store, event("go"))
    await store.begin_cancellation(OF_MANY)
    return lambda: store.go_on_with_cancellation(OF_MANY.id, LATER)


async def deletes_a_cancellation(store: Store) -> Act:
    await store.begin_cancellation(OF_MANY)
    return lambda: store.delete_cancellation(OF_MANY.id, LATER)


async def says_something_about_a_run(store: Store) -> Act:
    claimed = await begin(store)
    return lambda: store.annotate(claimed.run.id, [Update(None, None, "note", OfMetadata.ADD, {"n": 1})], NOW)


async def asks_since_when_it_removes(store: Store) -> Act:
    return lambda: store.retention_since(NOW)


async def erases(store: Store) -> Act:
    claimed = await begin(store)
    await store.commit(commit_of(claimed, values.record(values.memo("x", 0), values.memo("y", 1))))
    await store.commit(commit_of(claimed, values.end()))
    entry = AuditEntry("audit-1", NOW, "me", erasing.ACTION, "event.data.user", None)
    return lambda: store.erase(Part(NOW, NOW, entry, runs=(claimed.run.id,)))


async def removes_events(store: Store) -> Act:
    await accept(store, event("nobody"))
    return lambda: store.remove_events(EventCursor(0, ""), NOW + 1)


async def removes_keys(store: Store) -> Act:
    await accept(store, event("keyed", data='{"k":1}'))
    return lambda: store.remove_keys(NOW + 25 * 3_600_000)


async def records_here(store: Store) -> Act:
    claimed = await begin(store)
    memo = values.memo("x", 0)

    async def record() -> object:
        """As the owner of a run does it."""
        if store.record_here(claimed.owner, memo):
            return Written.DONE
        return (await store.commit(commit_of(claimed, values.record(memo)))).written

    return record


async def asleep(store: Store, *, attempt: int = 0) -> str:
    """A run that nobody owns until later; its id."""
    claimed = await begin(store)
    await store.commit(commit_of(claimed, values.release(LATER, attempt=attempt)))
    return claimed.run.id


CASES: Mapping[str, Sequence[Verb]] = {
    "accept": [accepts_and_begins, accepts_what_is_limited],
    "add_endpoint": [adds_an_endpoint],
    "annotate": [says_something_about_a_run],
    "answer_request": [answers_a_request],
    "app_is_away": [notes_that_an_app_is_away],
    "app_is_back": [notes_that_an_app_is_back],
    "archive_app": [archives_an_app],
    "begin_cancellation": [begins_a_cancellation],
    "begin_session": [begins_a_session],
    "cancel": [cancels],
    "checkpoint": [saves_a_checkpoint],
    "claim": [claims],
    "claim_requests": [claims_requests],
    "commit": [wakes, opens_a_step_and_sends, ends, records_alone],
    "delete_cancellation": [deletes_a_cancellation],
    "end_session": [ends_a_session],
    "erase": [erases],
    "extra_slots": [takes_slots],
    "fire": [fires],
    "fork": [runs_again],
    "free_slots": [gives_slots_back],
    "go_on": [has_a_run_claimed],
    "go_on_with_cancellation": [goes_on_with_a_cancellation],
    "keep_time": [keeps_the_time],
    "note_sync_error": [notes_that_an_app_did_not_register],
    "pause": [pauses],
    "put_aside": [puts_aside],
    "put_parcel": [puts_a_parcel],
    "put_run_off": [puts_a_run_off],
    "put_timer_off": [puts_a_timer_off],
    "record_here": [records_here],
    "register": [registers],
    "register_app": [registers_an_app],
    "release": [releases],
    "remove_events": [removes_events],
    "remove_keys": [removes_keys],
    "remove_runs": [removes],
    "request": [begins_in_a_request],
    "resume": [resumes],
    "retention_since": [asks_since_when_it_removes],
    "retry_all": [tries_runs_again],
    "retry_now": [tries_a_run_again],
    "sessions": [asks_who_lives],
    "signal": [signals],
    "tell_handlers": [tells_of_handlers],
}
"""By the names of the verbs."""

VERBS = [case for cases in CASES.values() for case in cases]
"""All of them."""

CHANGE_NOTHING = [asks_who_lives, asks_since_when_it_removes, puts_aside]
"""Those that find everything as it should be."""


def commit_of(claimed: Claimed, changes: Changes) -> Commit:
    """What an owner decided."""
    return Commit(claimed.owner, claimed.run.function_id, changes, NOW, lane=claimed.run.lane)


async def opened(store: Store) -> None:
    """Open a store, with a worker and functions."""
    await store.open(NOW)
    functions = [function("a", "go"), function("b", "both"), function("c", "both", app="c"), LIMITED, TIMED, KEYED]
    await store.register(functions, replace_app=None, now=NOW)
    await store.begin_session(values.session())
