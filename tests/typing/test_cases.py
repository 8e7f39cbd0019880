"""Good code type-checks under mypy and pyright, both strict; bad code does not, by line and code of each error."""

from __future__ import annotations

import pytest

from tests.typing.expectations import CASES, CHECKERS, codes, expected, said


@pytest.mark.parametrize("checker", CHECKERS)
def test_each_checker_says_what_the_lines_expect_and_nothing_else(checker: str) -> None:
    found, wanted = said(checker), expected(checker)
    unexpected = [f"{one.file}:{one.line}: [{one.code}]" for one in sorted(found - wanted)]
    missing = [f"{one.file}:{one.line}: [{one.code}]" for one in sorted(wanted - found)]
    assert (unexpected, missing) == ([], [])


def test_good_files_expect_nothing_and_bad_ones_expect_both_checkers_to_complain() -> None:
    for checker in CHECKERS:
        complaining = {one.file for one in expected(checker)}
        assert complaining == {path.name for path in CASES.glob("bad_*.py")}
    names = {path.name.partition("_")[0] for path in CASES.glob("*.py")}
    assert names == {"good", "bad"}


def test_a_line_names_the_codes_of_each_checker() -> None:
    line = "f(1.5)  # E: mypy[arg-type, call-arg] pyright[reportArgumentType]"
    assert codes(line, "mypy") == ["arg-type", "call-arg"]
    assert codes(line, "pyright") == ["reportArgumentType"]
    assert codes("f(1)  # E: mypy[misc]", "pyright") == []
    assert codes("f(1)", "mypy") == []


@pytest.mark.parametrize("line", ["f(1)  # E: mypi[misc]", "f(1)  # E: mypy[misc] or not", "f(1)  # E: nothing"])
def test_an_expectation_that_cannot_be_read_is_an_error(line: str) -> None:
    with pytest.raises(AssertionError):
        codes(line, "mypy")
