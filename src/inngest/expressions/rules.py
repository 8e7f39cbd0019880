"""The names that an expression may use: its variables, the functions and macros, and under which policy."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from .errors import ExpressionError
from .functions import FUNCTIONS
from .scope import VARIABLES
from .tree import (
    Binary,
    Call,
    Has,
    Index,
    ListOf,
    Literal,
    Logic,
    Macro,
    MapOf,
    Name,
    Node,
    Select,
    Ternary,
    Unary,
    children,
    walk,
)
from .values import TYPES

TYPE_NAMES = {type_name.name: type_name for type_name in TYPES.values()}
"""The names that `type(x)` is compared with; `uint` is not among them, because its values are int."""

_MACROS = ("all", "exists", "exists_one", "filter", "has", "map", "matches")
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in")
_IN_WORDS = {
    Call: "a function",
    Has: "a macro",
    Macro: "a macro",
    Ternary: "a choice",
    Binary: "arithmetic",
    Unary: "arithmetic",
    Index: "an index that is computed",
    ListOf: "a list",
    MapOf: "a map",
}


def check(text: str, root: Node, variables: Collection[str], *, restrictive: bool = False) -> None:
    """Refuses names that mean nothing here.

    Args:
        text: what the tree was read from.
        root: the tree.
        variables: which of `event`, `async` and `vars` the expression sees.
        restrictive: refuse all but comparisons and logic, which can be indexed.

    Raises:
        ExpressionError: says which, and what was expected.
    """
    open_nodes: list[tuple[Node, frozenset[str]]] = [(root, frozenset())]
    while open_nodes:
        node, locals_ = open_nodes.pop()
        match node:
            case Name():
                _check_name(text, node, variables, locals_)
            case Call():
                _check_call(text, node)
            case Macro():
                _check_element(text, node, variables)
                open_nodes.append((node.source, locals_))
                inner = locals_ | {node.variable}
                open_nodes.extend((child, inner) for child in children(node)[1:])
                continue
            case _:
                pass
        open_nodes.extend((child, locals_) for child in children(node))
    if restrictive:
        for node in walk(root):
            if not _is_simple(node):
                reason = f"only comparisons and logic may stand here, not {_IN_WORDS[type(node)]}"
                raise ExpressionError(text, node.at, reason, "so that waiting runs can be found by an index")


def _is_simple(node: Node) -> bool:
    match node:
        case Literal() | Name() | Select() | Logic():
            return True
        case Unary():
            return node.operator == "!"
        case Binary():
            return node.operator in _COMPARISONS
        case Index():
            return isinstance(node.key, Literal)
        case ListOf():
            return all(isinstance(item, Literal) for item in node.items)
        case _:
            return False


def _check_name(text: str, node: Name, variables: Collection[str], locals_: Collection[str]) -> None:
    name = node.name
    if name in variables or name in locals_ or name in TYPE_NAMES:
        return
    sees = " and ".join(variable for variable in VARIABLES if variable in variables)
    if name in VARIABLES:
        reason, hint = f"'{name}' is not known here", f"this expression sees {sees}"
    elif name in ("data", "id", "name", "ts", "user", "v"):
        reason, hint = f"unknown name '{name}'", f"write event.{name}"
    else:
        close = _closest(name, (*variables, *locals_))
        reason = f"unknown name '{name}'"
        hint = f"did you mean {close}?" if close else f"this expression sees {sees}; texts stand in quotes"
    raise ExpressionError(text, node.at, reason, hint)


def _check_element(text: str, node: Macro, variables: Collection[str]) -> None:
    if node.variable in VARIABLES or node.variable in TYPE_NAMES:
        raise ExpressionError(
            text, node.at, f"the element of {node.kind}() cannot be called {node.variable}", "call it x"
        )


def _check_call(text: str, node: Call) -> None:
    name, count = node.function, len(node.arguments)
    if name == "matches":
        least, most, method = 2, 2, None
    elif function := FUNCTIONS.get(name):
        least, most, method = function.least, function.most, function.method
    else:
        close = _closest(name, (*FUNCTIONS, *_MACROS))
        raise ExpressionError(text, node.at, f"unknown function '{name}'", f"did you mean {close}()?" if close else "")
    if method is not None and node.method is not method:
        raise ExpressionError(text, node.at, f"{name}() is called otherwise", f"write {_example(name, method, least)}")
    if not least <= count <= most:
        hidden = int(node.method)
        wanted = f"{least - hidden}" if least == most else f"{least - hidden} to {most - hidden}"
        raise ExpressionError(text, node.at, f"{name}() takes {wanted} arguments, got {count - hidden}")


def _example(name: str, method: bool, least: int) -> str:
    others = ", ".join("yz"[: least - 1])
    return f"x.{name}({others})" if method else f"{name}({', '.join(filter(None, ('x', others)))})"


def _closest(name: str, names: Iterable[str]) -> str:
    lowered = {known.lower(): known for known in names}
    found = difflib.get_close_matches(name.lower(), lowered, 1)
    return lowered[found[0]] if found else ""
