"""Names and ids: what every store, and the wire, can hold.

Values may hold every text that JSON can, and carry it. Names and ids stand in columns of their own: NUL and halves of
surrogate pairs are refused there, where they come in.

A file of its own: events, expressions, keys and the store all ask it.
"""

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


def stored(text: str) -> str:
    """A name or an id that is looked for; one that cannot be stored is nobody's."""
    return text if problem(text) is None else ""


def escaped(text: str) -> str:
    """A text for people that every encoding of Unicode can write: halves of surrogate pairs as their escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
