"""`Engine.erase`: what is hers is nowhere in the database any more, and what is not hers stays."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest import RunStatus
from inngest.embedded.engine import host_of
from inngest.embedded.upkeep import FileUpkeep, Upkeep
from inngest.engine.domain.erasing import Done, Part
from inngest.errors import EngineConfigError, EngineStateError, RunsUnderWayError
from tests.embedded import databases
from tests.embedded.erasable import ANN, BOB, HOUR, WHERE, Shop, columns, ended, found, in_files, live, run_of, waits


@pytest.fixture
def database(tmp_path: Path) -> str:
    return databases.url_in(tmp_path)


def upkeep_of(database: str, folder: Path) -> Upkeep:
    return FileUpkeep(folder / "inngest.db") if database.startswith("sqlite") else Upkeep(database)


async def test_nothing_of_her_is_left_and_all_of_others_is(database: str, tmp_path: Path) -> None:
    async with Shop().engine(database) as engine:
        runs = await live(engine)
        before = Counter(found(tmp_path, ANN))
        of_others = Counter(found(tmp_path, BOB))
        assert {"inngest_events.data", "inngest_events.key", "inngest_events.extra"} <= set(before)
        assert {"inngest_runs.output", "inngest_runs.error", "inngest_runs.lane"} <= set(before)
        assert {"inngest_steps.data", "inngest_steps.error", "inngest_attempts.error"} <= set(before)
        assert {"inngest_idempotency.key", "inngest_rates.key", "inngest_singletons.key"} <= set(before)
        assert {"inngest_metadata.value", "inngest_cancellations.expression"} <= set(before)
        skeleton = {run.id: (run.function_id, run.status, run.ended_at) for run in await engine.runs(limit=1_000)}
        steps = [one.id for one in (await engine.run(runs[f"order-{ANN}"])).steps]
        meant = await engine.erase(WHERE, preview=True)
        assert Counter(found(tmp_path, ANN)) == before
        erased = await engine.erase(WHERE)
        assert (erased.events, erased.runs, erased.memos, erased.keys) == (
            meant.events,
            meant.runs,
            meant.memos,
            meant.keys,
        )
        assert set(erased.others) == {runs["watch"], runs["calls"]}
        assert found(tmp_path, ANN) == []
        after = Counter(found(tmp_path, BOB))
        # What is gone of others is what the batch that they were in together has made of them.
        assert {place for place, count in of_others.items() if after[place] != count} <= {
            "inngest_runs.output",
            "inngest_events.data",
        }
        assert {
            run.id: (run.function_id, run.status, run.ended_at) for run in await engine.runs(limit=1_000)
        } == skeleton
        run = await engine.run(runs[f"order-{ANN}"])
        assert [one.id for one in run.steps] == steps
        assert run.erased_at is not None
        assert run.event is not None
        assert str(run.event["data"]).startswith("{'_inngest': {'erased': '20")
        theirs = await engine.run(runs[f"order-{BOB}"])
        assert (theirs.erased_at, theirs.output) == (None, [BOB, {"user": BOB}])
        assert [one.output for one in (await engine.run(runs["watch"])).steps if one.id != "paid"] == ["kept", "done"]
    upkeep = upkeep_of(database, tmp_path)
    assert upkeep.scrub()
    assert in_files(tmp_path, ANN) == []
    assert in_files(tmp_path, BOB) == (["inngest.db"] if database.startswith("sqlite") else [])
    assert (upkeep.search(ANN), upkeep.search(BOB)["inngest_events.data"] > 1) == ({}, True)


async def test_what_goes_on_is_refused_by_name_and_nothing_is_changed(database: str, tmp_path: Path) -> None:
    async with Shop().engine(database) as engine:
        sleeping = await run_of(engine, "sleep", ANN)
        await waits(engine, sleeping)
        (debounced,) = await engine.send(inngest.Event(name="debounced", data={"user": ANN}))
        (collected,) = await engine.send(inngest.Event(name="collected", data={"user": ANN}))
        before = Counter(found(tmp_path, ANN))
        with pytest.raises(RunsUnderWayError) as refused:
            await engine.erase(WHERE)
        assert refused.value.run_ids == (sleeping,)
        assert set(refused.value.under_way) == {
            f"run {sleeping} of shop-sleep is RUNNING",
            f"event {debounced} waits in a debounce of shop-debounce",
            f"event {collected} waits in a batch of shop-collect",
        }
        assert Counter(found(tmp_path, ANN)) == before
        assert upkeep_of(database, tmp_path).audit(10) == []


async def test_with_cancel_all_that_goes_on_is_ended_first(database: str, tmp_path: Path) -> None:
    async with Shop().engine(database) as engine:
        sleeping = await run_of(engine, "sleep", ANN)
        waiting = await run_of(engine, "order/placed", ANN)
        await waits(engine, sleeping)
        await waits(engine, waiting)
        await engine.send(inngest.Event(name="debounced", data={"user": ANN}))
        await engine.send(inngest.Event(name="collected", data={"user": BOB}))
        await engine.send(inngest.Event(name="collected", data={"user": ANN}))
        erased = await engine.erase(WHERE, cancel=True, actor="the officer")
        assert {sleeping, waiting} <= set(erased.cancelled)
        assert (erased.dropped, erased.under_way) == (2, ())
        await ended(engine)
        assert found(tmp_path, ANN) == []
        assert (await engine.run(sleeping)).status is RunStatus.CANCELLED
        # The batch that she was taken out of goes on, and begins with the event that is the first now.
        batch: list[inngest.Run] = []
        for _ in range(3):
            (last,) = await engine.send(inngest.Event(name="collected", data={"user": BOB}))
            if batch := await engine.runs(event_id=last):
                break
        assert await engine.wait(batch[0].id) in ([BOB, BOB], [BOB, BOB, BOB])
    (record,) = upkeep_of(database, tmp_path).audit(10)
    assert (record.id, record.actor, record.action, record.target) == (
        erased.audit_id,
        "the officer",
        "erase",
        'event.data.user == "…"',
    )
    assert isinstance(record.detail, dict)
    assert (record.detail["finished"], record.detail["runs"]) == (True, erased.runs)


async def test_one_that_others_collect_alone_is_dropped_from_the_front(database: str, tmp_path: Path) -> None:
    async with Shop().engine(database) as engine:
        for user in (ANN, BOB):
            await engine.send(inngest.Event(name="collected", data={"user": user}))
        erased = await engine.erase(WHERE, cancel=True)
        assert (erased.events, erased.dropped) == (1, 1)
        assert found(tmp_path, ANN) == []
        (last,) = await engine.send(inngest.Event(name="collected", data={"user": BOB}))
        (run,) = await engine.runs(event_id=last)
        assert await engine.wait(run.id) == [BOB, BOB]


async def test_a_run_whose_data_are_gone_is_not_run_again(database: str) -> None:
    async with Shop().engine(database) as engine:
        run_id = await run_of(engine, "order/fails", ANN)
        calling = await run_of(engine, "calls", "nobody")
        await ended(engine)
        erased = await engine.erase(WHERE, actor="ann's advocate")
        assert erased.others == (calling,)
        with pytest.raises(EngineStateError) as refused:
            await engine.rerun(run_id)
        assert str(refused.value).startswith(f"run {run_id} cannot be run again: its data were erased on 20")
        assert str(refused.value).endswith(" UTC by ann's advocate")
        with pytest.raises(EngineStateError, match=r"what step 'call' of run .* has recorded was erased"):
            await engine.rerun(calling, from_step="after")
        assert (await engine.rerun(calling, from_step="call")).origin_id == calling
        (reason,) = (await engine.explain(run_id)).reasons
        assert " Its data were erased on 20" in reason.text
        assert reason.text.endswith("by ann's advocate.")
        child = next(run for run in await engine.runs(limit=100) if run.function_id == "shop-child" and run.erased_at)
        with pytest.raises(EngineStateError, match="has completed, and what it returned was erased since"):
            await engine.wait(child.id)


async def test_an_erasure_that_is_interrupted_goes_on_where_it_was(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Shop().engine(database) as engine:
        await live(engine)
        store = host_of(engine).on_its_loop().store
        erase: Callable[[Part], Awaitable[Done]] = store.erase
        parts = 0

        async def one(part: Part) -> Done:
            nonlocal parts
            parts += part._replace(audit=None) != Part(part.at, part.now)  # it does more than to note who does it
            if parts > 1:
                raise ConnectionError("the power is gone")
            return await erase(part)

        monkeypatch.setattr(store, "erase", one)
        interrupted, last = 0, None
        while interrupted < 100:
            parts = 0
            try:
                last = await engine.erase(WHERE)
            except ConnectionError:
                interrupted += 1
            else:
                break
        assert 3 < interrupted < 100
        assert last is not None
        assert (last.under_way, found(tmp_path, ANN)) == ((), [])
        again = await engine.erase(WHERE)
        assert (again.events, again.runs, again.memos, again.keys) == (0, 0, 0, 0)
    records = upkeep_of(database, tmp_path).audit(100)
    assert len(records) == interrupted + 2
    assert sum(isinstance(one.detail, dict) and one.detail["finished"] is True for one in records) == 2


async def test_a_copy_of_an_event_whose_own_row_is_gone_is_found(database: str, tmp_path: Path) -> None:
    async with Shop().engine(database) as engine:
        watching = await run_of(engine, "watch", "nobody")
        await waits(engine, watching)
        (paid,) = await engine.send(inngest.Event(name="order/paid", data={"user": ANN}))
        await ended(engine)
        databases.execute(tmp_path, f"DELETE FROM inngest_events WHERE id = '{paid}' RETURNING id")
        erased = await engine.erase(WHERE)
        assert (erased.memos, erased.others) == (1, (watching,))
        assert found(tmp_path, ANN) == []


async def test_what_the_runs_sent_on_is_told_and_stays(database: str) -> None:
    async with Shop().engine(database) as engine:
        await run_of(engine, "sends", ANN)
        await ended(engine)
        erased = await engine.erase(WHERE)
        assert [one for one in erased.left if "told/on" in one] == [
            "the runs sent events that do not match the condition, and stay as they are: 1 name (told/on)"
        ]


async def test_a_large_run_is_erased_in_small_parts(database: str, tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="large", trigger=inngest.TriggerEvent(event="large"))
    async def large(ctx: inngest.Context) -> None:
        for number in range(1_100):
            await ctx.step.run(f"step-{number}", lambda: ctx.event.data["user"])

    async with inngest.Engine(client, database=database, max_steps=2_000) as engine:
        run_id = await run_of(engine, "large", ANN)
        await ended(engine)
        erased = await engine.erase(WHERE)
        assert (erased.runs, erased.steps) == (1, 1_100)
        assert found(tmp_path, ANN) == []
        assert len((await engine.run(run_id)).steps) == 1_100


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("event.data.user == ", "where: line 1, column 20: "),
        ("async.data.user == 'a'", "where: line 1, column 1: "),
        ("", "where: expected an expression of the event"),
        (None, "where: expected an expression of the event"),
    ],
)
async def test_a_wrong_condition_is_refused_before_anything_is_touched(database: str, where: Any, said: str) -> None:
    async with Shop().engine(database) as engine:
        with pytest.raises(EngineConfigError) as refused:
            await engine.erase(where)
        assert str(refused.value).startswith(said)


def test_the_search_of_these_tests_looks_everywhere(tmp_path: Path) -> None:
    with Shop().engine(databases.url_in(tmp_path)) as engine:
        engine.send_sync(inngest.Event(name="nobody/listens", data={"user": ANN}))
    if (tmp_path / "inngest.db").exists():
        with sqlite3.connect(tmp_path / "inngest.db") as connection:
            tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]
        assert len({table for table, _ in columns(tmp_path)}) == tables
    assert found(tmp_path, ANN) == ["inngest_events.data"]


async def test_a_run_that_begins_while_others_are_written_over_is_erased_too(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Shop().engine(database) as engine:
        run_id = await run_of(engine, "order/fails", ANN)
        await ended(engine)
        store = host_of(engine).on_its_loop().store
        erase: Callable[[Part], Awaitable[Done]] = store.erase
        again: list[str] = []

        async def late(part: Part) -> Done:
            """The run was looked for, and is run again before it is written over."""
            if not again:
                again.append((await engine.rerun(run_id)).id)
                await ended(engine)
            return await erase(part)

        monkeypatch.setattr(store, "erase", late)
        await engine.erase(WHERE)
        assert (await engine.run(again[0])).erased_at is not None
        assert found(tmp_path, ANN) == []


async def test_what_was_there_does_not_wait_for_what_comes_all_the_time(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Shop().engine(database) as engine:
        ended_before = await run_of(engine, "order/fails", ANN)
        await ended(engine)
        store = host_of(engine).on_its_loop().store
        affected = store.affected

        async def busy(*given: Any) -> Any:
            """Each time something of her has begun."""
            (event_id,) = await engine.send(inngest.Event(name="sleep", data={"user": ANN}))
            await engine.runs(event_id=event_id)
            return await affected(*given)

        monkeypatch.setattr(store, "affected", busy)
        erased = await engine.erase(WHERE, cancel=True)
        assert erased.under_way
        assert (await engine.run(ended_before)).erased_at is not None
        assert erased.events > 1
        monkeypatch.setattr(store, "affected", affected)
        assert (await engine.erase(WHERE, cancel=True)).under_way == ()


class Signals:
    """Functions of which one tells the other what its event says, by a signal."""

    def __init__(self) -> None:
        self.client = client = inngest.Inngest(app_id="shop")

        @client.create_function(fn_id="hears", trigger=inngest.TriggerEvent(event="hears"))
        async def hears(ctx: inngest.Context) -> object:
            await ctx.step.run("before", lambda: "kept")
            await ctx.step.wait_for_signal("paid", signal="told", timeout=HOUR)
            if ctx.event.data["user"] == "nobody":
                return "done"
            return await ctx.step.wait_for_signal("rest", signal="never", timeout=HOUR)

        @client.create_function(fn_id="tells", trigger=inngest.TriggerEvent(event="tells"))
        async def tells(ctx: inngest.Context) -> object:
            return await ctx.step.send_signal("tell", "told", {"of": ctx.event.data["user"]})


async def test_what_another_run_has_got_by_a_signal_is_erased(database: str, tmp_path: Path) -> None:
    async with inngest.Engine(Signals().client, database=database) as engine:
        hearing = await run_of(engine, "hears", "nobody")
        await waits(engine, hearing)
        telling = await run_of(engine, "tells", ANN)
        await ended(engine)
        assert (await engine.run(telling)).output == hearing
        erased = await engine.erase(WHERE)
        assert (erased.memos, erased.others) == (1, (hearing,))
        assert found(tmp_path, ANN) == []
        run = await engine.run(hearing)
        assert (run.output, run.erased_at, run.steps[0].output) == ("done", None, "kept")
        assert (await engine.erase(WHERE)).others == ()


async def test_a_run_that_has_got_her_signal_and_goes_on_is_named(database: str, tmp_path: Path) -> None:
    async with inngest.Engine(Signals().client, database=database) as engine:
        hearing = await run_of(engine, "hears", "somebody")
        await waits(engine, hearing)
        telling = await run_of(engine, "tells", ANN)
        await engine.wait(telling)
        with pytest.raises(RunsUnderWayError) as refused:
            await engine.erase(WHERE)
        assert refused.value.run_ids == (hearing,)
        assert (await engine.erase(WHERE, cancel=True)).cancelled == (hearing,)
        assert found(tmp_path, ANN) == []


async def test_what_others_have_hold_of_all_the_time_is_told_as_unfinished(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Shop().engine(database) as engine:
        await run_of(engine, "order/fails", ANN)
        await ended(engine)
        store = host_of(engine).on_its_loop().store
        erase: Callable[[Part], Awaitable[Done]] = store.erase
        monkeypatch.setattr(store, "erase", lambda part: erase(part._replace(events=())))
        erased = await engine.erase(WHERE)
        assert any(one.startswith("others had hold of some of it") for one in erased.left)
        (record,) = upkeep_of(database, tmp_path).audit(10)
        assert isinstance(record.detail, dict)
        assert record.detail["finished"] is False
        monkeypatch.undo()
        assert not any("had hold" in one for one in (await engine.erase(WHERE)).left)


async def test_a_text_is_found_as_json_has_it_and_json_in_json(database: str, tmp_path: Path) -> None:
    name = 'Jürgen "J" Ü\\x'
    client = inngest.Inngest(app_id="shop")
    async with inngest.Engine(client, database=database) as engine:
        await engine.send(inngest.Event(name="nobody/listens", data={"user": name}))
    rows = json.dumps([{"data": json.dumps({"user": name}, ensure_ascii=False)}], ensure_ascii=False)
    row = rows.replace("'", "''")
    databases.execute(
        tmp_path,
        f"INSERT INTO inngest_outbox (id, events, at, trouble) VALUES ('{ANN}', '{row}', 1, 'x') RETURNING id",
    )
    assert upkeep_of(database, tmp_path).search(name) == {"inngest_events.data": 1, "inngest_outbox.events": 1}
    assert upkeep_of(database, tmp_path).search("Jürgen 'J'") == {}


@pytest.mark.parametrize("actor", ["", "\udcff", "a\0b", 7])
async def test_who_asks_has_a_name_that_can_be_kept(database: str, actor: Any) -> None:
    async with Shop().engine(database) as engine:
        with pytest.raises(EngineConfigError, match=r"^actor: "):
            await engine.erase(WHERE, actor=actor)
