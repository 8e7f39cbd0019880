"""The server of `inngest start`: one engine that calls apps, and its API on a socket, from start to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
from urllib.parse import urlsplit

from inngest.cli import arguments
from inngest.cli.descriptors import make_room
from inngest.cli.errors import CommandError
from inngest.cli.http_server import HttpServer, Stop, url_of
from inngest.cli.syncing import Wanted, line_of, sync_apps
from inngest.embedded.engine import Engine, host_of
from inngest.embedded.settings import Apps
from inngest.runtime.egress import Egress
from inngest.server.app import create_app
from inngest.server.auth import Keys
from inngest.server.syncs import Server, Synced

from .settings import Settings

LOGGER = logging.getLogger("inngest.server")


def egress_of(settings: Settings) -> Egress:
    """The hosts that may be called: public ones, those that are allowed, and the apps that are named."""
    own = [_host_and_port(url) for url in settings.sdk_urls]
    return Egress(allow=[*settings.allow_hosts, *own], deny=settings.deny_hosts, private=False)


async def serve(settings: Settings, sock: socket.socket, stop: Stop) -> None:
    """Run until it is asked to stop; then let calls that are under way come to their end.

    Raises:
        CommandError: spans are wanted, and nothing takes them.
        StoreError: the database cannot be used; nothing was started.
    """
    if (crowded := make_room()) is not None:
        LOGGER.warning("%s", crowded)
    engine = Engine(
        [],
        database=arguments.database_url(settings.database),
        lease=settings.lease,
        retention=settings.retention,
        max_steps=settings.max_steps,
        retry_interval=settings.retry_interval,
        drain_timeout=round(settings.drain * 1_000),
    )
    if settings.traces:
        _trace(engine)
    host, egress = host_of(engine), egress_of(settings)
    host.call_apps(Apps(egress, settings.signing_keys[0]))
    server = Server("cloud", url_of(sock, settings.host), settings.signing_keys[0])
    async with engine:
        http = HttpServer(create_app(engine, keys=Keys(settings.signing_keys, settings.event_keys)))
        serving = asyncio.ensure_future(http.serve(sockets=[sock]))
        shown = arguments.shown(settings.database, host.settings.database.shown)
        LOGGER.info("serving at %s; the database is %s", server.url, shown)
        wanted = Wanted(settings.sdk_urls, settings.poll_interval)
        syncing = asyncio.ensure_future(sync_apps(host, server, wanted, egress, _tell))
        asked = asyncio.ensure_future(stop.asked.wait())
        await asyncio.wait([serving, asked], return_when=asyncio.FIRST_COMPLETED)
        LOGGER.info("stopping: calls that are under way have %g s to end", settings.drain)
        syncing.cancel()
        asked.cancel()
        await host.drain()
        http.should_exit = True
        await serving
    LOGGER.info("stopped; runs that had not ended go on when a server starts again")


def _trace(engine: Engine) -> None:
    """Have spans made of what the server's runs do."""
    try:
        from inngest.opentelemetry import Tracing  # noqa: PLC0415 - an extra, for those who ask for it

        Tracing(engine)
    except ImportError as error:
        raise CommandError(f"--traces: {error}") from None
    except TypeError as error:
        raise CommandError(
            f"--traces: {error}", hint="install opentelemetry-distro, and run `opentelemetry-instrument inngest start`"
        ) from None


def _tell(outcome: Synced) -> None:
    LOGGER.log(logging.WARNING if outcome.app is None else logging.INFO, "%s", line_of(outcome))


def _host_and_port(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
