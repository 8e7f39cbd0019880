"""How long the parts of a request took, for the header `Server-Timing`.

A file of its own: the handler and its calls measure, and neither stands on the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from inngest.runtime.clock import stopwatch


class ServerTiming:
    """The parts of one request, in the order in which they began. Times of a part that comes again are added."""

    def __init__(self) -> None:
        self._parts: dict[str, float] = {}

    @contextlib.contextmanager
    def part(self, name: str) -> Generator[None]:
        """Measure what is done inside."""
        self._parts.setdefault(name, 0.0)
        began = stopwatch()
        try:
            yield
        finally:
            self._parts[name] += stopwatch() - began

    @property
    def header(self) -> str:
        """The value of the header; milliseconds."""
        return ", ".join(f"{name};dur={took:.3f}" for name, took in self._parts.items())
