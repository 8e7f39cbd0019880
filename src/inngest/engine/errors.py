"""Errors of the store, apart from the ports: `import inngest` names them, and needs no more of the engine.

A file of its own: `import inngest` names them, and needs no more of the engine.
"""

from __future__ import annotations

from inngest.protocol.errors import Error, ErrorCode


class StoreError(Error):
    """The store could not do what was asked; nothing of it was written. The tree is drawn in `inngest.errors`.

    Attributes:
        of_command: whether what was asked is at fault, and the store can do everything else.
    """

    code = ErrorCode.STORE
    of_command: bool = False


class StoreClosedError(StoreError):
    """The store is closed."""


class StoreBusyError(StoreError):
    """Another process held the store for longer than the patience of this one."""


class StoreFullError(StoreError):
    """No space is left on the device, or for the database."""


class StoreReadOnlyError(StoreError):
    """The database, or its folder, may not be written."""


class StoreCorruptError(StoreError):
    """The file is not a database, or is damaged."""


class StoreVersionError(StoreError):
    """The database was written by a newer version that this one cannot read."""
