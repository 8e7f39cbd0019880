"""The official conformance cases of CEL: each holds, or is a deviation with a reason."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from inngest.engine.domain.matching import Activation, EvaluationError, Expression, ExpressionError
from inngest.expressions.values import TypeName
from tests.house.tree import ROOT

from .conformance.deviations import DEVIATIONS
from .conformance.read import CASES, from_javascript

LOADED = json.loads(CASES.read_text(encoding="utf-8"))["cases"]
ERROR = "error"
CONSTANTS = ("false", "true", "null")
"""Names that some cases bind, to show that this changes nothing; here they cannot be bound at all."""

OURS = {case_id: given for cases in DEVIATIONS.values() for case_id, given in cases.items()}


def value_of(written: Mapping[str, Any]) -> object:
    """A value, as the suite writes it."""
    ((kind, value),) = written.items()
    match kind:
        case "nullValue":
            return None
        case "int64Value" | "uint64Value":
            return int(value)
        case "doubleValue":
            return float(value.replace("Infinity", "inf") if isinstance(value, str) else value)
        case "bytesValue":
            return base64.b64decode(value)
        case "typeValue":
            return TypeName(value)
        case "listValue":
            return [value_of(element) for element in value.get("values", ())]
        case "mapValue":
            return {value_of(entry["key"]): value_of(entry["value"]) for entry in value.get("entries", ())}
        case _:
            return value


def given(case: Mapping[str, Any]) -> object:
    """What our evaluator gives. It has no variables of any name: a macro binds them."""
    bindings = {name: value for name, value in case.get("bindings", {}).items() if name not in CONSTANTS}
    text = case["expr"]
    for name in bindings:
        text = f"[event.{name}].map({name}, {text}\n)[0]"
    try:
        return Expression(text).value(Activation(event={name: value_of(value) for name, value in bindings.items()}))
    except (EvaluationError, ExpressionError):
        return ERROR


def same(left: object, right: object) -> bool:
    """Whether two values are the same: int and double are one kind of number here, and a bool is none."""
    numbers = {int, float}
    return left == right and (type(left) is type(right) or {type(left), type(right)} <= numbers)


@pytest.mark.parametrize("case", LOADED, ids=[case["id"] for case in LOADED])
def test_a_case_holds_or_deviates_as_listed(case: Mapping[str, Any]) -> None:
    wanted = value_of(case["value"]) if "value" in case else ERROR
    found = given(case)
    if case["id"] in OURS:
        assert not same(found, wanted), "it holds now: take it off the list of deviations"
        assert same(found.name if isinstance(found, TypeName) else found, OURS[case["id"]])
    else:
        assert same(found, wanted)


def test_every_deviation_is_a_case_with_one_reason() -> None:
    listed = [case_id for cases in DEVIATIONS.values() for case_id in cases]
    assert len(listed) == len(set(listed))
    assert set(listed) <= {case["id"] for case in LOADED}


def test_the_page_shows_the_figures_and_the_reasons() -> None:
    page = (ROOT / "docs" / "reference" / "expressions.md").read_text(encoding="utf-8")
    cases, deviating = Counter(map(file_of, (case["id"] for case in LOADED))), Counter(map(file_of, OURS))
    for name, count in [*cases.items(), ("all", cases.total())]:
        less = deviating.total() if name == "all" else deviating[name]
        shown = name if name == "all" else f"`{name}`"
        assert f"| {shown} | {count} | {count - less} | {less} |\n" in page
    for reason in DEVIATIONS:
        assert f"\n- {reason}\n" in page


def file_of(case_id: str) -> str:
    """The file of a case."""
    return case_id.partition("/")[0]


def test_the_reader_takes_javascript() -> None:
    source = r"""// Copyright
    export const tests = {
        name: "a",
        suites: [{ name: 'it\'s "b"', tests: [{ original: { expr: "x: 1,}", value: { int64Value: "-3" } }, }] }],
    };
    """
    assert from_javascript(source) == {
        "name": "a",
        "suites": [{"name": 'it\'s "b"', "tests": [{"original": {"expr": "x: 1,}", "value": {"int64Value": "-3"}}}]}],
    }
