"""P0 one: there are never two live invocations of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.simulation.history import Change, Committed, Died, Entered, History, Left, Stopped
from tests.simulation.scenario import Scenario


def check(history: History, _: Scenario) -> Iterator[str]:
    """An invocation lives until it ends, its process does, or its worker is declared dead.

    One whose run was written by another engine lives until its run is let go by that.
    """
    live: dict[str, Entered] = {}
    for _number, entry, state in history.walk():
        match entry:
            case Entered():
                if not state.lives(entry.session):
                    continue  # it was declared dead between its claim and now, and can do no harm
                other = live.get(entry.run_id)
                if other is not None:
                    yield f"at {entry.at}: run {entry.run_id} is entered by {entry.token} while {other.token} is in it"
                live[entry.run_id] = entry
            case Left():
                if (one := live.get(entry.run_id)) is not None and one.token == entry.token:
                    del live[entry.run_id]
            case Died() | Stopped():
                live = {run: one for run, one in live.items() if one.process != entry.process}
            case Committed(changes=changes):
                for run in _let_go(changes):
                    live.pop(run, None)
                if any(change.table == "sessions" and change.old is not None for change in changes):
                    live = {run: one for run, one in live.items() if state.lives(one.session)}
            case _:
                pass


def _let_go(changes: Sequence[Change]) -> Iterator[str]:
    for change in changes:
        old, new = change.old, change.new
        if change.table == "runs" and old is not None and new is not None and old["touched"] and new["token"] is None:
            yield str(new["id"])
