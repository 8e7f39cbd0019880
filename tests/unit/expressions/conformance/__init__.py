"""Cases of the language of expressions, and where ours deviates.

A folder of its own: its cases are data.
"""
