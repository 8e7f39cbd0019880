"""An endpoint for frameworks that give each request a thread, and wait for it: WSGI, and functions of a cloud.

Decisions about steps are made on one loop in a thread, where async functions run, too. The body of a plain function
runs in the request's own thread, so that what the framework keeps there (Flask's context, Django's connections) is
there for it.
"""

from __future__ import annotations

import atexit
import contextvars
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from inngest.runtime import forks
from inngest.runtime.loop_thread import LoopThread
from inngest.runtime.ports import Mailbox, Threads

from .handler import Handler
from .messages import Request, Response

T = TypeVar("T")


class _ProcessLoop:
    """The loop of this process. It is made at the first request, and again in a fork, which has no threads."""

    def __init__(self) -> None:
        self._thread: LoopThread | None = None
        self.forked()
        forks.watch(self)

    def forked(self) -> None:
        """See `forks.Forkable`."""
        self._lock = threading.Lock()
        self._left = (
            self._thread
        )  # kept: if it were freed here, its selector, which the parent has too, would be changed
        self._thread = None

    @property
    def thread(self) -> LoopThread:
        with self._lock:
            if self._thread is None:
                self._thread = LoopThread()
            return self._thread

    def close(self) -> None:
        """The process ends: connections are closed, and what still runs on the loop is cancelled."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.close()


_LOOP = _ProcessLoop()
atexit.register(_LOOP.close)


class _RequestThread:
    """The threads of one request: its own for the body of its function, others for branches of that.

    Args:
        others: for branches.
    """

    def __init__(self, others: Threads) -> None:
        self._others = others
        self._inbox: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()

    def start(self, work: Callable[[], None], *, branch: bool = False) -> None:
        """See `Threads.start`."""
        if branch:
            self._others.start(work, branch=True)
        else:
            self._inbox.put(work)

    def mailbox(self) -> Mailbox:
        """See `Threads.mailbox`."""
        return self._others.mailbox()

    def send(self, mailbox: Mailbox, message: object) -> None:
        """See `Threads.send`."""
        self._others.send(mailbox, message)

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the process's loop; do here what it starts, until it has ended."""
        future = _LOOP.thread.submit(coroutine)
        future.add_done_callback(lambda _: self._inbox.put(None))
        try:
            while (work := self._inbox.get()) is not None:
                contextvars.copy_context().run(work)
        except BaseException:  # the process is asked to end
            future.cancel()
            raise
        return future.result()


class BlockingHandler:
    """Answers requests, each in its own thread.

    Args:
        handler: that decides.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    @property
    def path(self) -> str:
        """The path to be served."""
        return self._handler.path

    def handle(self, request: Request) -> Response:
        """The answer to a request. It never streams: nothing is sent before the function has ended."""
        threads = _RequestThread(self._handler.calls.threads)
        answer = threads.wait(self._handler.handle(request, threads))
        assert isinstance(answer, Response)
        return answer
