"""Patterns of `matches`."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inngest.expressions import automaton, folding
from inngest.expressions.automaton import MEMORY, Automaton
from inngest.expressions.patterns import PatternError
from inngest.expressions.scope import LIMIT


def found(pattern: str, text: str) -> bool:
    return Automaton(pattern).search([LIMIT], text)


LETTERS = st.sampled_from(
    ["a", "b", "A", "_", " ", "1", r"\n", ".", "é", r"\.", r"\d", r"\w", r"\s", r"\W", r"\D", r"\S"]
)
PLACES = st.sampled_from(["^", r"\b", r"\B", r"\A", "(?:^|b)"])
SETS = st.sampled_from(["[ab]", "[^ab]", "[a-c0-9]", r"[\w-]", r"[^\W_]", "[]a]", "[a-]", r"[\n\s]", "[.]"])
COUNTS = st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,2}", "{2,}", "*?", "+?", "??", "{1,2}?"])


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.builds("{}{}".format, inner, inner)
        | st.builds("(?:{}|{})".format, inner, inner)
        | st.builds("(?:{}){}".format, inner, COUNTS)
        | st.builds("({})".format, inner)
    )


PATTERNS = st.recursive(LETTERS | PLACES | SETS, _grow, max_leaves=8)


@settings(deadline=None)
@given(PATTERNS, st.lists(st.text("abcAB_ 1\n.é", max_size=8), min_size=1, max_size=5))
@example("(a|ab)(c|bcd)", ["abcd"])
@example(r"\bé", ["é", " é", "aé"])
def test_what_re_finds_is_found(pattern: str, texts: list[str]) -> None:
    # Python's words are Unicode's unless told; RE2's are ASCII.
    peer = re.compile(pattern, re.ASCII)
    automaton = Automaton(pattern)
    for text in texts:
        if not text and r"\B" in pattern:  # which Python only learned to find there in 3.14
            continue
        assert automaton.search([LIMIT], text) is (peer.search(text) is not None), (pattern, text)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("", ["", "a"], []),
        ("a$", ["a", "ba"], ["ab", "a\n"]),  # not before a last newline, unlike in Python
        ("(?m)^a$", ["a", "b\na\nc"], ["ab", "b\nab"]),
        (r"^a\z", ["a"], ["a\n"]),
        ("(?i)straße", ["STRAßE", "Straße"], ["STRASSE"]),
        ("(?i:a)b", ["Ab", "ab"], ["aB"]),
        ("a(?i)b", ["aB"], ["AB"]),
        ("(?i)a(?-i)b", ["Ab"], ["AB"]),
        ("(?i)[^a]", ["b"], ["a", "A"]),
        ("(?s)a.b", ["a\nb"], ["ab"]),
        ("a.b", ["axb"], ["a\nb"]),
        ("(?P<name>a)(?<other>b)", ["ab"], ["a"]),
        (r"\Qa.b\E.", ["a.bx"], ["axbx"]),
        (r"\Qa", ["a"], ["b"]),
        (r"\x41\x{1F600}\101\0", ["A😀A\0"], ["a"]),
        (r"[[:alpha:]][[:^digit:]]", ["ab", "a-"], ["a1", "1a"]),
        (r"\pL\p{Lu}\P{L}", ["äÄ1"], ["äää"]),
        (r"\p{^L}", ["1"], ["a"]),
        (r"[\pL\d]{3}", ["ä1b"], ["ä-1"]),
        ("a{2", ["a{2"], ["aa"]),
        ("a{,2}", ["a{,2}"], ["aa"]),
        ("x*", [""], []),
        ("(|a)b", ["b"], ["a"]),
        ("^(a|b|)$", ["", "a", "b"], ["c"]),
        (r"\w", ["a"], ["é"]),
        (r"\s", ["\f"], ["\v"]),
        (r"\/\-\ ", ["/- "], []),
        ("[a^-]", ["^", "-"], ["b"]),
        (r"[\]]", ["]"], ["["]),
        ("[\\n]", ["\n"], ["n"]),
    ],
)
def test_the_syntax_is_re2s(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [text for text in yes if not found(pattern, text)] == []
    assert [text for text in no if found(pattern, text)] == []


@pytest.mark.parametrize(
    ("pattern", "offset", "reason"),
    [
        ("(", 0, "'(' without ')'"),
        ("a)", 1, "')' without '('"),
        ("[a", 0, "'[' without ']'"),
        ("[]", 0, "'[' without ']'"),
        ("*a", 0, "nothing to repeat"),
        ("|*", 1, "nothing to repeat"),
        ("{2}", 0, "nothing to repeat"),
        ("a**", 2, "a repetition of a repetition"),
        ("a{2}{3}", 4, "a repetition of a repetition"),
        ("a{1001}", 1, "a wrong count {1001}"),
        ("a{3,2}", 1, "a wrong count {3,2}"),
        ("[b-a]", 4, "a range from 'b' back to 'a'"),
        ("(?=a)", 0, "RE2 has no look-around"),
        ("(?<!a)", 0, "RE2 has no look-around"),
        ("(?P=a)", 0, "RE2 has no look-around"),
        (r"(a)\1", 3, "RE2 has no back-references"),
        (r"\q", 0, r"an unknown escape '\q'"),
        ("a\\", 1, "an unknown escape '\\'"),
        (r"\p{Greek}", 0, "an unknown class of letters 'Greek'"),
        ("[[:foo:]]", 1, "an unknown class of letters '[:foo:]'"),
        (r"\x{110000}", 0, "a letter that does not exist"),
        ("a" * 1001, 1000, "a pattern has at most 1000 letters"),
        ("(" * 51 + ")" * 51, 50, "groups nested over 50 deep"),
        ("(a{1000}){1000}", 0, "too large"),
        ("((){1000}){1000}", 0, "too large"),
    ],
)
def test_what_re2_refuses_is_refused(pattern: str, offset: int, reason: str) -> None:
    with pytest.raises(PatternError) as raised:
        Automaton(pattern)
    assert reason in str(raised.value)
    assert raised.value.offset == offset


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every letter leads to a remembered step; they are forgotten before there are too many, and answers stay right."""
    assert automaton.MAX_MEMORY == 8 << 20
    monkeypatch.setattr(automaton, "MAX_MEMORY", 1 << 17)
    pattern = Automaton("[^x]z")
    text = "".join(map(chr, range(0x4E00, 0x5E00)))
    most = 0
    for start in range(0, len(text), 100):
        assert not pattern.search([LIMIT], text[start : start + 100])
        most = max(most, pattern.remembered)
    assert pattern.search([100 * LIMIT], text + "z")
    assert 1 << 16 < most <= 1 << 17


