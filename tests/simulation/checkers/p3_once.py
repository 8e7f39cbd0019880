"""P3 once: a step is recorded once: of two workers that ran it, one commit wins and the other is told so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.simulation.history import Committed, History, Recorded, effective_id, is_memo
from tests.simulation.scenario import Scenario


def check(history: History, _: Scenario) -> Iterator[str]:
    """A memo never changes, has its place in the run's order, and one invocation alone is told that it made it."""
    places: Counter[object] = Counter()
    makers: dict[tuple[str, str], str] = {}  # tokens, by run and step
    for _number, entry, state in history.walk():
        match entry:
            case Committed():
                for change in entry.changes:
                    if change.table != "steps":
                        continue
                    if change.old is not None and is_memo(change.old):
                        yield f"at {entry.at}: the memo of {effective_id(change.old)} was written over"
                    elif change.new is not None and is_memo(change.new):
                        run, place = change.new["run_id"], change.new["seq"]
                        if place != places[run]:
                            yield f"at {entry.at}: memo {effective_id(change.new)} has place {place}, not {places[run]}"
                        places[run] += 1
            case Recorded():
                for step, data, attempt in entry.memos:
                    row = state.memo(entry.run_id, step)
                    if row is None or (row["data"], row["attempt"]) != (data, attempt):
                        yield f"at {entry.at}: {entry.token} was told of another memo of {step} than is stored"
                    if makers.setdefault((entry.run_id, step), entry.token) != entry.token:
                        yield f"at {entry.at}: two invocations were told that they recorded {step}"
            case _:
                pass
