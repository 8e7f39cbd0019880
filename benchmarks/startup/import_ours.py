"""Seconds to import what a client of ours needs.

A file of its own: each program is a process that is measured from its first line.
"""

import time

began = time.perf_counter()
import inngest  # noqa: E402, F401

print(time.perf_counter() - began)
