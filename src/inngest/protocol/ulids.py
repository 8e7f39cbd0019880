"""ULIDs from given time and entropy: derived ids that come out the same each time."""

from __future__ import annotations

import base64
import binascii
import hashlib

from ulid import ULID

_MAX_TIME = 2**48 - 1


def make(time_ms: int, entropy: bytes) -> str:
    """The ULID of a time (unix ms) and 10 bytes."""
    return str(ULID.from_bytes(max(0, min(time_ms, _MAX_TIME)).to_bytes(6, "big") + entropy[:10]))


def derive(run_id: str, step_hash: str, index: int) -> str:
    """The id of the index-th event that a step sends: the same however often the step is tried.

    Its time part is the run's, so that ids stay ordered by when the work began.
    """
    entropy = hashlib.sha256(f"{run_id}/{step_hash}/{index}".encode()).digest()
    return make(ULID.from_str(run_id).milliseconds, entropy)


class Seed:
    """The header `x-inngest-event-id-seed: {unix ms},{base64 of 10 bytes}` (protocol §4)."""

    def __init__(self, time_ms: int, entropy: bytes) -> None:
        self.time_ms = time_ms
        self.entropy = entropy

    @classmethod
    def parse(cls, text: str | None) -> Seed | None:
        """The seed of a header's text; None if it is missing or malformed (a malformed seed is ignored)."""
        time_text, _, entropy_text = (text or "").partition(",")
        try:
            time_ms = int(time_text)
            entropy = base64.b64decode(entropy_text, validate=True)
        except (ValueError, binascii.Error):
            return None
        if len(entropy) != 10 or not 0 < time_ms <= _MAX_TIME:
            return None
        return cls(time_ms, entropy)

    @property
    def text(self) -> str:
        """The header's text."""
        return f"{self.time_ms},{base64.b64encode(self.entropy).decode()}"

    def event_id(self, index: int) -> str:
        """The ULID of the event at a 0-based index: its 1-based index is added to the last 4 bytes."""
        tail = (int.from_bytes(self.entropy[6:], "big") + index + 1) % 2**32
        return make(self.time_ms, self.entropy[:6] + tail.to_bytes(4, "big"))
