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


def careless_loggers(source: str) -> Iterator[str]:
    """The loggers that the engine's code would log by without care, each with its line number."""
    tree = ast.parse(source)
    careful = {
        id(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "CarefulLogger"
        for argument in node.args
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "logging.getLogger" and id(node) not in careful:
            yield f"{node.lineno}: {ast.unparse(node)}"


def _is_timer_of_loop(node: ast.Attribute) -> bool:
    # The Clock port has a verb of the same name, so the receiver decides.
    return node.attr == "call_at" and "loop" in ast.unparse(node.value)
