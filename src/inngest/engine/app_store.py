"""The registry of apps: a family of the verbs of `ports.Store`.

A file of its own: `ports` imports it, and has no room for more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .domain.model import App, FunctionSpec
from .records import Synced


class AppStore(Protocol):
    """Knows apps that serve functions. Their functions are in the registry of all functions, by their `transport`.

    A protocol because `ports.Store` is one: this is a family of its verbs.
    """

    async def register_app(self, app: App, functions: Sequence[FunctionSpec], now: int) -> Synced:
        """Make an app and its functions known, as it is now; what is archived of it is so no more.

        Functions of it that are not given are archived: nothing starts them, and their runs under way go on. Of what is
        known already, nothing is written but when this was. Functions that another app, or a worker in its own process,
        serves are not taken from it: then nothing is written at all.
        """
        ...

    async def note_sync_error(self, app: App, now: int) -> None:
        """Write the `error` of a sync that failed, of all apps at its URL; an app that nobody knows is added."""
        ...

    async def archive_app(self, name: str, now: int) -> bool | None:
        """Archive an app, with its functions; False if it was archived already, None if there is none."""
        ...

    async def apps(self) -> Sequence[App]:
        """All apps, also archived ones, by their names."""
        ...
