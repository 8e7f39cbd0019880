"""Chance: ids, tokens and random bytes; and ids that a seed decides."""

from __future__ import annotations

import io
import os
import random
import threading

from inngest.protocol import ulids

_POOL = 4_096
"""Random bytes that are asked for at a time. To ask lets go of the interpreter's lock: for each id, it took short runs
a tenth of their time."""


class SystemIds:
    """Random ids. Those of one process sort in the order in which they were made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._time = 0
        self._entropy = 0
        self._pool = io.BytesIO()  # random bytes

    def ulid(self, now: int) -> str:
        """A new ULID."""
        with self._lock:
            if now > self._time:
                self._time = now
                self._entropy = int.from_bytes(self._random(10), "big") >> 1  # room to count up
            else:
                self._entropy += 1 + random.getrandbits(32)
            return ulids.make(self._time, self._entropy.to_bytes(10, "big"))

    def token(self) -> str:
        """A random token."""
        with self._lock:
            return self._random(12).hex()

    def _random(self, count: int) -> bytes:
        found = self._pool.read(count)
        if len(found) < count:
            self._pool = io.BytesIO(os.urandom(_POOL))
            found = self._pool.read(count)
        return found

    def random(self) -> float:
        """From 0 to 1."""
        return random.random()


class SeededIds:
    """Ids, tokens and numbers that a seed decides: for tests, which must repeat.

    Args:
        chance: what they are drawn from.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._time = 0
        self._entropy = 0

    def ulid(self, now: int) -> str:
        """A new ULID."""
        if now > self._time:
            self._time, self._entropy = now, self._chance.getrandbits(79)
        else:
            self._entropy += 1 + self._chance.getrandbits(32)
        return ulids.make(self._time, self._entropy.to_bytes(10, "big"))

    def token(self) -> str:
        """A drawn token."""
        return f"{self._chance.getrandbits(48):012x}"

    def random(self) -> float:
        """From 0 to 1."""
        return self._chance.random()

    @classmethod
    def of(cls, seed: int) -> SeededIds:
        """Those of a seed."""
        return cls(random.Random(seed))


def entropy(count: int) -> bytes:
    """Random bytes."""
    return os.urandom(count)


def jitter(limit: float) -> float:
    """A random float from 0 to `limit`."""
    return random.uniform(0, limit)
