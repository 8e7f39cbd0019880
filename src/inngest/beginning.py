"""Ctrl-C while `python -m inngest` imports its package ends it as later: with 130, and without a traceback.

A file of its own: the package, which is imported before `inngest.__main__` could catch anything, imports it first.
"""

from __future__ import annotations

import itertools
import sys
from types import TracebackType


def _is_the_command() -> bool:
    """Whether Python imports the package to run it."""
    given = sys.orig_argv
    return sys.argv[:1] == ["-m"] and ("-minngest" in given or ("-m", "inngest") in itertools.pairwise(given))


def _quiet(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.exit(130)
    sys.__excepthook__(kind, error, trace)


if _is_the_command():
    sys.excepthook = _quiet
