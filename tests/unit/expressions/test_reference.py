"""Every row of docs/reference/expressions.md is true."""

from __future__ import annotations

import json
import re

import pytest

from inngest.engine.domain.matching import Activation, EvaluationError, Expression, ExpressionError
from tests.house.tree import ROOT

PAGE = (ROOT / "docs/reference/expressions.md").read_text(encoding="utf-8").partition("\n## Conformance")[0]
FEBRUARY = 1_769_904_000_000  # 2026-02-01T00:00:00Z
ROW = re.compile(r"^\| `(?P<text>.+)` \| (?:`(?P<value>.+)`|(?P<kind>error|refused): (?P<reason>.+)) \|$")


def the_event() -> object:
    found = re.search(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return json.loads(found[1])


def rows() -> list[re.Match[str]]:
    lines = [
        line
        for line in PAGE.splitlines()
        if line.startswith("| `") and not line.startswith(("| `event` |", "| `async", "| `vars"))
    ]
    found = [ROW.match(line) for line in lines]
    assert None not in found, [line for line, match in zip(lines, found, strict=True) if match is None]
    return [match for match in found if match is not None]


ROWS = rows()


def test_the_page_has_rows() -> None:
    assert len(ROWS) > 80


@pytest.mark.parametrize("row", ROWS, ids=[row["text"] for row in ROWS])
def test_a_row_is_true(row: re.Match[str]) -> None:
    text = row["text"].replace("\\|", "|")
    activation = Activation(event=the_event(), now=FEBRUARY)
    match row["kind"]:
        case "refused":
            with pytest.raises(ExpressionError, match=re.escape(row["reason"])):
                Expression(text)
        case "error":
            with pytest.raises(EvaluationError, match=re.escape(row["reason"])):
                Expression(text).value(activation)
        case _:
            value = Expression(text).value(activation)
            expected = json.loads(row["value"])
            assert (value, type(value)) == (expected, type(expected))
