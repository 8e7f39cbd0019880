"""Runs go on or end, whatever happens around them. Each table or column says in `tables.py` what it is for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inngest.engine.store.migrations import long_keys, request_hosts

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """One function for each concern; they do not depend on each other's order."""
    long_keys.rewrite(op.get_bind())
    _queue_by_function()
    _forget_what_has_no_cause()
    _number_batches()
    _keep_slots()
    _note_changed_code()
    _tell_in_pages()
    _note_what_events_did()
    _troubles()
    _parcels()
    _share_places_among_hosts()


def _queue_by_function() -> None:
    """Claims look at the functions they serve; a pause writes nothing into the jobs that it holds."""
    op.execute("UPDATE inngest_jobs SET alone = alone - 2 WHERE alone >= 2")
    op.execute(
        "INSERT INTO inngest_lanes (id, function_id, ready_at, turn) "
        "SELECT DISTINCT lane, function_id, 0, '0' || lane FROM inngest_jobs WHERE lane != '' AND alone = 0 "
        "ON CONFLICT DO NOTHING"
    )
    op.add_column("inngest_jobs", sa.Column("shift", sa.Integer, nullable=False, server_default="0"))
    op.execute(
        "UPDATE inngest_jobs SET start = 2, shift = due_at - score, score = due_at WHERE start = 1 AND due_at != score"
    )
    op.drop_index("inngest_jobs_by_score", "inngest_jobs")
    op.drop_index("inngest_lanes_by_ready", "inngest_lanes")
    queued = ["function_id", "alone", "lane", "start", "score", "id"]
    op.create_index("inngest_jobs_by_function", "inngest_jobs", queued)
    op.create_index("inngest_lanes_by_function", "inngest_lanes", ["function_id", "ready_at", "turn"])
    op.drop_index("inngest_lanes_by_budget", "inngest_lanes")
    blocked = ["blocked_on", "function_id", "blocked_at", "turn"]
    op.create_index("inngest_lanes_by_budget", "inngest_lanes", blocked)
    op.drop_index("inngest_requests_by_due", "inngest_requests")
    due = ["session_id", "holder", "due_at", "run_id", "hash"]
    op.create_index("inngest_requests_by_due", "inngest_requests", due)
    op.create_index("inngest_requests_by_holder", "inngest_requests", ["holder"])


def _forget_what_has_no_cause() -> None:
    """Timers of runs that have ended, batches that start no run, and paths that nothing waits for."""
    op.execute(
        "DELETE FROM inngest_timers WHERE kind IN ('start', 'finish') "
        "AND NOT EXISTS (SELECT 1 FROM inngest_runs WHERE id = inngest_timers.key AND ended_at IS NULL)"
    )
    pending = (
        "SELECT key FROM inngest_timers WHERE kind = 'debounce' UNION "
        "SELECT json_extract(payload, '$[3]') FROM inngest_timers WHERE kind = 'batch' UNION "
        "SELECT batch_id FROM inngest_runs WHERE batch_id IS NOT NULL"
    )
    op.execute(f"DELETE FROM inngest_batches WHERE batch_id NOT IN ({pending})")
    op.drop_table("inngest_wait_paths")


def _number_batches() -> None:
    op.add_column("inngest_sessions", sa.Column("writer", sa.Text))
    op.add_column("inngest_sessions", sa.Column("executing", sa.Text))
    op.add_column("inngest_sessions", sa.Column("ended", sa.Text))
    op.create_table(
        "inngest_writers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("batch", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _note_what_events_did() -> None:
    op.create_table(
        "inngest_woken",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("cancelled", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("inngest_woken_by_event", "inngest_woken", ["event_id"])


def _keep_slots() -> None:
    """A slot is kept for code that has not returned, though its run is over."""
    op.create_table(
        "inngest_kept_slots",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("function_id", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("inngest_kept_slots_by_session", "inngest_kept_slots", ["session_id"])


def _note_changed_code() -> None:
    """A run is on hold, or follows the code there is; `code` says the rest of what is known of changed code."""
    op.add_column("inngest_runs", sa.Column("follows", sa.Integer, nullable=False, server_default="0"))
    op.add_column("inngest_runs", sa.Column("code", sa.Text))
    op.add_column("inngest_jobs", sa.Column("held_at", sa.BigInteger))
    op.add_column("inngest_jobs", sa.Column("held_by", sa.Text))
    on_hold = sa.text("held_at IS NOT NULL")
    by_hold = ["function_id", "held_by", "held_at"]
    op.create_index("inngest_jobs_by_hold", "inngest_jobs", by_hold, sqlite_where=on_hold)


def _tell_in_pages() -> None:
    """An event is stored once, however many wait for it; who came after it does not get it."""
    op.drop_index("inngest_events_by_name", "inngest_events")
    op.create_index("inngest_events_by_name", "inngest_events", ["name", "received_at", "id"])
    op.drop_index("inngest_waits_by_topic", "inngest_waits")
    op.rename_table("inngest_waits", "inngest_old_waits")
    op.create_table(
        "inngest_waits",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, primary_key=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("kind", "topic", "path", "key", "expression", "parameters")
        ),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("opened", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO inngest_waits SELECT *, 0 FROM inngest_old_waits")
    op.drop_table("inngest_old_waits")
    op.create_index("inngest_waits_by_topic", "inngest_waits", ["topic", "path", "key", "run_id", "hash"])
    op.rename_table("inngest_inbox", "inngest_old_inbox")
    op.create_table(
        "inngest_inbox",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("data", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("arrived_at", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("metadata", sa.Text),
        sa.Column("event_id", sa.Text),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO inngest_inbox SELECT *, NULL FROM inngest_old_inbox")
    op.drop_table("inngest_old_inbox")
    there = sa.text("event_id IS NOT NULL")
    op.create_index("inngest_inbox_by_event", "inngest_inbox", ["event_id"], sqlite_where=there)


def _troubles() -> None:
    """Rows that cannot be read, or done, are put off, and why is kept."""
    op.create_table(
        "inngest_troubles",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("inngest_troubles_by_end", "inngest_troubles", ["until"])


def _parcels() -> None:
    """Many events of one call are stored together, and accepted one after the other."""
    op.create_table(
        "inngest_parcels",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True),
        sa.Column("events", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _share_places_among_hosts() -> None:
    """Requests are found by the hosts that they go to, so that a slow one holds nobody else's."""
    op.add_column("inngest_requests", sa.Column("host", sa.Text, nullable=False, server_default="-"))
    request_hosts.write(op.get_bind())
    by_host = ["session_id", "holder", "host", "due_at", "run_id", "hash"]
    op.create_index("inngest_requests_by_host", "inngest_requests", by_host)
