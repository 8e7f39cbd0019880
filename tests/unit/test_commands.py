"""Commands are data: each that the writer gets can be printed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest

from inngest.engine.domain.effects import Effects
from inngest.engine.domain.erasing import AuditEntry, Part
from inngest.engine.domain.model import App, Changes, Event, FunctionSpec, Policy
from inngest.engine.domain.run_metadata import Op, Update
from inngest.engine.ports import Store
from inngest.engine.records import (
    Acceptance,
    Cancellation,
    Checkpoint,
    Commit,
    EventCursor,
    Fork,
    Owner,
    RequestAttempt,
    Requested,
    RequestKey,
    Session,
)
from inngest.engine.store.commands import Command
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.sql import SqlStore
from inngest.engine.store.writer import Writer
from inngest.protocol.wire.endpoints import Begun, HttpCause

NOW = 1_700_000_000_000
OWNER = Owner("session", "token", "run")
EVENT = Event("e", "shop/paid", "{}", NOW, "", NOW)
KEY = RequestKey("run", "hash")
BEGUN = Begun("run", HttpCause("GET", "http://a", "/", "", "", "", ""), "{}", [], 2, 3)

READING = {
    *(
        "read",
        "arrivals",
        "cancelled",
        "due_requests",
        "requests_of",
        "not_owned",
        "run",
        "runs",
        "kept_back",
        "woken",
        "facts",
    ),
    *("backlog", "functions", "list_runs", "list_events", "event", "jobs"),
    *("cancellations", "metadata", "affected", "audit", "outbox_rows"),
    *("apps", "apps_away", "put_off", "ended", "missing", "greatest_time", "due_timers", "look_at_timers"),
}
"""Verbs that write nothing."""

OTHER = {
    *(
        "open",
        "close",
        "abandon",
        "disconnect",
        "listen",
        "hear",
        "news",
        "tell",
        "expect_ends",
        "expect_no_ends",
        "look_at_files",
        "tidy",
        "trouble",
        "spending",
    ),
    *("retry", "give_up", "timer_due", "record_here", "outbox_waits", "outbox_aside"),
}
"""What is no verb of its own: the store's life, how it is, and the statement that is no command."""

