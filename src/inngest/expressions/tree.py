"""The tree of an expression. `at` is a node's place in the text: of its operator or name, in characters from 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias


class Literal(NamedTuple):
    """A constant."""

    at: int
    value: bool | int | float | str | bytes | None


class Name(NamedTuple):
    """A variable, or the element that a macro is looking at."""

    at: int
    name: str


class Select(NamedTuple):
    """`operand.field`."""

    at: int
    operand: Node
    field: str


class Has(NamedTuple):
    """`has(operand.field)`."""

    at: int
    operand: Node
    field: str


class Index(NamedTuple):
    """`operand[key]`."""

    at: int
    operand: Node
    key: Node


class Call(NamedTuple):
    """`function(arguments)`; of `a.f(b)` the receiver is the first argument."""

    at: int
    function: str
    arguments: tuple[Node, ...]
    method: bool  # written as a.f(b)


class Unary(NamedTuple):
    """`!operand` or `-operand`."""

    at: int
    operator: str
    operand: Node


class Binary(NamedTuple):
    """Comparison, `in` or arithmetic."""

    at: int
    operator: str
    left: Node
    right: Node


class Logic(NamedTuple):
    """`a && b && c`, or the same with `||`: a chain is one node."""

    at: int
    operator: str
    terms: tuple[Node, ...]


class Ternary(NamedTuple):
    """`condition ? then : other`."""

    at: int
    condition: Node
    then: Node
    other: Node


class ListOf(NamedTuple):
    """`[a, b]`."""

    at: int
    items: tuple[Node, ...]


class MapOf(NamedTuple):
    """`{a: b}`."""

    at: int
    keys: tuple[Node, ...]
    values: tuple[Node, ...]


class Macro(NamedTuple):
    """`source.kind(variable, body)`; `map` may have a filter before its body."""

    at: int
    kind: str  # all, exists, exists_one, filter, map
    source: Node
    variable: str
    condition: Node | None  # of map with three arguments
    body: Node


Node: TypeAlias = (
    Literal | Name | Select | Has | Index | Call | Unary | Binary | Logic | Ternary | ListOf | MapOf | Macro
)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below one."""
    match node:
        case Literal() | Name():
            return ()
        case Select() | Has() | Unary():
            return (node.operand,)
        case Index():
            return (node.operand, node.key)
        case Call():
            return node.arguments
        case Binary():
            return (node.left, node.right)
        case Logic():
            return node.terms
        case Ternary():
            return (node.condition, node.then, node.other)
        case ListOf():
            return node.items
        case MapOf():
            return (*node.keys, *node.values)
        case Macro():
            return (node.source, node.body) if node.condition is None else (node.source, node.condition, node.body)


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, without recursion."""
    open_nodes = [node]
    while open_nodes:
        node = open_nodes.pop()
        yield node
        open_nodes.extend(children(node))
