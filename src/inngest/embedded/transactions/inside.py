"""Whether code runs in a transaction that holds an SQLite file: an engine call there would wait for itself.

A file of its own: the engine's loop asks it, and imports no drivers for that.
"""

from __future__ import annotations

import contextvars

from inngest.embedded.errors import EngineStateError

HOLDS_FILE: contextvars.ContextVar[bool] = contextvars.ContextVar("inngest_holds_file", default=False)


def refuse_call() -> None:
    """The engine is called.

    Raises:
        EngineStateError: the caller holds the engine's file.
    """
    if HOLDS_FILE.get():
        raise EngineStateError(
            "the engine was called in a step.transaction on SQLite, which holds the only place of who writes: the call "
            "would wait for itself. Make it in a step of its own, before or after; with client.send, give the "
            "connection"
        )
