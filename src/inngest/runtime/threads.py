"""Threads for plain functions: daemons, reused, never the event loop's."""

from __future__ import annotations

import contextvars
import queue
import threading
import weakref
from collections.abc import Callable

from .ports import Mailbox


class FunctionThreads:
    """At most `size` plain functions at a time, each in a thread; branches of theirs have threads beside.

    A thread that waits for its branches, or for a step, would block a pool that counts it: branches are not counted,
    so that nested use cannot deadlock. `group.parallel` bounds how many of them there are. Nothing waits here: the
    engine takes no more runs of plain functions than there are threads.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._idle: list[queue.SimpleQueue[Callable[[], None] | None]] = []
        self._mailboxes: weakref.WeakSet[queue.SimpleQueue[object]] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    def start(self, work: Callable[[], None], *, branch: bool = False) -> None:
        """Run `work` in a thread, in a copy of the caller's context. A branch has one like all else."""
        context = contextvars.copy_context()
        with self._lock:
            inbox = self._idle.pop() if self._idle else None
        if inbox is None:
            inbox = queue.SimpleQueue()
            threading.Thread(target=self._run, args=(inbox,), name="inngest-function", daemon=True).start()
        inbox.put(lambda: context.run(work))

    def mailbox(self) -> Mailbox:
        """A place where a thread waits."""
        mailbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        with self._lock:
            self._mailboxes.add(mailbox)
        return mailbox

    def send(self, mailbox: Mailbox, message: object) -> None:
        """Hand a message to a thread that waits."""
        mailbox.put(message)

    def close(self, *, raising: type[BaseException] | None = None) -> None:
        """Idle threads end; one that still runs ends after its work.

        Args:
            raising: raised in threads that wait in a mailbox, since nothing comes any more: their loop is gone.
        """

        def unwind() -> None:
            assert raising is not None
            raise raising

        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            waiting = [] if raising is None else list(self._mailboxes)
        for inbox in idle:
            inbox.put(None)
        for mailbox in waiting:
            mailbox.put(unwind)

    def _run(self, inbox: queue.SimpleQueue[Callable[[], None] | None]) -> None:
        while (work := inbox.get()) is not None:
            work()
            del work  # an idle thread keeps nothing of what it did last
            with self._lock:
                if self._closed:
                    return
                self._idle.append(inbox)
