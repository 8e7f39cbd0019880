"""The minimal driver: the least that drives an app. State is in memory; each step is a row on SQLite (FULL).

It takes checkpoints, too. `python -m benchmarks.served.driver DATABASE` reads requests, one JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import socket
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import uvicorn

from .noting import Receive, Scope, Send

LONGEST = 120.0
"""Seconds that anything is waited for."""

AT_ONCE = 64
"""Runs that are driven at a time."""

KEPT = 2.0
"""Seconds that a connection is kept that nobody uses: servers close theirs after 5, and may lose a call then."""

BATCH = 1_000
"""Rows of one transaction, at most."""

JSON = [(b"content-type", b"application/json")]
OTHERS = ("StepPlanned", "RunComplete")
UUID = "759d3f0d-0000-4000-8000-000000000000"

Row = tuple[str, str, str]
"""A run, a step, and its result."""


class Writer:
    """A thread that writes rows; those that came meanwhile share a transaction."""

    def __init__(self, database: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._database = database
        self._loop = loop
        self._wanted: queue.SimpleQueue[tuple[Row, asyncio.Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._write, daemon=True).start()

    def put(self, row: Row) -> asyncio.Future[None]:
        """Write a row; the future has a result after its COMMIT."""
        done = self._loop.create_future()
        self._wanted.put((row, done))
        return done

    def _write(self) -> None:
        connection = sqlite3.connect(self._database, isolation_level=None)
        connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE memos (run TEXT, hash TEXT, data TEXT, PRIMARY KEY (run, hash)) WITHOUT ROWID"
        )
        while True:
            batch = [self._wanted.get()]
            try:
                while len(batch) < BATCH:
                    batch.append(self._wanted.get_nowait())
            except queue.Empty:
                pass
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO memos VALUES (?, ?, ?)", [row for row, _ in batch])
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_written, [done for _, done in batch])


def _written(all_done: list[asyncio.Future[None]]) -> None:
    for done in all_done:
        done.set_result(None)


class Run:
    """One run.

    Args:
        driver: whose.
        run_id: its id, 26 characters.
        count: of its steps.
    """

    def __init__(self, driver: Driver, run_id: str, count: int) -> None:
        self._driver = driver
        self._run_id = run_id
        self._event = {
            "data": {"count": count},
            "id": run_id,
            "name": "bench/steps",
            "ts": 1_795_348_587_259,
            "user": {},
        }
        self._memos: dict[str, Any] = {}
        self._version = -1

    async def drive(self, url: str) -> None:
        """Call its app until it has ended."""
        while True:
            status, answer = await self._call(f"{url}/api/inngest", "step")
            if status == 200:
                await self._driver.writer.put((self._run_id, "end", answer.decode()))
                return
            if status != 206:
                raise RuntimeError(f"a call was answered with {status}: {answer[:500]!r}")
            ops = orjson.loads(answer)
            for op in ops:
                if op["op"] not in OTHERS:
                    await self.record(op)
            for op in ops:
                if op["op"] == "StepPlanned":
                    _, found = await self._call(f"{url}/api/inngest", op["id"])
                    await self.record(orjson.loads(found)[0])
                elif op["op"] == "RunComplete":
                    await self._driver.writer.put((self._run_id, "end", orjson.dumps(op["data"]).decode()))
                    return

    async def record(self, op: dict[str, Any]) -> None:
        """A step has run."""
        if op["op"] != "StepRun":
            raise RuntimeError(f"a step was reported as {op}")
        if op["id"] not in self._memos:
            await self._driver.writer.put((self._run_id, op["id"], orjson.dumps(op.get("data")).decode()))
            self._memos[op["id"]] = {"data": op.get("data")}

    async def _call(self, url: str, target: str) -> tuple[int, bytes]:
        stack = list(self._memos)
        ctx = {
            "attempt": 0,
            "disable_immediate_execution": False,
            "env": "",
            "fn_id": UUID,
            "generation_id": 1,
            "job_id": "job",
            "max_attempts": 1,
            "qi_id": "cQ==",
            "request_id": "01M8",
            "run_id": self._run_id,
            "stack": {"current": len(stack), "stack": stack},
            "step_id": target,
            "use_api": False,
        }
        body = {"ctx": ctx, "defers": {}, "event": self._event, "events": [self._event], "steps": self._memos}
        headers = {
            "content-type": "application/json",
            "x-inngest-req-version": str(self._version),
            "x-run-id": self._run_id,
            "x-request-id": "01M8",
            "x-inngest-generation-id": "1",
            "x-inngest-job-id": "job",
        }
        content = orjson.dumps({**body, "use_api": False, "version": self._version})
        query = {"fnId": "bench-steps", "stepId": target}
        async with self._driver.session.post(url, params=query, data=content, headers=headers) as answer:
            found = await answer.read()
            self._version = int(answer.headers.get("x-inngest-req-version", "2"))
            return answer.status, found


class Driver:
    """Drives runs, and takes the checkpoints that their code sends."""

    def __init__(self, database: Path, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.writer = Writer(database, asyncio.get_running_loop())
        self._runs: dict[str, Run] = {}
        self._made = 0

    async def drive(self, url: str, count: int, runs: int) -> float:
        """Drive so many runs of so many steps; when the first began, in seconds of the monotonic clock."""
        began, turns = time.monotonic(), asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with turns:
                self._made += 1
                run_id = f"{self._made:026}"
                run = self._runs[run_id] = Run(self, run_id, count)
                await run.drive(url)
                del self._runs[run_id]

        async with asyncio.timeout(LONGEST):
            await asyncio.gather(*(one() for _ in range(runs)))
        return began

    async def api(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/checkpoint/{run}/async`."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        told = orjson.loads(body)
        await asyncio.gather(*(self._runs[told["run_id"]].record(op) for op in told["steps"]))
        await send({"type": "http.response.start", "status": 200, "headers": [*JSON, (b"content-length", b"11")]})
        await send({"type": "http.response.body", "body": b'{"data":{}}'})


async def main() -> None:
    """Answer requests until there are no more."""
    timeout = aiohttp.ClientTimeout(total=LONGEST)
    listening = socket.socket(proto=socket.IPPROTO_TCP)  # said, or asyncio would not set TCP_NODELAY
    asked = 0
    listening.bind(("127.0.0.1", 0))
    listening.listen(512)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        driver = Driver(Path(sys.argv[1]), session)
        config = uvicorn.Config(driver.api, lifespan="off", log_level="critical", access_log=False, interface="asgi3")
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        _say({"url": f"http://127.0.0.1:{listening.getsockname()[1]}", "pid": os.getpid()})
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked += 1
            _say({"driven": asked, "began": await driver.drive(**json.loads(line))})
        server.should_exit = True
        await serving


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
