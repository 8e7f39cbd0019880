"""The options of `inngest dev`, as the supervisor hands them to its workers.

A file of its own: supervisor and workers know it, and a worker loads nothing else of the command.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Options:
    """The arguments and options of `inngest dev`, checked."""

    targets: tuple[str, ...]
    database: str  # path
    host: str
    allowed_hosts: tuple[str, ...]
    retry_interval: float | None  # seconds
    drain: float  # seconds
    as_json: bool

    def to_json(self) -> str:
        """As text, for a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Options:
        """From `to_json`."""
        values = json.loads(text)
        return cls(**{**values, "targets": tuple(values["targets"]), "allowed_hosts": tuple(values["allowed_hosts"])})
