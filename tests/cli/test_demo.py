"""The demo's comparison finds what is wrong. The demo itself is run by `make demo`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from examples.demo.compare import differences
from examples.demo.ledger import Try

KILLED, NEXT = 1, 2
Runs = dict[str, dict[str, Any]]
Tries = list[Try]


def step(name: str, attempts: list[str], output: object, kind: str = "StepRun") -> dict[str, Any]:
    errors = [None if end == "done" else {"name": "ConnectionError"} for end in attempts]
    numbered = [{"number": number, "error": error} for number, error in enumerate(errors)]
    return {"id": name, "kind": kind, "attempts": numbered, "output": output}


def story() -> tuple[Tries, Runs]:
    """What the demo sees when all is well: the kill came while order A was being shipped."""
    tries = [
        Try("A", "charge", KILLED, "done", "receipt"),
        Try("A", "e-mail", KILLED, "failed"),
        Try("A", "e-mail", KILLED, "failed"),
        Try("A", "e-mail", KILLED, "done", "mailed"),
        Try("A", "ship", KILLED),
        Try("A", "ship", NEXT, "done", "parcel"),
    ]
    steps = [
        step("charge", ["done"], "receipt"),
        step("e-mail", ["failed", "failed", "done"], "mailed"),
        step("dry", [], None, "Sleep"),
        step("ship", ["done"], "parcel"),
    ]
    return tries, {"A": {"status": "COMPLETED", "steps": steps}}


def test_two_accounts_that_agree() -> None:
    assert differences(*story(), {KILLED}) == []


def test_the_engine_need_not_know_of_the_try_that_the_kill_cut_off_though_it_had_ended() -> None:
    tries, runs = story()
    tries[4].end, tries[4].value = "done", "parcel"
    assert differences(tries, runs, {KILLED}) == []


def test_each_kill_may_cut_one_try_off() -> None:
    tries, runs = story()
    tries[5:] = [Try("A", "ship", NEXT, "done", "lost"), Try("A", "ship", 3, "done", "parcel")]
    assert differences(tries, runs, {KILLED, NEXT}) == []
    assert "A ship: the ledger says" in differences(tries, runs, {KILLED})[0]
    tries[3:4] = [Try("A", "e-mail", NEXT, "done", "mailed"), Try("A", "e-mail", NEXT, "done", "mailed")]
    assert "A e-mail: " in differences(tries, runs, {KILLED, NEXT})[0]  # one process was killed once


def not_completed(tries: Tries, runs: Runs) -> None:
    runs["A"]["status"] = "RUNNING"


def charged_again(tries: Tries, runs: Runs) -> None:
    tries.append(Try("A", "charge", NEXT, "done", "receipt"))


def charged_again_and_cut_off(tries: Tries, runs: Runs) -> None:
    tries.insert(1, Try("A", "charge", KILLED))


def retry_is_missing(tries: Tries, runs: Runs) -> None:
    del tries[2]
    runs["A"]["steps"][1] = step("e-mail", ["failed", "done"], "mailed")


def retry_was_not_recorded(tries: Tries, runs: Runs) -> None:
    runs["A"]["steps"][1] = step("e-mail", ["failed", "done"], "mailed")


def attempts_are_numbered_wrongly(tries: Tries, runs: Runs) -> None:
    runs["A"]["steps"][1]["attempts"][1]["number"] = 0


def step_was_never_done(tries: Tries, runs: Runs) -> None:
    del tries[0]


def step_is_not_recorded(tries: Tries, runs: Runs) -> None:
    del runs["A"]["steps"][0]


def another_result(tries: Tries, runs: Runs) -> None:
    runs["A"]["steps"][0]["output"] = "another receipt"


def cut_off_without_a_kill(tries: Tries, runs: Runs) -> None:
    tries.insert(5, Try("A", "ship", NEXT))


@pytest.mark.parametrize(
    ("tamper", "text"),
    [
        (not_completed, "the run is RUNNING"),
        (charged_again, "A charge: was done, and then tried again"),
        (charged_again_and_cut_off, "A charge: the ledger says ['done', 'cut off'], the engine says ['done']"),
        (retry_is_missing, "A e-mail: expected 2 refusals and 1 success, the ledger has [1, 1]"),
        (retry_was_not_recorded, "A e-mail: the ledger says ['failed', 'failed', 'done']"),
        (attempts_are_numbered_wrongly, "A e-mail: the attempts are numbered [0, 0, 2]"),
        (step_was_never_done, "A charge: the ledger says [], the engine says ['done']"),
        (step_is_not_recorded, "A charge: is in the ledger, but the engine knows nothing of it"),
        (another_result, "A charge: the ledger says 'receipt', the engine recorded 'another receipt'"),
        (cut_off_without_a_kill, "A ship: was cut off, but its process was not killed"),
    ],
)
def test_what_does_not_agree_is_found(tamper: Callable[[Tries, Runs], None], text: str) -> None:
    tries, runs = copy.deepcopy(story())
    tamper(tries, runs)
    assert any(text in difference for difference in differences(tries, runs, {KILLED}))
