"""From a text to a tree: CEL's grammar, without messages and leading dots."""

from __future__ import annotations

from typing import Final, NoReturn

from .errors import ExpressionError
from .tokens import Token, tokens
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
)

MAX_DEPTH: Final = 50
"""How deep a tree may be. A level takes up to ten Python frames when it is parsed, and two when it is evaluated."""

RESERVED: Final = frozenset(
    (
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    )
)
_CONSTANTS = {"true": True, "false": False, "null": None}
_BINDING = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<=", ">=", "<", ">", "in"), 3),
    **dict.fromkeys("+-", 4),
    **dict.fromkeys("*/%", 5),
}
"""How strongly the operators with two sides bind."""

_MACROS = {"all": (2,), "exists": (2,), "exists_one": (2,), "filter": (2,), "map": (2, 3)}
_HINTS = {
    "and": "write && for and",
    "or": "write || for or",
    "not": "write ! for not",
    "is": "write == to compare",
    "?": "a missing field is null by itself: write a.b instead of a?.b",
}


def parse(text: str) -> Node:
    """The tree of an expression.

    Raises:
        ExpressionError: no expression; says where, what was expected and how to mend it.
    """
    if not text.strip():
        raise ExpressionError(text, 0, "the expression is empty")
    parser = _Parser(text)
    node = parser.expression()
    parser.expect("end", "an operator, or the end")
    _check_depth(text, node)
    return node


def _check_depth(text: str, root: Node) -> None:
    open_nodes = [(root, 1)]
    while open_nodes:
        node, depth = open_nodes.pop()
        if depth > MAX_DEPTH:
            raise _too_deep(text, node.at)
        open_nodes.extend((child, depth + 1) for child in children(node))


def _too_deep(text: str, at: int) -> ExpressionError:
    return ExpressionError(text, at, f"nested over {MAX_DEPTH} deep", "a chain of && or || counts once: split there")


def _joined(operator: Token, left: Node, right: Node) -> Node:
    if operator.kind not in ("&&", "||"):
        return Binary(operator.at, operator.kind, left, right)
    terms = left.terms if isinstance(left, Logic) and left.operator == operator.kind else (left,)
    return Logic(operator.at, operator.kind, (*terms, right))


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self, *kinds: str) -> Token | None:
        """The next token, if it is of one of these kinds."""
        token = self._token
        if token.kind not in kinds:
            return None
        self._next += 1
        return token

    def expect(self, kind: str, expected: str) -> Token:
        """The next token, which must be of a kind; the message calls it otherwise."""
        return self._take(kind) or self._fail(expected)

    def _fail(self, expected: str) -> NoReturn:
        token = self._token
        if token.kind == "end":
            found = "the end"
        elif token.kind == "value":
            found = repr(token.value)
        else:
            found = f"'{token.value or token.kind}'"
        before = self._tokens[max(self._next - 1, 0)]
        hint = _HINTS.get(token.word, "") or _HINTS.get(before.word, "")
        raise ExpressionError(self._text, token.at, f"expected {expected}, found {found}", hint)

    def expression(self) -> Node:
        """A whole expression; also what stands in brackets and arguments."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _too_deep(self._text, self._token.at)
        node = self._binary(1)
        if question := self._take("?"):
            then = self._binary(1)
            self.expect(":", "':' and the other value")
            node = Ternary(question.at, node, then, self.expression())
        self._depth -= 1
        return node

    def _binary(self, weakest: int) -> Node:
        """A chain of operators that bind at least so strongly; operators of one strength go from the left."""
        node = self._unary()
        while (binding := _BINDING.get(self._token.kind, 0)) >= weakest:
            operator = self._token
            self._next += 1
            node = _joined(operator, node, self._binary(binding + 1))
        return node

    def _unary(self) -> Node:
        operators: list[Token] = []
        while token := self._take("!", "-"):
            operators.append(token)
        node = self._member()
        for token in reversed(operators):
            if token.kind == "-" and isinstance(node, Literal) and type(node.value) in (int, float):
                assert isinstance(node.value, int | float)
                node = Literal(token.at, -node.value)
            else:
                node = Unary(token.at, token.kind, node)
        return node

    def _member(self) -> Node:
        node = self._primary()
        while True:
            if self._take("."):
                node = self._dotted(node)
            elif bracket := self._take("["):
                node = Index(bracket.at, node, self.expression())
                self.expect("]", "']'")
            else:
                return node

    def _dotted(self, operand: Node) -> Node:
        token = self._take("name", "quoted", "in") or self._fail("a field's name after '.'")
        name = str(token.value)
        if token.kind != "name" or not self._take("("):
            return Select(token.at, operand, name)
        if name in _MACROS:
            return self._macro(token, operand)
        return Call(token.at, name, (operand, *self._arguments(")")), method=True)

    def _macro(self, token: Token, source: Node) -> Node:
        kind = str(token.value)
        arguments = self._arguments(")")
        if len(arguments) not in _MACROS[kind]:
            more = " or name, condition, expression" if kind == "map" else ""
            raise ExpressionError(
                self._text, token.at, f"{kind}() takes a name and an expression{more}", f"write {kind}(x, …)"
            )
        variable = arguments[0]
        if not isinstance(variable, Name):
            raise ExpressionError(
                self._text, variable.at, f"{kind}() begins with a name for the element", f"write {kind}(x, …)"
            )
        condition = arguments[1] if len(arguments) == 3 else None
        return Macro(token.at, kind, source, variable.name, condition, arguments[-1])

    def _primary(self) -> Node:
        if token := self._take("value"):
            assert token.value is None or isinstance(token.value, bool | int | float | str | bytes)
            return Literal(token.at, token.value)
        if self._take("("):
            node = self.expression()
            self.expect(")", "')'")
            return node
        if token := self._take("["):
            return ListOf(token.at, tuple(self._arguments("]")))
        if token := self._take("{"):
            return self._map(token)
        return self._named(self.expect("name", "a value"))

    def _named(self, token: Token) -> Node:
        name = str(token.value)
        if name in _CONSTANTS:
            return Literal(token.at, _CONSTANTS[name])
        if name in RESERVED:
            raise ExpressionError(self._text, token.at, f"'{name}' is reserved and cannot be a name")
        if not self._take("("):
            return Name(token.at, name)
        arguments = self._arguments(")")
        if name != "has":
            return Call(token.at, name, tuple(arguments), method=False)
        if len(arguments) != 1 or not isinstance(field := arguments[0], Select):
            raise ExpressionError(self._text, token.at, "has() takes one field", "write has(event.data.name)")
        return Has(token.at, field.operand, field.field)

    def _arguments(self, end: str) -> list[Node]:
        found: list[Node] = []
        while not self._take(end):
            found.append(self.expression())
            if not self._take(","):
                self.expect(end, f"',' or '{end}'")
                break
        return found

    def _map(self, brace: Token) -> Node:
        keys: list[Node] = []
        values: list[Node] = []
        while not self._take("}"):
            keys.append(self.expression())
            self.expect(":", "':' and a value")
            values.append(self.expression())
            if not self._take(","):
                self.expect("}", "',' or '}'")
                break
        return MapOf(brace.at, tuple(keys), tuple(values))
