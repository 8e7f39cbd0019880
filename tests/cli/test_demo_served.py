"""The comparison of the demo behind HTTP permits what cannot be excluded, and only that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from examples.demo import ledger
from examples.demo.compare_served import differences, made_again, table
from examples.demo.ledger import Kill, Try

from .test_demo import Runs, Tries, step

Kills = list[Kill]
FIRST, SECOND = 1, 2


def story() -> tuple[Tries, Kills, Runs]:
    """The demo when all is well: the server was killed, and then the app, while order A was being shipped."""
    tries = [
        Try("A", "charge", FIRST, "done", "receipt", began=0),
        Try("A", "e-mail", FIRST, "failed", began=2),
        Try("A", "e-mail", FIRST, "failed", began=4),
        Try("A", "e-mail", FIRST, "done", "mailed", began=6),
        Try("A", "ship", FIRST, "done", "parcel-1", began=8),
        Try("A", "ship", FIRST, began=12),
        Try("A", "ship", SECOND, "done", "parcel-2", began=15),
    ]
    steps = [
        step("charge", ["done"], "receipt"),
        step("e-mail", ["failed", "failed", "done"], "mailed"),
        step("ship", ["done"], "parcel-2"),
    ]
    cut = {"number": 0, "error": {"name": "ConnectionError"}}
    runs: Runs = {"A": {"status": "COMPLETED", "steps": steps, "attempts": [cut]}}
    return tries, [Kill(9, 11), Kill(13, 14)], runs


def test_two_accounts_that_agree() -> None:
    tries, kills, runs = story()
    assert differences(tries, kills, runs) == []
    assert made_again(tries, runs) == [
        "A ship: its try 1 ran to its end",
        "A ship: its try 2 was cut off, or goes on unheard",
    ]
    assert ("A", "ship", "done, cut off, done", "done") in list(table(tries, runs))


def test_a_try_that_begins_while_the_server_is_away_was_called_by_it_before() -> None:
    tries, kills, runs = story()
    tries[4].began = 10
    assert differences(tries, kills, runs) == []


def test_a_refusal_whose_server_was_killed_need_not_be_recorded() -> None:
    tries, kills, runs = story()
    runs["A"]["steps"][1] = step("e-mail", ["failed", "done"], "mailed")
    assert "A e-mail: 1 of its refusals was not heard" in made_again(tries, runs)
    assert "A e-mail: the ledger says" in differences(tries, kills, runs)[0]
    assert differences(tries, [Kill(5, 5.5), *kills], runs) == []


def not_completed(tries: Tries, kills: Kills, runs: Runs) -> None:
    runs["A"]["status"] = "RUNNING"


def recorded_and_done_again(tries: Tries, kills: Kills, runs: Runs) -> None:
    """The server has recorded the first parcel, and calls for another one after it was killed."""
    runs["A"]["steps"][2]["output"] = "parcel-1"


def again_without_a_kill(tries: Tries, kills: Kills, runs: Runs) -> None:
    tries.insert(0, Try("A", "charge", FIRST, "done", "another", began=-2))


def again_before_a_kill(tries: Tries, kills: Kills, runs: Runs) -> None:
    del kills[0]


def another_result(tries: Tries, kills: Kills, runs: Runs) -> None:
    runs["A"]["steps"][0]["output"] = "another receipt"


def step_is_not_recorded(tries: Tries, kills: Kills, runs: Runs) -> None:
    del runs["A"]["steps"][0]


def step_was_never_done(tries: Tries, kills: Kills, runs: Runs) -> None:
    del tries[0]


def more_failures_than_refusals(tries: Tries, kills: Kills, runs: Runs) -> None:
    runs["A"]["steps"][1] = step("e-mail", ["failed", "failed", "failed", "done"], "mailed")


def one_refusal_less(tries: Tries, kills: Kills, runs: Runs) -> None:
    del tries[1]
    runs["A"]["steps"][1] = step("e-mail", ["failed", "done"], "mailed")


def attempts_are_numbered_wrongly(tries: Tries, kills: Kills, runs: Runs) -> None:
    runs["A"]["steps"][1]["attempts"][1]["number"] = 0


def calls_fail_by_themselves(tries: Tries, kills: Kills, runs: Runs) -> None:
    runs["A"]["attempts"] *= 3


@pytest.mark.parametrize(
    ("tamper", "text"),
    [
        (not_completed, "the run is RUNNING"),
        (recorded_and_done_again, "A ship: was recorded, and then done again"),
        (again_without_a_kill, "A charge: was tried again, though it had not failed, and nobody was killed"),
        (again_before_a_kill, "A ship: was tried again, though it had not failed, and nobody was killed"),
        (another_result, "A charge: the server recorded 'another receipt', which no try of it gave"),
        (step_is_not_recorded, "A charge: is in the ledger, but the server knows nothing of it"),
        (step_was_never_done, "A charge: the server recorded 'receipt', which no try of it gave"),
        (more_failures_than_refusals, "A e-mail: the ledger says ['failed', 'failed', 'done'], the server says"),
        (one_refusal_less, "A e-mail: expected 2 refusals, the ledger has 1"),
        (attempts_are_numbered_wrongly, "A e-mail: the attempts are numbered [0, 0, 2]"),
        (calls_fail_by_themselves, "A: 3 calls of it failed, and only 2 times was a kill"),
    ],
)
def test_what_must_not_be_is_found(tamper: Callable[[Tries, Kills, Runs], None], text: str) -> None:
    tries, kills, runs = story()
    tamper(tries, kills, runs)
    assert any(text in difference for difference in differences(tries, kills, runs))


def test_the_ledger_tells_tries_that_overlap_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ledger.jsonl"
    monkeypatch.setattr(ledger, "FILE", file)
    with ledger.tried("A", "ship") as first:
        ledger.note(file, "kill")
        ledger.note(file, "again")
        with ledger.tried("A", "ship") as second:
            second.append("parcel-2")
        first.append("parcel-1")
    ledger.note(file, "kill")
    assert [(one.began, one.end, one.value) for one in ledger.read(file)] == [
        (0, "done", "parcel-1"),
        (3, "done", "parcel-2"),
    ]
    assert ledger.kills(file) == [Kill(1, 2), Kill(6)]
