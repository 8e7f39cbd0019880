"""`ctx.logger`: silent while known work is replayed, so that each line is logged once."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

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
    """The client's logger, silent during replay. Attributes other than the logging methods pass through.

    Records of a `logging.Logger` carry what is known of where they were logged, as `extra`.
    """

    def __init__(self, logger: object, state: _Liveness, facts: Callable[[], Mapping[str, object]]) -> None:
        self._logger = logger
        self._state = state
        self._facts = facts

    def __getattr__(self, name: str) -> object:
        if name in _METHODS and self._state.replaying:
            return _silent
        method = getattr(self._logger, name)
        if name not in _METHODS or not isinstance(self._logger, logging.Logger):
            return method
        return functools.partial(_carrying, method, self._facts)


def silencer(logger: logging.Logger, state: _Liveness, facts: Callable[[], Mapping[str, object]]) -> logging.Logger:
    """The logger of one invocation, typed as what it stands for."""
    return cast("logging.Logger", ReplaySafeLogger(logger, state, facts))


def _carrying(
    method: Callable[..., object], known: Callable[[], Mapping[str, object]], *args: object, **more: Any
) -> object:
    """Log; what the caller gives as `extra` comes before what is known."""
    more["extra"] = {**known(), **(more.get("extra") or {})}
    more["stacklevel"] = more.get("stacklevel", 1) + 1  # the caller's place, and not this one
    return method(*args, **more)
