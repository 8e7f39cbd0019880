"""Seams: time, chance and threads reach the code through its ports only, or a run could not be simulated.

Ruff bans the functions (TID251); it cannot see methods, which are looked for here.
"""

import ast
from collections.abc import Iterator

BANNED_METHODS = {"call_later", "run_in_executor"}


def banned_calls(source: str) -> Iterator[str]:
    """The uses of an event loop's own timers and threads, each with its line number."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and (node.attr in BANNED_METHODS or _is_timer_of_loop(node)):
            yield f"{node.lineno}: {node.attr}"


def _is_timer_of_loop(node: ast.Attribute) -> bool:
    # The Clock port has a verb of the same name, so the receiver decides.
    return node.attr == "call_at" and "loop" in ast.unparse(node.value)
