"""The tree of an expression. `at` is a node's place in the text: of its operator or name, in characters from 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    at: int
    value: bool | int | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or the element that a macro is looking at."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`."""

    at: int
    operand: Node
    field: str


@dataclass(frozen=True, slots=True)
class Has:
    """`has(operand.field)`."""

    at: int
    operand: Node
    field: str


@dataclass(frozen=True, slots=True)
class Index:
    """`operand[index]`."""

    at: int
    operand: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)`; of `a.f(b)` the receiver is the first argument."""

    at: int
    function: str
    arguments: tuple[Node, ...]
    method: bool  # written as a.f(b)


@dataclass(frozen=True, slots=True)
class Unary:
    """`!operand` or `-operand`."""

    at: int
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """Comparison, `in` or arithmetic."""

    at: int
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic:
    """`a && b && c`, or the same with `||`: a chain is one node."""

    at: int
    operator: str
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Ternary:
    """`condition ? then : other`."""

    at: int
    condition: Node
    then: Node
    other: Node


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`."""

    at: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    """`{a: b}`."""

    at: int
    keys: tuple[Node, ...]
    values: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Macro:
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
            return (node.operand, node.index)
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
