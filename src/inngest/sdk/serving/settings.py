"""Settings of an endpoint: arguments of `serve` first, the environment second, defaults last."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import NamedTuple, TypedDict
from urllib.parse import urlsplit

from inngest.protocol.config import Streaming
from inngest.protocol.wire import signing
from inngest.sdk.environment import normalize

DEFAULT_PATH = "/api/inngest"

MAX_AGE = signing.MAX_AGE // 1_000
"""Seconds by which the time of a signature may be off: whoever has listened to a request cannot repeat it later."""

_LOGGER = logging.getLogger("inngest")
_OFF = ("0", "false")
_STREAMS = ("allow", "force")


class ServeOptions(TypedDict, total=False):
    """Keyword arguments of every `serve`. One that is missing, or None, leaves it to the environment.

    Attributes:
        enable_unauthed_sync: whether a server in production may have this app register without a signature. By default
            what `INNGEST_ENABLE_UNAUTHED_SYNC` says; else True.
        public_path: the path that is registered, where a proxy changes it; else that of the request.
        serve_origin: scheme, host and port that are registered, such as `https://shop.example`. By default
            `INNGEST_SERVE_ORIGIN`; else those of the request.
        serve_path: the path to serve, and to register. By default `INNGEST_SERVE_PATH`; else `/api/inngest`.
        signature_max_age: seconds after which a signature is refused; 0 for never. Default 300.
    """

    enable_unauthed_sync: bool | None
    public_path: str | None
    serve_origin: str | None
    serve_path: str | None
    signature_max_age: int | None


class StreamingOptions(ServeOptions, total=False):
    """The same, where the framework can stream.

    Attributes:
        streaming: `Streaming.FORCE` begins the answer of an async function before it has ended, so that no proxy gives
            up on it. By default what `INNGEST_STREAMING` says; else `Streaming.DISABLE`.
    """

    streaming: Streaming | None


class Settings(NamedTuple):
    """The settings of an endpoint, resolved."""

    path: str = DEFAULT_PATH  # where the framework finds it
    registered_path: str | None = None  # None: that of the request
    origin: str | None = None  # without a path; None: that of the request
    unauthenticated_sync: bool = True
    streams: bool = False
    max_age: int | None = signing.MAX_AGE  # ms by which a signature may be off; None: any time
    threads: int | None = None  # plain functions at a time; None: each has a thread at once


def resolve(
    options: ServeOptions | StreamingOptions, *, streams: bool = False, environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings of an endpoint.

    Args:
        options: the keyword arguments of `serve`.
        streams: whether the framework can stream, and `streaming` is an argument.
        environ: the environment; None: of the process.

    Raises:
        TypeError: there is no such argument.
        URLInvalidError: the origin has no domain or port.
        ValueError: a number is negative.
    """
    known = StreamingOptions.__annotations__.keys() if streams else ServeOptions.__annotations__.keys()
    if unknown := options.keys() - known:
        raise TypeError(f"serve() has no argument {min(unknown)!r}; it has {', '.join(sorted(known))}")
    given = os.environ if environ is None else environ
    origin = options.get("serve_origin") or given.get("INNGEST_SERVE_ORIGIN")
    served = options.get("serve_path") or given.get("INNGEST_SERVE_PATH")
    registered = options.get("public_path") or served
    return Settings(
        path=_path(served or DEFAULT_PATH),
        registered_path=_path(registered) if registered else None,
        origin=_origin(origin) if origin else None,
        unauthenticated_sync=_unauthenticated_sync(options.get("enable_unauthed_sync"), given),
        streams=streams and _streams(options, given),
        max_age=_max_age(options.get("signature_max_age")),
        threads=_threads(given.get("INNGEST_THREAD_POOL_MAX_WORKERS", "")),
    )


def _path(text: str) -> str:
    return text if text.startswith("/") else f"/{text}"


def _origin(text: str) -> str:
    """Scheme, host and port; a path is no part of an origin."""
    parts = urlsplit(normalize(text, is_production=True))
    return f"{parts.scheme}://{parts.netloc}"


def _unauthenticated_sync(argument: bool | None, given: Mapping[str, str]) -> bool:
    if argument is not None:
        return argument
    return given.get("INNGEST_ENABLE_UNAUTHED_SYNC", "").casefold() not in _OFF


def _streams(options: ServeOptions | StreamingOptions, given: Mapping[str, str]) -> bool:
    argument = options.get("streaming")
    if argument is not None:
        return argument is Streaming.FORCE
    return given.get("INNGEST_STREAMING", "").casefold() in _STREAMS


def _max_age(argument: int | None) -> int | None:
    if argument is None:
        return signing.MAX_AGE
    if argument < 0:
        raise ValueError(f"signature_max_age: expected seconds, or 0 for signatures of any age, got {argument}")
    return argument * 1_000 or None


def _threads(text: str) -> int | None:
    """How many plain functions may run at a time; `0` is no pool."""
    if not text:
        return default_threads()
    try:
        number = int(text)
    except ValueError:
        _LOGGER.warning("INNGEST_THREAD_POOL_MAX_WORKERS is %r: expected a number, so the default holds", text)
        return default_threads()
    if number < 0:
        raise ValueError(f"INNGEST_THREAD_POOL_MAX_WORKERS is {number}: expected 0, for no limit, or more")
    return number or None


def default_threads() -> int:
    """How many plain functions run at a time if nobody says: as many as Python's own thread pools have threads."""
    return min(32, (os.cpu_count() or 1) + 4)