WRITING: dict[str, Callable[[SqlStore], Any]] = {
    "register": lambda store: store.register(
        [FunctionSpec("f", "a", "f", "v", 4, ("go",), None, "{}")], replace_app="a", now=NOW
    ),
    "register_app": lambda store: store.register_app(App("a", "uuid", "http://a"), [], NOW),
    "note_sync_error": lambda store: store.note_sync_error(App("a", "uuid", "http://a", error="why"), NOW),
    "archive_app": lambda store: store.archive_app("a", NOW),
    "app_is_away": lambda store: store.app_is_away("a", "why", NOW),
    "go_on": lambda store: store.go_on(["run"], NOW),
    "app_is_back": lambda store: store.app_is_back("a", NOW),
    "checkpoint": lambda store: store.checkpoint(Checkpoint("run", 1, [], NOW)),
    "add_endpoint": lambda store: store.add_endpoint(App("a", "uuid", "http://a"), BEGUN, NOW),
    "request": lambda store: store.request(Requested("run", [], NOW)),
    "begin_session": lambda store: store.begin_session(Session("session", NOW, "host", 1, ["f"])),
    "end_session": lambda store: store.end_session("session", NOW, died=True),
    "sessions": lambda store: store.sessions(),
    "tell_handlers": lambda store: store.tell_handlers("session", []),
    "keep_time": lambda store: store.keep_time(NOW, anew=True),
    "accept": lambda store: store.accept(Acceptance([EVENT], [OWNER], frozenset({"f"}), NOW)),
    "put_aside": lambda store: store.put_aside("row", "why"),
    "put_parcel": lambda store: store.put_parcel([EVENT], NOW),
    "claim": lambda store: store.claim(OWNER, 3, ["f"], NOW, alone=True),
    "extra_slots": lambda store: store.extra_slots(OWNER, "lane", 2, NOW),
    "free_slots": lambda store: store.free_slots(OWNER, 1, NOW),
    "commit": lambda store: store.commit(Commit(OWNER, "f", Changes(0), NOW, Effects([EVENT]))),
    "fire": lambda store: store.fire(NOW),
    "put_timer_off": lambda store: store.put_timer_off("timer", "why", NOW),
    "put_run_off": lambda store: store.put_run_off(OWNER, "why", NOW, taken_at=NOW, alone=False),
    "pause": lambda store: store.pause("f", "queue", NOW),
    "resume": lambda store: store.resume("f", NOW),
    "cancel": lambda store: store.cancel(["run"], "why", NOW),
    "begin_cancellation": lambda store: store.begin_cancellation(Cancellation("c", "a", "f", None, NOW, None, NOW)),
    "go_on_with_cancellation": lambda store: store.go_on_with_cancellation("c", NOW),
    "delete_cancellation": lambda store: store.delete_cancellation("c", NOW),
    "erase": lambda store: store.erase(Part(NOW, NOW, AuditEntry("a", NOW, "me", "erase", None, None), runs=("run",))),
    "annotate": lambda store: store.annotate("run", [Update("hash", 0, "note", Op.SET, {"a": 1})], NOW),
    "release": lambda store: store.release("run", NOW),
    "retry_all": lambda store: store.retry_all(["run"], NOW),
    "retry_now": lambda store: store.retry_now("run", NOW),
    "fork": lambda store: store.fork(Fork("run", "new", "event", "step", None, NOW)),
    "signal": lambda store: store.signal("door", '"open"', NOW),
    "claim_requests": lambda store: store.claim_requests("session", [KEY], NOW),
    "answer_request": lambda store: store.answer_request(RequestAttempt("session", KEY, 0, None, NOW, None, NOW)),
    "retention_since": lambda store: store.retention_since(NOW),
    "remove_runs": lambda store: store.remove_runs(NOW),
    "remove_events": lambda store: store.remove_events(EventCursor(NOW, "e"), NOW),
    "remove_keys": lambda store: store.remove_keys(NOW),
}


class Submitted(Exception):
    """A command came to the writer."""

    def __init__(self, command: Command[Any]) -> None:
        super().__init__()
        self.command = command


def submit(_: Writer, command: Command[Any]) -> None:
    raise Submitted(command)


class Ids:
    """Always the same."""

    def token(self) -> str:
        return "writer"


def test_each_verb_of_the_store_is_known() -> None:
    verbs = {name for name, _ in inspect.getmembers(Store) if not name.startswith("_")}
    assert verbs == READING | OTHER | set(WRITING)


@pytest.mark.parametrize("verb", sorted(WRITING))
async def test_a_command_can_be_printed(verb: str, tmp_path: Path) -> None:
    ids, policy = cast("Any", Ids()), Policy(max_steps=1_000, retry_interval=None)
    store = SqlStore(SqliteDatabase(tmp_path / "none.db"), cast("Any", None), ids, policy)
    with mock.patch.object(Writer, "submit", submit), pytest.raises(Submitted) as submitted:
        await WRITING[verb](store)
    printed = str(submitted.value.command)
    assert " at 0x" not in printed  # nothing in it is a function, or an object without a value
    assert "lambda" not in printed
    assert printed.endswith(")")


async def test_a_call_reads_as_its_verb(tmp_path: Path) -> None:
    ids, policy = cast("Any", Ids()), Policy(max_steps=1_000, retry_interval=None)
    store = SqlStore(SqliteDatabase(tmp_path / "none.db"), cast("Any", None), ids, policy)
    with mock.patch.object(Writer, "submit", submit), pytest.raises(Submitted) as submitted:
        await store.pause("shop-pay", "queue", NOW)
    assert str(submitted.value.command) == "pause('shop-pay', 'queue', 1700000000000)"
