"""What must be asked before a start becomes a run: the gates of its function, with their keys for its event.

`asking` finds them; what then has to be looked up and written is in `store.gates`.
"""

from __future__ import annotations

from typing import NamedTuple

from inngest.protocol import durations


class Rate(NamedTuple):
    """A rate limit for one key."""

    limit: int
    period: int  # ms
    key: str

    @property
    def used_up(self) -> str:
        """What is so when it lets nothing through."""
        runs = "1 run has" if self.limit == 1 else f"{self.limit:,} runs have"
        return f"{runs} started within {durations.to_text(self.period)}"


class Debounced(NamedTuple):
    """A debounce for one key."""

    period: int  # ms
    timeout: int | None  # ms
    key: str


class Batched(NamedTuple):
    """A batch for one key."""

    size: int
    timeout: int | None  # ms
    key: str


class Sole(NamedTuple):
    """A singleton for one key."""

    cancels: bool
    key: str


class Gates(NamedTuple):
    """What is asked of a start, in this order."""

    ts: int  # of the event
    size: int  # bytes of its data
    direct: bool  # somebody waits for this very run: it is neither collected, nor dropped without a trace
    debounce: Debounced | None = None
    batch: Batched | None = None
    rate: Rate | None = None
    idempotency: str | None = None  # key
    paused: str | None = None  # "queue" or "skip"
    sole: Sole | None = None
    start_timeout: int | None = None  # ms
    finish_timeout: int | None = None  # ms
    unread: str | None = None  # why its function's configuration cannot be read: the start is put off
