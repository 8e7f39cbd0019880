"""Any sequence of calls, from several workers, gives what the oracle says: searched for a difference by hypothesis."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from unittest import mock

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from inngest.engine.domain import triggers
from inngest.engine.domain.effects import Effects
from inngest.engine.domain.model import (
    Changes,
    Ended,
    Event,
    FailedAttempt,
    FunctionSpec,
    Registry,
    Released,
    RunStatus,
)
from inngest.engine.domain.starts import Start
from inngest.engine.records import Acceptance, Accepted, Commit, EventCursor, Owner, Receipt, Written
from inngest.protocol.errors import ErrorInfo
from tests.contract.store import values
from tests.contract.store.oracle import FINAL, Oracle
from tests.contract.store.stores import PLACES, POLICY, search

T = TypeVar("T")

FUNCTIONS = [
    values.function("a", "one", "all"),
    values.function("b", "two", "all", version="v2", retries=0),
    values.function("c", "all", app="else"),
    values.function("d", "one", version="v3"),
]
EVENTS = ["one", "two", "all", "nothing"]
WORKERS = ["w0", "w1", "w2"]
STEPS = ["s0", "s1", "s2", "s3"]
MINUTE = 60_000

ALL = [one.id for one in FUNCTIONS]

workers = st.sampled_from(WORKERS)
served = st.sampled_from([ALL, ALL, ALL, ALL[:2], ALL[2:], []])  # mostly all: else little would ever be claimed


class Planned(NamedTuple):
    """What the domain said that events start."""

    registry: Registry
    starts: list[Start]


class Planning:
    """Keeps what the domain says, by the ids of the events that it is asked about."""

    def __init__(self) -> None:
        self._starts = triggers.starts
        self._said: dict[tuple[str, ...], Planned] = {}

    def __call__(self, events: Sequence[Event], registry: Registry, *more: Any) -> list[Start]:
        """Ask the domain."""
        starts = self._starts(events, registry, *more)
        self._said[tuple(event.id for event in events)] = Planned(registry, starts)
        return starts

    def of(self, events: Sequence[Event]) -> Planned:
        """What these start, as it was said last."""
        return self._said[tuple(event.id for event in events)]


class Comparison(RuleBasedStateMachine):
    """A store, open twice on one place, beside the oracle."""

    kind: str

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="contract-"))
        place = PLACES[self.kind](self.folder)
        self.stores = [place.store(), place.store()]
        self.oracle = Oracle(POLICY)
        self.now = values.NOW
        self.owners: list[Owner] = []  # all that there ever were
        self.seqs: dict[str, int] = {}
        self.planning = Planning()
        self.patch = mock.patch.object(triggers, "starts", self.planning)
        self.patch.start()
        for store in self.stores:
            self.do(store.open(self.now))

    def teardown(self) -> None:
        self.patch.stop()
        for store in self.stores:
            self.do(store.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    def do(self, work: Awaitable[T]) -> T:
        """Wait for something, as far as there is something to wait for."""

        async def main() -> T:
            return await work

        return self.loop.run_until_complete(main())

    def do_all(self, *verbs: Callable[[], Awaitable[T]]) -> list[T]:
        """Ask for several things at the same moment."""

        async def main() -> list[T]:
            return await asyncio.gather(*(verb() for verb in verbs))

        return self.loop.run_until_complete(main())

    # -- time, workers, functions

    @initialize()
    def begin(self) -> None:
        self.register(FUNCTIONS, None)
        for worker in WORKERS:
            self.session(worker, [])

    @rule(ms=st.sampled_from([1, 2, MINUTE, 24 * 60 * MINUTE]))
    def time_passes(self, ms: int) -> None:
        self.now += ms

    @rule(
        functions=st.sampled_from([FUNCTIONS, FUNCTIONS, FUNCTIONS[:2], FUNCTIONS[1:]]),
        app=st.sampled_from([None, "app", "else"]),
    )
    def register(self, functions: list[FunctionSpec], app: str | None) -> None:
        self.do(self.stores[0].register(functions, replace_app=app, now=self.now))
        self.oracle.register(functions, app)

    @rule(worker=workers, functions=served)
    def session(self, worker: str, functions: list[str]) -> None:
        if worker in self.oracle.sessions:
            return
        self.do(self.stores[0].begin_session(values.session(worker, *functions, now=self.now)))
        self.oracle.sessions[worker] = tuple(functions)

    @rule(worker=workers, died=st.sampled_from([True, True, False]), comes_back=st.sampled_from([True, True, False]))
    def end_session(self, worker: str, died: bool, comes_back: bool) -> None:
        ended = self.do(self.stores[1].end_session(worker, self.now, died=died))
        assert ended == self.oracle.end_session(worker, self.now, died=died)
        if comes_back:
            self.session(worker, [])

    # -- events

    def event(self, name: str, key: str, delay: int) -> Event:
        return values.event(name, now=self.now, key=key, ts=self.now + delay)

    events = st.lists(
        st.tuples(st.sampled_from(EVENTS), st.sampled_from(["", "", "k0"]), st.sampled_from([0, 0, MINUTE])),
        min_size=1,
        max_size=3,
    )

    @rule(
        batches=st.lists(st.tuples(events, st.integers(0, 2)), min_size=1, max_size=3),
        repeated=st.booleans(),
        worker=workers,
        functions=served,
    )
    def accept(
        self,
        batches: list[tuple[list[tuple[str, str, int]], int]],
        repeated: bool,
        worker: str,
        functions: list[str],
    ) -> None:
        """Several at the same moment; `repeated` sends the first event of all again with each, and an old one."""
        sent: list[Event] = list(self.oracle.events.values())[:1] if repeated else []
        acceptances: list[Acceptance] = []
        for given, claims in batches:
            events = [*sent, *(self.event(*one) for one in given)]
            if repeated:
                sent = [*sent, events[-1]]
            owners = [values.owner(worker) for _ in range(claims)]
            acceptances.append(Acceptance(events, owners, frozenset(functions), self.now))
        accept = self.stores[0].accept
        answers: list[Accepted] = self.do_all(*(partial(accept, one) for one in acceptances))
        for one, answer in zip(acceptances, answers, strict=True):
            planned = self.planning.of(one.events)
            assert dict(planned.registry.functions) == self.oracle.functions
            expected = self.oracle.accept(one.events, planned.starts, one.claim, one.functions, self.now)
            assert list(answer.started) == expected
            self.owners += [owner for _, owner in answer.started if owner is not None]

    # -- owning

    @rule(worker=workers, functions=served, died=st.booleans())
    def claim_and_die(self, worker: str, functions: list[str], died: bool) -> None:
        """Again and again until a run is suspected to be what kills."""
        for _ in range(3):
            if worker not in self.oracle.sessions:
                return
            self.claim(worker, 9, functions, True, 0)
            self.end_session(worker, died, True)

    @rule(
        worker=workers,
        count=st.integers(1, 3),
        functions=served,
        alone=st.sampled_from([True, True, False]),
        which=st.integers(0, 1),
    )
    def claim(self, worker: str, count: int, functions: list[str], alone: bool, which: int) -> None:
        owner = values.owner(worker)
        claims = self.do(self.stores[which].claim(owner, count, functions, self.now, alone=alone))
        given = [one.run.id for one in claims.runs]
        due = {run_id: stored.due_at for run_id, stored in self.oracle.runs.items() if stored.job is not None}
        expected = self.oracle.claim(owner, count, functions, self.now, alone=alone, given=given)
        assert sorted((due[run_id], run_id) for run_id in given) == sorted(expected.runs)
        assert [due[run_id] for run_id in given] == [due_at for due_at, _ in expected.runs]
        assert claims.next_due == expected.next_due
        assert (claims.alone_due, claims.fenced) == (expected.alone_due, expected.fenced)
        for claimed in claims.runs:
            stored = self.oracle.runs[claimed.run.id]
            event = self.oracle.events[claimed.run.event_id]
            assert claimed.run == stored.run
            assert list(claimed.memos) == stored.in_order
            assert sorted(claimed.open) == sorted(stored.open.values())
            assert [(one.id, one.data) for one in claimed.events] == [(event.key or event.id, event.data)]
            self.owners.append(claimed.owner)

    steps = st.lists(st.sampled_from(STEPS), max_size=2)
    transitions = st.sampled_from(["none", "none", "none", "completed", "failed", "released", "waits"])

    @precondition(lambda self: self.owners)
    @rule(
        data=st.data(),
        commits=st.lists(st.tuples(steps, steps, steps, st.booleans(), transitions), min_size=1, max_size=3),
        stale=st.booleans(),
    )
    def commit(
        self,
        data: st.DataObject,
        commits: list[tuple[list[str], list[str], list[str], bool, str]],
        stale: bool,
    ) -> None:
        """Several at the same moment, of one run or of several; `stale` also from owners that are none any more."""
        owners = self.owners if stale else [one for one in self.owners if self.owns(one)]
        if not owners:
            return
        asked: list[Commit] = []
        for memos, opened, failed, sends, transition in commits:
            owner = data.draw(st.sampled_from(owners[-8:]))
            events = [self.event("two", "", 0)] if sends else []
            changes = self.changes(owner, memos, opened, failed, transition)
            function_id = self.oracle.runs[owner.run_id].run.function_id
            asked.append(Commit(owner, function_id, changes, self.now, Effects(events), bool(changes.memos)))
            if changes.transition is not None:
                owners = [one for one in owners if one is not owner]  # who has let go is heard no more
            if not owners:
                break
        answers: list[Receipt] = self.do_all(*(partial(self.stores[0].commit, one) for one in asked))
        for one, answer in zip(asked, answers, strict=True):
            sent = one.effects.sent
            starts = self.planning.of(sent).starts if sent and answer.written is Written.DONE else []
            assert answer.written is self.oracle.commit(one.owner, one.changes, sent, starts, self.now)

    def owns(self, owner: Owner) -> bool:
        return self.oracle.runs[owner.run_id].owner == (owner.session, owner.token)

    def changes(self, owner: Owner, memos: list[str], opened: list[str], failed: list[str], transition: str) -> Changes:
        seq = self.seqs.get(owner.run_id, 0)
        self.seqs[owner.run_id] = seq + len(memos)
        return Changes(
            attempt=seq % 3,
            memos=[values.memo(name, seq + at, f'"{name}"', now=self.now) for at, name in enumerate(memos)],
            open=[values.open_step(name, attempt=seq % 4, due_at=self.now + seq) for name in opened],
            failed=[
                FailedAttempt(values.step(name).hash, seq, self.now, self.now, ErrorInfo("Error", name))
                for name in failed
            ],
            transition={
                "none": None,
                "completed": Ended(RunStatus.COMPLETED, str(seq), None),
                "failed": Ended(RunStatus.FAILED, None, ErrorInfo("Error", "no", None, "code")),
                "released": Released(self.now + seq % 3),
                "waits": Released(None),
            }[transition],
        )

    @rule(age=st.sampled_from([0, 2, MINUTE]), which=st.integers(0, 1))
    def remove(self, age: int, which: int) -> None:
        store, before = self.stores[which], self.now - age
        while self.do(store.remove_runs(before)):
            pass
        place: EventCursor | None = EventCursor(0, "")
        while place is not None:
            place = self.do(store.remove_events(place, before))
        self.do(store.remove_keys(self.now))
        known = list(self.oracle.runs)
        self.oracle.remove(before)
        self.owners = [one for one in self.owners if one.run_id in self.oracle.runs]
        gone = [run_id for run_id in known if run_id not in self.oracle.runs]
        assert list(self.do(store.missing(known))) == gone

    # -- what must hold

    @rule(
        event=st.none() | st.integers(0, 9),
        function=st.none() | st.sampled_from([one.id for one in FUNCTIONS]),
        status=st.none() | st.sampled_from(sorted(RunStatus)),
        limit=st.integers(1, 4),
        before=st.none() | st.integers(0, 9),
    )
    def listed(
        self, event: int | None, function: str | None, status: RunStatus | None, limit: int, before: int | None
    ) -> None:
        events, runs = list(self.oracle.events), list(self.oracle.runs)
        event_id = None if event is None or not events else events[event % len(events)]
        before_id = None if before is None or not runs else runs[before % len(runs)]
        found = self.do(
            self.stores[1].runs(event_id=event_id, function_id=function, status=status, limit=limit, before=before_id)
        )
        assert list(found) == self.oracle.listed(
            event_id=event_id, function_id=function, status=status, limit=limit, before=before_id
        )

    @invariant()
    def each_run_is_as_it_should_be(self) -> None:
        for run_id, stored in self.oracle.runs.items():
            view = self.do(self.stores[1].run(run_id))
            assert view is not None
            assert view.run == stored.run
            assert view.event == self.oracle.events[stored.run.event_id]
            assert list(view.memos) == stored.in_order
            assert sorted(view.open) == sorted(stored.open.values())
            assert sorted(view.failed, key=repr) == sorted(stored.failed.values(), key=repr)
            assert view.worker == (None if stored.owner is None else stored.owner[0])

    @invariant()
    def who_has_ended_has_ended(self) -> None:
        ended = {one.id for one in self.do(self.stores[0].ended(list(self.oracle.runs)))}
        assert ended == {run_id for run_id, stored in self.oracle.runs.items() if stored.run.status in FINAL}

    @invariant()
    def the_living_live(self) -> None:
        assert {one.id for one in self.do(self.stores[0].sessions())} == set(self.oracle.sessions)


@pytest.mark.parametrize("kind", sorted(PLACES))
def test_a_store_does_what_the_oracle_says(kind: str) -> None:
    search(Comparison, kind, examples=40)
