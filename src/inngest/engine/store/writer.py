"""Group commit: what waits to be written goes into one transaction; then all callers are answered.

Nobody waits for a timer: a command that comes while a transaction is being written goes into the next one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from inngest.engine.errors import StoreClosedError, StoreError
from inngest.engine.ports import Executor

from .commands import Alone, Command, Family
from .database import Database, Trouble
from .statement import Connection, Transaction

LOGGER = logging.getLogger(__name__)

R = TypeVar("R")
A = TypeVar("A")

MAX_ROWS = 1_000
MAX_BYTES = 4 * 1024 * 1024
BRIEF = 64 * 1024
"""Bytes of a lone command up to which it may be written on the loop."""
RETRIES = 12
"""How often a batch is tried again that others were in the way of; each try waits for the database's own patience."""


class Durable(asyncio.Future[A]):
    """Resolved after a commit. What was handed to the writer is written, whoever stops waiting for it.

    Attributes:
        command: what is to be written.
        reply: makes what it is resolved with from what writing gave.
        written: what writing gave.
        error: why it could not be written.
        was_held: it has waited for the database to work again.
    """

    __slots__ = ("command", "error", "reply", "was_held", "written")

    def __init__(self, command: Command[Any], reply: Callable[[Any], A], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.command = command
        self.reply = reply
        self.written: Any = None
        self.error: Exception | None = None
        self.was_held = False

    def cancel(self, msg: Any | None = None) -> bool:
        """Does nothing."""
        return False

    def resolve(self) -> None:
        """It is written."""
        try:
            self.set_result(self.reply(self.written))
        except Exception as mistake:  # of the caller: those behind it must be answered
            self.set_exception(mistake)
        del self.command, self.reply  # who keeps the future does not keep what was written, which leads to it

    def refuse(self, error: Exception) -> None:
        """It cannot be written."""
        self.set_exception(error)
        self.exception()  # seen: its caller may have gone
        del self.command, self.reply


class Writer:
    """Writes commands, in the order in which they are submitted.

    When the database fails, commands fail with it, but for patient ones: they are held until it works again.
    """

    def __init__(self, database: Database, executor: Executor) -> None:
        self._database = database
        self._executor = executor
        self._connection: Connection | None = None
        self._transaction: Transaction | None = None
        self._pending: deque[Durable[Any]] = deque()
        self._held: list[Durable[Any]] = []  # patient ones that could not be written; only the loop touches it
        self._gives_up = False
        self.trouble: StoreError | None = None  # why commands are held; None if none is
        self._lock = threading.Lock()
        self._running = False
        self._closed = False
        self._idle = asyncio.Event()  # all that was submitted before it closed is written
        self.commits = 0  # transactions so far
        self._tidied = 0
        self._asked = False  # whether others have written, while the connection was in use
        self._changed = False  # they have

    def connect(self) -> None:
        """Connect. Blocking."""
        self._connection = self._database.connect()
        self._transaction = Transaction(self._connection, self._database)

    def submit(self, command: Command[R], reply: Callable[[R], A]) -> Durable[A]:
        """Have a command written; the future is resolved with `reply` of its result. On the loop's thread."""
        waiting = Durable(command, reply, asyncio.get_running_loop())
        if self._closed:
            waiting.refuse(StoreClosedError("the engine is stopped"))
            return waiting
        if self._held and command.patient:  # after those that came before
            self._held.append(waiting)
            return waiting
        with self._lock:
            self._pending.append(waiting)
            if self._running:
                return waiting
            self._running = True
        if command.alone is None or command.size > BRIEF:
            self._executor.start_writer(self._drain)
        else:
            self._executor.start_brief(self._write_here, self._drain)
        return waiting

    def changed_by_others(self) -> bool:
        """Whether others have written. While the writer is at work (under load it always is) it finds out, and who
        asks next is told: asking must not block the loop.
        """
        if self._connection is None or self._closed:
            return False
        if self._running:
            self._asked = True
        changed = self._changed
        if changed:  # what is found from here on is told the next time
            self._changed = False
        return changed or (not self._running and self._database.changed_by_others(self._connection))

    def tidy(self) -> None:
        """Housekeeping, if nothing is being written."""
        with self._lock:
            if self._running or self._closed or self.commits == self._tidied:
                return
            self._running = True
        self._tidied = self.commits
        self._executor.start_writer(self._tidy)

    def retry(self) -> None:
        """Try again to write what is held, before anything that waits."""
        if not self._held:
            return
        held, self._held = self._held, []
        for waiting in held:
            waiting.error = None
        with self._lock:
            self._pending.extendleft(reversed(held))
            if self._running:
                return
            self._running = True
        self._executor.start_writer(self._drain)

    def give_up(self) -> None:
        """Fail what is held, and hold nothing more; wait only once for other processes."""
        self._gives_up = True
        held, self._held = self._held, []
        self._answer(held)

    async def close(self) -> None:
        """Write what waits, then disconnect."""
        if self._closed:
            return
        self._closed = True
        self.give_up()
        with self._lock:
            running = self._running
        if running:
            await self._idle.wait()
        if self._connection is not None:
            self._connection.close()

    # -- on the loop, while the writer's thread rests

    def _write_here(self) -> bool:
        """Write what waits, if it is alone and nothing is in the way. Whatever is, the thread meets it again."""
        if len(self._pending) != 1 or self._connection is None or self._transaction is None:
            return False
        waiting = self._pending[0]
        alone = waiting.command.as_alone()
        if alone is None:
            return False
        try:
            waiting.written = self._write_alone(alone, self._connection, self._transaction, patient=False)
        except Exception:
            return False
        except BaseException:  # a signal's handler raises on this thread: what waits must not wait for ever
            self._executor.start_writer(self._drain)
            raise
        if waiting.written is None:
            return False
        self._look_for_others()
        with self._lock:
            self._pending.popleft()
            self._running = False
        if self._closed:
            self._idle.set()
        self._answer([waiting])
        return True

    def _write_alone(self, alone: Alone[R], connection: Connection, tx: Transaction, *, patient: bool) -> R | None:
        """The result of the lone statement; None if it did nothing. Wherever the writer is."""
        text = tx.text(alone.statement, alone.parameters)
        result = alone.result(self._database.alone(connection, *text, patient=patient))
        if result is not None:
            self.commits += 1
        return result

    def _look_for_others(self) -> None:
        """Answer who has asked whether others have written. Wherever the writer is, between transactions."""
        if not self._asked or self._connection is None:
            return
        self._asked = False
        try:
            self._changed = self._database.changed_by_others(self._connection) or self._changed
        except Exception:  # who writes next meets it, too
            self._changed = True

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
            self._look_for_others()
            self._executor.reply(lambda batch=batch: self._answer(batch))  # type: ignore[misc]
        if self._closed:  # to wake the loop costs it something: else nobody waits for that
            self._executor.reply(self._idle.set)

    def _take(self) -> list[Durable[Any]]:
        """The next batch; a large command goes alone."""
        batch: list[Durable[Any]] = []
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

    def _write(self, batch: Sequence[Durable[Any]]) -> None:
        """Write a batch; each of its commands has a result or an error afterwards."""
        error = self._try(batch)
        if error is None:
            return
        trouble = self._database.trouble(error)
        if trouble is Trouble.DATA and len(batch) > 1:
            for waiting in batch:
                self._write([waiting])
            return
        for waiting in batch:
            waiting.error = error if trouble is Trouble.DATA else self._database.explain(error)

    def _try(self, batch: Sequence[Durable[Any]]) -> Exception | None:
        """Write a batch, again if others were in the way; what went wrong."""
        last: Exception | None = None
        for attempt in range(RETRIES):
            try:
                self._write_once(batch)
            except Exception as error:
                self._undo()
                last = error
                if self._database.trouble(error) is not Trouble.RETRY or self._gives_up:
                    break
                if attempt == 1:
                    LOGGER.warning("still waiting: %s", self._database.explain(error))
            else:
                return None
        return last

    def _write_once(self, batch: Sequence[Durable[Any]]) -> None:
        if self._connection is None:
            self.connect()
        assert self._connection is not None
        assert self._transaction is not None
        if len(batch) == 1 and (alone := batch[0].command.as_alone()) is not None:
            batch[0].written = self._write_alone(alone, self._connection, self._transaction, patient=True)
            if batch[0].written is not None:
                return
        self._database.begin(self._connection)
        families: dict[Family[Any], list[Durable[Any]]] = {}
        for waiting in batch:
            families.setdefault(waiting.command.family, []).append(waiting)
        for family, members in families.items():
            results = family(self._transaction, [waiting.command.payload for waiting in members])
            for waiting, result in zip(members, results, strict=True):
                waiting.written = result
        self._database.commit(self._connection)
        self.commits += 1

    def _undo(self) -> None:
        if self._connection is None:
            return
        try:
            self._database.rollback(self._connection)
        except Exception as error:  # whatever state it is in, a new one is in none
            LOGGER.warning("could not roll back, connecting anew: %s", error)
            self._connection.close()
            self._connection = None

    # -- on the loop

    def _answer(self, batch: Sequence[Durable[Any]]) -> None:
        for waiting in batch:
            error = waiting.error
            if error is None:
                if waiting.was_held:
                    self.trouble = None
                waiting.resolve()
            elif waiting.command.patient and not self._gives_up and isinstance(error, StoreError):
                self.trouble = error
                waiting.was_held = True
                self._held.append(waiting)
            else:
                waiting.refuse(error)
