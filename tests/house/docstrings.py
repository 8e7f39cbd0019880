"""Docstrings: every public module, class and function says what it is for."""

import ast
from collections.abc import Iterable, Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef


def verbs_of_ports(sources: Iterable[str]) -> list[frozenset[str]]:
    """The documented verbs of each Protocol: a class that has all verbs of one need not repeat what they promise."""
    found: list[frozenset[str]] = []
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases):
                verbs = [one for one in node.body if isinstance(one, Function) and not one.name.startswith("_")]
                if all(ast.get_docstring(verb) for verb in verbs):
                    found.append(frozenset(verb.name for verb in verbs))
    return [verbs for verbs in found if verbs]


def undocumented(source: str, ports: Iterable[frozenset[str]] = ()) -> Iterator[str]:
    """What of a module is public, and has no docstring."""
    tree = ast.parse(source)
    if not ast.get_docstring(tree):
        yield "the module"
    yield from _within(tree, "", [*ports])


def _within(owner: ast.Module | ast.ClassDef, prefix: str, ports: list[frozenset[str]]) -> Iterator[str]:
    names = _names(owner) if isinstance(owner, ast.ClassDef) else set()
    promised = {verb for verbs in ports if verbs <= names for verb in verbs}
    for node in owner.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node) and not _repeats(node) and node.name not in promised:
            yield f"{prefix}{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _within(node, f"{node.name}.", ports)


def _names(owner: ast.ClassDef) -> set[str]:
    """The methods and attributes of a class, also those that its methods set."""
    found = {node.name for node in owner.body if isinstance(node, Function)}
    for node in ast.walk(owner):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            found.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def _repeats(node: Function | ast.ClassDef) -> bool:
    """An overload, or the setter of a property: the docstring stands at the other one."""
    return any(ast.unparse(one).rpartition(".")[2] in ("overload", "setter") for one in node.decorator_list)
