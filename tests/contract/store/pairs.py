"""Pairs of verbs that race: what they race about, the verbs, and what must not be then, whoever was first."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Iterator
from typing import Any

from inngest.engine.domain import subscriptions
from inngest.engine.domain.model import Changes, Code, Event, FunctionSpec, Hold, Released, SubscriptionKind, Wait
from inngest.engine.records import Accepted, Checkpoint, Claimed, Claims, Commit, Receipt, Written
from inngest.engine.store import claiming
from inngest.engine.store.sql import SqlStore
from inngest.protocol.calls import Sign
from inngest.protocol.opcodes import Memo, Op, Opcode, OpenStep, OpTarget
from tests.contract.store import values
from tests.contract.store.interleaving import Pair, Told, Town
from tests.contract.store.values import NOW, event, function, owner

PAID = values.step("paid")
LATER = NOW + 100_000
MINUTE = 60_000
ALL = sorted(values.FUNCTIONS)


# -- what they race about


def nothing(_: Town) -> None:
    """Two workers, three functions."""


def begun(town: Town) -> Claimed:
    """A run that `worker` owns."""
    claimed: Claimed = town.setter.do(values.begin)
    return claimed


def accepted(town: Town, one: Event) -> None:
    """An event has come."""
    town.setter.do(lambda store: values.accept(store, one))


def queued(town: Town) -> str:
    """A run that nobody owns; its id."""
    accepted(town, event())
    ((run_id,),) = town.rows("SELECT id FROM inngest_runs")
    return str(run_id)


def waits(town: Town) -> Claimed:
    """A run that `worker` owns, and that waits for `paid`."""
    claimed = begun(town)
    town.setter.do(lambda store: open_wait(store, claimed))
    return claimed


def registered(town: Town, *functions: FunctionSpec) -> None:
    """These functions are configured so."""
    town.setter.do(lambda store: store.register(functions, replace_app=None, now=NOW))


def limited(name: str, on: str, **config: object) -> FunctionSpec:
    """A function with limits."""
    return function(name, on, config=json.dumps(config))


SHARED = [{"limit": 1, "key": '"x"', "scope": "env"}]


def in_lane(town: Town, runs: int, *, taken: int = 0) -> list[Claimed]:
    """So many runs behind a limit of one, of which some are taken."""
    registered(town, limited("a", "go", concurrency=1))
    for _ in range(runs):
        accepted(town, event())
    return [town.setter.do(values.claim_one) for _ in range(taken)]


def two_lanes(town: Town) -> None:
    """Two functions with a run each, that share a limit of one."""
    registered(town, limited("a", "go", concurrency=SHARED), limited("b", "both", concurrency=SHARED))
    accepted(town, event("go"))
    accepted(town, event("both"))


def due_later(town: Town) -> Claimed:
    """A run that owns the only slot, and one of another function that waits for its time."""
    registered(town, limited("a", "go", concurrency=SHARED), limited("b", "both", concurrency=SHARED))
    accepted(town, event("both", ts=NOW + MINUTE - 1))
    accepted(town, event("go"))
    claimed: Claimed = town.setter.do(values.claim_one)
    return claimed


def throttled(town: Town) -> None:
    """Two lanes of a function, of which a throttle lets one run begin in a while."""
    keyed = [{"limit": 5, "key": "event.data.k"}]
    registered(town, limited("a", "go", concurrency=keyed, throttle={"limit": 1, "period": "60s"}))
    for k in (1, 2):
        accepted(town, event(data=json.dumps({"k": k})))


def gated(**config: object) -> Any:
    """A function with gates, and two events for it."""

    def setup(town: Town) -> list[Any]:
        registered(town, limited("a", "go", **config))
        return [event(), event()]

    return setup


def collected(**config: object) -> Any:
    """The same; the first event was accepted."""

    def setup(town: Town) -> list[Any]:
        registered(town, limited("a", "go", **config))
        both = [event(), event(now=NOW + MINUTE)]
        accepted(town, both[0])
        return both

    return setup


def held(town: Town) -> None:
    """A run that `worker` has put on hold for long: others that have started since may enter it at once."""
    hold = Hold(Sign.CALLED, "a", "b", "", 1, NOW, NOW)
    changes = Changes(0, transition=Released(LATER, hold), code=Code(hold=hold, holds=1))
    claimed = begun(town)
    town.setter.do(lambda store: values.commit(store, claimed, changes))


def held_in_lane(town: Town) -> str:
    """A run that may be entered on hold, and one that has the only slot; the id of the first."""
    (claimed,) = in_lane(town, 2, taken=1)
    hold = Hold(Sign.CALLED, "a", "b", "", 1, NOW, NOW)
    changes = Changes(0, transition=Released(NOW, hold), code=Code(hold=hold, holds=1))
    town.setter.do(lambda store: values.commit(store, claimed, changes))
    town.setter.do(values.claim_one)
    return claimed.run.id


def suspect(town: Town) -> None:
    """A run that nobody owns, and that must be tried alone."""
    queued(town)
    town.rows("UPDATE inngest_jobs SET queue_class = 1 RETURNING id")


# -- verbs


async def open_wait(
    store: SqlStore, claimed: Claimed, *, since: int | None = None, transition: Released | None = None
) -> Receipt:
    """The run begins to wait for `paid`."""
    opened = OpenStep(PAID, Opcode.WAIT_FOR_EVENT, 0, LATER, NOW)
    found = subscriptions.bound(claimed.run.id, PAID.hash, SubscriptionKind.STEP, "paid", None, {"data": {}}, LATER)
    assert found is not None
    found = found._replace(since=since)
    changes = Changes(0, open=[opened], waits=[Wait(opened, OpTarget("paid", None))], transition=transition)
    function_id = claimed.run.function_id
    lane = claimed.run.lane
    commit = Commit(claimed.owner, function_id, changes, NOW, waiting=True, subscriptions=[found], lane=lane)
    receipt: Receipt = await store.commit(commit)
    return receipt


async def time_out(store: SqlStore, claimed: Claimed) -> Receipt:
    """The step of a run has waited in vain."""
    memo = Memo(PAID, Opcode.WAIT_FOR_EVENT, 0, "null", None, NOW, 0, NOW)
    run, changes = claimed.run, Changes(0, memos=[memo])
    commit = Commit(claimed.owner, run.function_id, changes, NOW, waiting=True, lane=run.lane)
    receipt: Receipt = await store.commit(commit)
    return receipt


async def let_go(store: SqlStore, claimed: Claimed) -> Receipt:
    """The owner of a run lets it go until much later."""
    changes = Changes(0, transition=Released(LATER))
    run = claimed.run
    commit = Commit(claimed.owner, run.function_id, changes, NOW, waiting=True, lane=run.lane)
    receipt: Receipt = await store.commit(commit)
    return receipt


def pays(store: SqlStore, _: object) -> Awaitable[Accepted]:
    """The event comes that a run waits for."""
    return store.accept(values.acceptance(event("paid")))


def goes(store: SqlStore, _: object) -> Awaitable[Accepted]:
    """Another event comes."""
    return store.accept(values.acceptance(event()))


def first(store: SqlStore, both: Any) -> Awaitable[Accepted]:
    """The first of two events comes."""
    return store.accept(values.acceptance(both[0]))


def second(store: SqlStore, both: Any) -> Awaitable[Accepted]:
    """The second of two events comes."""
    return store.accept(values.acceptance(both[1], now=both[1].received_at))


def same(store: SqlStore, one: Any) -> Awaitable[Accepted]:
    """An event comes."""
    return store.accept(values.acceptance(one))


def claims(session: str, now: int = NOW) -> Any:
    """A worker claims what there is."""

    def verb(store: SqlStore, _: object) -> Awaitable[Claims]:
        return store.claim(owner(session), 5, ALL, now, alone=True)

    return verb


def probes(session: str, *, alone: bool = True) -> Any:
    """A worker claims what there is, and what is on hold."""

    def verb(store: SqlStore, _: object) -> Awaitable[Claims]:
        return store.claim(owner(session), 5, ALL, NOW, alone=alone, probes=5)

    return verb


def releases(store: SqlStore, run_id: str) -> Awaitable[bool]:
    """A run on hold is to follow the code there is."""
    return store.release(run_id, NOW)


def begins(session: str) -> Any:
    """A worker accepts an event, and begins its run at once."""

    def verb(store: SqlStore, _: object) -> Awaitable[Accepted]:
        return store.accept(values.acceptance(event(), claim=[owner(session)]))

    return verb


def ends(store: SqlStore, about: Any) -> Awaitable[Written]:
    """A run ends."""
    return values.commit(store, about[0] if isinstance(about, list) else about, values.end())


def cancels(store: SqlStore, about: Any) -> Awaitable[Any]:
    """A run is cancelled."""
    return store.cancel([about.run.id if isinstance(about, Claimed) else about], "no more", NOW)


def records(*steps: str) -> Any:
    """A run's steps are recorded."""

    def verb(store: SqlStore, claimed: Claimed) -> Awaitable[Written]:
        memos = [values.memo(name, number) for number, name in enumerate(steps)]
        return values.commit(store, claimed, values.record(*memos))

    return verb


