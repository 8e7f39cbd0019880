"""An engine without functions, for one command: it writes what was asked for, and stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any, TypeVar

from inngest.embedded.engine import Engine
from inngest.embedded.explanations import Rule
from inngest.embedded.reader import Reader

from . import output

T = TypeVar("T")


def on(path: Path | str, act: Callable[[Engine], Coroutine[Any, Any, T]], *, as_json: bool) -> T:
    """Do something on an engine of a database. Its warnings are shown, unless a program reads."""

    async def run() -> T:
        async with Engine([], database=path) as engine:
            return await act(engine)

    with _warnings_shown(as_json):
        return asyncio.run(run())


def unexecuted(reader: Reader, run_id: str) -> str | None:
    """The reasons for which nobody executes a run, as things are."""
    held = [one.text for one in reader.explain(run_id).reasons if one.rule in (Rule.NO_WORKER, Rule.PAUSED)]
    return " ".join(held) or None


class _Shown(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        output.warning(record.getMessage())


@contextlib.contextmanager
def _warnings_shown(as_json: bool) -> Generator[None]:
    handler = logging.NullHandler() if as_json else _Shown(logging.WARNING)
    logger = logging.getLogger("inngest")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
