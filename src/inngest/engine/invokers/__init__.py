"""Ways to code that is not in this process.

A folder of its own: the engine knows these ways, and nothing of what carries a call.
"""
