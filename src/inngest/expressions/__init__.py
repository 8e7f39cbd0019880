"""The language of expressions, a dialect of CEL (docs/reference/expressions.md): from a text to code. Pure.

tokens → parser → tree → rules (names, policy) → code, which runs on a scope; values and functions give the meaning.
Nothing here is imported before the first expression.
"""
