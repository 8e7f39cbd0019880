"""The wire between served functions and their server, in both directions. No I/O; times are handed in.

A folder of its own: only functions behind HTTP, and their server, need it.
"""
