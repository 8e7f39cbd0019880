"""Who has sent a request that is a run is not told another result than the run has, and not of a run that is none.

A file of its own: each promise has one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.simulation.carried import Replied
from tests.simulation.history import History
from tests.simulation.scenario import Scenario

ANSWERED, ELSEWHERE = 200, 303


def check(history: History, _: Scenario) -> Iterator[str]:
    """See the module. Who was told of a failure may find the run at a server, or not."""
    replies = [entry for entry in history.entries if isinstance(entry, Replied)]
    for reply in replies:
        run = history.state.runs.get(reply.run_id)
        if run is None and reply.status in (ANSWERED, ELSEWHERE):
            yield f"at {reply.at}: somebody was told of run {reply.run_id}, and there is no such run"
        if run is None or reply.status != ANSWERED:
            continue
        output = json.loads(str(run["output"])) if run["status"] == "COMPLETED" else {}
        if output.get("body") != json.loads(reply.value):
            yield f"at {reply.at}: run {reply.run_id} was answered with {reply.value}, and is {run['status']}: {output}"
