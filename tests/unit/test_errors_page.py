"""The page of errors: the tree that is drawn is the tree that is; complete, sorted, and documented."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import inngest
from inngest import errors
from inngest.protocol.errors import Error, ErrorCode

BRANCH = re.compile(r"^(?P<indent>(?:│   |    )*)[├└]── (?P<name>\w+) +\S")


def drawn(page: str) -> list[list[tuple[str, str]]]:
    """The tree of a page: its groups, each a list of names with the name above them."""
    groups: list[list[tuple[str, str]]] = []
    above = {0: "Error"}
    fresh = True
    for line in page.splitlines():
        branch = BRANCH.match(line)
        if branch is None:
            fresh = True
            continue
        depth = len(branch["indent"]) // 4
        if fresh or (groups and above[depth] != groups[-1][-1][1]):
            groups.append([])
        groups[-1].append((branch["name"], above[depth]))
        above[depth + 1] = branch["name"]
        fresh = False
    return groups


def subclasses(root: type[Error]) -> Iterator[type[Error]]:
    for one in root.__subclasses__():
        if one.__module__.startswith("inngest."):
            yield one
            yield from subclasses(one)


def load_all() -> None:
    for module in pkgutil.walk_packages(inngest.__path__, "inngest."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def test_the_tree_that_is_drawn_is_the_tree_that_is() -> None:
    load_all()
    is_drawn = dict(pair for group in drawn(errors.__doc__ or "") for pair in group)
    assert is_drawn == {one.__name__: one.__bases__[0].__name__ for one in subclasses(Error)}


def test_each_group_of_the_tree_is_sorted() -> None:
    for group in drawn(errors.__doc__ or ""):
        assert [name for name, _ in group] == sorted(name for name, _ in group)


def test_every_error_is_exported_in_order_and_nothing_else_is() -> None:
    load_all()
    names = {one.__name__ for one in subclasses(Error)} | {"Error", "ErrorCode", "ErrorInfo"}
    assert errors.__all__ == sorted(names)
    assert all(getattr(errors, name).__doc__ for name in errors.__all__)


def test_a_wrong_drawing_is_seen() -> None:
    page = "Error  root\n│\n├── B  b\n├── A  a\n│\n└── C  c\n    ├── D  d\n    └── E  e\n"
    assert drawn(page) == [[("B", "Error"), ("A", "Error")], [("C", "Error")], [("D", "C"), ("E", "C")]]


def test_every_error_has_a_code_of_its_wire() -> None:
    assert all(isinstance(one.code, ErrorCode) for one in subclasses(Error))
    assert [code.value for code in ErrorCode] == sorted(code.value for code in ErrorCode)


ENGINES_OWN = {
    ErrorCode.FUNCTION_OVERFLOWED,  # only recorded, as why a run failed
    ErrorCode.STATE_OVERFLOWED,
    ErrorCode.WORKER_LOST,
}


def test_every_code_of_the_wire_has_an_error() -> None:
    load_all()
    assert {one.code for one in subclasses(Error)} >= set(ErrorCode) - ENGINES_OWN


def test_the_base_of_all_errors() -> None:
    error = Error("it broke")
    assert (error.code, error.is_retriable, error.message, error.name, error.stack) == (
        "unknown",
        True,
        "it broke",
        "Error",
        None,
    )
    assert (Error().message, str(Error())) == ("", "")
    assert isinstance(error, Exception)


def test_errors_of_the_developer_are_the_packages_own() -> None:
    for name in ("NonRetriableError", "RetryAfterError", "StepError"):
        assert getattr(inngest, name) is getattr(errors, name)
        assert next(iter(inspect.signature(getattr(inngest, name)).parameters)) == "message"
