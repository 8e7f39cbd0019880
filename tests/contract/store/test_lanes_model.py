"""Whatever workers do, and whenever they die: no budget is ever exceeded, and no slot is ever lost (P7)."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from inngest.engine.domain.function_rules import rules_of
from inngest.engine.domain.lanes import Lane
from inngest.engine.records import Claimed, Owner, Written
from tests.contract.store import values
from tests.contract.store.stores import PLACES, search
from tests.contract.store.values import function

T = TypeVar("T")

KEY = {"key": "event.data.user"}
CONFIGS: dict[str, dict[str, object]] = {
    "keyed": {"concurrency": [{"limit": 2, **KEY}]},
    "two": {"concurrency": [{"limit": 3}, {"limit": 1, **KEY}]},
    "small": {"concurrency": [{"limit": 1, "scope": "env", **KEY}]},
    "large": {"concurrency": [{"limit": 3, "scope": "env", **KEY}, {"limit": 4}]},
    "spaced": {"concurrency": 2, "throttle": {"limit": 1, "period": "1s", "burst": 2, **KEY}},
    "ranked": {"concurrency": 1, "priority": {"run": "event.data.rank"}},
    "plain": {},
}
FUNCTIONS = [function(name, name, config=json.dumps(config)) for name, config in CONFIGS.items()]
ALL = [one.id for one in FUNCTIONS]
RULES = {one.id: rules_of(one.id, one.config).queueing for one in FUNCTIONS}
WORKERS = ["w0", "w1"]
SECOND = 1_000

workers = st.sampled_from(WORKERS)
served = st.sampled_from([ALL, ALL, ALL[:3], ALL[2:]])
users = st.sampled_from(["x", "y", "z", None])


class Slots(RuleBasedStateMachine):
    """A store, open twice on one place, and who executes."""

    kind: str

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="lanes-"))
        place = PLACES[self.kind](self.folder)
        self.stores = [place.store(), place.store()]
        self.now = values.NOW
        self.executing: dict[str, Claimed] = {}  # by run
        self.extra: Counter[str] = Counter()  # slots beside the first, by run
        self.kept: dict[Owner, tuple[str, int]] = {}  # lane, and slots of what has not returned
        self.unfinished: set[str] = set()
        for store in self.stores:
            self.do(partial(store.open, self.now))

    def teardown(self) -> None:
        try:
            self.drain()
        finally:
            for store in self.stores:
                self.do(store.close)
            self.loop.close()
            shutil.rmtree(self.folder)

    def do(self, work: Callable[[], Awaitable[T]]) -> T:
        async def main() -> T:
            return await work()

        return self.loop.run_until_complete(main())

    @initialize()
    def begin(self) -> None:
        self.do(lambda: self.stores[0].register(FUNCTIONS, replace_app=None, now=self.now))
        for worker in WORKERS:
            self.do(partial(self.stores[0].begin_session, values.session(worker)))

    @rule(ms=st.sampled_from([1, 100, SECOND, 60 * SECOND]))
    def time_passes(self, ms: int) -> None:
        self.now += ms

    @rule(
        sent=st.lists(
            st.tuples(st.sampled_from(sorted(CONFIGS)), users, st.sampled_from([0, 0, 0, 5 * SECOND])), max_size=8
        ),
        claims=st.integers(0, 4),
        worker=workers,
    )
    def accept(self, sent: list[tuple[str, str | None, int]], claims: int, worker: str) -> None:
        events = [
            values.event(name, now=self.now, ts=self.now + delay, data=json.dumps({"user": user, "rank": len(sent)}))
            for name, user, delay in sent
        ]
        owners = [values.owner(worker) for _ in range(claims)]
        acceptance = values.acceptance(*events, claim=owners, functions=frozenset(ALL), now=self.now)
        answer = self.do(lambda: self.stores[0].accept(acceptance))
        for start, owner in answer.started:
            self.unfinished.add(start.run.id)
            if owner is not None:
                self.begins(Claimed(owner, start.run, (), (), ()))

    @rule(worker=workers, count=st.integers(1, 6), functions=served, which=st.integers(0, 1))
    def claim(self, worker: str, count: int, functions: list[str], which: int) -> None:
        claims = self.do(lambda: self.stores[which].claim(values.owner(worker), count, functions, self.now, alone=True))
        for claimed in claims.runs:
            self.begins(claimed)
        assert len(claims.runs) <= count

    def begins(self, claimed: Claimed) -> None:
        assert claimed.run.id not in self.executing
        self.executing[claimed.run.id] = claimed
        self.check()

    def check(self) -> None:
        """No budget is exceeded, by any limit of those who execute, or have not returned."""
        used: Counter[str] = Counter()
        limits: dict[str, int] = {}
        executing = [(one.run.lane, 1 + self.extra[run_id]) for run_id, one in self.executing.items()]
        for lane_id, held in (*executing, *self.kept.values()):
            if lane_id is None:
                continue
            lane = Lane.of(lane_id)
            for budget, slots in zip(lane.budgets, RULES[lane.function_id].slots(lane.budgets), strict=True):
                used[budget] += held
                limits[budget] = max(limits.get(budget, 0), slots or 0)
        assert all(used[budget] <= limit for budget, limit in limits.items()), (used, limits)

    @precondition(lambda self: self.executing)
    @rule(data=st.data(), more=st.sampled_from([1, 3, -1]))
    def extra_slots(self, data: st.DataObject, more: int) -> None:
        claimed = self.executing[data.draw(st.sampled_from(sorted(self.executing)))]
        lane, extra_slots = claimed.run.lane, self.stores[1].extra_slots
        extra = self.extra[claimed.run.id]
        if lane is None or extra + more < 0:
            return
        held = self.do(partial(extra_slots, claimed.owner, lane, 1 + extra + more, self.now))
        assert (extra if more > 0 else extra + more) <= held - 1 <= extra + more
        self.extra[claimed.run.id] = held - 1
        self.check()

    @precondition(lambda self: self.executing)
    @rule(data=st.data(), ending=st.sampled_from(["end", "end", "now", "later"]), which=st.integers(0, 1))
    def lets_go(self, data: st.DataObject, ending: str, which: int) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.executing)))
        claimed, held = self.stops(run_id)
        busy = data.draw(st.integers(0, held)) if claimed.run.lane is not None else 0
        if busy:
            self.kept[claimed.owner] = (str(claimed.run.lane), busy)
        due_at = {"end": None, "now": self.now, "later": self.now + SECOND}[ending]
        changes = values.end() if due_at is None else values.release(due_at)
        if due_at is None:
            self.unfinished.discard(run_id)
        done = self.do(lambda: values.commit(self.stores[which], claimed, changes, now=self.now, busy=busy))
        assert done is Written.DONE
        if data.draw(st.booleans()):  # it was declared dead meanwhile, for all that it knows
            assert self.do(lambda: values.commit(self.stores[which], claimed, changes, now=self.now)) is Written.LOST

    def stops(self, run_id: str) -> tuple[Claimed, int]:
        """A run executes no more; the slots that it had."""
        return self.executing.pop(run_id), 1 + self.extra.pop(run_id, 0)

    @precondition(lambda self: self.executing)
    @rule(data=st.data(), which=st.integers(0, 1))
    def is_cancelled(self, data: st.DataObject, which: int) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.executing)))
        claimed, held = self.stops(run_id)
        self.unfinished.discard(run_id)
        if claimed.run.lane is not None:
            self.kept[claimed.owner] = (claimed.run.lane, held)
        assert self.do(lambda: self.stores[which].cancel([run_id], "because", self.now)) == [run_id]
        self.check()

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), which=st.integers(0, 1))
    def returns(self, data: st.DataObject, which: int) -> None:
        owner = data.draw(st.sampled_from(sorted(self.kept)))
        lane, held = self.kept.pop(owner)
        if left := data.draw(st.integers(0, held)):
            self.kept[owner] = (lane, left)
        store = self.stores[which]
        assert self.do(lambda: store.free_slots(owner, left, self.now)) is (left < held)

    @rule(worker=workers, died=st.booleans())
    def worker_ends(self, worker: str, died: bool) -> None:
        assert self.do(lambda: self.stores[1].end_session(worker, self.now, died=died))
        for run_id in [run for run, claimed in self.executing.items() if claimed.owner.session == worker]:
            self.stops(run_id)
        self.kept = {owner: held for owner, held in self.kept.items() if owner.session != worker}
        self.do(lambda: self.stores[1].begin_session(values.session(worker)))

    def drain(self) -> None:
        """When faults stop, every run gets its slot and ends (P6): none was lost."""
        for _ in range(20 + 4 * len(self.unfinished)):
            for run_id, claimed in list(self.executing.items()):
                self.do(partial(values.commit, self.stores[0], claimed, values.end(), now=self.now))
                self.stops(run_id)
                self.unfinished.discard(run_id)
            for owner in list(self.kept):
                assert self.do(partial(self.stores[0].free_slots, owner, 0, self.now))
                del self.kept[owner]
            if not self.unfinished:
                return
            self.now += SECOND
            self.claim("w0", 100, ALL, 0)
        raise AssertionError(f"{len(self.unfinished)} runs never got a slot")


@pytest.mark.parametrize("kind", sorted(PLACES))
def test_budgets_are_kept_and_no_slot_is_lost(kind: str) -> None:
    search(Slots, kind, examples=60)
