"""Imports many modules without looking for garbage.

A file of its own: `import inngest` loads it, and nothing else of the runtime.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Generator[None]:
    """Import many modules without looking for garbage: what they define lives as long as the process.

    A tenth of a cold start goes into looking. Objects that are there at the end count as old, as if they had been
    looked at: for one import in the life of a process, since garbage that counts as old is looked at seldom.
    Collection goes on afterwards, if it was on before.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if hasattr(gc, "freeze") and not gc.get_freeze_count():  # nothing was frozen that must stay so
                gc.freeze()
                gc.unfreeze()
            gc.enable()
