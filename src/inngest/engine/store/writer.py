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
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.clock import stopwatch
from inngest.runtime.ports import Executor

from . import locking
from .answers import Answers, Doubt
from .commands import Alone, Command, Family
from .context import NOTHING_FOLLOWS, Outcome, WriteContext
from .database import Database, Trouble
from .locks import Lock, NotFree
from .numbers import Numbers
from .others import Others
from .pending_write import PendingWrite
from .spent import Spent
from .statement import Connection, Statement, Transaction

LOGGER = CarefulLogger(logging.getLogger(__name__))
_Writes = Sequence[PendingWrite[Any]]

R = TypeVar("R")

MAX_ROWS = 1_000
MAX_BYTES = 4 * 1024 * 1024
BRIEF = 64 * 1024
"""Bytes of a lone command up to which it may be written on the loop."""
RETRIES = 12
"""How often a batch is tried again that others were in the way of; each try waits for the database's own patience."""


class Writer:
    """Writes commands, in the order in which they are submitted.

    When the database fails, commands fail with it, but for patient ones: they are held until it works again, and keep
    their order. A COMMIT that was not answered is looked up by the number that its transaction left (`numbers`): its
    commands are answered with what is stored, and wait until that is known.

    Args:
        database: where to.
        executor: has a place for the writer.
        writer_id: random; never used again.
        context: makes what transactions on a connection are written with.

    Attributes:
        answers: answers commands, on the loop; tells the listener what is committed.
    """

    def __init__(
        self,
        database: Database,
        executor: Executor,
        writer_id: str,
        context: Callable[[Connection], WriteContext],
    ) -> None:
        self.id = writer_id
        self.answers = Answers()
        self._numbers = Numbers(writer_id)
        self._database = database
        self._executor = executor
        self._make_context = context
        self._connection: Connection | None = None
        self._context: WriteContext | None = None
        self._pending: deque[PendingWrite[Any]] = deque()
        self._held: deque[PendingWrite[Any]] = deque()  # patient ones that could not be written, in order
        self._doubt: Doubt | None = None
        self._given_up: dict[object, StoreError] = {}  # orders of patient ones that were given up, and why
        self._gives_up = False
        self._refusal: StoreError = StoreClosedError("the engine is stopped")  # why some are held
        self._singly = 0  # so many of those that come next are written one by one: one is at fault
        self._committing: int | None = None  # number of the transaction whose COMMIT is under way
        self._lock = threading.Lock()  # of what both the loop and the thread change
        self._running = False
        self._closed = False
        self._idle = asyncio.Event()  # all that was submitted before it closed is written
        self.commits = self._tidied = 0  # transactions so far, and when it tidied up last
        self.spent = Spent()
        self._late: list[Lock] = []  # what the batch that is written has found out that it must hold
        self._others = Others(database)

    def connect(self) -> None:
        """Connect. Blocking."""
        self._connection = self._database.connect()
        self._context = self._make_context(self._connection)

    def submit(self, command: Command[R]) -> PendingWrite[Any]:
        """Have a command written; the future is resolved with what the listener makes of its result.

        On the loop's thread.
        """
        waiting: PendingWrite[Any] = PendingWrite(command, asyncio.get_running_loop())
        if self._closed:
            waiting.refuse(StoreClosedError("the engine is stopped"), None)
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

    def write_here(self, statement: Statement, parameters: Callable[[], tuple[object, ...]], *, lone: bool) -> bool:
        """Execute one statement at once, as a transaction of its own, if nothing else is to be written and that is
        quick; whether it changed anything. On the loop's thread. Parameters are made only then.
        """
        if self._running or self._held or self._given_up or self._doubt is not None or self._closed:
            return False
        return self._executor.here(self._execute_here, (statement, parameters), lone=lone)

    def _execute_here(self, given: tuple[Statement, Callable[[], tuple[object, ...]]]) -> bool:
        statement, parameters = given
        connection, context = self._connection, self._context
        if connection is None or context is None:
            return False
        try:
            one, values, began = context.ordered(statement), parameters(), stopwatch()
            changed = self._database.alone(connection, one, values, patient=False)
        except Exception:  # it is tried again, and counted, in the thread
            return False
        self.spent.add(began)
        self.commits += changed
        if changed and self._others.is_asked:
            self._look_for_others()
        return changed > 0

    def changed_by_others(self) -> bool:
        """Whether others have written."""
        if self._connection is None or self._closed:
            return False
        return self._others.have_written(self._connection, running=self._running)

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
        with self._lock:
            if not self._held and self._doubt is None:
                return
            for waiting in self._held:
                waiting.error = None
            self._pending.extendleft(reversed(self._held))
            self._held.clear()
            if self._running:
                return
            self._running = True
        self._executor.start_writer(self._drain)

    def give_up(self) -> None:
        """Fail what is held, and hold nothing more; wait only once for other processes."""
        with self._lock:
            self._gives_up = self.answers.final = True
            held = list(self._held)
            self._held.clear()
            for waiting in held:
                self._give_up_on(waiting, self._refusal)
            undecided = self._doubt is not None and not self._running
            self._running = self._running or undecided
        if undecided:
            self._executor.start_writer(self._drain)
        self.answers.give(held)

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
        self.disconnect()

    def abandon(self) -> None:
        """Write nothing more: what waits fails, but for what is being written. The loop may be closed already."""
        self._closed = self._gives_up = self.answers.final = True
        with self._lock:
            waiting = [*self._held, *self._pending]
            self._held.clear()
            self._pending.clear()
            if self._doubt is not None and not self._running:  # else the thread finds it out, once
                waiting += self._doubt.batch
                self._doubt = None
        self.answers.close(waiting)

    def disconnect(self) -> None:
        """Disconnect, when the writer's thread has ended. Idempotent; from any thread."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # -- on the loop, while the writer's thread rests

    def _write_here(self) -> bool:
        """Write what waits, if it is alone and nothing is in the way. The thread meets any trouble again."""
        if len(self._pending) != 1 or self._connection is None or self._context is None:
            return False
        if self._held or self._doubt is not None or self._given_up:
            return False
        waiting = self._pending[0]
        alone = waiting.command.as_alone()
        if alone is None:
            return False
        try:
            waiting.written = self._write_alone(alone, self._connection, self._context, patient=False)
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
        self.answers.give([waiting])
        return True

    def _write_alone(self, alone: Alone[R], connection: Connection, tx: Transaction, *, patient: bool) -> R | None:
        """The result of the lone statement; None if it did nothing. Wherever the writer is."""
        changed = self._database.alone(connection, tx.ordered(alone.statement), alone.parameters, patient=patient)
        result = alone.result(changed)
        if result is not None:
            self.commits += 1
        return result

    def _look_for_others(self) -> None:
        """Answer who has asked whether others have written. Wherever the writer is, between transactions."""
        if self._others.is_asked and self._connection is not None:
            self._others.look(self._connection)

    # -- in the writer's thread

    def _tidy(self) -> None:
        assert self._connection is not None
        try:
            self._database.tidy(self._connection)
        except Exception as error:  # nothing is lost: the next commit meets the same trouble, and says so
            LOGGER.warning("housekeeping of the database failed: %s", error)
        self._drain()

    def _drain(self) -> None:
        while True:
            if self._doubt is not None:
                self._settle(self._doubt)
            batch = self._take()
            if not batch:
                break
            self._write(batch)
            self._look_for_others()
        if self._closed:  # to wake the loop costs it something: else nobody waits for that
            self._executor.reply(self._idle.set)

    def _take(self) -> list[PendingWrite[Any]]:
        """The next batch; a large command goes alone. While some are held, patient ones wait behind them."""
        batch: list[PendingWrite[Any]] = []
        waits: list[PendingWrite[Any]] = []
        refused: list[PendingWrite[Any]] = []
        rows = size = 0
        with self._lock:
            blocked = bool(self._held) or self._doubt is not None
            while self._pending:
                waiting = self._pending[0]
                command = waiting.command
                if command.patient and blocked:
                    waits.append(self._pending.popleft())
                elif self._given_up and command.order in self._given_up:
                    waiting.error = self._given_up[command.order]
                    refused.append(self._pending.popleft())
                elif batch and (self._singly or rows + command.rows > MAX_ROWS or size + command.size > MAX_BYTES):
                    break
                else:
                    rows += command.rows
                    size += command.size
                    batch.append(self._pending.popleft())
            if waits:
                self._held.extend(waits)
            if self._singly:
                self._singly = max(0, self._singly - len(batch) - len(waits) - len(refused))
            if not batch:
                self._running = False
        if refused or waits:
            self._tell(refused, waits)
        return batch

    def _tell(self, answered: _Writes, waiting: _Writes = (), why: StoreError | None = None) -> None:
        """Have commands answered; others have to wait."""
        if answered or waiting:
            self._executor.reply(lambda: self.answers.give(answered, waiting, why))

    def _tell_outcome(self, batch: _Writes, outcome: Outcome) -> None:
        """A batch is committed: have its commands answered, and the listener told what it did to other runs."""
        notifications = outcome.happens()
        self._executor.reply(lambda: self.answers.give(batch, notifications=notifications))

    def _write(self, batch: _Writes) -> None:
        """Write a batch: each of its commands is answered, held, in doubt, or next, alone."""
        outcome = self.spent.timed(self._try, batch)
        if isinstance(outcome, Outcome):
            self._tell_outcome(batch, outcome)
            return
        error = outcome
        if self._doubt is not None and self._doubt.batch is batch:
            self._tell((), batch, self._doubt.error)
            return
        trouble = self._database.trouble(error)
        at_fault = trouble in (Trouble.DATA, Trouble.SQL)
        if at_fault and len(batch) > 1:  # one of them
            with self._lock:
                self._singly = len(batch)
                self._pending.extendleft(reversed(batch))
            return
        explained = self._database.explain(error)
        if not at_fault:
            self._hold(batch, explained)
            return
        # A run whose commit cannot be written fails by it; a StoreError would say that it goes on elsewhere.
        batch[0].error = error if trouble is Trouble.DATA or batch[0].command.patient else explained
        self._tell(batch)

    def _hold(self, batch: _Writes, error: StoreError) -> None:
        """The database is in trouble: patient ones wait, before those that came later; others fail."""
        failed: list[PendingWrite[Any]] = []
        held: list[PendingWrite[Any]] = []
        with self._lock:
            for waiting in batch:
                waiting.error = error
                if not waiting.command.patient:
                    failed.append(waiting)
                elif self._gives_up:
                    self._give_up_on(waiting, error)
                    failed.append(waiting)
                else:
                    held.append(waiting)
            self._held.extendleft(reversed(held))
            self._refusal = error
        self._tell(failed, held, error if held else None)

    def _give_up_on(self, waiting: PendingWrite[Any], error: StoreError) -> None:
        """A command is not written, nor is what comes after it in its order. Under the lock."""
        waiting.error = error
        if waiting.command.order is not None:
            self._given_up.setdefault(waiting.command.order, error)

    def _try(self, batch: _Writes) -> Outcome | Exception:
        """Write a batch, again if others were in the way; what follows from it, or what went wrong."""
        if self._doubt is not None:
            return self._doubt.error
        last: Exception | None = None
        self._late = []
        attempt = -1
        while (attempt := attempt + 1) < RETRIES:
            try:
                return self._write_once(batch)
            except NotFree as error:  # what a batch must hold only grows, so that this ends
                self._late += error.locks
                self._undo()
                attempt -= 1
            except Exception as error:
                last = error
                as_bytes = self._connection is not None and self._database.give_as_bytes(self._connection, error)
                if (outcome := self._happened(batch)) is not None:
                    return outcome
                if as_bytes and self._doubt is None:
                    continue
                if self._doubt is not None or self._gives_up or self._database.trouble(error) is not Trouble.RETRY:
                    break
                if attempt == 1:
                    LOGGER.warning("still waiting: %s", self._database.explain(error))
                self._database.pause(attempt + 1, error)
        assert last is not None
        return last

    def _write_once(self, batch: _Writes) -> Outcome:
        """Write a batch in one transaction; what follows from it."""
        connection, context = self._connected()
        if len(batch) == 1 and (alone := batch[0].command.as_alone()) is not None:
            batch[0].written = self._write_alone(alone, connection, context, patient=True)
            if batch[0].written is not None:
                return NOTHING_FOLLOWS
        self._database.begin(connection)
        context.begin()
        if self._database.shared:
            context.lock(locking.in_order([self._late, *(waiting.command.locks for waiting in batch)]))
        families: dict[Family[Any], list[PendingWrite[Any]]] = {}
        for waiting in batch:
            families.setdefault(waiting.command.family, []).append(waiting)
        for family, members in families.items():
            results = family(context, [waiting.command.payload for waiting in members])
            for waiting, result in zip(members, results, strict=True):
                waiting.written = result
        context.announce()
        if self._database.has_written(connection):
            self._committing = self._numbers.mark(context)
        self._database.commit(connection)
        self._committing = None
        self.commits += 1
        return context.outcome

    def _connected(self) -> tuple[Connection, WriteContext]:
        if self._connection is None:
            self.connect()
        assert self._connection is not None
        assert self._context is not None
        return self._connection, self._context

    # -- in the writer's thread, after an error

    def _happened(self, batch: _Writes) -> Outcome | None:
        """Undo what failed; what follows from it if it happened all the same. Else it did not, or is in doubt."""
        number, self._committing = self._committing, None
        outcome = NOTHING_FOLLOWS if self._context is None else self._context.outcome
        self._undo()
        if number is None:
            return None
        try:
            stored = self._look_up(number)
        except Exception as error:
            self._doubt = Doubt(number, batch, outcome, self._database.explain(error))
            return None
        self.commits += stored
        return outcome if stored else None

    def _settle(self, doubt: Doubt) -> None:
        """Find out what became of a batch that is in doubt. One that did not happen is written again."""
        try:
            stored = self._look_up(doubt.number)
        except Exception as error:
            explained = self._database.explain(error)
            if not self._gives_up:
                self._doubt = doubt._replace(error=explained)
                return
            self._doubt = None
            unknown = StoreError(
                f"the answer of a COMMIT on {self._database.name} was lost, and the engine stopped before it was found "
                f"out whether it was written: {explained}"
            )
            with self._lock:
                for waiting in doubt.batch:
                    self._give_up_on(waiting, unknown)
            self._tell(doubt.batch)
            return
        self._doubt = None
        if stored:
            self.commits += 1
            self._tell_outcome(doubt.batch, doubt.outcome)
        else:
            self._write(doubt.batch)

    def _look_up(self, number: int) -> bool:
        """Whether a transaction was committed. Raises if that cannot be found out."""
        last: Exception | None = None
        for attempt in range(RETRIES):
            try:
                return self._numbers.look_up(number, self._database, *self._connected())
            except Exception as error:
                last = error
                self._undo()
                if self._gives_up or self._database.trouble(error) is not Trouble.RETRY:
                    break
                self._database.pause(attempt + 1, error)
        assert last is not None
        raise last

    def _undo(self) -> None:
        if self._connection is None:
            return
        try:
            self._database.rollback(self._connection)
        except Exception as error:  # whatever state it is in, a new one is in none
            LOGGER.warning("could not roll back, connecting anew: %s", error)
            self._connection.close()
            self._connection = None
