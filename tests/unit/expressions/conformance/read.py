"""Reads the conformance cases of CEL, and keeps those that concern the contract of `docs/reference/expressions.md`.

`npm pack @bufbuild/cel-spec` brings them as JavaScript: `python -m tests.unit.expressions.conformance.read
package/dist/esm/testdata/conformance.js` writes `cases.json` anew. Left out are messages of protocol buffers, enums,
optional values, extensions, and what is checked for types alone.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

CASES = Path(__file__).with_name("cases.json")
ORIGIN = (
    "The conformance tests of the Common Expression Language, as @bufbuild/cel-spec 0.6.1 carries them. Apache-2.0."
)
SUITES = (
    *("basic", "comparisons", "conversions", "fields", "fp_math", "integer_math", "lists", "logic", "macros", "parse"),
    *("plumbing", "string", "timestamps"),
)

_TOKEN = re.compile(r"""\s+|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<name>\w+(?=\s*:))|(?P<rest>[^\s"']+?)""")
_MESSAGES = re.compile(r"google\.protobuf|TestAllTypes|cel\.expr")


def from_javascript(source: str) -> Any:
    """The value of `export const tests = …;`, a literal of JavaScript."""
    literal = source.partition("export const tests = ")[2].rstrip().removesuffix(";").rpartition("}")[0] + "}"
    parts: list[str] = []
    for token in _TOKEN.finditer(literal):
        if token["text"]:
            parts.append(json.dumps(ast.literal_eval(token["text"])))
        elif token["name"]:
            parts.append(json.dumps(token["name"]))
        elif token["rest"]:
            if token["rest"] in "}]" and parts[-1] == ",":  # JSON has no comma after the last
                parts.pop()
            parts.append(token["rest"])
    return json.loads("".join(parts))


def cases_in(
    suite: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """All tests of a suite and those within, with the names of the suites."""
    for test in suite.get("tests", ()):
        yield path, test["original"]
    for inner in suite.get("suites", ()):
        yield from cases_in(inner, (*path, inner["name"]))


def concerns(path: tuple[str, ...], test: Mapping[str, Any]) -> bool:
    """Whether a test is about what our contract speaks of."""
    bindings = test.get("bindings", {})
    return (
        path[0] in SUITES
        and not {"checkOnly", "typedResult", "container"} & test.keys()
        and not _MESSAGES.search(test["expr"])
        and _is_plain(test.get("value"))
        and all("." not in name and "value" in bound and _is_plain(bound["value"]) for name, bound in bindings.items())
    )


def _is_plain(value: object) -> bool:
    return not re.search(r'"(objectValue|enumValue)"', json.dumps(value))


def _kept(case_id: str, test: Mapping[str, Any]) -> dict[str, Any]:
    case: dict[str, Any] = {"id": case_id, "expr": test["expr"]}
    if "bindings" in test:
        case["bindings"] = {name: bound["value"] for name, bound in test["bindings"].items()}
    if "evalError" not in test:
        case["value"] = test.get("value", {"boolValue": True})
    return case


def main(source: Path) -> None:
    """Write the cases that concern us."""
    tests = cases_in(from_javascript(source.read_text(encoding="utf-8")))
    kept = [_kept("/".join((*path, test["name"])), test) for path, test in tests if concerns(path, test)]
    lines = ",\n".join(json.dumps(case) for case in kept)
    CASES.write_text(f'{{"origin": {json.dumps(ORIGIN)}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
