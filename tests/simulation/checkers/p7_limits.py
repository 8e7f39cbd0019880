"""P7 limits: what executes never exceeds a concurrency limit, and each slot that is counted is somebody's.

A handler executes until it returns, also if its run was cancelled meanwhile, and until its process or its session ends.
One of an app executes as long as its call is under way: whoever gave that up cannot know what the app does.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator

from inngest.engine.domain.function_rules import rules_of
from inngest.engine.domain.lanes import Lane
from tests.simulation.carried import Answered, Called
from tests.simulation.history import Began, Change, Committed, Died, Entry, Finished, History, Row, State, hold_of
from tests.simulation.scenario import Scenario

ALONE_AFTER = 3
"""Workers that died on a run, from which on it is entered alone, and has its slot though it is on hold."""

Handler = tuple[int, str, str, str]  # process, token, run and step


def check(history: History, _: Scenario) -> Iterator[str]:
    """Slots are counted exactly, after each transaction; and handlers of owners are no more than there are slots."""
    slots = Slots()
    for _number, entry, state in history.walk():
        yield from slots.see(entry, state)
    yield from slots.leaked()


class Slots:
    """The slots of all budgets, from what runs hold: kept up change by change: thousands of runs cost little."""

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()  # by budget, by all runs
        self.used: dict[str, int] = {}  # by budget, as counted
        self.most_held: Counter[str] = Counter()
        self.most_executing: Counter[str] = Counter()
        self.limits: dict[str, int] = {}  # the most that any function allows of a budget
        self._executing: Counter[str] = Counter()
        self._handlers: dict[Handler, frozenset[str]] = {}  # those that run, with the budgets of their runs
        self._of_session: dict[str, list[Handler]] = {}
        self._calls: dict[str, str] = {}  # that are under way: the tokens of their claims

    def see(self, entry: Entry, state: State) -> Iterator[str]:
        """What does not hold after this."""
        match entry:
            case Committed():
                touched: dict[str, None] = {}
                for change in entry.changes:
                    yield from (f"at {entry.at}: {problem}" for problem in self._written(change, state, touched))
                yield from (f"at {entry.at}: {problem}" for problem in self._miscounted(touched))
            case Began():
                yield from (f"at {entry.at}: {problem}" for problem in self._began(entry, state))
            case Called():
                self._calls[entry.call] = entry.token
            case Answered():
                del self._calls[entry.call]
                for handler in [one for one in self._handlers if one[1] == entry.call]:
                    self._end(handler)
            case Finished():
                self._end((entry.process, entry.token, entry.run_id, entry.step))
            case Died():
                for handler in [one for one in self._handlers if one[0] == entry.process]:
                    self._end(handler)
            case _:
                pass

    def leaked(self) -> Iterator[str]:
        """Slots that are counted in the end."""
        for budget, used in self.used.items():
            if used:
                yield f"in the end {used} slots of {budget} are used by nobody"

    # -- what is written

    def _written(self, change: Change, state: State, touched: dict[str, None]) -> Iterator[str]:
        old, new = change.old, change.new
        if change.table == "budgets":
            row = new or old
            assert row is not None
            budget = str(row["budget"])
            self.used[budget] = 0 if new is None else _number(new["used"])
            touched[budget] = None
        elif change.table in {"runs", "kept_slots"}:
            for row, sign in ((old, -1), (new, 1)):
                if row is not None and row["slots"]:
                    for budget in _budgets(row["lane"]):
                        self.held[budget] += sign * _number(row["slots"])
                        touched[budget] = None
            if new is not None and change.table == "runs":
                yield from self._of_row(new, state)
        elif change.table == "sessions" and new is None and old is not None:
            for handler in self._of_session.pop(str(old["id"]), ()):  # it may go on, but its worker is declared dead
                self._let_go(handler)

    def _of_row(self, run: Row, state: State) -> Iterator[str]:
        slots = _number(run["slots"])
        replays_only = hold_of(run) is not None and _number(run["takeovers"]) < ALONE_AFTER
        if (slots > 0) != (run["session_id"] is not None and run["lane"] is not None and not replays_only):
            yield f"run {run['id']} holds {slots} slots, its owner is {run['session_id']}, its lane {run['lane']}"
        if run["lane"] is not None:
            self._learn(str(run["lane"]), state)

    def _miscounted(self, touched: dict[str, None]) -> Iterator[str]:
        for budget in touched:
            held, limit = self.held[budget], self.limits.get(budget)
            if held != self.used.get(budget, 0):
                yield f"{held} slots of {budget} are held, and {self.used.get(budget, 0)} are counted"
            if limit is not None and held > limit:
                yield f"{held} slots of {budget} are held, and there are {limit}"
            self.most_held[budget] = max(self.most_held[budget], held)

    def _learn(self, lane: str, state: State) -> None:
        function_id = Lane.of(lane).function_id
        limits = _limits(lane, str(state.functions[function_id]["config"]))
        for budget, slots in limits:
            self.limits[budget] = max(self.limits.get(budget, 0), slots)

    # -- what executes

    def _began(self, entry: Began, state: State) -> Iterator[str]:
        run = state.runs.get(entry.run_id)
        if run is None or run["token"] != self._calls.get(entry.token, entry.token) or run["lane"] is None:
            return
        handler, budgets = (entry.process, entry.token, entry.run_id, entry.step), _budgets(run["lane"])
        self._handlers[handler] = budgets
        self._of_session.setdefault(str(run["session_id"]), []).append(handler)
        for budget in budgets:
            self._executing[budget] += 1
            count, limit = self._executing[budget], self.limits.get(budget)
            self.most_executing[budget] = max(self.most_executing[budget], count)
            if limit is not None and count > limit:
                yield f"{count} handlers execute in {budget}, and it has {limit} slots"

    def _let_go(self, handler: Handler) -> None:
        for budget in self._handlers.get(handler, ()):
            self._executing[budget] -= 1
            self._handlers[handler] = frozenset()

    def _end(self, handler: Handler) -> None:
        if handler in self._handlers:
            self._let_go(handler)
            del self._handlers[handler]


@functools.lru_cache(maxsize=4_096)
def _limits(lane_id: str, config: str) -> tuple[tuple[str, int], ...]:
    lane = Lane.of(lane_id)
    slots = rules_of(lane.function_id, config).queueing.slots(lane.budgets)
    return tuple((budget, count) for budget, count in zip(lane.budgets, slots, strict=True) if count is not None)


@functools.lru_cache(maxsize=4_096)
def _budgets(lane: object) -> frozenset[str]:
    return frozenset() if lane is None else frozenset(Lane.of(str(lane)).budgets)


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
