"""Sizes: no file or function is too long, and none is too short to be a file. There is no list of exemptions."""

import ast
import bisect
import functools
import io
import itertools
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

FILE_LIMIT = 500
"""Lines of everything: what a reader scrolls through."""

FUNCTION_LIMIT = 50
ADAPTER_LIMIT = 100
"""Lines of code."""

SMALL_FILE = 20
"""Lines of code with signatures; a file with fewer says why it is one."""

SMALL_FOLDER = 3
"""Modules and folders; a package with fewer says why it is one."""

REASON = "A {} of its own: "
"""Begins the sentence of a docstring that says why."""

NO_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Read(NamedTuple):
    """What there is in a module."""

    lines: frozenset[int]  # those that hold code: no blanks, comments or docstrings
    signatures: frozenset[int]  # those of them that belong to signatures and decorators
    functions: tuple[Function, ...]


@functools.cache
def read(source: str) -> Read:
    """Read a module. Each is asked for more than once."""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    held = {line for token in tokens if token.type not in NO_CODE for line in range(token.start[0], token.end[0] + 1)}
    signatures: set[int] = set()
    functions: list[Function] = []
    for node in ast.walk(ast.parse(source)):
        held.difference_update(_docstring(node))
        signatures.update(_signature(node, tokens))
        if isinstance(node, Function):
            functions.append(node)
    return Read(frozenset(held), frozenset(held & signatures), tuple(functions))


def code_lines(source: str, *, signatures: bool = False) -> frozenset[int]:
    """The numbers of the lines that hold code: no blanks, comments or docstrings.

    Args:
        source: of a module.
        signatures: count those and decorators, too.
    """
    found = read(source)
    return found.lines if signatures else found.lines - found.signatures


def _docstring(node: ast.AST) -> Iterator[int]:
    # A string that stands alone does nothing: it documents a module, class, function or field.
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        yield from _span(node)


def _signature(node: ast.AST, tokens: list[tokenize.TokenInfo]) -> Iterator[int]:
    if isinstance(node, Function | ast.ClassDef):
        for decorator in node.decorator_list:
            yield from _span(decorator)
    if isinstance(node, Function):
        yield from range(node.lineno, _signature_end(node, tokens) + 1)


def _span(node: ast.stmt | ast.expr) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _signature_end(function: Function, tokens: list[tokenize.TokenInfo]) -> int:
    """The line of the colon that ends a signature: the first one outside all brackets."""
    depth = 0
    first = bisect.bisect_left(tokens, (function.lineno, function.col_offset), key=lambda token: token.start)
    for token in itertools.islice(tokens, first, None):
        if token.string in {"(", "[", "{"}:
            depth += 1
        elif token.string in {")", "]", "}"}:
            depth -= 1
        elif token.string == ":" and depth == 0:
            return token.start[0]
    raise ValueError(f"no colon ends the signature of {function.name}")


def too_large(path: Path, source: str) -> Iterator[str]:
    """What in a file, given with its path from the root, is larger than the house allows."""
    lines = code_lines(source)
    everything = len(source.splitlines())
    if everything > FILE_LIMIT:
        yield f"{path}: {everything} lines, at most {FILE_LIMIT}: cut it where its subject changes"
    if is_adapter(path) and len(lines) > ADAPTER_LIMIT:
        yield f"{path}: {len(lines)} lines of code, at most {ADAPTER_LIMIT} in a door"
    for node in read(source).functions:
        size = len(lines.intersection(_span(node)))
        if size > FUNCTION_LIMIT:
            yield f"{path}:{node.lineno}: {node.name} has {size} lines of code, at most {FUNCTION_LIMIT}"


def too_small(path: Path, source: str) -> Iterator[str]:
    """A file with so little code that it belongs into another, unless its docstring says why it does not."""
    if path.name == "__init__.py" or (lines := len(code_lines(source, signatures=True))) >= SMALL_FILE:
        return
    if REASON.format("file") not in " ".join((ast.get_docstring(ast.parse(source)) or "").split()):
        yield f"{path}: {lines} lines of code: merge it, or say why not in its docstring ({REASON.format('file')}…)"


def too_few(sources: Mapping[Path, str]) -> Iterator[str]:
    """Packages with so little in them that they need not be one, unless their docstring says why."""
    for package in sorted(path.parent for path in sources if path.name == "__init__.py"):
        inside = {path.relative_to(package).parts[0] for path in sources if path.is_relative_to(package)}
        count = len(inside) - 1  # its own
        docstring = " ".join((ast.get_docstring(ast.parse(sources[package / "__init__.py"])) or "").split())
        why = REASON.format("folder")
        if count < SMALL_FOLDER and why not in docstring:
            yield f"{package}: {count} modules: merge it, or say why not in its docstring ({why}…)"


def is_adapter(path: Path) -> bool:
    """Every module directly in the package is a door for a framework or a name, and holds no logic."""
    return path.parent == Path("src/inngest") and path.name != "__init__.py"
