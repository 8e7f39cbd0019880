"""Requests of revision 0001 are found by the hosts that they go to."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from inngest.engine.domain.hosts import host_of
from tests.migrations import schemas
from tests.migrations.shop import load

URLS = ("http://a.example/x?y=1", "https://b.example:8443/", f"http://{'long' * 60}.example/", "http://[broken")


def test_stored_requests_have_hosts(tmp_path: Path) -> None:
    path = tmp_path / "inngest.db"
    load("0001", path)
    requests = [*(json.dumps({"url": url}) for url in URLS), '["no request"]', "{no JSON"]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO inngest_requests (run_id, hash, kind, request, attempt, retries, due_at, holder) "
            "VALUES ('run', ?, 'Gateway', ?, 0, 4, 0, 'none')",
            [(str(number), request) for number, request in enumerate(requests)],
        )

    schemas.prepare(path)

    hosts = [host for _, host in schemas.rows(path, "inngest_requests", "hash, host")]
    assert hosts == [*(host_of(url) for url in URLS), "-", "-"]
    assert hosts[:2] == ["a.example:80", "b.example:8443"]
