"""What an erased value becomes; and that no column of the schema is forgotten."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Text

from inngest.engine.domain import erasing
from inngest.engine.domain.model import Event
from inngest.engine.store import tables

NOW = 1_764_583_200_000

SKELETON = "ids, names of code, times and words of an engine: it is kept"
ERASED = "it is written over"
REMOVED = "its rows are removed"
ENDS = "its rows go with the end of a run, and runs that go on are ended before"
KEYS = "its rows are removed as soon as nothing needs them"
OTHERS = "it is of developers, not of those whom events are about"

TREATED = {
    **dict.fromkeys(("inngest_events.data", "inngest_events.key", "inngest_events.extra"), ERASED),
    **dict.fromkeys(("inngest_runs.output", "inngest_runs.error", "inngest_runs.lane"), ERASED),
    **dict.fromkeys(("inngest_runs.code", "inngest_runs.origin_step", "inngest_cancellations.expression"), ERASED),
    **dict.fromkeys(("inngest_steps.data", "inngest_steps.error", "inngest_steps.metadata"), ERASED),
    **dict.fromkeys(("inngest_attempts", "inngest_metadata", "inngest_parcels", "inngest_outbox"), REMOVED),
    **dict.fromkeys(("inngest_idempotency", "inngest_rates", "inngest_singletons", "inngest_timers"), REMOVED),
    **dict.fromkeys(("inngest_troubles",), REMOVED),
    **dict.fromkeys(("inngest_waits", "inngest_inbox", "inngest_requests", "inngest_jobs"), ENDS),
    **dict.fromkeys(("inngest_lanes", "inngest_budgets", "inngest_throttles", "inngest_kept_slots"), KEYS),
    **dict.fromkeys(("inngest_functions", "inngest_apps", "inngest_sessions", "inngest_pauses"), OTHERS),
    **dict.fromkeys(("inngest_meta", "inngest_writers", "inngest_woken", "inngest_batches"), SKELETON),
    **dict.fromkeys(("inngest_runs", "inngest_steps", "inngest_events", "inngest_cancellations"), SKELETON),
    "inngest_audit": "it holds conditions with their literals masked, counts and ids",
}
"""What an erasure does with each table, or with a column of it that is treated otherwise."""

KEPT = {
    "inngest_events": {"id", "name"},
    "inngest_runs": {
        *("id", "function_id", "function_version", "event_id", "status", "batch_id", "parent_id", "parent_hash"),
        *("session_id", "token", "origin_id"),
    },
    "inngest_steps": {"run_id", "hash", "step_id", "kind", "mode", "op"},
    "inngest_cancellations": {"id", "app_id", "function_id"},
}
"""The texts that are kept of tables of which others are erased. A new column has to be judged: may it hold data?"""


def test_each_table_of_the_schema_is_treated() -> None:
    names = {table.name for table in tables.metadata.sorted_tables}
    assert names == {one for one in TREATED if "." not in one}


@pytest.mark.parametrize("name", sorted(KEPT))
def test_each_text_of_a_table_that_is_kept_in_part_is_judged(name: str) -> None:
    texts = {column.name for column in tables.metadata.tables[name].columns if isinstance(column.type, Text)}
    erased = {one.partition(".")[2] for one in TREATED if one.startswith(f"{name}.")}
    assert texts == erased | KEPT[name]


def test_a_value_says_when_it_was_erased() -> None:
    text = erasing.value(NOW)
    assert json.loads(text) == {"_inngest": {"erased": "2025-12-01 10:00:00 UTC"}}
    assert erasing.is_erased(text)
    assert erasing.is_erased_value(json.loads(text))
    assert not erasing.is_erased('{"_inngest":{"fn_id":"a"}}')
    assert not erasing.is_erased(None)
    assert json.loads(erasing.error(NOW)) == {
        "name": "DataErasedError",
        "message": "what was recorded here was erased on 2025-12-01 10:00:00 UTC",
    }


def event(name: str, data: object) -> Event:
    return Event("e", name, json.dumps(data), NOW, "", NOW)


def test_an_event_of_a_user_keeps_nothing() -> None:
    assert erasing.event_data(event("order", {"_inngest": {"fn_id": "x"}, "a": 1}), NOW) == erasing.value(NOW)


def test_an_event_of_the_engine_keeps_which_runs_it_is_about() -> None:
    about = {"fn_id": "shop-child", "correlation_id": "01RUN.hash", "source_fn_id": "shop-parent"}
    invoked = event("inngest/function.invoked", {"user": "ann", "_inngest": about})
    left = event(invoked.name, json.loads(erasing.event_data(invoked, NOW)))
    assert json.loads(left.data) == {"_inngest": {**about, "erased": "2025-12-01 10:00:00 UTC"}}
    assert list(erasing.source_runs(left)) == ["01RUN"] == list(erasing.source_runs(invoked))
    told = {"function_id": "f", "run_id": "01R", "event": {"data": "ann"}, "events": [], "result": "ann"}
    finished = event("inngest/function.finished", {**told, "_inngest": {"status": "Completed"}})
    left = event(finished.name, json.loads(erasing.event_data(finished, NOW)))
    assert json.loads(left.data) == {
        "function_id": "f",
        "run_id": "01R",
        "_inngest": {"status": "Completed", "erased": "2025-12-01 10:00:00 UTC"},
    }
    assert list(erasing.source_runs(left)) == ["01R"]
    deferred = event("inngest/deferred.schedule", {"_inngest": {"source_run_id": "01S"}})
    assert list(erasing.source_runs(deferred)) == ["01S"]
    assert list(erasing.source_runs(event("order", {"run_id": "01R"}))) == []


@pytest.mark.parametrize("data", ["[]", '"text"', '{"_inngest": 1}', "no json"])
def test_data_that_are_no_object_are_erased_all_the_same(data: str) -> None:
    odd = Event("e", "inngest/function.finished", data, NOW, "", NOW)
    assert json.loads(erasing.event_data(odd, NOW)) == {"_inngest": {"erased": "2025-12-01 10:00:00 UTC"}}
    assert list(erasing.source_runs(odd)) == []


@pytest.mark.parametrize(
    ("where", "masked"),
    [
        ('event.data.user_id == "42"', 'event.data.user_id == "…"'),
        ("event.data.user_id==42&&event.name=='a'", 'event.data.user_id=="…"&&event.name=="…"'),
        ('event.data["a b"] in ["x", 1.5] // ann\n', 'event.data["…"] in ["…", "…"]'),
        ("event.data.`a-b`.startsWith(r'x') ? true : false", 'event.data.`a-b`.startsWith("…") ? true : false'),
    ],
)
def test_the_literals_of_a_condition_are_masked(where: str, masked: str) -> None:
    assert erasing.masked(where) == masked


def test_the_literals_of_a_condition_are_known() -> None:
    assert erasing.literals('event.data.user_id == "42" || event.data.n > 7 || event.data.x == ""') == {"42", "7"}
    assert erasing.literals("no ' expression") == frozenset()


def test_what_was_deferred_keeps_its_function() -> None:
    kept = json.loads(erasing.deferred('{"fn_slug":"shop-tidy","input":{"of":"ann"}}', NOW))
    assert kept == {"fn_slug": "shop-tidy", "input": json.loads(erasing.value(NOW))}
