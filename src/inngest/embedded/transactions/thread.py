"""One transaction of a step: begun, used and ended in a thread of its own, while the loop decides.

Connections of some libraries belong to a thread, and a handler blocks: so all that touches one is done in this thread.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from inngest.engine.owned_run import OwnedRun
from inngest.engine.store import within
from inngest.engine.store.database import Database
from inngest.engine.within import RecordWithin, Wrote
from inngest.protocol.calls import Recorded
from inngest.protocol.opcodes import Op
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.ports import Clock, Threads, Timer, Unrecorded
from inngest.runtime.raised import contained

from .connections import Opened, under_way
from .guards import Guard, guard_of, is_in_the_way, is_settled
from .inside import HOLDS_FILE

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

TRIES = 10
"""How often a transaction is begun in one attempt, while others are in the way before its handler returns."""

LONG = 1_000
"""Milliseconds for which a handler may hold an SQLite file before a warning says so."""


class Surroundings(NamedTuple):
    """The things that the transactions of an engine share.

    Attributes:
        database: the engine's.
        file: of it; None where a server keeps it.
        connect: opens a connection.
        threads: where transactions are.
        clock: when a warning is due.
        lease: milliseconds after which a worker that is not heard is dead, where workers are heard.
    """

    database: Database
    file: Path | None
    connect: Callable[[], Opened]
    threads: Threads
    clock: Clock
    lease: int


class TransactionThread:
    """See `Within`.

    Args:
        around: what it shares with others.
        run: whose step is recorded.
        step_id: of the step, for people.
    """

    def __init__(self, around: Surroundings, run: OwnedRun, step_id: str) -> None:
        self._around = around
        self._run = run
        self._step_id = step_id
        self._loop = asyncio.get_running_loop()
        self._mailbox = around.threads.mailbox()
        self._warning: Timer | None = None
        self._over = False  # nothing of it is recorded any more

    # -- on the loop, or wherever a step is called

    def call(self, handler: Callable[..., object], args: tuple[object, ...]) -> concurrent.futures.Future[object]:
        """See `Within.call`."""
        calling: concurrent.futures.Future[object] = concurrent.futures.Future()
        self._around.threads.start(lambda: self._main(handler, args, calling), branch=True)
        return calling

    def record(self, op: Op) -> asyncio.Future[Recorded | Unrecorded]:
        """See `Within.record`."""
        return self._run.record_within(op, self._write)

    async def _write(self, record: RecordWithin | None) -> Wrote | Exception:
        written: concurrent.futures.Future[Wrote | Exception] = concurrent.futures.Future()
        self._around.threads.send(self._mailbox, (record, written))
        return await asyncio.wrap_future(written)

    def leave(self) -> None:
        """See `Within.leave`."""
        if self._over:
            return
        self._over = True
        self._around.threads.send(self._mailbox, None)
        self._run.go_on()

    # -- in the thread

    def _main(
        self, handler: Callable[..., object], args: tuple[object, ...], calling: concurrent.futures.Future[object]
    ) -> None:
        if not calling.set_running_or_notify_cancel():
            return
        try:
            opened, guard, value = self._called(handler, args)
        except BaseException as error:
            calling.set_exception(_told(error))
            return
        calling.set_result(value)
        try:
            self._conclude(opened, guard)
        finally:
            self._tell(self._end_warning)

    def _called(self, handler: Callable[..., object], args: tuple[object, ...]) -> tuple[Opened, Guard, object]:
        """Begin, and call the handler; again where others were in the way."""
        for attempt in range(1, TRIES + 1):
            opened = self._around.connect()
            try:
                begun = opened.begin()
            except BaseException as error:
                _undo(opened)
                if attempt == TRIES or not is_in_the_way(error):
                    raise
                continue
            if not begun:
                raise under_way()
            try:
                guard = guard_of(opened.driver, self._around.database, self._around.file)
                guard.see(self._run.owner)
                return opened, guard, self._handled(opened, guard, handler, args)
            except BaseException as error:
                self._tell(self._end_warning)
                _undo(opened)
                if attempt == TRIES or not is_in_the_way(error):
                    raise
        raise AssertionError("the last try returns, or raises")

    def _handled(
        self, opened: Opened, guard: Guard, handler: Callable[..., object], args: tuple[object, ...]
    ) -> object:
        alone = self._around.file is not None
        if alone:
            self._tell(self._begin_warning)
        token = HOLDS_FILE.set(alone)
        guard.watch()
        try:
            value = handler(opened.connection, *args)
            opened.flush()
        except BaseException as error:
            if isinstance(error, Exception) and not is_in_the_way(error):
                guard.check()  # what it did to its transaction is why it failed, most likely
            raise
        finally:
            guard.release()
            HOLDS_FILE.reset(token)
        guard.check()
        return value

    def _conclude(self, opened: Opened, guard: Guard) -> None:
        """Wait for what the loop decides, and do it."""
        message: Any = self._mailbox.get()
        if not isinstance(message, tuple):  # nobody wants it any more; or the loop is gone
            _undo(opened)
            return
        record, written = message
        outcome: Wrote | Exception = Wrote.REFUSED
        if record is None:
            _undo(opened)
        else:
            outcome = self._commit(opened, guard, record)
        written.set_result(outcome)

    def _commit(self, opened: Opened, guard: Guard, record: RecordWithin) -> Wrote | Exception:
        database = self._around.database
        try:
            guard.hurry(self._around.lease // 3)
            if not guard.execute(within.record(database, record)):
                _undo(opened)
                return Wrote.REFUSED
            if (more := within.begin_anew(database, record)) is not None:
                guard.execute(more)
        except Exception as error:
            _undo(opened)
            return Wrote.AGAIN if is_in_the_way(error) else error
        try:
            opened.commit()
        except Exception as error:
            _undo(opened)
            if is_in_the_way(error):
                return Wrote.AGAIN
            return error if is_settled(error) else Wrote.UNKNOWN
        _close(opened)
        return Wrote.COMMITTED

    # -- a handler that holds the file for long

    def _tell(self, call: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # it is closed
            return

    def _begin_warning(self) -> None:
        self._warning = self._around.clock.call_after(LONG, self._warn)

    def _end_warning(self) -> None:
        if self._warning is not None:
            self._warning.cancel()

    def _warn(self) -> None:
        LOGGER.warning(
            'the transaction of step "%s" of %s holds %s for over %g s: nothing else is written meanwhile, by no run. '
            "Do what takes long in a step before it",
            self._step_id,
            self._run.function_id,
            self._around.database.name,
            LONG / 1000,
            extra=self._run.facts,
        )


def _told(error: BaseException) -> BaseException:
    """An error, as a future can hold it."""
    if isinstance(error, StopIteration):
        return RuntimeError(f"raised StopIteration: {error}")
    return contained(error)


def _undo(opened: Opened) -> None:
    """Roll back, and give the connection back; it may be broken."""
    try:
        opened.rollback()
    except Exception as error:
        LOGGER.debug("a transaction could not be rolled back, its connection is closed: %s", error)
    _close(opened)


def _close(opened: Opened) -> None:
    try:
        opened.close()
    except Exception as error:
        LOGGER.debug("a connection could not be closed: %s", error)
