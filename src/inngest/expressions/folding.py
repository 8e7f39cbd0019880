"""Letters that differ by case alone, as RE2 sees it: those with the same simple case folding of Unicode.

Both small sigmas fold as the capital one does, the capital sharp s as the small one, and the Kelvin sign as k. The i
without a dot folds as nothing else does.
"""

from __future__ import annotations

from functools import cache

CASED = (
    *((0x0041, 0x0590), (0x10A0, 0x1100), (0x13A0, 0x1400), (0x1C80, 0x1CC0), (0x1D70, 0x2000), (0x2126, 0x2190)),
    *((0x24B0, 0x24F0), (0x2C00, 0x2E00), (0xA640, 0xA7FF), (0xAB30, 0xABC0), (0xFB00, 0xFB18), (0xFF21, 0xFF5B)),
    *((0x10400, 0x10600), (0x10C80, 0x10D90), (0x118A0, 0x118E0), (0x16E40, 0x16EE0), (0x1E900, 0x1E944)),
)
"""Ranges of code points outside of which no letter has another case; a test compares them with all of Unicode."""


def fold(letter: str) -> str:
    """The simple case folding of a letter: one letter."""
    folded = letter.casefold()
    if len(folded) == 1:
        return folded
    lower = letter.lower()  # where the full folding has several letters, the simple one is the lower case, if it is one
    return lower if len(lower) == 1 else letter


def forms(letter: str) -> tuple[str, ...]:
    """All letters that fold as this one does, itself included."""
    return _orbits().get(fold(letter), (letter,))


@cache
def _orbits() -> dict[str, tuple[str, ...]]:
    """By folding, where there are several letters; made when it is needed first."""
    return orbits(CASED)


def orbits(ranges: tuple[tuple[int, int], ...]) -> dict[str, tuple[str, ...]]:
    """The letters of these ranges by their folding, where several have the same.

    Args:
        ranges: first code point, and the one after the last.
    """
    found: dict[str, list[str]] = {}
    for first, end in ranges:
        for letter in map(chr, range(first, end)):
            found.setdefault(fold(letter), []).append(letter)
    return {folded: tuple(letters) for folded, letters in found.items() if len(letters) > 1}
