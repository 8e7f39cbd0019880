"""Threads for plain functions that hand on a baton: while one of them runs, the loop and all others stand still.

A thread runs from when the loop hands it the baton until it waits, for its mailbox or for time to pass. So plain
functions are as repeatable as async ones.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable
from typing import cast

from inngest.runtime.ports import Mailbox
from inngest.runtime.threads import FunctionThreads

from .loop import SimLoop


class CrashError(BaseException):
    """The process of this code is gone. A BaseException, so that user code does not catch it."""


class _Thread:
    """A real thread; at any time either it or the loop's thread runs."""

    def __init__(self) -> None:
        self._go = threading.Lock()
        self._back = threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._work: Callable[[], object] | None = None
        self.killed = False
        threading.Thread(target=self._main, name="sim", daemon=True).start()

    def begin(self, work: Callable[[], object]) -> None:
        """Run `work` until it waits or ends. On the loop's thread."""
        self._work = work
        self.killed = False
        self.go_on()

    def go_on(self) -> None:
        """Hand over the baton and wait until it comes back. On the loop's thread."""
        self._go.release()
        self._back.acquire()

    @property
    def busy(self) -> bool:
        return self._work is not None

    def wait(self) -> None:
        """Hand the baton back until `go_on`. In this thread.

        Raises:
            CrashError: the process is gone.
        """
        if not self.killed:
            self._back.release()
            self._go.acquire()
        if self.killed:
            raise CrashError

    def _main(self) -> None:
        while True:
            self._go.acquire()
            assert self._work is not None
            try:
                self._work()
            except CrashError:
                pass
            finally:
                self._work = None
                self._back.release()


_idle: list[_Thread] = []
"""Threads outlive worlds: making one takes longer than a whole step."""

_CURRENT: contextvars.ContextVar[tuple[BatonThreads, _Thread]] = contextvars.ContextVar("sim_thread")


class BatonMailbox:
    """Where one thread waits."""

    def __init__(self) -> None:
        self._items: deque[object] = deque()
        self.waiting: _Thread | None = None

    def put(self, item: object, /) -> None:
        """Never blocks; the thread goes on when the loop lets it."""
        self._items.append(item)

    def get(self, *, timeout: float | None = None) -> object:
        """Wait in a thread of BatonThreads, whose loop is not closed before they are unwound."""
        _, thread = _CURRENT.get()
        while not self._items:
            self.waiting = thread
            thread.wait()
        self.waiting = None
        return self._items.popleft()


class BatonThreads(FunctionThreads):
    """The threads of one process.

    Args:
        loop: the world's.
        size: how many plain functions at a time.
        latency: draws how long (microseconds) it takes until a thread runs.
    """

    def __init__(self, loop: SimLoop, size: int, latency: Callable[[], int]) -> None:
        super().__init__(size)
        self._loop = loop
        self._latency = latency
        self._threads: list[_Thread] = []

    def start(self, work: Callable[[], None], *, branch: bool = False) -> None:
        context = contextvars.copy_context()
        thread = _idle.pop() if _idle else _Thread()
        self._threads.append(thread)
        context.run(_CURRENT.set, (self, thread))
        self._later(lambda: self._let(thread, lambda: thread.begin(lambda: context.run(work))))

    def mailbox(self) -> Mailbox:
        return BatonMailbox()

    def send(self, mailbox: Mailbox, message: object) -> None:
        assert isinstance(mailbox, BatonMailbox)
        mailbox.put(message)
        self._later(lambda: self._wake(mailbox))

    def close(self, *, raising: type[BaseException] | None = None) -> None:
        """Nothing: threads are given up with their process."""

    def abandon(self) -> None:
        """Unwind what still runs in threads, at the end of the world."""
        for thread in self._threads:
            while thread.busy:
                thread.killed = True
                thread.go_on()
            _idle.append(thread)
        self._threads.clear()

    def _later(self, callback: Callable[[], object]) -> None:
        self._loop.call_at_us(self._loop.now_us + self._latency(), callback)

    def _wake(self, mailbox: BatonMailbox) -> None:
        if mailbox.waiting is not None:
            self._let(mailbox.waiting, mailbox.waiting.go_on)

    def _let(self, thread: _Thread, step: Callable[[], object]) -> None:
        step()
        if not thread.busy:
            self._threads.remove(thread)
            _idle.append(thread)

    def pass_time(self, thread: _Thread, us: int) -> None:
        """Wait in a thread until so much time has passed."""
        self._loop.call_at_us(self._loop.now_us + us, lambda: self._let(thread, thread.go_on))
        thread.wait()


def sleep(us: int) -> None:
    """Wait, in a thread of BatonThreads, for so many microseconds."""
    threads, thread = _CURRENT.get()
    threads.pass_time(thread, us)


class OwnThread:
    """A thread that a plain function starts itself, as a pool does: what it raises, `result` raises again.

    Args:
        work: what it does.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._threads, _ = _CURRENT.get()
        self._over = self._threads.mailbox()
        self._work = work
        self._threads.start(self._main)

    def result(self) -> object:
        """Wait for it; what it has returned. In a thread of BatonThreads."""
        value, error = cast("tuple[object, BaseException | None]", self._over.get())
        if error is not None:
            raise error
        return value

    def _main(self) -> None:
        try:
            value = self._work()
        except CrashError:
            raise
        except BaseException as error:
            self._threads.send(self._over, (None, error))
        else:
            self._threads.send(self._over, (value, None))
