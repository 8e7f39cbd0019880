"""The tokens of an expression."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .errors import ExpressionError

MAX_LENGTH: Final = 8_192
"""Characters of an expression. All that is done before evaluation is linear in it."""

MAX_DIGITS: Final = 300
"""Digits of an integer literal: its value is under the limit of arithmetic."""


class Token(NamedTuple):
    """A word of an expression."""

    kind: str  # "value", "name", "quoted" (a name in backticks), "end", or the operator itself, as also `in`
    at: int  # place in the text, in characters from 0
    value: object = None  # of a value: its constant; of a name: its text

    @property
    def word(self) -> str:
        """A name or an operator as it is written."""
        return str(self.value) if self.kind == "name" else self.kind


_SKIP = re.compile(r"(?:[ \t\r\n\f]+|//[^\n]*)*")
_NUMBER = re.compile(
    r"0[xX](?P<hex>[0-9a-fA-F]+)|(?P<double>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|(?P<int>\d+)"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTED = re.compile(r"`([A-Za-z0-9_.\-/ ]+)`")
_STRING = re.compile(r"(?P<prefix>[rR][bB]?|[bB][rR]?)?(?P<quote>'''|\"\"\"|'|\")")
_OPERATOR = re.compile(r"&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}]")
_ESCAPE = re.compile(
    r"\\(?:(?P<one>[abfnrtv\\?\"'`])|[xX](?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<o>[0-3][0-7]{2}))"
)
_ONE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_MENDS = {
    "=": "write == to compare",
    "&": "write && for and",
    "|": "write || for or",
    **dict.fromkeys("\u201c\u201d\u2018\u2019", "write ' or \" around strings"),
    "\u00a0": "it looks like a space, but is a non-breaking one",
    "#": "comments begin with //",
}


def tokens(text: str) -> list[Token]:
    """The tokens of a text, the last of kind "end".

    Raises:
        ExpressionError: what is no token.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(text, MAX_LENGTH, f"an expression has at most {MAX_LENGTH} characters, got {len(text)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ExpressionError(text, error.start, "half of a surrogate pair") from None
    found: list[Token] = []
    at = 0
    while True:
        skipped = _SKIP.match(text, at)
        at = skipped.end() if skipped else at
        if at == len(text):
            found.append(Token("end", at))
            return found
        token, at = _token(text, at)
        found.append(token)


def _token(text: str, at: int) -> tuple[Token, int]:
    if string := _STRING.match(text, at):
        return _string(text, string)
    if name := _NAME.match(text, at):
        return Token("in" if name[0] == "in" else "name", at, name[0]), name.end()
    if quoted := _QUOTED.match(text, at):
        return Token("quoted", at, quoted[1]), quoted.end()
    if number := _NUMBER.match(text, at):
        return _number(text, number)
    if operator := _OPERATOR.match(text, at):
        if text.startswith(("===", "!=="), at):
            raise ExpressionError(text, at, f"unexpected '{text[at : at + 3]}'", "write == or != to compare")
        return Token(operator[0], at), operator.end()
    raise ExpressionError(text, at, f"unexpected {text[at]!r}", _MENDS.get(text[at], ""))


def _number(text: str, number: re.Match[str]) -> tuple[Token, int]:
    at, end = number.span()
    value: int | float
    if number["double"]:
        value = float(number["double"])
        if value == float("inf"):
            raise ExpressionError(text, at, "a number that a double cannot hold")
    else:
        if end - at > MAX_DIGITS:
            raise ExpressionError(text, at, f"an integer has at most {MAX_DIGITS} digits")
        value = int(number["hex"], 16) if number["hex"] else int(number["int"])
        if text[end : end + 1] in ("u", "U"):  # int, uint and double are one kind here
            end += 1
    if _NAME.match(text, end):
        raise ExpressionError(text, end, f"unexpected {text[end]!r} after a number")
    return Token("value", at, value), end


def _string(text: str, start: re.Match[str]) -> tuple[Token, int]:
    """A literal of any of CEL's forms: '…', "…", three quotes, and r and b before them."""
    prefix = (start["prefix"] or "").lower()
    quote = start["quote"]
    raw, long = "r" in prefix, len(quote) == 3
    letters: list[str] = []
    at = start.end()
    while not text.startswith(quote, at):
        if at >= len(text) or (not long and text[at] in "\r\n"):
            raise ExpressionError(text, start.start(), "a string without its closing quote", f"end it with {quote}")
        if text[at] == "\\" and not raw:
            letter, at = _escape(text, at, is_bytes="b" in prefix)
            letters.append(letter)
        else:
            letters.append(text[at])
            at += 1
    value = "".join(letters)
    constant = value.encode("utf-8", "surrogateescape") if "b" in prefix else value
    return Token("value", start.start(), constant), at + len(quote)


def _escape(text: str, at: int, *, is_bytes: bool) -> tuple[str, int]:
    found = _ESCAPE.match(text, at)
    if found is None or (is_bytes and (found["u"] or found["U"])):
        raise ExpressionError(text, at, f"unknown escape {text[at : at + 2]!r}", "write \\\\ for a backslash, or r'…'")
    if found["one"]:
        return _ONE.get(found["one"], found["one"]), found.end()
    code = int(found["o"], 8) if found["o"] else int(found["x"] or found["u"] or found["U"], 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ExpressionError(text, at, f"no character has the number {code:#x}")
    # Of bytes, \xff and \377 are one byte, and other letters their UTF-8: a byte is marked as "surrogateescape" does.
    return chr(code + 0xDC00 if is_bytes and code > 0x7F else code), found.end()
