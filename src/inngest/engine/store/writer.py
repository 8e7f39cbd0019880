"""Group commit: what waits to be written goes into one transaction; then all callers are answered.

Nobody waits for a timer: a command that comes while a transaction is being written goes into the next one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from inngest.engine.ports import Executor, StoreBusyError, StoreClosedError

from .commands import Command, Family
from .database import Database, Trouble
from .statement import Connection, Transaction

LOGGER = logging.getLogger(__name__)

R = TypeVar("R")
A = TypeVar("A")

MAX_ROWS = 1_000
MAX_BYTES = 4 * 1024 * 1024
RETRIES = 12
"""How often a batch is tried again that others were in the way of; each try waits for the database's own patience."""


class Durable(asyncio.Future[R]):
    """Resolved after a commit. What was handed to the writer is written, whoever stops waiting for it."""

    def cancel(self, msg: Any | None = None) -> bool:
        """Does nothing."""
        return False


@dataclass(slots=True)
class _Waiting(Generic[R]):
    command: Command[R]
    answer: Durable[Any]
    reply: Callable[[R], Any]
    result: R | None = None
    error: Exception | None = None


class Writer:
    """Writes commands, in the order in which they are submitted."""

    def __init__(self, database: Database, executor: Executor) -> None:
        self._database = database
        self._executor = executor
        self._connection: Connection | None = None
        self._transaction: Transaction | None = None
        self._pending: deque[_Waiting[Any]] = deque()
        self._lock = threading.Lock()
        self._running = False
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.commits = 0  # transactions so far
        self._tidied = 0

    def connect(self) -> None:
        """Connect. Blocking."""
        self._connection = self._database.connect()
        self._transaction = Transaction(self._connection, self._database)

    def submit(self, command: Command[R], reply: Callable[[R], A]) -> Durable[A]:
        """Have a command written; the future is resolved with `reply` of its result. On the loop's thread."""
        answer: Durable[A] = Durable(loop=asyncio.get_running_loop())
        if self._closed:
            answer.set_exception(StoreClosedError("the engine is stopped"))
            return answer
        with self._lock:
            self._pending.append(_Waiting(command, answer, reply))
            if self._running:
                return answer
            self._running = True
        self._idle.clear()
        self._executor.start_writer(self._drain)
        return answer

    def changed_by_others(self) -> bool:
        """Whether others have written. False while the writer is at work: asking must not block the loop."""
        if self._running or self._connection is None or self._closed:
            return False
        return self._database.changed_by_others(self._connection)

    def tidy(self) -> None:
        """Housekeeping, if nothing is being written."""
        with self._lock:
            if self._running or self._closed or self.commits == self._tidied:
                return
            self._running = True
        self._tidied = self.commits
        self._idle.clear()
        self._executor.start_writer(self._tidy)

    async def close(self) -> None:
        """Write what waits, then disconnect."""
        if self._closed:
            return
        self._closed = True
        await self._idle.wait()
        if self._connection is not None:
            self._connection.close()

    # -- in the writer's thread

    def _tidy(self) -> None:
        assert self._connection is not None
        try:
            self._database.tidy(self._connection)
        except Exception as error:  # nothing is lost: the next commit meets the same trouble, and says so
            LOGGER.warning("housekeeping of the database failed: %s", error)
        self._drain()

    def _drain(self) -> None:
        while batch := self._take():
            self._write(batch)
            self._executor.reply(lambda batch=batch: _answer(batch))  # type: ignore[misc]
        self._executor.reply(self._rest)

    def _rest(self) -> None:
        with self._lock:
            if not self._running:
                self._idle.set()

    def _take(self) -> list[_Waiting[Any]]:
        """The next batch; a large command goes alone."""
        batch: list[_Waiting[Any]] = []
        rows = size = 0
        with self._lock:
            while self._pending:
                command = self._pending[0].command
                if batch and (rows + command.rows > MAX_ROWS or size + command.size > MAX_BYTES):
                    break
                rows += command.rows
                size += command.size
                batch.append(self._pending.popleft())
            if not batch:
                self._running = False
        return batch

    def _write(self, batch: Sequence[_Waiting[Any]]) -> None:
        """Write a batch; each of its commands has a result or an error afterwards."""
        for _ in range(RETRIES):
            try:
                self._write_once(batch)
            except Exception as error:
                self._undo()
                trouble = self._database.trouble(error)
                if trouble is Trouble.RETRY:
                    continue
                if trouble is Trouble.DATA and len(batch) > 1:
                    for waiting in batch:
                        self._write([waiting])
                    return
                explained = error if trouble is Trouble.DATA else self._database.explain(error)
                for waiting in batch:
                    waiting.error = explained
                return
            else:
                return
        for waiting in batch:
            waiting.error = StoreBusyError("the database stayed locked by another process; nothing was written")

    def _write_once(self, batch: Sequence[_Waiting[Any]]) -> None:
        assert self._connection is not None
        assert self._transaction is not None
        self._database.begin(self._connection)
        families: dict[Family[Any], list[_Waiting[Any]]] = {}
        for waiting in batch:
            families.setdefault(waiting.command.family, []).append(waiting)
        for family, members in families.items():
            results = family(self._transaction, [waiting.command.payload for waiting in members])
            for waiting, result in zip(members, results, strict=True):
                waiting.result = result
        self._database.commit(self._connection)
        self.commits += 1

    def _undo(self) -> None:
        assert self._connection is not None
        self._database.rollback(self._connection)


def _answer(batch: Sequence[_Waiting[Any]]) -> None:
    for waiting in batch:
        if waiting.error is not None:
            waiting.answer.set_exception(waiting.error)
        else:
            waiting.answer.set_result(waiting.reply(waiting.result))
