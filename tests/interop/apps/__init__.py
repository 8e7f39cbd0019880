"""Apps of the scenarios. Each is a process; in which environment it runs decides whose SDK it has.

A folder of its own: what is in it runs elsewhere, and imports nothing of the tests.
"""
