"""Apps of a server: asked to register while it runs, with the requests and the records that belong to that."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from inngest.embedded.host import EngineHost
from inngest.runtime import clock
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.egress import Egress
from inngest.runtime.http import AiohttpClient
from inngest.server.discovery import Discovery
from inngest.server.polling import Polling
from inngest.server.syncs import RegisteredApp, Server, Synced, Syncing

LOGGER = CarefulLogger(logging.getLogger("inngest.server"))

TICK = 0.5
"""Seconds between two looks at what is due."""


class Wanted(NamedTuple):
    """The apps that are asked."""

    urls: Collection[str]
    interval: float  # seconds between two questions; 0: each until it has registered
    discover_beside: int | None = None  # apps are looked for on other ports of this machine than this; None: nowhere


async def sync_apps(
    host: EngineHost, server: Server, wanted: Wanted, egress: Egress, tell: Callable[[Synced], None]
) -> None:
    """Ask apps to register, until it is cancelled, or there is nobody left to ask.

    Args:
        host: the engine, which runs.
        server: this server, as apps see it.
        wanted: the apps.
        egress: the hosts that may be called.
        tell: takes what is new.
    """
    http = AiohttpClient(egress)
    polling = Polling(_NotedSyncing(http, server, host), wanted.urls, tell, interval=wanted.interval)
    discovery = None if wanted.discover_beside is None else Discovery(http, wanted.discover_beside)
    looks: set[asyncio.Task[None]] = set()
    try:
        while discovery is not None or not polling.is_over:
            look = asyncio.ensure_future(_look(polling, discovery))
            looks.add(look)
            look.add_done_callback(looks.discard)
            await clock.sleep(TICK)  # an app that is slow holds up no other
    finally:
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)
        await http.close()


class _NotedSyncing(Syncing):
    """Writes down why an app did not register, for those who look at apps: when it is said first, and not again."""

    def __init__(self, http: AiohttpClient, server: Server, host: EngineHost) -> None:
        super().__init__(http, server, lambda: _registered(host))
        self._host = host
        self._noted: dict[str, str] = {}

    async def ask(self, url: str) -> Synced:
        outcome = await super().ask(url)
        text = "; ".join(outcome.problems)
        if text and text != self._noted.get(url):
            await self._host.on_its_loop().service.apps.failed(url, text)
        self._noted[url] = text
        return outcome


async def _look(polling: Polling, discovery: Discovery | None) -> None:
    try:
        if discovery is not None:
            for url in await discovery.look(clock.monotonic()):
                polling.add(url)
        await polling.look(clock.monotonic())
    except Exception as error:  # the database is away, for example: they are asked again
        LOGGER.warning("apps could not be asked to register: %s", error, exc_info=error)


async def _registered(host: EngineHost) -> Sequence[RegisteredApp]:
    """The apps that the engine knows."""
    apps = host.on_its_loop().service.apps
    registry = await apps.functions()
    counts = Counter(one.app_id for one in registry.functions.values() if one.transport == "http")
    return [
        RegisteredApp(one.name, one.uuid, one.synced_at, counts[one.name], one.sdk)
        for one in await apps.listed()
        if one.synced_at is not None and one.archived_at is None
    ]


def record_of(outcome: Synced) -> Mapping[str, object]:
    """The record of an outcome: `app.registered` or `app.failed`."""
    if outcome.app is None:
        return {
            "type": "app.failed",
            "url": outcome.url,
            "problems": list(outcome.problems),
            "hint": outcome.hint or None,
        }
    return {
        "type": "app.registered",
        "url": outcome.url,
        "app": outcome.app.name,
        "functions": outcome.app.functions,
        "sdk": outcome.app.sdk or None,
        "modified": outcome.modified,
    }


def line_of(outcome: Synced) -> str:
    """An outcome in a line."""
    if outcome.app is None:
        return "; ".join((*outcome.problems, *([outcome.hint] if outcome.hint else [])))
    count = outcome.app.functions
    by = f", {outcome.app.sdk}" if outcome.app.sdk else ""
    return f"app {outcome.app.name} has registered {count} function{'' if count == 1 else 's'} ({outcome.url}{by})"
