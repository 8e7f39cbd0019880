"""Seconds to import what a client of ours needs."""

import time

began = time.perf_counter()
import inngest  # noqa: E402, F401

print(time.perf_counter() - began)
