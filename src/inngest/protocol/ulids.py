"""ULIDs: made from a time and entropy, read, and derived so that they come out the same each time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from functools import lru_cache

_MAX_TIME = 2**48 - 1

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [one + other for one in _LETTERS for other in _LETTERS]
"""The two letters of each 10 bits. Each event, run and job has a ULID, so writing one must cost little."""

_ULID = re.compile(f"[0-7][{_LETTERS}]{{25}}")
_DIGITS = str.maketrans(_LETTERS, "0123456789ABCDEFGHIJKLMNOPQRSTUV")  # those of int(…, 32)


def make(time_ms: int, entropy: bytes) -> str:
    """The ULID of a time (unix ms) and 10 bytes."""
    high, low = int.from_bytes(entropy[:5], "big"), int.from_bytes(entropy[5:10], "big")
    return f"{_time(time_ms)}{_letters(high)}{_letters(low)}"


@lru_cache(maxsize=64)
def _time(time_ms: int) -> str:
    time_ms = max(0, min(time_ms, _MAX_TIME))
    return f"{_PAIRS[time_ms >> 40]}{_letters(time_ms & (1 << 40) - 1)}"


def _letters(bits: int) -> str:
    """Eight letters for 40 bits."""
    return f"{_PAIRS[bits >> 30]}{_PAIRS[bits >> 20 & 1023]}{_PAIRS[bits >> 10 & 1023]}{_PAIRS[bits & 1023]}"


def read(text: str) -> tuple[int, bytes]:
    """The time (unix ms) and the 10 bytes of a ULID in upper case.

    Raises:
        ValueError: the text is no ULID.
    """
    if not _ULID.fullmatch(text):
        raise ValueError(f"not a ULID: {text!r}")
    bits = int(text.translate(_DIGITS), 32)
    return bits >> 80, (bits & (1 << 80) - 1).to_bytes(10, "big")


def derive(run_id: str, step_hash: str, index: int) -> str:
    """The id of the index-th event that a step sends: the same however often the step is tried.

    Its time part is the run's, so that ids stay ordered by when the work began.
    """
    entropy = hashlib.sha256(f"{run_id}/{step_hash}/{index}".encode()).digest()
    time_ms, _ = read(run_id)
    return make(time_ms, entropy)


class Seed:
    """The header `x-inngest-event-id-seed: {unix ms},{base64 of 10 bytes}`: sent again, it gives the same ids."""

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
