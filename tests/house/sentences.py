"""Sentences of docstrings: each has a subject, so that a reader need not look for it.

A file of its own: each house rule has one, and its test imports it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_SECTION = re.compile(r"\n\s*(?:Args|Returns|Raises|Attributes):")
_END = re.compile(r"(?<=[.!?:;])\s+|\n\s*\n")
_HEADLESS = re.compile(r"(?:Who|What|Whose|Whom|Whoever|Whatever)\b")


def headless(text: str) -> Iterator[str]:
    """The sentences in a module's docstrings whose subject is a clause: they begin with "Who", "What" or "Whose"."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            told = _SECTION.split(ast.get_docstring(node) or "")[0]
            for sentence in _END.split(told):
                if _HEADLESS.match(sentence) and not sentence.rstrip().endswith("?"):
                    yield " ".join(sentence.split())
