"""The same as cold_ours.py for DBOS: `… DATABASE`.

A file of its own: each program is a process that is measured from its first line.
"""

import time

began = time.perf_counter()
import sys  # noqa: E402

from dbos import DBOS  # noqa: E402

DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{sys.argv[1]}", "log_level": "ERROR"})


@DBOS.step()
def echo(value: int) -> int:
    return value


@DBOS.workflow()
def first() -> int:
    return echo(1)


DBOS.launch()
assert first() == 1
print(time.perf_counter() - began)
DBOS.destroy()
