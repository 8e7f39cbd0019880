"""Files that must, and must not, pass the type checkers.

A folder of its own: its cases are a folder beside it.
"""
