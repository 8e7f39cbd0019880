"""Hosts of stored requests as revision 0002 has them: name and port, or `-` for a URL that has none.

The rule is written down here once more, since the code of later revisions may have another.

A file of its own: a revision keeps the rules of its time, and changes with no other code.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import sqlalchemy as sa

from . import long_keys

PORTS = {"http": 80, "https": 443}
NOWHERE = "-"


def write(bind: sa.Connection) -> None:
    """Write the host of each request."""
    found = bind.execute(sa.text("SELECT run_id, hash, request FROM inngest_requests")).fetchall()
    hosts = [{"run": run_id, "step": hashed, "host": host_of(request)} for run_id, hashed, request in found]
    if hosts:
        bind.execute(sa.text("UPDATE inngest_requests SET host = :host WHERE run_id = :run AND hash = :step"), hosts)


def host_of(request: str) -> str:
    """The host of a request, given as JSON text. One that cannot be read is put off when it is claimed."""
    try:
        parts = urlsplit(json.loads(request)["url"])
        name, port = parts.hostname, parts.port or PORTS.get(parts.scheme, 0)
    except (ValueError, TypeError, KeyError, AttributeError):
        return NOWHERE
    return long_keys.key_of(f"{name}:{port}") if name else NOWHERE
