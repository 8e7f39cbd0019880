"""`ctx.logger`: silent while known work is replayed, so that each line is logged once (sdk-api §9)."""

from __future__ import annotations

import logging
from typing import Protocol, cast

LOGGER = logging.getLogger("inngest")

_METHODS = frozenset(
    ("critical", "debug", "error", "exception", "fatal", "info", "log", "warn", "warning"),
)


class _Liveness(Protocol):
    @property
    def replaying(self) -> bool: ...


def _silent(*_args: object, **_kwargs: object) -> None:
    return None


class ReplaySafeLogger:
    """The client's logger, silent during replay. Attributes other than the logging methods pass through."""

    def __init__(self, logger: object, state: _Liveness) -> None:
        self._logger = logger
        self._state = state

    def __getattr__(self, name: str) -> object:
        if name in _METHODS and self._state.replaying:
            return _silent
        return getattr(self._logger, name)


def silencer(logger: logging.Logger, state: _Liveness) -> logging.Logger:
    """The logger of one invocation, typed as what it stands for."""
    return cast("logging.Logger", ReplaySafeLogger(logger, state))
