"""Seconds to import the two packages that an SDK of this kind cannot do without.

A file of its own: each program is a process that is measured from its first line.
"""

import time

began = time.perf_counter()
import httpx  # noqa: E402, F401
import pydantic  # noqa: E402, F401

print(time.perf_counter() - began)
