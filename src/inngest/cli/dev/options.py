"""The options of `inngest dev`, as the supervisor hands them to its workers.

A file of its own: supervisor and workers know it, and a worker loads nothing else of the command.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from inngest.runtime.shared_databases import LEASE


@dataclass(frozen=True)
class Options:
    """The arguments and options of `inngest dev`, checked."""

    targets: tuple[str, ...]
    database: str  # path
    host: str
    allowed_hosts: tuple[str, ...]
    retry_interval: float | None  # seconds
    max_steps: int  # of a run
    drain: float  # seconds
    as_json: bool
    sdk_urls: tuple[str, ...] = ()  # apps that are asked to register
    poll_interval: float = 5.0  # seconds between two questions; 0: each until it has registered
    lease: int = LEASE  # ms after which a worker that is not heard is dead
    retention: int | Literal["default"] | None = "default"  # ms
    discover: bool = False  # whether apps are looked for on this machine

    def to_json(self) -> str:
        """As text, for a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Options:
        """From `to_json`."""
        values = json.loads(text)
        lists = {name: tuple(values[name]) for name in ("targets", "allowed_hosts", "sdk_urls")}
        return cls(**{**values, **lists})
