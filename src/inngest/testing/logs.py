"""Lines that functions log in a test."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

from inngest.logs import facts_of
from inngest.sdk.client import Inngest


class LogLine(NamedTuple):
    """One line that was logged in a function, or about a run of it."""

    level: str  # "info", "warning", …
    message: str
    logger: str  # its name
    run_id: str  # ULID
    function_id: str  # `app-function`
    step: str | None  # in whose handler it was; None between steps
    attempt: int  # of the step, or of the body, from 0


class Logs:
    """Hears what is logged about the runs of one engine: by its clients' loggers at each level, by others what they let
    through.
    """

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self._functions: frozenset[str] = frozenset()
        self._replaced: list[tuple[Inngest, logging.Logger, logging.Logger]] = []  # each with its own, and with ours
        self._factory: _Factory | None = None

    def attach(self, clients: Iterable[Inngest], functions: Iterable[str]) -> None:
        """Hear what is logged from now on about these functions."""
        self._functions = frozenset(functions)
        for client in clients:
            own = client.logger
            if isinstance(own, logging.Logger):  # one of another library is not listened to
                ours = _Heard(own, self)
                client.set_logger(ours)
                self._replaced.append((client, own, ours))
        self._factory = _Factory(self)

    def detach(self) -> None:
        """Hear nothing more. Idempotent."""
        for client, own, ours in self._replaced:
            if client.logger is ours:
                client.set_logger(own)
        self._replaced.clear()
        if self._factory is not None:
            self._factory.end()

    def hear(self, record: logging.LogRecord) -> None:
        """Note a record, if it is about a run of this engine, and was not noted."""
        if getattr(record, "inngest_heard", None) is self:
            return
        facts = facts_of(record)
        function_id, run_id, step = facts.get("function_id"), facts.get("run_id"), facts.get("step")
        if function_id not in self._functions or run_id is None:
            return
        record.inngest_heard = self
        attempt = facts.get("attempt")
        self.lines.append(
            LogLine(
                record.levelname.lower(),
                _message_of(record),
                record.name,
                str(run_id),
                str(function_id),
                None if step is None else str(step),
                attempt if isinstance(attempt, int) else 0,
            )
        )


class _Heard(logging.Logger):
    """Stands for the logger of a client: all that it is given is heard, and what the other one would log is logged."""

    def __init__(self, own: logging.Logger, logs: Logs) -> None:
        super().__init__(own.name, logging.DEBUG)
        self._own = own
        self._logs = logs

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name of `logging`
        return True

    def getEffectiveLevel(self) -> int:  # noqa: N802 - likewise
        return self._own.getEffectiveLevel()

    def handle(self, record: logging.LogRecord) -> None:
        self._logs.hear(record)
        if self._own.isEnabledFor(record.levelno):
            self._own.handle(record)


class _Factory:
    """Makes the records of all loggers, while it is set: what they let through is heard.

    A handler at the root would keep `logging.basicConfig` from doing anything, and errors from being printed where a
    program has no handlers.
    """

    def __init__(self, logs: Logs) -> None:
        self._logs: Logs | None = logs
        self._make = logging.getLogRecordFactory()
        logging.setLogRecordFactory(self)

    def __call__(self, *args: Any, **more: Any) -> logging.LogRecord:
        record = self._make(*args, **more)
        if self._logs is not None:
            self._logs.hear(record)
        return record

    def end(self) -> None:
        """Hear nothing more. One that was set later may still call this one."""
        self._logs = None
        if logging.getLogRecordFactory() is self:
            logging.setLogRecordFactory(self._make)


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # arguments that do not fit: `logging` tells of them, and nobody else fails by it
        return str(record.msg)
