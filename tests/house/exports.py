"""Exports: `__all__` of the package says everything that is public, in sorted order."""

import ast
from collections.abc import Iterator


def public_names(source: str) -> set[str]:
    """The public names that a package's `__init__` binds: its own imports, definitions and assignments."""
    return {name for statement in _statements(ast.parse(source).body) for name in _bound(statement) if name[0] != "_"}


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.If):  # `if TYPE_CHECKING:`, which names what is loaded lazily
            yield from _statements(statement.body)
        else:
            yield statement


def _bound(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.ImportFrom(module=str(module), names=names, level=level) if level or module.split(".")[0] == "inngest":
            return [name.asname or name.name for name in names]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []


def export_problems(source: str, exported: list[str]) -> Iterator[str]:
    """What is wrong with `exported`, the `__all__` of a package whose `__init__` is `source`."""
    public = public_names(source)
    if missing := sorted(public.difference(exported)):
        yield f"public but not in __all__: {missing}"
    if unknown := sorted(set(exported).difference(public)):
        yield f"in __all__ but not bound: {unknown}"
    if exported != sorted(set(exported)):
        yield "__all__ is not sorted, or names something twice"
