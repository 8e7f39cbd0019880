"""P7 threads: a worker takes no more runs of plain functions than it has threads. Each is used until it returns.

So none of them holds a place, or a slot, while it waits for a thread.
"""

from __future__ import annotations

import inspect
import random
from collections import defaultdict
from collections.abc import Iterator
from typing import cast

import inngest
from tests.simulation.history import Began, Died, Entered, Finished, History, Left
from tests.simulation.outside import Ledger, Outside
from tests.simulation.scenario import APP, Scenario

Invocation = tuple[str, str]  # token and run


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """See the module. Engines that call apps have no threads for their functions."""
    if scenario.apps:
        return
    plain, live, busy = _plain(scenario), defaultdict[int, dict[Invocation, None]](dict), _Busy()
    for entry in history.entries:
        match entry:
            case Entered(function_id=function_id) if function_id in plain:
                live[entry.process][entry.token, entry.run_id] = None
                used = len({**live[entry.process], **busy.of(entry.process)})
                if used > scenario.threads:
                    yield f"at {entry.at}: {used} plain runs are in flight, and there are {scenario.threads} threads"
            case Left():
                live[entry.process].pop((entry.token, entry.run_id), None)
            case Began() if (entry.token, entry.run_id) in live[entry.process]:
                busy.began(entry)
            case Finished():
                busy.finished(entry)
            case Died():
                live.pop(entry.process, None)
                busy.died(entry.process)
            case _:
                pass


class _Busy:
    """Invocations of which handlers run in threads, whether they are over or not."""

    def __init__(self) -> None:
        self._handlers: dict[int, dict[Invocation, int]] = defaultdict(dict)  # by process: how many

    def began(self, entry: Began) -> None:
        handlers = self._handlers[entry.process]
        handlers[entry.token, entry.run_id] = handlers.get((entry.token, entry.run_id), 0) + 1

    def finished(self, entry: Finished) -> None:
        handlers = self._handlers[entry.process]
        left = handlers.get((entry.token, entry.run_id), 0) - 1
        if left > 0:
            handlers[entry.token, entry.run_id] = left
        else:
            handlers.pop((entry.token, entry.run_id), None)

    def died(self, process: int) -> None:
        self._handlers.pop(process, None)

    def of(self, process: int) -> dict[Invocation, None]:
        return dict.fromkeys(self._handlers.get(process, ()))


def _plain(scenario: Scenario) -> set[str]:
    """Ids of the plain functions."""
    client = inngest.Inngest(app_id=APP, is_production=False)
    nowhere = Outside(cast("Ledger", None), random.Random(0))
    made = [one for program in scenario.programs for one in program.make(client, nowhere, 0)]
    return {one.id for one in made if not inspect.iscoroutinefunction(one.handler)}
