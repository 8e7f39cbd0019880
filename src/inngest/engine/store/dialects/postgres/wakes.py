"""Wake-ups: workers tell each other by NOTIFY what they wrote, and each looks at what concerns it (decision 0105).

A thread of its own, on a connection of its own, listens and tells: what comes is known at once, whatever the loop and
the writer do, and no transaction waits for what is told after it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg

from inngest.engine.errors import StoreClosedError, StoreError
from inngest.engine.store import tidings
from inngest.engine.store.tidings import Tidings
from inngest.engine.wake_ports import EVERYTHING, NOTHING, Ear, News
from inngest.runtime.careful import CarefulLogger

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

HELLO = 1.0
"""Seconds in which a connection hears itself, or never does."""

POLL = 1.0
"""Seconds between two looks at what others did, where nobody is told of it."""

GATHERS = 0.005
"""Seconds between two notifications of one worker, at least: what is written meanwhile is told together."""

LONGEST = 5_000
"""Milliseconds of a statement, at most."""

PAUSES = (0.0, 0.05, 0.2, 0.5, 1.0)
"""Seconds before each further try to connect anew."""

_TELL: Final = "SELECT pg_notify($1, $2)"
_TELL_WHO_WAITS: Final = "SELECT pg_notify($1, $2) WHERE NOT pg_try_advisory_xact_lock($3)"
_TELL_MORE: Final = "SELECT pg_notify($1, CASE WHEN pg_try_advisory_xact_lock($3) THEN $4::text ELSE $2::text END)"
"""Whoever waits for ends of runs holds this lock, shared. This is asked after the runs have ended, and whoever waits
looks for itself once it holds the lock: so either it sees the end, or it is told.
"""


class PostgresWakes:
    """Tells and hears, for one worker.

    Args:
        name: of the database, for people.
        connect: a connection of its own.
        channel: on which all workers of a schema listen.
        lock: number of the lock of those who wait for ends.
        own: the session of this worker, once it has one.
        explain: the error for a person.
        listens: whether it may: else it tells nobody, and all is looked at now and then.

    Attributes:
        hears: whether what others tell comes here, once that was tried: not through a pooler that lends connections
            for one transaction. There, all is looked at now and then.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], psycopg.Connection[Any]],
        channel: str,
        lock: int,
        own: Callable[[], str | None],
        explain: Callable[[Exception], StoreError],
        *,
        listens: bool = True,
    ) -> None:
        self.hears = self.is_alone = False
        self.heard = 0
        self._explain, self._listens = explain, listens
        self._name, self._connect, self._channel, self._number, self._own = name, connect, channel, lock, own
        self._ear: Ear | None = None
        self._call: Callable[[], object] = lambda: None
        self._lock = threading.Lock()  # of what several threads change
        self._news = EVERYTHING  # what happened before it listened is not known
        self._to_tell = Tidings()
        self._withheld = False  # what nobody else needed, as far as was known
        self._poll_at = self._told_at = 0.0
        self._expects = self._holds = False
        self._came: list[tuple[int, str]] = []  # notifications: the process that has sent each, and its text
        self._thread: threading.Thread | None = None
        self._bell: tuple[int, int] | None = None
        self._leaves = False

    # -- by others

    def begin(self) -> None:
        if not self._listens:
            return
        connection = self._connect()
        try:
            self.hears = self._hears_itself(connection)
            self._limit(connection)
        except psycopg.Error as error:
            connection.close()
            raise self._explain(error) from error
        if not self.hears:
            LOGGER.warning(
                "%s does not pass on what others notify (is it PgBouncer, in transaction mode?): this worker looks for"
                " what others did every %g s, and prepares no statements",
                self._name,
                POLL,
            )
        self._bell = os.pipe()
        os.set_blocking(self._bell[0], False)
        os.set_blocking(self._bell[1], False)
        self._thread = threading.Thread(target=self._run, args=(connection,), name="inngest-wakes", daemon=True)
        self._thread.start()

    def hear(self, ear: Ear, heard: Callable[[], object]) -> None:
        self._ear, self._call = ear, heard

    def tell(self, tidings: Tidings) -> None:
        ear = self._ear
        told = tidings.of_others(
            self._own(),
            (lambda _: False) if ear is None else ear.keeps,
            makes_requests=ear is not None and ear.makes_requests,
        )
        if not told or not self._listens:
            return
        with self._lock:
            if self.is_alone and not told.sessions:  # who begins when this one does believes to be alone, too
                self._withheld = True
                return
            self._to_tell.merge(told)
        self._ring()

    def take(self) -> News:
        with self._lock:
            if not self.hears and (now := time.monotonic()) >= self._poll_at:
                self._poll_at, self._news = now + POLL, EVERYTHING
            found, self._news = self._news, NOTHING
        return found

    def seen(self, sessions: Sequence[str], heard: int) -> None:
        own = self._own()
        with self._lock:
            others = [one for one in sessions if one != own]
            # Who has come since tells it, and then `heard` is another one.
            self.is_alone = self.hears and not others and heard == self.heard

    def expect_ends(self, *, wanted: bool) -> None:
        if wanted is not self._expects:
            self._expects = wanted
            self._ring()

    def leave(self, patience: float = 0) -> None:
        self._leaves = True
        self._ring()
        if patience and self._thread is not None:
            self._thread.join(patience)

    def _ring(self) -> None:
        with self._lock:
            if self._bell is not None:
                with contextlib.suppress(BlockingIOError):  # it rings already
                    os.write(self._bell[1], b"!")

    # -- in the thread

    def _run(self, connection: psycopg.Connection[Any] | None) -> None:
        tries = 0
        while not self._leaves or connection is not None:
            try:
                if connection is None:
                    connection = self._connected()
                    self._missed()
                self._serve(connection)
                break
            except StoreClosedError:
                break
            except Exception as error:
                if self._leaves:
                    break
                if isinstance(error, (psycopg.Error, StoreError, OSError)):
                    LOGGER.debug("the connection that hears of others is opened anew: %s", error)
                else:
                    LOGGER.exception("what others have done could not be heard, the connection is opened anew")
                if connection is not None:
                    connection.close()
                    connection, tries = None, 0
                time.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
                tries += 1
        if connection is not None:
            connection.close()
        with self._lock:
            bell, self._bell = self._bell, None
            for end in bell or ():
                os.close(end)

    def _connected(self) -> psycopg.Connection[Any]:
        connection = self._connect()
        try:
            if self.hears:
                self._listen(connection)
            self._limit(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        self._holds, self._came = False, []
        connection.add_notify_handler(lambda one: self._came.append((one.pid, one.payload)))
        connection.execute(f"LISTEN {self._channel}".encode())

    def _limit(self, connection: psycopg.Connection[Any]) -> None:
        """Nothing here takes long, if the server works. A pooler's connection stays as it is."""
        if self.hears:
            connection.prepare_threshold = 5
            connection.execute(f"SET statement_timeout = {LONGEST}".encode())

    def _hears_itself(self, connection: psycopg.Connection[Any]) -> bool:
        self._listen(connection)
        connection.execute(_TELL, [self._channel, tidings.SILENCE])
        own, until = connection.info.backend_pid, time.monotonic() + HELLO
        with selectors.DefaultSelector() as ready:
            ready.register(connection.fileno(), selectors.EVENT_READ)
            while all(pid != own for pid, _ in self._came):
                left = until - time.monotonic()
                if left <= 0 or not ready.select(left):
                    return False
                _receive(connection)
        return True

    def _missed(self) -> None:
        """Nobody knows what happened while it did not listen, nor who has come."""
        with self._lock:
            self.heard += 1
            self._no_more_alone()
        self._note(EVERYTHING)

    def _no_more_alone(self) -> None:
        """Others are there, and know nothing of what was not told. Under the lock."""
        self.is_alone = False
        if self._withheld:
            self._withheld, self._to_tell.everything = False, True

    def _serve(self, connection: psycopg.Connection[Any]) -> None:
        """Hear and tell, until it is to leave, or the connection ends."""
        assert self._bell is not None
        with selectors.DefaultSelector() as ready:
            ready.register(connection.fileno(), selectors.EVENT_READ)
            ready.register(self._bell[0], selectors.EVENT_READ)
            while True:
                self._hear(connection)
                if self.hears:
                    self._hold(connection)
                until = self._tell(connection)
                if self._leaves:
                    return
                if not self._came:  # else they came while it told
                    ready.select(until)
                with contextlib.suppress(BlockingIOError):
                    os.read(self._bell[0], 4_096)
                _receive(connection)

    def _hear(self, connection: psycopg.Connection[Any]) -> None:
        came, self._came = self._came, []
        own = connection.info.backend_pid
        session = self._own()
        for pid, text in came:
            if pid != own and text != tidings.SILENCE:
                self._heard(tidings.read(text, session))

    def _heard(self, news: News) -> None:
        """Others have told something: they are there."""
        with self._lock:
            self.heard += 1
            if self.is_alone:
                self._no_more_alone()
                news = news.and_then(News(sessions=True, ended=None))
        self._note(news)

    def _note(self, news: News) -> None:
        """Have the worker told, if it concerns it."""
        if not news or (self._ear is not None and not self._ear.concerns(news)):
            return
        with self._lock:
            is_first = not self._news
            self._news = self._news.and_then(news)
        if is_first:
            self._call()

    def _hold(self, connection: psycopg.Connection[Any]) -> None:
        """Hold the lock of those who wait for ends, as long as this worker does."""
        wanted = self._expects and not self.is_alone
        if wanted and not self._holds:
            connection.execute("SELECT pg_advisory_lock_shared($1)", [self._number])
            self._holds = True
            self._note(News(ended=None))  # it may have ended before
        elif self._holds and not wanted:
            connection.execute("SELECT pg_advisory_unlock_shared($1)", [self._number])
            self._holds = False

    def _tell(self, connection: psycopg.Connection[Any]) -> float | None:
        """Tell others what is to be told, if it is time; seconds until it is, None if there is nothing."""
        left = self._told_at + GATHERS - time.monotonic()
        if not self._to_tell:
            return None
        if left > 0 and not self._leaves:
            return left
        with self._lock:
            told, self._to_tell = self._to_tell, Tidings()
        text = told.text()
        try:
            if told.is_of_ends:
                connection.execute(_TELL_WHO_WAITS, [self._channel, text, self._number])
            elif told.ended != []:
                connection.execute(_TELL_MORE, [self._channel, text, self._number, told.text(ends=False)])
            else:
                connection.execute(_TELL, [self._channel, text])
        except BaseException:
            with self._lock:
                self._to_tell.merge(told)
            raise
        self._told_at = time.monotonic()
        return None


def _receive(connection: psycopg.Connection[Any]) -> None:
    """Read what the server has sent by itself, if anything: the driver hands over only what comes with an answer."""
    made = connection.pgconn
    made.consume_input()
    while (one := made.notifies()) is not None:
        if made.notify_handler is not None:
            made.notify_handler(one)
