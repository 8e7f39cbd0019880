"""What other workers are told: each statement that they must know of says it, and it is read as it was written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast
from unittest import mock

import pytest

from inngest.engine.store import timers
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import MultiRowStatement, Transaction
from inngest.engine.store.tidings import LOOK, MOST, SILENCE, Tidings, read
from inngest.engine.wake_ports import EVERYTHING, NOTHING, News
from tests.house import sql

LOOKED_FOR = ("jobs", "lanes", "requests", "sessions", "functions", "pauses", "timers", "apps")
"""Tables in which workers look for what they have to do."""

SILENT = {
    "apps.ARCHIVE": "the next generation of functions says it",
    "apps.ARCHIVE_APP": "the same",
    "apps.FORGET_APP": "it had no functions",
    "apps.WRITE_APP": "the next generation of functions says it, if any has changed",
    "apps.NOTE_ERROR": "people see it",
    "cancelling.DELETE_JOBS_OF_RUNS": "a claim that comes too late finds nothing",
    "claiming.DELETE_JOBS": "the same",
    "claiming.PUT_OFF": "who claims knows when it is due",
    "endpoints.DELETE_JOB": "another one follows",
    "endpoints.FORGET": "the next generation of functions says it",
    "endpoints.FORGET_HOST": "the same",
    "endpoints.USED": "it is of use when the next endpoint needs a place",
    "erasing_rows.FORGET_LANES": "nothing waits in them",
    "holding.DELETE_JOB": "another one follows",
    "lane_claims.DELETE_LANES": "nothing waits in them",
    "lane_claims.FALL_DUE": "who claims looks at the lane",
    "lane_claims.PUT_OFF": "who claims knows when it is looked at again",
    "lane_claims.SET_LANES": "the same; what is left for lack of room is told as such",
    "lanes.LOOK_AT": "the jobs that were made due say it",
    "lanes.WAKE_LANES": "its caller says it, of the function",
    "pausing.PAUSE": "the next generation of functions says it",
    "pausing.RESUME": "the same",
    "sweeping.FORGET_LANES": "they are made anew",
    "sweeping.TO_LANE_OF_RUN": "the next sweep finds them",
    "sweeping.UNBLOCK": "the claim that sweeps looks at them",
    "waits.MAKE_DUE": "its caller says it, of the jobs that it returns",
    "waits.DROP_REQUEST": "its caller tells who made it",
    "waits.DROP_REQUESTS": "the same",
    "requests.DELAY": "who claims knows",
    "requests.DONE": "what follows from the answer says it",
    "requests.FORGET_SECRETS": "the end of the session says it",
    "requests.GIVE_BACK": "the same",
    "requests.HOLD": "who holds the credentials makes the request",
    "requests.PUT_OFF": "who made the attempt knows of the next",
    "requests.TAKE": "it is taken",
    "sessions.FORGET_FUNCTION": "the next generation of functions says it",
    "sessions.WRITE_FUNCTION": "the same",
    "sessions.TELL_HANDLERS": "people see it",
    "timers.ARM_TIMER": "its caller says it, if it is earlier than what is known",
    "timers.SET_TIMER": "the same",
    "timers.FORGET_TIMES": "a timer that is gone does nothing",
    "timers.PUT_OFF": "who finds it not due looks for the next",
    "timers.REMOVE_TIMER": "a timer that is gone does nothing",
    "timers.TAKE_DUE": "the same",
}
"""Statements that write into these tables and tell nothing, and why they need not."""

WRITES = re.compile(r"^(?:WITH .*?)?(?:INSERT INTO|UPDATE|DELETE FROM) inngest_(\w+)", re.DOTALL)


def test_each_statement_that_workers_must_know_of_tells_it() -> None:
    words = SqliteDatabase(Path("any.db"))
    silent: set[str] = set()
    told = 0
    for module, name, statement in sql.statements():
        text = statement.text(words, 1) if isinstance(statement, MultiRowStatement) else statement.text(words).sql
        found = WRITES.match(text)
        if found is None or found[1] not in LOOKED_FOR:
            continue
        if statement.tells is None:
            silent.add(f"{module}.{name}")
        else:
            told += 1
    assert silent == SILENT.keys()
    assert told >= 10


def told(tidings: Tidings, session: str | None = "me") -> News:
    return read(tidings.text(), session)


def test_what_is_told_is_read_by_whom_it_is_for() -> None:
    tidings = Tidings()
    tidings.queue("shop-pack", 7)
    tidings.queue("shop-pack", 5)
    tidings.queue("shop-hold", 9, apart=True)
    tidings.about("me", "run-1", "run-2")
    tidings.about("you", "run-3")
    tidings.end(["run-4"])
    tidings.wake(11)
    tidings.wake(10)
    tidings.sessions = tidings.requests = tidings.cancelled = True
    assert told(tidings) == News(
        due={"shop-pack": 5, "shop-hold": 9},
        runs=frozenset({"run-1", "run-2"}),
        ended=frozenset({"run-4"}),
        timer=10,
        sessions=True,
        requests=True,
        cancelled=True,
    )
    assert told(tidings, "you").runs == frozenset({"run-3"})
    assert told(tidings, None).runs == frozenset()


def test_a_worker_whose_session_is_over_looks_at_everything() -> None:
    tidings = Tidings()
    tidings.about("me")
    assert told(tidings) == EVERYTHING
    assert not told(tidings, "you")


@pytest.mark.parametrize(
    "text", ["", "hello", "[]", "1", '{"due":1}', '{"due":{"f":"soon"}}', '{"moon":1}', '{"runs":[1]}', '{"timer":"x"}']
)
def test_what_is_not_known_is_everything(text: str) -> None:
    assert read(text, "me") == EVERYTHING


def test_silence_is_nothing() -> None:
    assert not Tidings()
    assert not read(SILENCE, "me")
    assert Tidings().text() == SILENCE


def test_what_is_too_long_is_told_without_its_names() -> None:
    tidings = Tidings()
    tidings.queue("shop-pack", 5)
    tidings.end(f"{number:026}" for number in range(400))
    assert len(tidings.text()) < MOST
    assert told(tidings) == News(due={"shop-pack": 5}, ended=None)
    for number in range(400):
        tidings.queue(f"shop-{number:026}", 5)
    assert tidings.text() == LOOK
    assert told(tidings) == EVERYTHING


def test_names_of_any_letters_fit_as_they_are_sent() -> None:
    tidings = Tidings()
    for number in range(200):
        tidings.queue(f"l\u00e4den-{number}-\U0001f3ea", number)
    assert len(tidings.text().encode()) <= MOST
    assert told(tidings).due.keys() <= tidings.due.keys()


def test_others_are_told_what_this_worker_does_not_do_itself() -> None:
    tidings = Tidings()
    tidings.queue("shop-kept", 1)
    tidings.queue("shop-full", 2)
    tidings.queue("shop-kept", 3, apart=True)
    tidings.about("me", "run-1")
    tidings.about("you", "run-2")
    tidings.asked = True
    kept = tidings.of_others("me", lambda function: function == "shop-kept", makes_requests=True)
    assert told(kept, "you") == News(due={"shop-full": 2, "shop-kept": 3}, runs=frozenset({"run-2"}))
    assert told(kept, "me").runs == frozenset()
    full = tidings.of_others("me", lambda _: False, makes_requests=False)
    assert told(full, "you").due == {"shop-full": 2, "shop-kept": 1}
    assert told(full, "you").requests


def test_nothing_is_left_to_tell_of_what_is_kept() -> None:
    tidings = Tidings()
    tidings.queue("shop-kept", 1)
    tidings.about("me", "run-1")
    tidings.asked = True
    assert tidings
    assert not tidings.of_others("me", lambda _: True, makes_requests=True)


def test_ends_alone_are_known_as_such() -> None:
    tidings = Tidings()
    tidings.end(["run-1"])
    assert tidings.is_of_ends
    tidings.queue("shop-pack", 1)
    assert not tidings.is_of_ends


def test_what_is_told_together_has_all_of_both() -> None:
    first, second = Tidings(), Tidings()
    first.queue("shop-pack", 5)
    first.about("me", "run-1")
    first.wake(9)
    second.queue("shop-pack", 4)
    second.about("me", "run-2")
    second.end(["run-3"])
    second.sessions = True
    first.merge(second)
    assert told(first) == News(
        due={"shop-pack": 4}, runs=frozenset({"run-1", "run-2"}), ended=frozenset({"run-3"}), timer=9, sessions=True
    )
    second.everything = True
    first.merge(second)
    assert first.text() == LOOK


def test_news_add_up() -> None:
    first = News(due={"f": 2}, runs={"a"}, timer=3)
    second = News(due={"f": 1, "g": 5}, ended={"b"}, sessions=True)
    both = first.and_then(second)
    assert both == News(due={"f": 1, "g": 5}, runs={"a"}, ended={"b"}, timer=3, sessions=True)
    assert first.and_then(NOTHING) is first
    assert NOTHING.and_then(first) is first
    assert first.and_then(EVERYTHING) is EVERYTHING
    assert EVERYTHING.and_then(first) is EVERYTHING
    assert first.and_then(News(ended=None)).ended is None


def test_a_timer_that_is_heard_of_while_it_is_looked_for_the_next_is_not_forgotten() -> None:
    """The look may have been before it was set, and what it found is known only with its COMMIT."""
    alarm, tx = timers.NextTimer(), mock.Mock()

    found = timers.Ahead(9, outbox=False, aside=False)

    def looks(_: object) -> timers.Ahead:
        alarm.hear(5)
        return found

    with mock.patch.object(timers, "ahead", looks):
        assert alarm.look(cast(Transaction, tx)) == 9
    (call,) = tx.on_commit.call_args_list
    call.args[0]()
    assert alarm.due == 5
    with mock.patch.object(timers, "ahead", return_value=found):
        alarm.look(cast(Transaction, tx))
    tx.on_commit.call_args.args[0]()
    assert alarm.due == 9
