"""The schema. Times are unix ms; JSON is text; ids are ULIDs or random tokens, and never return.

The names have a prefix, so that a database can be shared with an application. Keys have at most 200 bytes: longer ones
stand as hashes (`domain.index_keys`). A lane's id is made of such keys, and must be readable.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, UniqueConstraint

from .side_tables import audit, cancellations, metadata, outbox

__all__ = ["audit", "cancellations", "metadata", "outbox"]  # and each table below

meta = Table(
    "inngest_meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    comment="revision, min_compatible, generation of the functions, the greatest time that was seen, broadcasts",
)

functions = Table(
    "inngest_functions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("events", Text, nullable=False, comment="JSON list of event names that start it"),
    Column("failure_of", Text, comment="the function whose failures start it"),
    Column("config", Text, nullable=False, comment="JSON of the wire configuration"),
    Column("updated_at", BigInteger, nullable=False),
    Column("uuid", Text, comment="by which a call names it; null of functions that no app serves"),
    Column("transport", Text, nullable=False, server_default="local", comment="local (a worker's process), http, api"),
    Column("url", Text, comment="where it is called; null if it is local"),
    Column("archived_at", BigInteger, comment="when its app was synced without it: from then on nothing starts it"),
)

apps = Table(
    "inngest_apps",
    metadata,
    Column("name", Text, primary_key=True),
    Column("uuid", Text, nullable=False),
    Column(
        "url", Text, nullable=False, comment="where it is served; of an app that failed to sync: where it was asked"
    ),
    Column("method", Text, nullable=False, comment="how its functions are called: serve, connect or api"),
    Column("sdk", Text, nullable=False, comment="language and version, as it says: py:v0.5.19"),
    Column("version", Text, nullable=False, comment="of the app, as its developer numbers it"),
    Column("framework", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("checksum", Text, nullable=False, comment="of what was registered last; empty if nothing ever was"),
    Column("created_at", BigInteger, nullable=False),
    Column("synced_at", BigInteger, comment="when it was registered last; null if it never was"),
    Column("error", Text, comment="why the last sync failed; null if it did not"),
    Column("archived_at", BigInteger),
    sqlite_with_rowid=False,
    comment="one row per app that serves functions",
)

sessions = Table(
    "inngest_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("functions", Text, nullable=False, comment="JSON list of function ids"),
    Column("writer", Text, comment="with which it writes; null of older code"),
    Column("executing", Text, comment="JSON list of the handlers that take long: run, step, attempt, since"),
    Column("ended", Text, comment="died or left: its runs go back to the queue, page by page; null while it lives"),
    Column("beat_at", BigInteger, comment="when it was heard last, by the server's clock; null where locks tell"),
    Column("lease", Integer, comment="for how long (ms) it lives from then on; null where locks tell"),
    comment="one row per living worker; it is read in each of the worker's transactions (P4)",
)

writers = Table(
    "inngest_writers",
    metadata,
    Column("id", Text, primary_key=True, comment="of what writes in one process; random"),
    Column("batch", BigInteger, nullable=False, comment="number of the last of its transactions that is stored"),
    sqlite_with_rowid=False,
    comment="whether a COMMIT whose answer was lost has happened is looked up here",
)

events = Table(
    "inngest_events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("ts", BigInteger, nullable=False),
    Column("key", Text, nullable=False, comment="the developer's id; empty if none"),
    Column("received_at", BigInteger, nullable=False),
    Column("extra", Text, comment="JSON of its user, v, meta and source, as far as it has them; null if it has none"),
    Column("erased_at", BigInteger, comment="when its data were erased; null: they were not"),
)
Index("inngest_events_by_name", events.c.name, events.c.received_at, events.c.id)
Index("inngest_events_by_age", events.c.received_at, events.c.id)

parcels = Table(
    "inngest_parcels",
    metadata,
    Column("id", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("events", Text, nullable=False, comment="JSON list of rows of events"),
    sqlite_with_rowid=False,
    comment="events that were sent together, and are accepted one after the other",
)

runs = Table(
    "inngest_runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("function_id", Text, nullable=False),
    Column("function_version", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("attempt", Integer, nullable=False),
    Column("takeovers", Integer, nullable=False),
    Column("takeover_steps", Integer, nullable=False, comment="memos it had when a worker died on it last"),
    Column("output", Text),
    Column("error", Text),
    Column("batch_id", Text, comment="events that started it together; null if one did"),
    Column("parent_id", Text, comment="run that invoked it"),
    Column("parent_hash", Text, comment="step that invoked it"),
    Column("watched", Integer, nullable=False, comment="whether events may cancel it"),
    Column("lane", Text, comment="whose budgets it needs a slot of to execute; null if it needs none"),
    Column("session_id", Text, comment="worker that owns it"),
    Column("token", Text, comment="invocation that owns it"),
    Column("slots", Integer, nullable=False, comment="that it holds now of each budget of its lane"),
    Column("follows", Integer, nullable=False, server_default="0", comment="whether memos are found by name alone"),
    Column("code", Text, comment="JSON, of its code: hold, holds, patches, unasked, threaded; null if it has none"),
    Column(
        "generation", Integer, nullable=False, server_default="0", comment="of its calls: answers to others are refused"
    ),
    Column("request_version", Integer, nullable=False, server_default="-1", comment="its SDK's; -1 until that says it"),
    Column("owed", Integer, nullable=False, server_default="1", comment="whether its function is to be called again"),
    Column("discover_at", BigInteger, comment="not before then; null: at once"),
    Column("touched", Integer, nullable=False, server_default="0", comment="how often others than its owner wrote it"),
    Column("origin_id", Text, comment="of a rerun: the run that it runs again, which may be gone; null if it is none"),
    Column(
        "origin_step",
        Text,
        comment="of a rerun from a step on: JSON of its hash, name, and input, its new arguments; null: from the start",
    ),
    Column("erased_at", BigInteger, comment="when its data were erased; null: they were not"),
    sqlite_with_rowid=False,
)
Index("inngest_runs_by_event", runs.c.event_id)
Index("inngest_runs_by_function", runs.c.function_id, runs.c.id)
Index("inngest_runs_failed", runs.c.id, sqlite_where=runs.c.status == "FAILED")
Index("inngest_runs_by_batch", runs.c.batch_id, sqlite_where=runs.c.batch_id.is_not(None))
Index(
    "inngest_runs_by_end",
    runs.c.ended_at,
    sqlite_where=runs.c.ended_at.is_not(None),
)
Index(
    "inngest_runs_by_session",
    runs.c.session_id,
    sqlite_where=runs.c.session_id.is_not(None),  # naming another dialect here would import it, for 50 ms
)
Index("inngest_runs_by_parent", runs.c.parent_id, sqlite_where=runs.c.parent_id.is_not(None))
Index("inngest_runs_by_origin", runs.c.origin_id, sqlite_where=runs.c.origin_id.is_not(None))

steps = Table(
    "inngest_steps",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("hash", Text, primary_key=True),
    Column("step_id", Text, nullable=False, comment="as written by the developer"),
    Column("repeat", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("seq", Integer, comment="place in the run's order of commits; null while the step is open"),
    Column("attempt", Integer, nullable=False, comment="of a memo: the last; of an open step: the next"),
    Column("started_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, comment="of an open step: when it goes on; null if it has begun, once"),
    Column("ended_at", BigInteger),
    Column("data", Text),
    Column("error", Text),
    Column("cancelled", Integer, nullable=False),
    Column("metadata", Text, comment="JSON: what is known beside the result, for people"),
    Column("mode", Text, comment="of a group over the wire: wait or race; null if it is of none"),
    Column("op", Text, comment="over the wire, while it is open: once, if no attempt is to be repeated"),
    sqlite_with_rowid=False,
)

attempts = Table(
    "inngest_attempts",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("hash", Text, primary_key=True, comment="of the step; empty for the body"),
    Column("attempt", Integer, primary_key=True),
    Column("ended_at", BigInteger, primary_key=True, comment="the body's attempts begin anew after each step"),
    Column("started_at", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    sqlite_with_rowid=False,
    comment="attempts that failed and were followed by another",
)

run_metadata = Table(
    "inngest_metadata",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("id", Text, primary_key=True, comment="ULID: what comes later is applied later"),
    Column("hash", Text, comment="of the step that it is about; null: of the run"),
    Column("attempt", Integer, comment="of that step; null: the last"),
    Column("kind", Text, nullable=False, comment="inngest.score, inngest.experiment, or one that the developer names"),
    Column("name", Text, nullable=False, comment="of a score; empty if it has none"),
    Column("op", Text, nullable=False, comment="what becomes of earlier values of its kind: merge, set, delete or add"),
    Column("value", Text, nullable=False, comment="JSON of an object: its values by their names; of a delete, a list"),
    Column("size", Integer, nullable=False, comment="bytes that count for the limits of a step, and of a run"),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
    comment="what people and code say about runs and steps beside their results; it goes with the run",
)

jobs = Table(
    "inngest_jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("function_id", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column(
        "queue_class",
        Integer,
        nullable=False,
        comment="0: as others; 1: due only while nothing else is in flight; 2: on hold, to be entered to replay only",
    ),
    Column("lane", Text, nullable=False, comment="where it queues; empty for plain functions"),
    Column(
        "start",
        Integer,
        nullable=False,
        comment="1: its run begins with it, in a lane; 2: and its time has not come, as far as is known",
    ),
    Column("score", BigInteger, nullable=False, comment="its place: due_at, shifted by priority unless start is 2"),
    Column("shift", Integer, nullable=False, server_default="0", comment="ms by which a start counts as older"),
    Column(
        "held_at", BigInteger, comment="of a run on hold: when it was put there; workers that started since are first"
    ),
    Column("held_by", Text, comment="of a run on hold: the worker that put it there; others are before it"),
    sqlite_with_rowid=False,
)
Index(
    "inngest_jobs_by_function",
    jobs.c.function_id,
    jobs.c.queue_class,
    jobs.c.lane,
    jobs.c.start,
    jobs.c.score,
    jobs.c.id,
)
Index(
    "inngest_jobs_by_hold",
    jobs.c.function_id,
    jobs.c.held_by,
    jobs.c.held_at,
    sqlite_where=jobs.c.held_at.is_not(None),
)

lanes = Table(
    "inngest_lanes",
    metadata,
    Column("id", Text, primary_key=True, comment="JSON list: function, ids of budgets, id of throttle"),
    Column("function_id", Text, nullable=False),
    Column("ready_at", BigInteger, comment="when to look at it: it has jobs due, and may have room for them"),
    Column("blocked_on", Text, comment="the budget that it waits for: it has jobs due, and no room"),
    Column("blocked_at", Integer, comment="its limit of that budget: it waits until fewer slots are used"),
    Column("turn", Text, nullable=False, comment="ULID of when it was served last, or came"),
    sqlite_with_rowid=False,
    comment="one row per lane that has jobs; it is ready or blocked",
)
Index("inngest_lanes_by_function", lanes.c.function_id, lanes.c.ready_at, lanes.c.turn)
Index("inngest_lanes_by_budget", lanes.c.blocked_on, lanes.c.function_id, lanes.c.blocked_at, lanes.c.turn)

budgets = Table(
    "inngest_budgets",
    metadata,
    Column("budget", Text, primary_key=True),
    Column("used", Integer, nullable=False, comment="the sum of what its runs hold, and of what is kept"),
    sqlite_with_rowid=False,
)

kept_slots = Table(
    "inngest_kept_slots",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("token", Text, primary_key=True, comment="invocation whose handlers have not returned"),
    Column("session_id", Text, nullable=False, comment="worker in which they run"),
    Column("function_id", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("slots", Integer, nullable=False, comment="that are kept of each budget of the lane"),
    Column("since", BigInteger, nullable=False, comment="when the run ended, or was let go"),
    sqlite_with_rowid=False,
    comment="slots of runs that are over, or were let go, whose handlers still run",
)
Index("inngest_kept_slots_by_session", kept_slots.c.session_id)

throttles = Table(
    "inngest_throttles",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tat", BigInteger, nullable=False, comment="µs: when the next start would come, were all evenly spaced"),
    sqlite_with_rowid=False,
)
Index("inngest_jobs_by_run", jobs.c.run_id)

waits = Table(
    "inngest_waits",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("hash", Text, primary_key=True, comment="of the step that waits; of another text if no step does"),
    Column("kind", Text, nullable=False),
    Column("topic", Text, nullable=False, comment="what is looked for: event:order/paid"),
    Column("path", Text, nullable=False, comment="where the key stands; empty if there is none"),
    Column("key", Text, nullable=False),
    Column("expression", Text, nullable=False, comment="CEL; empty if path and key say all"),
    Column("parameters", Text, nullable=False, comment="JSON: what the expression needs of the run's own event"),
    Column("expires_at", BigInteger, nullable=False),
    Column("opened", BigInteger, nullable=False, comment="the last event before it that was told in pages"),
    sqlite_with_rowid=False,
)
Index("inngest_waits_by_topic", waits.c.topic, waits.c.path, waits.c.key, waits.c.run_id, waits.c.hash)

inbox = Table(
    "inngest_inbox",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("hash", Text, primary_key=True, comment="of the step"),
    Column("data", Text),
    Column("error", Text),
    Column("arrived_at", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started_at", BigInteger, comment="when that attempt began"),
    Column("metadata", Text),
    Column("event_id", Text, comment="the event that it is, which says what the data are; null if it is none"),
    sqlite_with_rowid=False,
    comment="what steps have been waiting for, until they have their memos",
)
Index("inngest_inbox_by_event", inbox.c.event_id, sqlite_where=inbox.c.event_id.is_not(None))

woken = Table(
    "inngest_woken",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("hash", Text, primary_key=True, comment="of the step that waited for it; of another text if it cancelled"),
    Column("event_id", Text, primary_key=True),
    Column("cancelled", Integer, nullable=False, comment="whether it cancelled the run"),
    sqlite_with_rowid=False,
    comment="what events have done to runs that looked for them, for people; it goes with the run",
)
Index("inngest_woken_by_event", woken.c.event_id)

requests = Table(
    "inngest_requests",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("hash", Text, primary_key=True, comment="of the step"),
    Column("kind", Text, nullable=False),
    Column("request", Text, nullable=False, comment="JSON; without credentials"),
    Column("attempt", Integer, nullable=False, comment="the next, or the one under way"),
    Column("retries", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("holder", Text, comment="worker that knows its credentials; none if it has none, null if nobody knows"),
    Column("session_id", Text, comment="worker that makes it"),
    Column("host", Text, nullable=False, server_default="-", comment="name and port that it goes to"),
    sqlite_with_rowid=False,
    comment="HTTP requests of steps, until they are answered",
)
Index(
    "inngest_requests_by_due",
    requests.c.session_id,
    requests.c.holder,
    requests.c.due_at,
    requests.c.run_id,
    requests.c.hash,
)
Index("inngest_requests_by_holder", requests.c.holder)
Index(
    "inngest_requests_by_host",
    requests.c.session_id,
    requests.c.holder,
    requests.c.host,
    requests.c.due_at,
    requests.c.run_id,
    requests.c.hash,
)

idempotency = Table(
    "inngest_idempotency",
    metadata,
    Column("function_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("inngest_idempotency_by_end", idempotency.c.expires_at)

pauses = Table(
    "inngest_pauses",
    metadata,
    Column("function_id", Text, primary_key=True),
    Column("on_event", Text, nullable=False, comment="queue or skip"),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

timers = Table(
    "inngest_timers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("payload", Text, nullable=False, comment="JSON"),
    UniqueConstraint("kind", "key"),
    sqlite_with_rowid=False,
    comment="what is to be done at a time, whoever is there then",
)
Index("inngest_timers_by_due", timers.c.due_at)

rates = Table(
    "inngest_rates",
    metadata,
    Column("function_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("started_at", BigInteger, primary_key=True),
    Column("run_id", Text, primary_key=True),
    sqlite_with_rowid=False,
    comment="starts that count for a rate limit",
)
Index("inngest_rates_by_start", rates.c.started_at)

singletons = Table(
    "inngest_singletons",
    metadata,
    Column("function_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("run_id", Text, nullable=False, comment="the last one; whether it has ended, it says itself"),
    sqlite_with_rowid=False,
)
Index("inngest_singletons_by_run", singletons.c.run_id)

batches = Table(
    "inngest_batches",
    metadata,
    Column("batch_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("event_id", Text, nullable=False),
    sqlite_with_rowid=False,
    comment="events that are collected, or were; of a debounce only the one that will start its run",
)
Index("inngest_batches_by_event", batches.c.event_id)

troubles = Table(
    "inngest_troubles",
    metadata,
    Column("key", Text, primary_key=True, comment="of what: the id of a run, the key of a timer"),
    Column("kind", Text, primary_key=True, comment="what it is: run, timer:debounce, request:HASH"),
    Column("error", Text, nullable=False, comment="why it cannot be read, or done"),
    Column("tries", Integer, nullable=False, comment="so far, in a row"),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False, comment="it is put off until then"),
    sqlite_with_rowid=False,
    comment="rows that are put off because they cannot be read, or done",
)
Index("inngest_troubles_by_end", troubles.c.until)
