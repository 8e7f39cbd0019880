"""Why a run waits: what lasts so short a time that no story can show it."""

from __future__ import annotations

from inngest.engine.domain.explaining import Facts, Reason, Rule, WorkerFact, explain
from inngest.engine.domain.model import Run, RunStatus

RUN = Run("01M848N7A5621S18S2HGP2V8CF", "shop-import", "1", "01M848N7A5621S18S2HGP2V8CE", RunStatus.RUNNING, 1, 4, 2)
DEAD = WorkerFact("dead", "vm, process 1", serves=True, executing=1)
OTHER = WorkerFact("other", "vm, process 2", serves=True, executing=0)


def facts(*workers: WorkerFact) -> Facts:
    return Facts(
        run=RUN,
        open=(),
        failed=(),
        watches=(),
        children=(),
        due_at=None,
        alone=False,
        owner="dead",
        workers=workers,
        requests=(),
        paused=None,
        recorded=None,
    )


def test_another_worker_takes_over_what_a_dead_one_had() -> None:
    seen = facts(DEAD, OTHER).judged(lambda session: session == "other")
    assert explain(seen, 3) == [Reason(Rule.DUE, "Its worker (vm, process 1) has died: another one takes it over.")]


def test_a_worker_that_is_not_known_to_be_dead_executes_it() -> None:
    assert explain(facts(DEAD, OTHER), 3) == [
        Reason(Rule.EXECUTING, "It is executing on vm, process 1, and has recorded no step.")
    ]
