"""Connections in tests: the engine of a test has no database that one could lead to, so steps and sends go without."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import NoReturn, cast

from inngest.protocol.calls import Recorded
from inngest.protocol.opcodes import Op, SentEvent
from inngest.runtime.ports import Recorder, Unrecorded
from inngest.sdk.errors import TransactionError
from inngest.sdk.work import Work

_IN_MEMORY = "the engine of a test has its database in memory, where no connection of yours leads to"


class NoConnection:
    """Stands where the handler of a `step.transaction` gets its connection. It refuses all that it is asked for."""

    def __init__(self, step_id: str) -> None:
        self._step_id = step_id

    def __repr__(self) -> str:
        return f'<no connection, for step "{self._step_id}" in a test>'

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        raise TransactionError(
            f'step "{self._step_id}": {_IN_MEMORY}. Stub the step, engine.stub(fn, "{self._step_id}", returns=…), and '
            "test its function by itself, with a connection of yours; or test both together on inngest.Engine with a "
            "database of its own"
        )


class NoOutbox:
    """The `EventOutbox` of a test's engine."""

    def put(self, events: Sequence[SentEvent], connection: object, *, blocking: bool) -> Work[list[str]]:
        """Refuse.

        Raises:
            TransactionError: always.
        """
        yield from ()
        self._refuse(events[0].name)

    @staticmethod
    def _refuse(name: str) -> NoReturn:
        raise TransactionError(
            f'send: connection: {_IN_MEMORY}, so "{name}" cannot go with its transaction. Test that the code commits '
            "by itself, with a send of yours in its place, and what the event starts with engine.send; or test both "
            "together on inngest.Engine with a database of its own"
        )


class NoTransactions:
    """The `Transactions` of an invocation in a test: steps are recorded as all others are.

    Args:
        recorder: of the invocation.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def begin(self, step_id: str) -> NoTransaction:
        """See `Transactions`."""
        return NoTransaction(self._recorder, step_id)


class NoTransaction:
    """The `Within` of one attempt: the handler runs in a thread of its own, as it does in a transaction."""

    def __init__(self, recorder: Recorder, step_id: str) -> None:
        self._recorder = recorder
        self._step_id = step_id

    def call(self, handler: Callable[..., object], args: tuple[object, ...]) -> concurrent.futures.Future[object]:
        """See `Within`."""
        done: concurrent.futures.Future[object] = concurrent.futures.Future()
        context = contextvars.copy_context()

        def called() -> None:
            try:
                done.set_result(context.run(handler, NoConnection(self._step_id), *args))
            except BaseException as error:
                done.set_exception(error)

        threading.Thread(target=called, name="inngest-transaction", daemon=True).start()
        return done

    def record(self, op: Op) -> asyncio.Future[Recorded | Unrecorded]:
        """See `Within`."""
        recorded = self._recorder.record([op])
        if not isinstance(recorded, Recorded):
            return cast("asyncio.Future[Recorded | Unrecorded]", recorded)
        done: asyncio.Future[Recorded | Unrecorded] = asyncio.get_running_loop().create_future()
        done.set_result(recorded)
        return done

    def leave(self) -> None:
        """See `Within`: nothing was written."""
