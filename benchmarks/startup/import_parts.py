"""Seconds to import the two packages that an SDK of this kind cannot do without."""

import time

began = time.perf_counter()
import httpx  # noqa: E402, F401
import pydantic  # noqa: E402, F401

print(time.perf_counter() - began)
