"""Keys as they stand in an index: a long one by its hash. Pure.

Keys come from data of events, from ids of events and of functions, which may be of any length and hold any character.
An index of PostgreSQL takes rows of 2,700 bytes, and texts without NUL and without halves of surrogate pairs.

A file of its own: lanes, gates, waits and the store make their keys by it.
"""

from __future__ import annotations

import hashlib
from typing import Final

from inngest.protocol import texts

LONGEST: Final = 200
"""Bytes of a key that stands as it is."""

MARK: Final = "\x1e"
"""Begins a key that stands for a longer one."""

UNSAID: Final = "…"
"""What people are shown of it."""


def index_key(text: str, longest: int = LONGEST) -> str:
    """The text, or its hash if it has more bytes or a database cannot take it. A hash stays as it is.

    Two keys are equal exactly if their texts are.
    """
    stands = len(_bytes(text)) <= longest and texts.problem(text) is None
    return text if stands else MARK + hashlib.sha256(_bytes(text)).hexdigest()


def within(prefix: str, value: str) -> str:
    """A key that begins with a short prefix, by which it is told from others, whatever comes after it."""
    whole = prefix + value
    return whole if index_key(whole) == whole else prefix + MARK + hashlib.sha256(_bytes(value)).hexdigest()


def shown(key: str) -> str:
    """A key for people."""
    return UNSAID if key.startswith(MARK) else key


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