def test_the_memory_of_many_patterns_is_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    assert automaton.MAX_MEMORY_OF_ALL == 64 << 20
    limit = MEMORY.used + (1 << 19)
    monkeypatch.setattr(automaton, "MAX_MEMORY_OF_ALL", limit)
    before = MEMORY.used
    assert limit - (1 << 18) < _search_with_many(20) <= limit
    assert MEMORY.used <= before  # what is gone remembers nothing


def _search_with_many(count: int) -> int:
    """Search with so many patterns; the most that all remembered together."""
    text = "".join(map(chr, range(0x4E00, 0x5200)))
    most = 0
    patterns = [Automaton(f"[^x]z{number}") for number in range(count)]
    for pattern in patterns:
        assert not pattern.search([100 * LIMIT], text)
        most = max(most, MEMORY.used)
    assert sum(pattern.remembered for pattern in patterns) <= MEMORY.used
    return most


@pytest.mark.parametrize(
    ("pattern", "text", "wanted"),
    [
        ("ΟΔΟΣ", "οδος", True),
        ("οδος", "ΟΔΟΣ", True),
        ("ß", "ẞ", True),
        ("ẞ", "ß", True),
        ("ß", "ss", False),
        ("I", "\N{LATIN SMALL LETTER DOTLESS I}", False),
        ("\N{LATIN SMALL LETTER DOTLESS I}", "I", False),
        ("i", "İ", False),
        ("k", "\N{KELVIN SIGN}", True),
        ("\N{KELVIN SIGN}", "k", True),
        ("s", "\N{LATIN SMALL LETTER LONG S}", True),
        ("[a-j]", "K", False),
        ("[j-l]", "\N{KELVIN SIGN}", True),
        ("[^k]", "\N{KELVIN SIGN}", False),
        (r"\p{Lu}", "é", True),
    ],
)
def test_case_is_folded_as_re2_does(pattern: str, text: str, wanted: bool) -> None:
    assert found(f"(?i)^{pattern}$", text) is wanted


def test_no_letter_outside_the_cased_ranges_has_another_case() -> None:
    assert folding.orbits(folding.CASED) == folding.orbits(((0, 0x20000),))


@pytest.mark.parametrize(
    ("pattern", "text", "wanted"),
    [
        (r"^\Qa.b\E+$", "a.bbb", True),
        (r"^\Qa.b\E+$", "a.ba.b", False),
        (r"^\Qa.b\E{2}$", "a.bb", True),
        (r"^x\Q\E+$", "xxx", True),
        (r"^\Q*\E?$", "", True),
        (r"^(?i)\Qab\E*$", "ABBB", True),
        (r"^\Qa+", "a+", True),
    ],
)
def test_a_repetition_after_quoted_letters_is_one_of_the_last(pattern: str, text: str, wanted: bool) -> None:
    assert found(pattern, text) is wanted


def test_a_repetition_of_nothing_quoted_is_refused() -> None:
    with pytest.raises(PatternError, match="nothing to repeat"):
        Automaton(r"\Q\E+")


@given(st.text("()[]{}*+?|^$\\-:,2P<>a", max_size=12))
def test_any_text_is_a_pattern_or_refused_with_a_place_in_it(pattern: str) -> None:
    problem = None
    try:
        compiled = Automaton(pattern)
    except PatternError as error:
        problem = error
    else:
        compiled.search([LIMIT], "aa2-:")
    assert problem is None or 0 <= problem.offset <= len(pattern)
