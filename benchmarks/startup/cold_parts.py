"""Seconds to import pydantic and SQLAlchemy and to create our tables: `… DATABASE DEFINITIONS`.

The definitions are given as JSON: the texts that SQLite keeps of them.

A file of its own: each program is a process that is measured from its first line.
"""

import time

began = time.perf_counter()
import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import pydantic  # noqa: E402, F401
import sqlalchemy  # noqa: E402

engine = sqlalchemy.create_engine(f"sqlite:///{sys.argv[1]}")
with engine.connect() as connection:
    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    connection.exec_driver_sql("PRAGMA synchronous = FULL")
with engine.begin() as connection:
    for definition in json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")):
        connection.exec_driver_sql(definition)

print(time.perf_counter() - began)
