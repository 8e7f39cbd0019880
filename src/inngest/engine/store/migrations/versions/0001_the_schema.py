"""The schema."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables and their indexes."""
    _create_workers_and_functions()
    _create_events()
    _create_runs()
    _create_steps()
    _create_jobs()
    _create_lanes()
    _create_waits()
    _create_requests()
    _create_gates()
    op.execute("INSERT INTO inngest_meta (key, value) VALUES ('generation', '0')")


def _create_workers_and_functions() -> None:
    op.create_table(
        "inngest_meta",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        comment="revision, min_compatible, generation of the functions",
    )
    op.create_table(
        "inngest_functions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("app_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("retries", sa.Integer, nullable=False),
        sa.Column("events", sa.Text, nullable=False, comment="JSON list of event names that start it"),
        sa.Column("failure_of", sa.Text, comment="the function whose failures start it"),
        sa.Column("config", sa.Text, nullable=False, comment="JSON of the wire configuration"),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "inngest_sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("functions", sa.Text, nullable=False, comment="JSON list of function ids"),
        comment="one row per living worker; it is read in each of the worker's transactions (P4)",
    )


def _create_events() -> None:
    op.create_table(
        "inngest_events",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("key", sa.Text, nullable=False, comment="the developer's id; empty if none"),
        sa.Column("received_at", sa.BigInteger, nullable=False),
    )
    op.create_index("inngest_events_by_name", "inngest_events", ["name", "received_at"])
    op.create_index("inngest_events_by_age", "inngest_events", ["received_at", "id"])


