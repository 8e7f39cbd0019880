"""Workers and functions: who lives, what they can run, and what becomes of a dead worker's runs (P4, P6)."""

from __future__ import annotations

from inngest.engine.ports import Store
from inngest.engine.records import Claimed, Written
from tests.contract.store import values
from tests.contract.store.values import (
    NOW,
    acceptance,
    begin,
    claim_one,
    commit,
    event,
    function,
    memo,
    record,
    session,
)


async def known(store: Store) -> dict[str, str]:
    """The functions that the store knows, with their versions."""
    with values.seen_by_the_domain() as seen:
        await store.accept(acceptance(event("look")))
    return {one.id: one.version for one in seen[-1].functions.values()}


async def test_a_worker_is_listed_while_it_lives(store: Store, other: Store) -> None:
    workers = {one.id: one for one in await other.sessions()}
    assert workers == {"worker": session(), "other": session("other")}
    assert await other.end_session("worker", NOW, died=True)
    assert [one.id for one in await store.sessions()] == ["other"]
    assert not await store.end_session("worker", NOW, died=True)


async def test_what_a_worker_can_run_is_kept(store: Store) -> None:
    await store.begin_session(session("third", "app-b", "app-a"))
    assert {one.id: tuple(one.functions) for one in await store.sessions()}["third"] == ("app-b", "app-a")


async def test_runs_of_a_dead_worker_can_be_claimed_at_once(store: Store, other: Store) -> None:
    claimed = await begin(store)
    step = memo("step", 0)
    await commit(store, claimed, record(step))
    assert await other.end_session("worker", NOW + 1, died=True)
    again = await claim_one(other, "other", now=NOW + 1)
    assert (again.run.id, again.memos, again.run.takeovers) == (claimed.run.id, [step], 1)


async def test_a_worker_that_leaves_gives_its_runs_back_uncounted(store: Store, other: Store) -> None:
    claimed = await begin(store)
    assert await store.end_session("worker", NOW + 1, died=False)
    again = await claim_one(other, "other", now=NOW + 1)
    assert (again.run.id, again.run.takeovers, again.run.attempt) == (claimed.run.id, 0, 0)


async def test_only_runs_of_the_dead_worker_come_back(store: Store, other: Store) -> None:
    mine, ended = await begin(store), await begin(store)
    await commit(store, ended, values.end())
    theirs = await begin(other, session_id="other")
    await other.end_session("worker", NOW, died=True)
    claims = await other.claim(values.owner("other"), 9, sorted(values.FUNCTIONS), NOW, alone=True)
    assert [one.run.id for one in claims.runs] == [mine.run.id]
    assert await commit(other, theirs, record(memo("step", 0))) is Written.DONE


async def test_takeovers_are_counted_until_a_step_is_recorded(store: Store) -> None:
    await values.accept(store, event())
    seen: list[int] = []
    for count, records in enumerate([False, False, True, False, True, True, False]):
        name = f"worker-{count}"
        await store.begin_session(session(name))
        claimed: Claimed = await claim_one(store, name)
        seen.append(claimed.run.takeovers)
        if records:
            await commit(store, claimed, record(memo(f"step-{count}", len(claimed.memos))))
        await store.end_session(name, NOW, died=True)
    assert seen == [0, 1, 2, 1, 2, 1, 1]


async def test_leaving_neither_counts_nor_resets_takeovers(store: Store) -> None:
    await values.accept(store, event())
    for name, died, expected in (("a", True, 0), ("b", False, 1), ("c", True, 1), ("d", False, 2)):
        await store.begin_session(session(name))
        assert (await claim_one(store, name)).run.takeovers == expected
        await store.end_session(name, NOW, died=died)


async def test_functions_are_known_to_all(store: Store, other: Store) -> None:
    await other.register([function("a", "go", version="v2"), function("d", "d")], replace_app=None, now=NOW)
    assert await known(store) == {"app-a": "v2", "app-b": "v1", "app-c": "v1", "app-d": "v1"}
    ((start, _),) = await values.accept(store, event("d"))
    assert start.run.function_id == "app-d"


async def test_a_whole_app_forgets_the_functions_that_it_has_no_more(store: Store, other: Store) -> None:
    await store.register([function("x", "go", app="else")], replace_app=None, now=NOW)
    await other.register([function("a", "go")], replace_app="app", now=NOW)
    assert sorted(await known(store)) == ["app-a", "else-x"]
    assert await values.accept(store, event("both")) == []
    await other.register([], replace_app="app", now=NOW)
    assert sorted(await known(store)) == ["else-x"]


async def test_a_function_that_another_living_worker_serves_is_not_forgotten(store: Store, other: Store) -> None:
    await store.begin_session(session("server", "app-b", "app-c"))
    await other.register([function("a", "go")], replace_app="app", now=NOW)
    assert sorted(await known(store)) == ["app-a", "app-b", "app-c"]
    await store.end_session("server", NOW, died=False)
    await other.register([function("a", "go")], replace_app="app", now=NOW)
    assert sorted(await known(store)) == ["app-a"]


async def test_a_function_that_is_forgotten_keeps_its_runs_for_when_it_comes_back(store: Store) -> None:
    claimed = await begin(store)
    await commit(store, claimed, values.release(NOW))
    await store.register([], replace_app="app", now=NOW)
    assert (await claim_one(store)).run.id == claimed.run.id
