"""Regular expressions of `matches`, in RE2's syntax: from a text to a program for `automaton`.

Python's own `re` is not used, because it backtracks: there are innocent patterns for which a hostile event would keep
it busy for hours.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple, NoReturn, TypeAlias

from .folding import forms

MAX_LENGTH: Final = 1_000
"""Letters of a pattern."""

MAX_REPEAT: Final = 1_000
"""Of `{n,m}`, as in RE2."""

MAX_PROGRAM: Final = 2_000
"""Instructions of a program."""

MAX_GROUPS: Final = 50
"""How deep groups may be nested."""


class PatternError(ValueError):
    """A pattern that is refused; `offset` says where in it."""

    def __init__(self, offset: int, reason: str) -> None:
        self.offset = offset
        super().__init__(f"{reason} at character {offset + 1} of the pattern")


class Letters(NamedTuple):
    """A set of letters."""

    ranges: tuple[tuple[str, str], ...] = ()
    categories: tuple[str, ...] = ()  # Unicode's, or their first letters
    others: tuple[Letters, ...] = ()
    negative: bool = False
    folded: bool = False  # case does not matter

    def hold(self, letter: str) -> bool:
        """Whether a letter is one of them."""
        if not self.folded:
            return self._hold(letter) is not self.negative
        return any(self._hold(form) for form in forms(letter)) is not self.negative

    @property
    def weight(self) -> int:
        """Units of asking whether a letter is one of them."""
        weight = 3 + len(self.ranges) // 2 + 3 * bool(self.categories) + sum(other.weight for other in self.others)
        return 3 * weight if self.folded else weight

    def _hold(self, letter: str) -> bool:
        return (
            any(low <= letter <= high for low, high in self.ranges)
            or (bool(self.categories) and unicodedata.category(letter).startswith(self.categories))
            or any(other.hold(letter) for other in self.others)
        )


class Sequence(NamedTuple):
    """One part after the other; nothing, if there are none."""

    parts: tuple[Part, ...]


class Choice(NamedTuple):
    """One of several parts."""

    parts: tuple[Part, ...]


class Repeat(NamedTuple):
    """A part again and again; without an upper bound if `most` is None."""

    part: Part
    least: int
    most: int | None


class Anchor(NamedTuple):
    """A place between letters: `^`, `$`, their forms `(?m)` as "^m", "$m", and "b", "B"."""

    kind: str


Part: TypeAlias = Letters | Sequence | Choice | Repeat | Anchor


class Flags(NamedTuple):
    """How letters are read: i case does not matter, m lines, s `.` is also a newline, U is without meaning here."""

    i: bool = False
    m: bool = False
    s: bool = False
    U: bool = False


_WORD = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
_SPACE = (("\t", "\n"), ("\f", "\r"), (" ", " "))
_CLASSES = {"d": (("0", "9"),), "s": _SPACE, "w": _WORD}
_POSIX = {
    "alnum": (("0", "9"), ("A", "Z"), ("a", "z")),
    "alpha": (("A", "Z"), ("a", "z")),
    "ascii": (("\0", "\x7f"),),
    "blank": (("\t", "\t"), (" ", " ")),
    "cntrl": (("\0", "\x1f"), ("\x7f", "\x7f")),
    "digit": (("0", "9"),),
    "graph": (("!", "~"),),
    "lower": (("a", "z"),),
    "print": ((" ", "~"),),
    "punct": (("!", "/"), (":", "@"), ("[", "`"), ("{", "~")),
    "space": (("\t", "\r"), (" ", " ")),
    "upper": (("A", "Z"),),
    "word": _WORD,
    "xdigit": (("0", "9"), ("A", "F"), ("a", "f")),
}
_ONE = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CATEGORIES = frozenset(
    major + minor
    for major, minors in {
        "C": "cfnos",
        "L": "lmotu",
        "M": "cen",
        "N": "dlo",
        "P": "cdefios",
        "S": "ckmo",
        "Z": "lps",
    }.items()
    for minor in ("", *minors)
)
_GROUP = re.compile(r"\((?:\?(?:P?<[A-Za-z_]\w*>|(?P<flags>[imsU]*(?:-[imsU]+)?)(?P<end>[:)])))?", re.ASCII)
_COUNT = re.compile(r"\{(\d{1,6})(,(\d{1,6})?)?\}", re.ASCII)
_NUMBERED = re.compile(r"\\(?:x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]{1,6})\}|([1-7][0-7]{1,2}|0[0-7]{0,2}))")
_CATEGORY = re.compile(r"\\([pP])(?:\{(\^?)(\w+)\}|(\w))")
_BRACKET = re.compile(r"\[:(\^?)(.*?):\]")
_ANY = Letters(negative=True)
_LINE = Letters((("\n", "\n"),), negative=True)


def parse(text: str) -> Part:
    """Reads a pattern.

    Raises:
        PatternError: no pattern, or one that RE2 does not know (look-around, back-references).
    """
    if len(text) > MAX_LENGTH:
        raise PatternError(MAX_LENGTH, f"a pattern has at most {MAX_LENGTH} letters: too long")
    parser = _Parser(text)
    part = parser.choice(Flags())
    if parser.at < len(text):
        parser.fail("')' without '('")
    return part


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0
        self._groups = 0

    def fail(self, reason: str, at: int | None = None) -> NoReturn:
        """Refuses the pattern."""
        raise PatternError(self.at if at is None else at, reason)

    def _take(self, text: str) -> bool:
        if not self._text.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self.at)
        if found:
            self.at = found.end()
        return found

    def choice(self, flags: Flags) -> Part:
        """Parts between `|`, up to a `)` or the end. Flags set within hold to its end."""
        choices: list[Part] = []
        parts: list[Part] = []
        while self.at < len(self._text) and self._text[self.at] != ")":
            if self._take("|"):
                choices.append(Sequence(tuple(parts)))
                parts = []
                continue
            if self._take(r"\Q"):
                parts.extend(self._quoted(flags))
                if parts:  # a repetition after it is one of its last letter
                    parts.append(self._repeated(parts.pop()))
                continue
            part = self._atom(flags)
            if isinstance(part, Flags):
                flags = part
            else:
                parts.append(self._repeated(part))
        last = Sequence(tuple(parts))
        return Choice((*choices, last)) if choices else last

    def _repeated(self, part: Part) -> Part:
        at = self.at
        least, most = 0, None
        if self._take("+"):
            least = 1
        elif self._take("?"):
            most = 1
        elif count := self._match(_COUNT):
            least = int(count[1])
            most = least if count[2] is None else int(count[3]) if count[3] else None
            if max(least, most or 0) > MAX_REPEAT or (most is not None and most < least):
                self.fail(f"a wrong count {count[0]} (at most {MAX_REPEAT})", at)
        elif not self._take("*"):
            return part
        self._take("?")  # the lazy form finds another match, but no other answer
        if self._text[self.at : self.at + 1] in ("*", "+", "?") or _COUNT.match(self._text, self.at):
            self.fail("a repetition of a repetition")
        return Repeat(part, least, most)

    def _atom(self, flags: Flags) -> Part | Flags:
        letter = self._text[self.at]
        match letter:
            case "(":
                return self._group(flags)
            case "[":
                return self._set(flags)
            case "\\":
                return self._escape(flags)
            case "*" | "+" | "?":
                self.fail("nothing to repeat")
            case "{" if _COUNT.match(self._text, self.at):
                self.fail("nothing to repeat")
            case _:
                self.at += 1
        if letter == ".":
            return _ANY if flags.s else _LINE
        if letter in "^$":
            return Anchor(letter + "m" if flags.m else letter)
        return Letters(((letter, letter),), folded=flags.i)

    def _group(self, flags: Flags) -> Part | Flags:
        at = self.at
        found = self._match(_GROUP)
        if found is None or (found[0] == "(" and self._text.startswith("?", self.at)):
            self.fail("an unknown kind of group (RE2 has no look-around)", at)
        if found["flags"] is not None:
            on, _, off = found["flags"].partition("-")
            flags = flags._replace(**dict.fromkeys(on, True))._replace(**dict.fromkeys(off, False))
            if found["end"] == ")":
                return flags
        self._groups += 1
        if self._groups > MAX_GROUPS:
            self.fail(f"groups nested over {MAX_GROUPS} deep", at)
        part = self.choice(flags)
        self._groups -= 1
        if not self._take(")"):
            self.fail("'(' without ')'", at)
        return part

    def _quoted(self, flags: Flags) -> list[Part]:
        r"""The letters up to `\E`, or to the end."""
        end = self._text.find(r"\E", self.at)
        quoted = self._text[self.at :] if end < 0 else self._text[self.at : end]
        self.at = len(self._text) if end < 0 else end + 2
        return [Letters(((letter, letter),), folded=flags.i) for letter in quoted]

    def _escape(self, flags: Flags) -> Part:
        at = self.at
        for text, kind in ((r"\A", "^"), (r"\z", "$"), (r"\b", "b"), (r"\B", "B")):
            if self._take(text):
                return Anchor(kind)
        letters = self._class() or self._one(at)
        return letters._replace(folded=flags.i)

    def _class(self) -> Letters | None:
        r"""A set with a name: \d, \pL, \P{Lu}."""
        if found := self._match(_CATEGORY):
            name = found[3] or found[4]
            if name not in _CATEGORIES:
                self.fail(f"an unknown class of letters {name!r}", found.start())
            return Letters(categories=(name,), negative=(found[1] == "P") != (found[2] == "^"))
        name = self._text[self.at + 1 : self.at + 2]
        if name.lower() not in _CLASSES:
            return None
        self.at += 2
        return Letters(_CLASSES[name.lower()], negative=name.isupper())

    def _one(self, at: int) -> Letters:
        letter = self._escaped(at)
        return Letters(((letter, letter),))

    def _escaped(self, at: int) -> str:
        r"""The letter of an escape such as \n, \x41 or \*."""
        if found := self._match(_NUMBERED):
            code = int(found[3], 8) if found[3] else int(found[1] or found[2], 16)
            if code > 0x10FFFF:
                self.fail("a letter that does not exist", at)
            return chr(code)
        letter = self._text[at + 1 : at + 2]
        self.at = at + 2
        if letter in _ONE:
            return _ONE[letter]
        if not letter or letter.isalnum():
            self.fail(f"an unknown escape '\\{letter}' (RE2 has no back-references)", at)
        return letter

    def _set(self, flags: Flags) -> Letters:
        at = self.at
        self.at += 1
        negative = self._take("^")
        ranges: list[tuple[str, str]] = []
        others: list[Letters] = []
        first = True
        while first or not self._take("]"):
            first = False
            if self.at >= len(self._text):
                self.fail("'[' without ']'", at)
            if named := self._named_set():
                others.append(named._replace(folded=flags.i))
                continue
            low = self._set_letter()
            high = low
            if self._text.startswith("-", self.at) and not self._text.startswith("-]", self.at):
                self.at += 1
                high = self._set_letter()
                if high < low:
                    self.fail(f"a range from {low!r} back to {high!r}")
            ranges.append((low, high))
        return Letters(tuple(ranges), others=tuple(others), negative=negative, folded=flags.i)

    def _named_set(self) -> Letters | None:
        if found := self._match(_BRACKET):
            if found[2] not in _POSIX:
                self.fail(f"an unknown class of letters {found[0]!r}", found.start())
            return Letters(_POSIX[found[2]], negative=found[1] == "^")
        return self._class() if self._text.startswith("\\", self.at) else None

    def _set_letter(self) -> str:
        if self._text.startswith("\\", self.at):
            return self._escaped(self.at)
        if self.at >= len(self._text):
            self.fail("'[' without ']'")
        self.at += 1
        return self._text[self.at - 1]