def _create_jobs() -> None:
    op.create_table(
        "inngest_jobs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("function_id", sa.Text, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column(
            "alone",
            sa.Integer,
            nullable=False,
            comment="1: while nothing else is in flight; 2 more while the function is paused",
        ),
        sa.Column("lane", sa.Text, nullable=False, comment="where it queues; empty for plain functions"),
        sa.Column("start", sa.Integer, nullable=False, comment="whether its run begins with it, in a lane"),
        sa.Column(
            "score", sa.BigInteger, nullable=False, comment="its place in the queue: due_at, shifted by priority"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("inngest_jobs_by_score", "inngest_jobs", ["alone", "lane", "start", "score", "id"])
    op.create_index("inngest_jobs_by_run", "inngest_jobs", ["run_id"])
    op.create_table(
        "inngest_idempotency",
        sa.Column("function_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("inngest_idempotency_by_end", "inngest_idempotency", ["expires_at"])


def _create_waits() -> None:
    op.create_table(
        "inngest_waits",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, primary_key=True, comment="of the step that waits; of another text if no step does"),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False, comment="what is looked for: event:order/paid"),
        sa.Column("path", sa.Text, nullable=False, comment="where the key stands; empty if there is none"),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("expression", sa.Text, nullable=False, comment="CEL; empty if path and key say all"),
        sa.Column(
            "parameters", sa.Text, nullable=False, comment="JSON: what the expression needs of the run's own event"
        ),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("inngest_waits_by_topic", "inngest_waits", ["topic", "path", "key"])
    op.create_table(
        "inngest_wait_paths",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("path", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
        comment="where keys stand in events of a name, so that an event is looked up, and nothing is scanned",
    )
    op.create_table(
        "inngest_inbox",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, primary_key=True, comment="of the step"),
        sa.Column("data", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("arrived_at", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("started_at", sa.BigInteger, comment="when that attempt began"),
        sa.Column("metadata", sa.Text),
        sqlite_with_rowid=False,
        comment="what steps have been waiting for, until they have their memos",
    )


def _create_requests() -> None:
    op.create_table(
        "inngest_requests",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, primary_key=True, comment="of the step"),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False, comment="JSON; without credentials"),
        sa.Column("attempt", sa.Integer, nullable=False, comment="the next, or the one under way"),
        sa.Column("retries", sa.Integer, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column(
            "holder",
            sa.Text,
            comment="worker that knows its credentials; none if it has none, null if nobody knows",
        ),
        sa.Column("session_id", sa.Text, comment="worker that makes it"),
        sqlite_with_rowid=False,
        comment="HTTP requests of steps, until they are answered",
    )
    op.create_index("inngest_requests_by_due", "inngest_requests", ["session_id", "holder", "due_at"])


def _create_lanes() -> None:
    op.create_table(
        "inngest_lanes",
        sa.Column("id", sa.Text, primary_key=True, comment="JSON list: function, ids of budgets, id of throttle"),
        sa.Column("function_id", sa.Text, nullable=False),
        sa.Column("ready_at", sa.BigInteger, comment="when to look at it: it has jobs due, and may have room for them"),
        sa.Column("blocked_on", sa.Text, comment="the budget that it waits for: it has jobs due, and no room"),
        sa.Column("blocked_at", sa.Integer, comment="its limit of that budget: it waits until fewer slots are used"),
        sa.Column("turn", sa.Text, nullable=False, comment="ULID of when it was served last, or came"),
        sqlite_with_rowid=False,
        comment="one row per lane that has jobs; it is ready or blocked",
    )
    op.create_index("inngest_lanes_by_ready", "inngest_lanes", ["ready_at", "turn"])
    op.create_index("inngest_lanes_by_budget", "inngest_lanes", ["blocked_on", "blocked_at", "turn"])
    op.create_table(
        "inngest_budgets",
        sa.Column("budget", sa.Text, primary_key=True),
        sa.Column("used", sa.Integer, nullable=False, comment="the sum of what its runs hold"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inngest_throttles",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "tat", sa.BigInteger, nullable=False, comment="µs: when the next start would come, were all evenly spaced"
        ),
        sqlite_with_rowid=False,
    )


def _create_runs() -> None:
    op.create_table(
        "inngest_runs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("function_id", sa.Text, nullable=False),
        sa.Column("function_version", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("retries", sa.Integer, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("takeovers", sa.Integer, nullable=False),
        sa.Column("takeover_steps", sa.Integer, nullable=False, comment="memos it had when a worker died on it last"),
        sa.Column("output", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("batch_id", sa.Text, comment="events that started it together; null if one did"),
        sa.Column("parent_id", sa.Text, comment="run that invoked it"),
        sa.Column("parent_hash", sa.Text, comment="step that invoked it"),
        sa.Column("watched", sa.Integer, nullable=False, comment="whether events may cancel it"),
        sa.Column("lane", sa.Text, comment="whose budgets it needs a slot of to execute; null if it needs none"),
        sa.Column("session_id", sa.Text, comment="worker that owns it"),
        sa.Column("token", sa.Text, comment="invocation that owns it"),
        sa.Column("slots", sa.Integer, nullable=False, comment="that it holds now of each budget of its lane"),
        sqlite_with_rowid=False,
    )
    op.create_index("inngest_runs_by_event", "inngest_runs", ["event_id"])
    _index_some("inngest_runs_by_end", "ended_at")
    _index_some("inngest_runs_by_session", "session_id")
    _index_some("inngest_runs_by_parent", "parent_id")
    _index_some("inngest_runs_by_batch", "batch_id")


def _index_some(name: str, column: str) -> None:
    """An index of the runs that have something in a column. Naming a dialect would import it."""
    where: dict[str, Any] = {f"{op.get_bind().dialect.name}_where": sa.text(f"{column} IS NOT NULL")}
    op.create_index(name, "inngest_runs", [column], **where)


def _create_steps() -> None:
    op.create_table(
        "inngest_steps",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("step_id", sa.Text, nullable=False, comment="as written by the developer"),
        sa.Column("repeat", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, comment="place in the run's order of commits; null while the step is open"),
        sa.Column("attempt", sa.Integer, nullable=False, comment="of a memo: the last; of an open step: the next"),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, comment="of an open step: when it goes on"),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("data", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("cancelled", sa.Integer, nullable=False),
        sa.Column("metadata", sa.Text, comment="JSON: what is known beside the result, for people"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inngest_attempts",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, primary_key=True, comment="of the step; empty for the body"),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column(
            "ended_at", sa.BigInteger, primary_key=True, comment="the body's attempts begin anew after each step"
        ),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sqlite_with_rowid=False,
        comment="attempts that failed and were followed by another",
    )


def _create_gates() -> None:
    op.create_table(
        "inngest_pauses",
        sa.Column("function_id", sa.Text, primary_key=True),
        sa.Column("on_event", sa.Text, nullable=False, comment="queue or skip"),
        sa.Column("since", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inngest_timers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.Text, nullable=False, comment="JSON"),
        sa.UniqueConstraint("kind", "key"),
        sqlite_with_rowid=False,
        comment="what is to be done at a time, whoever is there then",
    )
    op.create_index("inngest_timers_by_due", "inngest_timers", ["due_at"])
    op.create_table(
        "inngest_rates",
        sa.Column("function_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("started_at", sa.BigInteger, primary_key=True),
        sa.Column("run_id", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
        comment="starts that count for a rate limit",
    )
    op.create_index("inngest_rates_by_start", "inngest_rates", ["started_at"])
    op.create_table(
        "inngest_singletons",
        sa.Column("function_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("run_id", sa.Text, nullable=False, comment="the last one; whether it has ended, it says itself"),
        sqlite_with_rowid=False,
    )
    op.create_index("inngest_singletons_by_run", "inngest_singletons", ["run_id"])
    op.create_table(
        "inngest_batches",
        sa.Column("batch_id", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("event_id", sa.Text, nullable=False),
        sqlite_with_rowid=False,
        comment="events that are collected, or were; of a debounce only the one that will start its run",
    )
    op.create_index("inngest_batches_by_event", "inngest_batches", ["event_id"])