def saves(store: SqlStore, claimed: Claimed) -> Awaitable[bool]:
    """What the code of a run did comes to another worker than its owner."""
    ops = [Op(Opcode.STEP_RUN, values.step("saved"), data="1")]
    return store.checkpoint(Checkpoint(claimed.run.id, claimed.run.discovery.generation, ops, NOW))


async def takes_over(store: SqlStore, _: object) -> Claims:
    """A worker is declared dead, and another claims its runs."""
    await store.end_session("worker", NOW, died=True)
    return await store.claim(owner("other"), 1, ALL, NOW, alone=True)


def fires(store: SqlStore, _: object) -> Awaitable[Any]:
    """What is collected is over."""
    return store.fire(NOW + MINUTE)


# -- what must not be


def knows_all(town: Town, claimed: Claimed, told: Told) -> Iterator[str]:
    """Who takes a run over knows all that is recorded."""
    steps = town.rows("SELECT hash FROM inngest_steps WHERE seq IS NOT NULL")
    if isinstance(told.b, Claims) and told.b.runs and len(told.b.runs[0].memos) != len(steps):
        yield "the next owner does not know a step that is recorded (P2, P4)"
    if told.a is Written.DONE and not steps:
        yield "a step that was recorded is lost (P3)"


def knows_what_a_claims(town: Town, claimed: Claimed, told: Told) -> Iterator[str]:
    """The same, where the one that takes over is the stepped one."""
    return knows_all(town, claimed, Told(told.b, told.a))


