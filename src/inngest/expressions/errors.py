"""Mistakes in an expression: its text, or its evaluation."""

from __future__ import annotations

SNIPPET = 76
"""Characters of a line that a message shows."""


class ExpressionError(ValueError):
    """An expression that is refused. Its text names the place, the reason and a hint, and shows the line.

    Attributes:
        text: the expression.
        offset: where in it, in characters from 0.
        line, column: the same place, from 1.
        reason: what is wrong.
        hint: how to correct it, or "".
    """

    def __init__(self, text: str, offset: int, reason: str, hint: str = "") -> None:
        self.text = text
        self.offset = min(offset, len(text))
        self.line, self.column = place(text, self.offset)
        self.reason = reason
        self.hint = hint
        advice = f"; {hint}" if hint else ""
        super().__init__(f"line {self.line}, column {self.column}: {reason}{advice}\n{self._snippet()}")

    def _snippet(self) -> str:
        line = self.text.split("\n")[self.line - 1]
        start = max(0, self.column - 1 - SNIPPET // 2)
        shown = "".join(letter if letter.isprintable() else "·" for letter in line[start : start + SNIPPET])
        return f"  {shown}\n  {' ' * (self.column - 1 - start)}^"


class EvaluationError(Exception):
    """An evaluation that gives no value.

    Attributes:
        reason: why.
        offset: where in the expression's text, in characters from 0; None until an operation has said so.
    """

    def __init__(self, reason: str, offset: int | None = None) -> None:
        self.reason = reason
        self.offset = offset
        super().__init__(reason)

    def explain(self, text: str) -> str:
        """The reason with its place in the expression's text."""
        if self.offset is None:
            return self.reason
        line, column = place(text, self.offset)
        return f"line {line}, column {column}: {self.reason}"


class CostError(EvaluationError):
    """An evaluation that costs too much. Unlike other errors, `&&`, `||` and macros do not pass over it."""


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
