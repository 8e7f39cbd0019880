"""Patterns of `matches`."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inngest.protocol.cel.automaton import MAX_TRANSITIONS, Automaton
from inngest.protocol.cel.patterns import PatternError
from inngest.protocol.cel.scope import LIMIT


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


def test_memory_is_bounded() -> None:
    """Every letter leads to a remembered step; they are forgotten before there are too many, and answers stay right."""
    automaton = Automaton("[^x]z")
    text = "".join(chr(0x4E00 + number % 20_000) for number in range(30_000))
    assert not automaton.search([10 * LIMIT], text)
    assert automaton.search([10 * LIMIT], text + "z")
    assert automaton.transitions <= MAX_TRANSITIONS


@given(st.text("()[]{}*+?|^$\\-:,2P<>a", max_size=12))
def test_any_text_is_a_pattern_or_refused_with_a_place_in_it(pattern: str) -> None:
    problem = None
    try:
        automaton = Automaton(pattern)
    except PatternError as error:
        problem = error
    else:
        automaton.search([LIMIT], "aa2-:")
    assert problem is None or 0 <= problem.offset <= len(pattern)
