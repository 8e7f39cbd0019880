"""Facts about the machine, without which no figure means anything."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
import time
from pathlib import Path

from .figures import percentile, short, table
from .processes import folder

SYNCS = 300
CPUINFO = Path("/proc/cpuinfo")


def facts() -> str:
    """A table of them."""
    rows = [
        ("CPU", f"{_cpu()}, {os.cpu_count()} cores"),
        ("System", f"{platform.system()} {platform.release()}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("SQLite", sqlite3.sqlite_version),
        ("pyngest", importlib.metadata.version("pyngest")),
        ("DBOS", importlib.metadata.version("dbos")),
        ("write of 4 KiB and fsync", syncs()),
        ("load before", load()),
    ]
    return table(["machine", ""], rows)


def load() -> str:
    """How many processes want to run, as the system averages it."""
    try:
        return "{:.1f} in the last minute, {:.1f} in the last 15".format(*os.getloadavg()[::2])
    except OSError:
        return "unknown"


def syncs() -> str:
    """How long it takes to write 4 KiB to the end of a file and sync it."""
    taken = []
    with folder() as path, (path / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    return f"p50 {short(percentile(taken, 0.5))} ms, p90 {short(percentile(taken, 0.9))} ms"


def _cpu() -> str:
    if CPUINFO.exists():
        for line in CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