def met(town: Town, *_: object) -> Iterator[str]:
    """An event and a wait for it have met."""
    if town.rows("SELECT 1 FROM inngest_waits") and not town.rows("SELECT 1 FROM inngest_inbox"):
        yield "an event and a wait for it have missed each other (P8)"


def not_hidden(_: Town, __: object, told: Told) -> Iterator[str]:
    """Who may take a run takes it, or looks again soon."""
    if isinstance(told.b, Claims) and not told.b.runs and (told.b.next_due or LATER) > NOW + 2 * claiming.SOON:
        yield "a worker that only looked at a run has hidden it from one that may take it (P6)"


def slots_kept(town: Town, _: object, told: Told) -> Iterator[str]:
    """Only a run on hold is entered without a slot."""
    runs = told.a.runs if isinstance(told.a, Claims) else ()
    without = {run_id for (run_id,) in town.rows("SELECT id FROM inngest_runs WHERE slots = 0")}
    if any(one.run.code.hold is None and one.run.id in without for one in runs):
        yield "a run that was released executes without a slot (P7)"


def settled(town: Town, *_: object) -> Iterator[str]:
    """A step has its event, or has waited in vain, and not both."""
    inbox = town.rows("SELECT 1 FROM inngest_inbox")
    taken = town.rows("SELECT 1 FROM inngest_woken")
    memos = town.rows("SELECT data FROM inngest_steps WHERE seq IS NOT NULL")
    if memos and inbox:
        yield "what has come for a finished step stays for ever"
    if taken and memos and memos[0][0] == "null":
        yield "an event was given to a step whose memo says that none came (P8)"


