"""Names and ids: what every store, and the wire, can hold."""

from __future__ import annotations


def problem(text: str) -> str | None:
    """Why a text cannot be a name or an id, or None.

    Values may hold both of these, since JSON escapes them; a name stands in a column of its own.
    """
    if "\0" in text:
        return "must not contain the character NUL"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "must not contain half of a surrogate pair"
    return None
