"""CPU time of each thread of this process, by name.

A file of its own: several contenders measure by it.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

TASKS = Path("/proc/self/task")


def cpu() -> dict[str, list[float]]:
    """Name → seconds in all, exactly; and in user code and in the kernel, as the system's ticks sample them.

    Threads that have ended are not there; empty off Linux.
    """
    tick = os.sysconf("SC_CLK_TCK")
    found: dict[str, list[float]] = {}
    for thread in threading.enumerate():
        task = TASKS / str(thread.native_id)
        try:
            # Fields 14 and 15 of proc(5), counted behind the name in parentheses, which may hold anything.
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            total = int((task / "schedstat").read_text().split()[0]) / 1e9
        except OSError:
            continue
        values = (total, int(fields[11]) / tick, int(fields[12]) / tick)
        name = thread.name.rstrip("0123456789").rstrip("-_")
        found[name] = [old + new for old, new in zip(found.get(name, (0.0, 0.0, 0.0)), values, strict=True)]
    return found
