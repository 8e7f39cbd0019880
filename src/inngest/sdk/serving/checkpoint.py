"""The recorder of a call with checkpoints: results of steps go to the server while the code goes on.

A report leaves the buffer when the server has said that it is recorded, or in the answer of the call: none is lost. The
answer may repeat what a checkpoint has recorded, if nobody heard the server say so. The server knows steps by their
hashes, and one that it has is nothing new.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Sequence
from typing import Any

from inngest.protocol import codec, durations, limits
from inngest.protocol.calls import Advice, Call, Completed, Outcome, Recorded, Yielded
from inngest.protocol.config import Checkpointing
from inngest.protocol.http import HttpError
from inngest.protocol.opcodes import Entry, Memo, Op, Opcode
from inngest.protocol.wire import checkpoints, operations
from inngest.protocol.wire.checkpoints import Answered, Verdict
from inngest.runtime.ports import Clock

from .server_api import ServerApi

TRIES = 5
FIRST_PAUSE = 100
"""Milliseconds before the second try. Each further pause is twice as long, and a fifth more or less by chance."""

MOST_KEPT = 4 * limits.MB
"""Bytes from which on reports are sent, and at most together, however few they are: servers read 8 MB of a checkpoint,
and of the answer in which the last ones travel. A report alone may have more.
"""

TIMEOUT = 10_000
"""Milliseconds until the server has answered."""

LACKING = 10 * limits.MINUTE
UNREACHABLE = limits.MINUTE
"""Milliseconds for which no checkpoints are sent: to a server that does not know them, and to one that did not answer.
It may be another one by then."""

_SILENT = (*operations.LAZY, *operations.SILENT)


class State(enum.Enum):
    """How far the server takes what is recorded."""

    OPEN = "open"
    CLOSED = "closed"  # what is left is reported in the answer
    STOPPED = "stopped"  # another call goes on with the run: nothing of this one counts any more


class _Uncancelled(asyncio.Future[Recorded]):
    """The answer to a record, which comes also if nobody waits for it."""

    def cancel(self, msg: Any | None = None) -> bool:
        """Does nothing."""
        return False


class Checkpoints:
    """Records the steps of one call.

    Args:
        call: what the function is entered for.
        api: of the server.
        options: when a checkpoint is sent.
        clock: the time.
        jitter: gives a number from 0 to its argument by chance.

    Attributes:
        ops: reports that are not known to be recorded, in their order.
        slots: nothing limits handlers here: one runs at a time.
    """

    def __init__(
        self, call: Call, api: ServerApi, options: Checkpointing, clock: Clock, jitter: Callable[[float], float]
    ) -> None:
        self.ops: list[Op] = []
        self.slots = None
        self.state = State.OPEN
        self._call = call
        self._api = api
        self._buffered = options.buffered_steps
        self._max_interval = None if options.max_interval is None else durations.to_ms(options.max_interval)
        self._max_runtime = durations.to_ms(options.max_runtime)
        self._clock = clock
        self._jitter = jitter
        self._came_at = clock.now()
        self._began = self._sent = clock.monotonic()
        self._next = 1 + max((memo.seq for memo in call.memos), default=-1)
        self._recorded = self._yields = False
        self._sending: asyncio.Task[None] | None = None

    @property
    def stopped(self) -> bool:
        """Whether another call goes on with the run: this one has nothing to say any more."""
        return self.state is State.STOPPED

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded] | Recorded:
        """Keep it, and send it with what was kept before, if it is time for that."""
        if self.stopped:
            return Recorded(Advice.STOP, ())
        self.ops.extend(ops)
        over = self._clock.monotonic() - self._began >= self._max_runtime
        again = not self._recorded and self._call.attempt > 0  # the server counts attempts by the answers that it gets
        if self.state is State.CLOSED or over or again or any(op.op not in checkpoints.ALLOWED for op in ops):
            return Recorded(Advice.STOP, ())
        self._recorded = True
        entries = [self._memo(op) for op in ops if op.op not in _SILENT]
        if not self._is_due():
            return Recorded(Advice.GO_ON, entries)
        answer = _Uncancelled()
        self._sending = asyncio.ensure_future(self._answered(answer, entries))
        return answer

    async def finish(self, outcome: Outcome) -> None:
        """The invocation has ended: send what is left, unless it can travel in the answer.

        Args:
            outcome: how it ended.
        """
        if self._sending is not None:
            await self._sending
        over = [op for op in self.ops if op.op in checkpoints.ALLOWED]
        if self.state is not State.OPEN or not over or isinstance(outcome, Completed):
            return
        if outcome.ops or len(over) < len(self.ops) or not isinstance(outcome, Yielded):
            await self._send(over)

    # -- sending

    def _is_due(self) -> bool:
        if sum(op.op not in _SILENT for op in self.ops) >= self._buffered:
            return True
        if sum(map(_size, self.ops)) >= MOST_KEPT:
            return True
        return self._max_interval is not None and self._clock.monotonic() - self._sent >= self._max_interval

    async def _answered(self, answer: _Uncancelled, entries: Sequence[Entry]) -> None:
        try:
            await self._send(list(self.ops))
        except BaseException as error:
            answer.set_exception(error if isinstance(error, Exception) else RuntimeError("the checkpoint was cut"))
            raise
        if self.state is not State.OPEN:
            answer.set_result(Recorded(Advice.STOP, ()))
        else:
            answer.set_result(Recorded(Advice.YIELD if self._yields else Advice.GO_ON, entries))

    async def _send(self, ops: Sequence[Op]) -> None:
        """Send reports, in parts that servers read, until the server has taken, or refused them."""
        parts = _parts(ops)
        while parts and self.state is State.OPEN:
            part = parts.pop(0)
            if not await self._send_part(part):
                parts[:0] = [(op,) for op in part]

    async def _send_part(self, ops: Sequence[Op]) -> bool:
        """Send reports at once; False if the server does not read so much, but may read them one by one."""
        body = checkpoints.write(self._call, ops, self._came_at, self._clock.now())
        said = Answered(Verdict.AGAIN)
        for number in range(TRIES):
            if number:
                await self._pause(number, said.pause)
            said = await self._posted(body)
            if said.verdict is not Verdict.AGAIN:
                break
        if said.verdict in (Verdict.SAVED, Verdict.YIELD):
            kept = {id(op) for op in ops}
            self.ops = [op for op in self.ops if id(op) not in kept]
            self._yields = said.verdict is Verdict.YIELD
            self._sent = self._clock.monotonic()
        elif said.verdict is Verdict.STALE:
            self.state = State.STOPPED
            self.ops.clear()
        elif said.verdict is Verdict.TOO_LARGE and len(ops) > 1:
            return False
        else:
            self.state = State.CLOSED
            if said.verdict not in (Verdict.CLOSED, Verdict.TOO_LARGE):
                length = LACKING if said.verdict is Verdict.LACKING else UNREACHABLE
                self._api.lacks_checkpoints(self._clock.monotonic() + length)
        return True

    async def _posted(self, body: bytes) -> Answered:
        path = f"v1/checkpoint/{self._call.run_id}/async"
        try:
            answer = await self._api.send("POST", path, body, timeout=TIMEOUT)
        except HttpError:
            return Answered(Verdict.AGAIN)
        headers = {name.lower(): value for name, value in answer.headers}
        return checkpoints.answered(answer.status, headers, answer.content)

    async def _pause(self, number: int, asked: int | None) -> None:
        pause = FIRST_PAUSE * 2 ** (number - 1) * (0.8 + self._jitter(0.4))
        over = asyncio.get_running_loop().create_future()
        timer = self._clock.call_after(pause if asked is None else max(pause, asked), lambda: over.set_result(None))
        try:
            await over
        finally:
            timer.cancel()

    def _memo(self, op: Op) -> Memo:
        """The memo that a report becomes: what a replay of it is given, so without the code of its error."""
        seq, self._next = self._next, self._next + 1
        cancelled = op.op is Opcode.STEP_CANCELLED
        error = None if op.error is None or cancelled else op.error._replace(code=None)
        now = self._clock.now()
        return Memo(op.step, op.kind, seq, op.data, error, now, op.attempt, op.started_at, cancelled)


def _size(op: Op) -> int:
    """About how many bytes a report has."""
    told = () if op.error is None else (op.error.message, op.error.stack)
    texts = (op.data, None if op.target is None else op.target.data, *told)
    return sum(codec.size(text) for text in texts if text)


def _parts(ops: Sequence[Op]) -> list[Sequence[Op]]:
    """Reports in their order, in parts of a size that servers read."""
    parts: list[Sequence[Op]] = []
    first = size = 0
    for index, op in enumerate(ops):
        more = _size(op)
        if index > first and size + more > MOST_KEPT:
            parts.append(ops[first:index])
            first, size = index, 0
        size += more
    return [*parts, ops[first:]]
