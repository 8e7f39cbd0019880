"""The checker of flow tells who overtook whom; a run that came in the transaction of the claim was not overtaken."""

from __future__ import annotations

from tests.simulation.checkers import p7_flow
from tests.simulation.history import Change, Committed, History, Row
from tests.simulation.scenario import Scenario

FUNCTION: Row = {"id": "sim-lane", "config": "{}"}


def run(name: str, **more: object) -> Row:
    """A run that waits for its start."""
    fixed = {"function_id": "sim-lane", "event_id": "event", "created_at": 5, "ended_at": None, "batch_id": None}
    return {"id": name, "token": None, "started_at": None, "status": "QUEUED", "error": None, **fixed, **more}


def job(name: str, **more: object) -> Row:
    """Its job."""
    return {"id": name, "run_id": name, "lane": "lane", "start": 1, "queue_class": 0, "score": 5, "due_at": 5, **more}


def queued(name: str, **more: object) -> list[Change]:
    """A run comes into the lane."""
    return [Change("runs", None, run(name)), Change("jobs", None, job(name, **more))]


def claimed(name: str) -> list[Change]:
    """A run begins."""
    begun = run(name, token="token", started_at=5, status="RUNNING")
    return [Change("jobs", job(name), None), Change("runs", run(name), begun)]


def problems(*transactions: list[Change]) -> list[str]:
    """What the checker says about these transactions."""
    history = History()
    first = [
        Change("functions", None, FUNCTION),
        Change("events", None, {"id": "event", "name": "go", "data": "{}"}),
    ]
    for number, changes in enumerate([first, *transactions]):
        history.note(Committed(number, 0, number, changes))
    return list(p7_flow.check(history, Scenario("overtaking", [], [])))


def test_who_begins_before_another_that_waits_has_overtaken_it() -> None:
    (problem,) = problems(queued("2"), queued("1"), claimed("2"))
    assert "comes before it" in problem


def test_who_begins_when_it_is_first_has_overtaken_nobody() -> None:
    assert problems(queued("2"), queued("3"), claimed("2")) == []


def test_what_comes_in_the_transaction_of_the_claim_is_not_overtaken() -> None:
    assert problems(queued("2"), [*claimed("2"), *queued("1")]) == []


def test_a_job_is_judged_as_it_was_before_the_transaction() -> None:
    moved = Change("jobs", job("1", score=6, due_at=6), job("1"))
    assert problems(queued("2"), queued("1", score=6, due_at=6), [*claimed("2"), moved]) == []
