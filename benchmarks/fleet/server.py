"""The PostgreSQL server on which a part is measured, and what it spends itself."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from tests import postgres


@dataclass
class Spent:
    """What the server spent within a `with` block."""

    cpu: float = 0.0  # seconds
    wal: float = 0.0  # bytes of its write-ahead log


class Database:
    """A database of a server that is measured.

    Args:
        server: it.
    """

    def __init__(self, server: postgres.Server) -> None:
        self._server = server
        self.execute = server.execute

    def url(self, schema: str) -> str:
        """The URL of an engine's schema, for an engine."""
        return self._server.url(schema=schema)

    def plain_url(self, database: str = "postgres") -> str:
        """The URL of a database, for others."""
        return self._server.url(database).partition("&schema=")[0]

    @contextlib.contextmanager
    def spent(self) -> Generator[Spent]:
        """What all of its processes spend meanwhile."""
        found = Spent()
        cpu, wal = self._cpu(), self._wal()
        yield found
        found.cpu, found.wal = self._cpu() - cpu, self._wal() - wal

    def size(self, schema: str) -> int:
        """Bytes of the tables of a schema, with their indexes."""
        asked = (
            "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c JOIN pg_namespace n "
            f"ON n.oid = c.relnamespace WHERE n.nspname = '{schema}' AND c.relkind = 'r'"
        )
        return int(self.execute(asked)[0][0])

    def copied(self, schema: str, run_id: str, count: int) -> None:
        """Give a finished run so many copies, with its event and its steps, each of which ended before the next."""
        numbered = {
            "inngest_runs": {"id": _ID, "event_id": _ID, "ended_at": "ended_at - number"},
            "inngest_events": {"id": _ID, "received_at": "received_at - number"},
            "inngest_steps": {"run_id": _ID},
        }
        where = {
            "inngest_runs": f"id = '{run_id}'",
            "inngest_events": f"id = (SELECT event_id FROM inngest_runs WHERE id = '{run_id}')",
            "inngest_steps": f"run_id = '{run_id}'",
        }
        for table in ("inngest_steps", "inngest_events", "inngest_runs"):
            columns = self._columns(schema, table)
            values = ", ".join(numbered[table].get(name, name) for name in columns)
            self.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} "
                f"FROM {table}, generate_series(1, {count}) AS number WHERE {where[table]}",
                schema=schema,
            )
        self.execute("VACUUM ANALYZE")
        self.execute("CHECKPOINT")

    def _columns(self, schema: str, table: str) -> list[str]:
        asked = (
            f"SELECT column_name::text FROM information_schema.columns WHERE table_schema = '{schema}' "
            f"AND table_name = '{table}' AND is_identity = 'NO' ORDER BY ordinal_position"
        )
        return [name for (name,) in self.execute(asked)]

    def _wal(self) -> float:
        return float(self.execute("SELECT pg_current_wal_lsn() - '0/0'")[0][0])

    def _cpu(self) -> float:
        """Seconds of its processes: those that live, exactly, and those that have ended, by ticks of the system."""
        main = int((self._server.folder / "data" / "postmaster.pid").read_text().split()[0])
        processes = [str(main), *Path(f"/proc/{main}/task/{main}/children").read_text().split()]
        found = 0.0
        for pid in processes:
            with contextlib.suppress(FileNotFoundError):
                found += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
        # Fields 16 and 17 of proc(5), counted behind the name in parentheses, which may hold anything.
        ended = Path(f"/proc/{main}/stat").read_text().rpartition(")")[2].split()[13:15]
        return found + sum(map(int, ended)) / os.sysconf("SC_CLK_TCK")


_ID = "'0' || lpad(number::text, 25, '0')"
"""The id of a copy: none that an engine makes is like it."""


@contextlib.contextmanager
def database() -> Generator[Database]:
    """A database of a new server, for a `with` block."""
    with postgres.durable() as server:
        yield Database(server)
