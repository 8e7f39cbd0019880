"""Records of steps that are written in transactions of the user's, on connections of the user's.

The record has its place among those of its run before it is committed. So from before such a transaction begins until
it is over, all other records of the run wait.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from inngest.protocol.calls import Recorded
from inngest.protocol.opcodes import Memo, Op

from .records import Owner

A = TypeVar("A")


class RecordWithin(NamedTuple):
    """The record that is written in the transaction, before its COMMIT.

    Attributes:
        owner: who has the run: else nothing is written.
        memo: the record.
        body_attempt: the attempt of the body from now on; takeovers are counted from 0 then. None: both stay.
    """

    owner: Owner
    memo: Memo
    body_attempt: int | None = None


class Wrote(enum.Enum):
    """The outcome of the transaction."""

    COMMITTED = "committed"
    REFUSED = "refused"  # the run is not its owner's, or has the record already; it is rolled back
    AGAIN = "again"  # others were in the way; it is rolled back
    UNKNOWN = "unknown"  # its COMMIT was not answered; it is over


Write = Callable[[RecordWithin | None], Awaitable[Wrote | Exception]]
"""Writes a record and commits, or rolls back if there is none. An exception: it was rolled back, by the fault of what
its handler wrote.
"""


class Steady(asyncio.Future[A]):
    """A future whose caller may go; what it stands for is done all the same."""

    def cancel(self, msg: object | None = None) -> bool:
        """It is not."""
        return False


Record = Callable[[Sequence[Op]], asyncio.Future[Recorded] | Recorded]
"""Records what happened to steps."""


class Turns:
    """One transaction at a time, and what waits for its end. It knows its run only while something waits."""

    def __init__(self) -> None:
        self.taken = False
        self._waiting: deque[Callable[[], object]] = deque()

    async def take(self) -> None:
        """Wait for the ones before, and take it."""
        if not self.taken:
            self.taken = True
            return
        turn: Steady[None] = Steady()
        self._waiting.append(lambda: turn.set_result(None))
        try:
            await turn
        except asyncio.CancelledError:
            self.give()
            raise

    def later(self, record: Record, ops: Sequence[Op]) -> asyncio.Future[Recorded]:
        """Record this when it is over."""
        answer: Steady[Recorded] = Steady()
        self._waiting.append(lambda: _do(record, ops, answer))
        return answer

    def give(self) -> None:
        """It is over: what waits is recorded, up to the next transaction, which takes over."""
        self.taken = False
        while self._waiting and not self.taken:
            waiting = self._waiting.popleft()
            self.taken = waiting() is None


def _do(record: Record, ops: Sequence[Op], answer: asyncio.Future[Recorded]) -> bool:
    try:
        recorded = record(ops)
    except Exception as error:
        _fail(answer, error)
        return True
    if isinstance(recorded, Recorded):
        answer.set_result(recorded)
    else:
        recorded.add_done_callback(lambda done: _pass_on(done, answer))
    return True


def begun(work: Awaitable[A]) -> asyncio.Future[A]:
    """Work that is begun, and is done whoever waits for it."""
    answer: Steady[A] = Steady()
    asyncio.ensure_future(work).add_done_callback(lambda done: _pass_on(done, answer))
    return answer


def _pass_on(done: asyncio.Future[A], answer: asyncio.Future[A]) -> None:
    if done.cancelled():  # its loop is being taken down
        asyncio.Future.cancel(answer)
    elif (error := done.exception()) is not None:
        _fail(answer, error)
    else:
        answer.set_result(done.result())


def _fail(answer: asyncio.Future[A], error: BaseException) -> None:
    answer.set_exception(error)
    answer.exception()  # seen: who waited for it may have gone
