"""Tables beside the way of a run: what people have done, and what waits to be accepted. `tables.py` has all others."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text

metadata = MetaData()

outbox = Table(
    "inngest_outbox",
    metadata,
    Column("id", Text, primary_key=True, comment="ULID"),
    Column("events", Text, nullable=False, comment="JSON list of events, which have their ids"),
    Column("at", BigInteger, nullable=False, comment="when they were sent"),
    Column("trouble", Text, comment="why they cannot be accepted; null: nothing is known against it"),
    sqlite_with_rowid=False,
    comment="events that users sent in transactions of their own, until a worker accepts them",
)

audit = Table(
    "inngest_audit",
    metadata,
    Column("id", Text, primary_key=True, comment="ULID"),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False, comment="who did it, as far as that is known"),
    Column("action", Text, nullable=False, comment="what was done: erase"),
    Column("target", Text, comment="to what"),
    Column("detail", Text, comment="JSON of the rest; it holds nothing that was erased"),
    sqlite_with_rowid=False,
    comment="what people did that leaves no other trace",
)

cancellations = Table(
    "inngest_cancellations",
    metadata,
    Column("id", Text, primary_key=True, comment="ULID"),
    Column("app_id", Text, nullable=False),
    Column("function_id", Text, nullable=False, comment="whose runs it ends: app-function"),
    Column("started_after", BigInteger, comment="unix ms; null: however long ago"),
    Column("started_before", BigInteger, nullable=False, comment="unix ms; it may be to come"),
    Column("expression", Text, comment="CEL, of the run's event; null: of all"),
    Column("created_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger, comment="from then on it ends nothing more, and is not listed"),
    sqlite_with_rowid=False,
    comment="one row per bulk cancellation: all runs of a function that started in a time, as far as a condition holds",
)
Index("inngest_cancellations_by_function", cancellations.c.function_id, cancellations.c.started_before)
