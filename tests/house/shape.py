"""The shape of a room: its modules, the floors of imports that they stand on, and protocols that only one class has."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path


def modules(room: Path) -> dict[str, ast.Module]:
    """The modules of a room, but for those that make a folder a package, by their names within it."""
    return {
        ".".join(path.relative_to(room).with_suffix("").parts): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(room.rglob("*.py"))
        if path.name != "__init__.py"
    }


def imported(name: str, tree: ast.Module, package: str) -> Iterator[str]:
    """What a module of a package imports, as `package.module` or `package.module.name`; wherever in it."""
    here = f"{package}.{name}".split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(here[: len(here) - node.level]) if node.level else ""
            source = ".".join(part for part in (start, node.module) if part)
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def floors(trees: Mapping[str, ast.Module], package: str) -> list[set[str]]:
    """The modules by floor: on the lowest are those that import no other of the room; each stands on those below."""
    below = {
        name: {
            other
            for used in imported(name, tree, package)
            if (other := used.removeprefix(f"{package}.")) in trees and other != name
        }
        for name, tree in trees.items()
    }
    found: list[set[str]] = []
    placed: set[str] = set()
    while len(placed) < len(below):
        floor = {name for name, others in below.items() if name not in placed and others <= placed}
        if not floor:
            raise ValueError(f"these import each other: {sorted(below.keys() - placed)}")
        found.append(floor)
        placed |= floor
    return found


def lone_protocols(trees: Mapping[str, ast.Module]) -> Iterator[str]:
    """The protocols that one class of the room has all members of, and no other, and that do not say why they are.

    One that says why says it for those that it consists of.
    """
    classes = [
        (name, node) for name, tree in trees.items() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    protocols = [(name, node) for name, node in classes if _is_protocol(node)]
    members = {node.name: _members(node) for _, node in classes}
    parts = {ast.unparse(base) for _, node in protocols if _says_why(node) for base in node.bases}
    for name, protocol in protocols:
        wanted = _all_members(protocol, members)
        having = [node for _, node in classes if not _is_protocol(node) and wanted <= _all_members(node, members)]
        if len(having) == 1 and not _says_why(protocol) and protocol.name not in parts:
            yield f"{name}: {protocol.name}, which {having[0].name} alone has"


def _says_why(protocol: ast.ClassDef) -> bool:
    return "protocol because" in " ".join((ast.get_docstring(protocol) or "").lower().split())


def _is_protocol(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).partition("[")[0] == "Protocol" for base in node.bases)


def _members(node: ast.ClassDef) -> set[str]:
    """What is defined in a class, or assigned to itself by its methods."""
    found: set[str] = set()
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(inner.name)
            found |= {
                target.attr
                for target in ast.walk(inner)
                if isinstance(target, ast.Attribute)
                and isinstance(target.ctx, ast.Store)
                and isinstance(target.value, ast.Name)
                and target.value.id == "self"
            }
        elif isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
            found.add(inner.target.id)
        elif isinstance(inner, ast.Assign):
            found |= {target.id for target in inner.targets if isinstance(target, ast.Name)}
    return found - {"__init__"}


def _all_members(node: ast.ClassDef, members: Mapping[str, set[str]]) -> set[str]:
    """With those of its bases, by their names."""
    bases = (ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases)
    return _members(node).union(*(members.get(base, set()) for base in bases))
