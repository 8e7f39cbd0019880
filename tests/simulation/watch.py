"""Invokers that note when the real ones enter functions, or begin to call them, and what they are told of records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from inngest.engine.domain.waiting_facts import Handler
from inngest.engine.invokers.ports import Conversation
from inngest.engine.invokers.remote import RemoteInvoker
from inngest.engine.owned_run import OwnedRun
from inngest.engine.ports import Invoker
from inngest.protocol import calls
from inngest.protocol.calls import Call, Outcome
from inngest.protocol.opcodes import Memo, Op, Opcode
from inngest.runtime.ports import Recorder

from .history import Entered, Entry, Left, Recorded
from .loop import STRAND


class Host(Protocol):
    """The process."""

    number: int

    @property
    def now(self) -> int:
        """Microseconds of the world."""
        ...

    def note(self, entry: Entry) -> None:
        """Something happened."""
        ...

    def repeats(self) -> bool:
        """Whether the answer to a record is lost, and it is sent again."""
        ...


class Caller(Host, Protocol):
    """A process that calls apps."""

    tokens: dict[str, str]


class WatchedInvoker:
    """See the module."""

    def __init__(self, inner: Invoker, host: Host) -> None:
        self._inner = inner
        self._host = host

    @property
    def plain(self) -> frozenset[str]:
        return self._inner.plain

    @property
    def threads(self) -> int:
        return self._inner.threads

    def watch_threads(self, freed: Callable[[], object]) -> None:
        self._inner.watch_threads(freed)

    async def invoke(self, call: Call, recorder: Recorder) -> Outcome:
        host = self._host
        assert isinstance(recorder, OwnedRun)
        owner = recorder.claimed.owner
        token = owner.token
        STRAND.set(f"{token} {call.run_id}")
        memos = tuple(memo.step.text for memo in call.memos)
        host.note(
            Entered(host.now, host.number, owner.session, token, call.run_id, call.function_id, call.attempt, memos)
        )
        how = "lost"
        try:
            outcome = await self._inner.invoke(call, _WatchedRecorder(recorder, host, token, call.run_id))
            how = type(outcome).__name__
        except BaseException as error:
            how = type(error).__name__
            raise
        finally:
            host.note(Left(host.now, host.number, token, call.run_id, how))
        return outcome

    def yield_run(self, run_id: str) -> None:
        self._inner.yield_run(run_id)

    def arrived(self, run_id: str, hashes: Sequence[str]) -> None:
        self._inner.arrived(run_id, hashes)

    def cancel(self, run_id: str) -> None:
        self._inner.cancel(run_id)

    @property
    def handlers(self) -> Sequence[Handler]:
        return self._inner.handlers


class WatchedCalls(RemoteInvoker):
    """Calls functions of apps; a run is entered as long as its calls are made.

    Args:
        caller: the process.
        parts: of the invoker.
    """

    def __init__(self, caller: Caller, *parts: Any) -> None:
        super().__init__(*parts)
        self._host = caller

    async def invoke(self, call: Call, run: Conversation) -> Outcome:
        host = self._host
        assert isinstance(run, OwnedRun)
        owner = run.claimed.owner
        host.tokens[call.run_id] = owner.token
        memos = tuple(memo.step.text for memo in call.memos)
        about = (owner.token, call.run_id)
        host.note(Entered(host.now, host.number, owner.session, *about, call.function_id, call.attempt, memos))
        how = "lost"
        try:
            outcome = await super().invoke(call, run)
            how = type(outcome).__name__
        except BaseException as error:
            how = type(error).__name__
            raise
        finally:
            host.note(Left(host.now, host.number, *about, how))
        return outcome


class _WatchedRecorder:
    def __init__(self, inner: Recorder, host: Host, token: str, run_id: str) -> None:
        self._inner = inner
        self._host = host
        self._token = token
        self._run_id = run_id
        self.slots = inner.slots

    def record(self, ops: Sequence[Op]) -> asyncio.Future[calls.Recorded] | calls.Recorded:
        answer = self._watched(ops)
        if self._host.repeats():
            answer = self._watched([op._replace(data='"again"') if op.op is Opcode.STEP_RUN else op for op in ops])
        return answer

    def _watched(self, ops: Sequence[Op]) -> asyncio.Future[calls.Recorded] | calls.Recorded:
        answer = self._inner.record(ops)
        if isinstance(answer, calls.Recorded):
            self._note(answer)
        else:
            answer.add_done_callback(self._answered)
        return answer

    def _answered(self, future: asyncio.Future[calls.Recorded]) -> None:
        if future.exception() is None:
            self._note(future.result())

    def _note(self, recorded: calls.Recorded) -> None:
        memos = tuple(
            (entry.step.text, entry.data, entry.attempt) for entry in recorded.entries if isinstance(entry, Memo)
        )
        host = self._host
        host.note(Recorded(host.now, host.number, self._token, self._run_id, recorded.advice.value, memos))