def one_executes(town: Town, *_: object) -> Iterator[str]:
    """At most one run has a slot."""
    ((slots,),) = town.rows("SELECT coalesce(sum(slots), 0) FROM inngest_runs")
    if slots > 1:
        yield f"{slots} runs execute with a limit of one (P7)"


def one_begins(town: Town, *_: object) -> Iterator[str]:
    """At most one run has begun."""
    ((begun,),) = town.rows("SELECT count(*) FROM inngest_runs WHERE started_at IS NOT NULL")
    if begun > 1:
        yield f"{begun} runs began where a throttle lets one (P7)"


def one_starts(town: Town, *_: object) -> Iterator[str]:
    """At most one run has started."""
    ((runs,),) = town.rows("SELECT count(*) FROM inngest_runs WHERE status IN ('QUEUED', 'RUNNING')")
    if runs > 1:
        yield f"{runs} runs where one may start"


def both_collected(town: Town, *_: object) -> Iterator[str]:
    """A batch has both events, once."""
    kept = town.rows("SELECT event_id, count(DISTINCT batch_id) FROM inngest_batches GROUP BY event_id")
    if len(kept) != 2:
        yield f"of two events of batches {len(kept)} are kept (P1)"
    if any(count > 1 for _, count in kept):
        yield "an event is in two batches (P1)"
    over = {batch for (batch,) in town.rows("SELECT batch_id FROM inngest_runs WHERE batch_id IS NOT NULL")}
    for (payload,) in town.rows("SELECT payload FROM inngest_timers WHERE kind = 'batch'"):
        if json.loads(payload)[3] in over:
            yield "a batch goes on that has started its run (P1, P3)"


def last_starts(town: Town, both: Any, _: Told) -> Iterator[str]:
    """The last event of a debounce starts a run, or will."""
    started = {one for (one,) in town.rows("SELECT event_id FROM inngest_runs")}
    if not town.rows("SELECT 1 FROM inngest_timers WHERE kind = 'debounce'") and both[1].id not in started:
        yield "the last event of a debounce starts nothing (P1)"


def true_end(town: Town, _: object, told: Told) -> Iterator[str]:
    """A run that ended was not cancelled, and the other way round."""
    ((status,),) = town.rows("SELECT status FROM inngest_runs")
    if told.a is Written.DONE and told.b:
        yield "both the end and the cancellation of a run were acknowledged (P3)"
    if status == "COMPLETED" and told.b:
        yield "a run whose cancellation was acknowledged is completed (P3)"


def ticks_once(town: Town, *_: object) -> Iterator[str]:
    """A tick has one run, and the next one is armed."""
    ((runs,),) = town.rows("SELECT count(*) FROM inngest_runs")
    if runs != 1:
        yield f"a tick has {runs} runs (P1)"
    if len(town.rows("SELECT 1 FROM inngest_timers WHERE kind = 'cron'")) != 1:
        yield "the next tick is not armed (P6)"


def scheduled(town: Town) -> int:
    """A function with a schedule; when it ticks."""
    registered(town, limited("a", "never", triggers=[{"cron": "* * * * *"}]))
    ((due_at,),) = town.rows("SELECT due_at FROM inngest_timers WHERE kind = 'cron'")
    return int(due_at)


def ticks(store: SqlStore, due_at: int) -> Awaitable[Any]:
    """A schedule ticks."""
    return store.fire(due_at)


def paused(town: Town) -> None:
    """A function whose events queue."""
    town.setter.do(lambda store: store.pause("app-a", "queue", NOW))


def resumes(store: SqlStore, _: object) -> Awaitable[bool]:
    """A function goes on."""
    return store.resume("app-a", NOW)


def looks_back(store: SqlStore, claimed: Claimed) -> Awaitable[Receipt]:
    """A run begins to wait for what may have come before."""
    return open_wait(store, claimed, since=NOW - 1)


def waits_and_goes(store: SqlStore, claimed: Claimed) -> Awaitable[Receipt]:
    """A run begins to wait, and is let go."""
    return open_wait(store, claimed, transition=Released(LATER))


BATCH = {"batchEvents": {"maxSize": 5, "timeout": "60s"}}
DEBOUNCE = {"debounce": {"period": "60s"}}

