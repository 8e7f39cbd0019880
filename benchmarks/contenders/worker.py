"""The process of one contender: `python -m benchmarks.contenders.worker NAME DATABASE [--watched]`.

A database is a file, or the URL of one that a server keeps.

It reads requests from standard input, one JSON object a line, and answers each on standard output.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from . import threads, watching
from .verbs import Contender


async def serve(name: str, database: str, answers: TextIO) -> None:
    """Answer requests until there are no more."""
    async with _contender(name, database) as contender:
        _answer(answers, "ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            request = json.loads(line)
            _answer(answers, await _do(contender, request.pop("verb"), request))


async def _do(contender: Contender, verb: str, given: dict[str, Any]) -> object:
    match verb:
        case "sequence" | "latencies" | "crowd" | "limited" | "send" | "entered" | "claims" | "queries":
            return await getattr(contender, verb)(**given)
        case "threads":
            return threads.cpu()
        case "settings":
            return watching.settings()
        case "reset":
            watching.reset()
            return None
        case "seen":
            return watching.seen()
        case _:
            raise ValueError(f"unknown request {verb!r}")


def _contender(name: str, database: str) -> Any:
    # Only what is measured is imported: another contender's modules would be in the way.
    match name:
        case "floor":
            from .floor import Floor

            return Floor(Path(database))
        case "floor-postgres":
            from .floor_postgres import PostgresFloor

            return PostgresFloor(database)
        case "dbos-postgres":
            from .dbos_peer import Dbos

            return Dbos(database)
        case "member" | "sender" | "brief" | "resting":
            from . import members

            return members.MADE[name](database)
        case "ours":
            from .ours import Ours

            return Ours(database)
        case "dbos":
            from .dbos_peer import Dbos

            return Dbos(f"sqlite:///{database}")
        case "dbos-wal":
            from .dbos_peer import DbosInWal

            return DbosInWal(Path(database))
        case _:
            raise ValueError(f"unknown contender {name!r}")


def _answer(answers: TextIO, value: object) -> None:
    print(json.dumps(value), file=answers, flush=True)


def main() -> None:
    """Take the arguments, and keep standard output for answers: libraries may print."""
    name, database, *options = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    logging.basicConfig(level=logging.WARNING)
    if "--watched" in options:
        watching.watch()
    asyncio.run(serve(name, database, answers))


if __name__ == "__main__":
    main()