PAIRS = [
    Pair("record two steps / be declared dead", begun, records("one", "two"), takes_over, knows_all),
    Pair("record one step / be declared dead", begun, records("one"), takes_over, knows_all),
    Pair("be declared dead / record two steps", begun, takes_over, records("one", "two"), knows_what_a_claims),
    Pair("be declared dead / record one step", begun, takes_over, records("one"), knows_what_a_claims),
    Pair("record one step / checkpoint", begun, records("one"), saves),
    Pair("checkpoint / record one step", begun, saves, records("one")),
    Pair("checkpoint / record two steps", begun, saves, records("one", "two")),
    Pair("begin / be declared dead", nothing, begins("worker"), takes_over),
    Pair("be declared dead / begin", nothing, takes_over, begins("worker")),
    Pair("claim / be declared dead", queued, claims("worker"), takes_over),
    Pair("be declared dead / claim", queued, takes_over, claims("worker")),
    Pair("event / wait that looks back", begun, pays, looks_back, met),
    Pair("wait that looks back / event", begun, looks_back, pays, met),
    Pair("let go / event it waits for", waits, let_go, pays),
    Pair("event it waits for / let go", waits, pays, let_go),
    Pair("time out / event it waits for", waits, time_out, pays, settled),
    Pair("event it waits for / time out", waits, pays, time_out, settled),
    Pair("event / the same event", lambda _: event(), same, same),
    Pair("claim / claim in a lane", lambda town: in_lane(town, 2), claims("worker"), claims("other"), one_executes),
    Pair("claim / claim in lanes that share a budget", two_lanes, claims("worker"), claims("other"), one_executes),
    Pair("claim / claim of what a throttle lets begin", throttled, claims("worker"), claims("other"), one_begins),
    Pair("begin / begin in a lane", lambda town: in_lane(town, 0), begins("worker"), begins("other"), one_executes),
    Pair("end / claim in a lane", lambda town: in_lane(town, 3, taken=1), ends, claims("other"), one_executes),
    Pair("claim / end in a lane", lambda town: in_lane(town, 3, taken=1), claims("other"), ends, one_executes),
    Pair("event for a lane / claim", lambda town: in_lane(town, 2), goes, claims("other"), one_executes),
    Pair("claim / event for a lane", lambda town: in_lane(town, 2), claims("worker"), goes, one_executes),
    Pair("end / claim of what falls due", due_later, ends, claims("other", NOW + MINUTE), one_executes),
    Pair("claim of what falls due / end", due_later, claims("other", NOW + MINUTE), ends, one_executes),
    Pair("claim / claim", queued, claims("worker"), claims("other")),
    Pair("claim of what is not due / claim of what is", held, probes("worker"), probes("other"), not_hidden),
    Pair("claim of what is due / the same", held, probes("other"), probes("other")),
    Pair("claim of what is on hold / release", held_in_lane, probes("other"), releases, slots_kept),
    Pair("claim beside others / claim alone", suspect, probes("worker", alone=False), probes("other"), not_hidden),
    Pair("claim alone / claim alone", suspect, probes("worker"), probes("other")),
    Pair("event / resume", paused, goes, resumes),
    Pair("event / event at a rate limit", gated(rateLimit={"limit": 1, "period": "60s"}), first, second, one_starts),
    Pair("event / event of a singleton", gated(singleton={"mode": "skip"}), first, second, one_starts),
    Pair("event / event of one key", gated(idempotency='"k"'), first, second, one_starts),
    Pair("event / event of a batch", gated(**BATCH), first, second, both_collected),
    Pair("fire / event of a batch", collected(**BATCH), fires, second, both_collected),
    Pair("event of a batch / fire", collected(**BATCH), second, fires, both_collected),
    Pair("fire / event of a debounce", collected(**DEBOUNCE), fires, second, last_starts),
    Pair("event of a debounce / fire", collected(**DEBOUNCE), second, fires, last_starts),
    Pair("end / cancel", begun, ends, cancels, true_end),
    Pair("wait and be let go / cancel", begun, waits_and_goes, cancels),
    Pair("claim / cancel", queued, claims("worker"), cancels),
    Pair("cancel / claim", queued, cancels, claims("other")),
    Pair("tick / tick", scheduled, ticks, ticks, ticks_once),
]
