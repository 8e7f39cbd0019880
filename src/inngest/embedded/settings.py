"""Arguments of `Engine`, checked."""

from __future__ import annotations

import datetime
import os
import re
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from inngest.engine.gateway import AT_A_TIME
from inngest.engine.pruner import Retention
from inngest.engine.store import dialects
from inngest.protocol import durations, limits
from inngest.runtime import forks
from inngest.runtime.egress import Egress
from inngest.runtime.shared_databases import LEASE, LONGEST_LEASE, SHORTEST_LEASE, is_shared
from inngest.sdk.client import Inngest
from inngest.sdk.function import Function

from .errors import EngineConfigError, EngineStateError
from .transactions import maker

_URL = re.compile(r"(\w+)(?:\+\w+)?://([^/?]*)(?:/([^?]*))?")
"""As SQLAlchemy reads one: the kind of database, beside it a driver, then who and where, then the path."""


KEPT, KEPT_SHARED = 30 * limits.DAY, 7 * limits.DAY
"""Milliseconds that a run is kept after its end if nobody says how long, on SQLite and PostgreSQL (decision 0101)."""


class Apps(NamedTuple):
    """How an engine calls functions of apps."""

    egress: Egress | None = None  # the hosts that may be called; None: all
    signing_key: str = ""  # which calls are signed with; "" if none are


class DatabaseName(NamedTuple):
    """A database, by its names."""

    url: str
    path: Path | None  # of its file; None where a server keeps it
    shown: str  # for people: no password


class Settings(NamedTuple):
    """How an engine runs."""

    functions: Sequence[Function[object]]
    clients: tuple[Inngest, ...]  # those that are given whole: what their apps have no more is forgotten
    database: DatabaseName
    retry_interval: int | None  # ms
    max_steps: int
    max_runs_in_flight: int
    thread_pool_size: int
    drain_timeout: int  # ms
    durable: bool
    retention: Retention | None
    max_takeovers: int
    requests: int = AT_A_TIME  # of steps that are made at a time
    apps: Apps | None = None  # None: it calls none
    lease: int = LEASE  # ms after which a worker that is not heard is dead
    transactions: object = None  # gives connections for steps that are recorded in transactions of the user's
    always_replays: bool = False  # runs are entered again after each record


def check(
    functions: Sequence[Function[object] | Inngest] | Inngest,
    *,
    database: str | os.PathLike[str],
    retry_interval: float | None,
    max_steps: int,
    max_runs_in_flight: int,
    thread_pool_size: int,
    drain_timeout: int | datetime.timedelta,
    durability: Literal["full", "normal"],
    retention: int | datetime.timedelta | Literal["default"] | None,
    max_takeovers: int,
    lease: int | datetime.timedelta = LEASE,
    transactions: object = None,
) -> Settings:
    """The checked arguments.

    Raises:
        EngineConfigError: `argument: expected …, got …`.
    """
    if durability not in ("full", "normal"):
        raise EngineConfigError(f"durability: expected 'full' or 'normal', got {durability!r}")
    maker.check(transactions)
    listed, clients = _functions(functions)
    named = database_named(database)
    return Settings(
        functions=listed,
        clients=clients,
        database=named,
        retry_interval=_retry_interval(retry_interval),
        max_steps=_whole("max_steps", max_steps, 1, limits.ABSOLUTE_MAX_STEPS),
        max_runs_in_flight=_whole("max_runs_in_flight", max_runs_in_flight, 1, 100_000),
        thread_pool_size=_whole("thread_pool_size", thread_pool_size, 1, 10_000),
        drain_timeout=_duration("drain_timeout", drain_timeout),
        durable=durability == "full",
        retention=_retention(retention, shared=named.path is None),
        max_takeovers=_whole("max_takeovers", max_takeovers, 1, 1_000),
        lease=_lease(lease),
        transactions=transactions,
    )


def _functions(
    given: Sequence[Function[object] | Inngest] | Inngest,
) -> tuple[list[Function[object]], tuple[Inngest, ...]]:
    if isinstance(given, Inngest):
        given = [given]
    if not isinstance(given, list | tuple):
        raise EngineConfigError(f"functions: expected a list of functions or a client, got {given!r}")
    listed: dict[int, Function[object]] = {}
    clients: list[Inngest] = []
    for one in given:
        if isinstance(one, Inngest):
            clients.append(one)
            listed.update({id(function): function for function in one.functions})
        elif isinstance(one, Function):
            listed[id(one)] = one
        else:
            raise EngineConfigError(f"functions: expected functions made by create_function, or clients, got {one!r}")
    return list(listed.values()), tuple(clients)


def database_named(database: str | os.PathLike[str]) -> DatabaseName:
    """The database that a URL, or a path, names.

    Raises:
        EngineConfigError: it names none.
    """
    if isinstance(database, str) and is_shared(database):
        try:
            return DatabaseName(database, None, dialects.shown(database))
        except ValueError as error:
            raise EngineConfigError(f"database: {error}") from None
    path = sqlite_path(database).absolute()  # by the working directory that it was written for
    return DatabaseName(f"{dialects.SCHEME}{path}", path, str(path))


def sqlite_path(database: str | os.PathLike[str]) -> Path:
    """The file that a database URL, or a path, names.

    Raises:
        EngineConfigError: it names none.
    """
    expected = (
        "expected a URL such as sqlite:///inngest.db (three slashes: a relative path) "
        "or sqlite:////var/lib/app/inngest.db (four: an absolute one), or postgresql://user@host/database"
    )
    if isinstance(database, os.PathLike):
        return Path(database)
    if not isinstance(database, str):
        raise EngineConfigError(f"database: {expected}, or a pathlib.Path, got {database!r}")
    parts = _URL.match(database)
    if parts is None:
        raise EngineConfigError(f"database: {expected}, got {database!r}{_meant(database)}")
    kind, host, name = parts.groups()
    if kind != "sqlite":
        raise EngineConfigError(f"database: {expected}; {kind!r} is not supported, only SQLite and PostgreSQL are")
    if host:
        raise EngineConfigError(f"database: {expected}, got {database!r}{_meant(database)}")
    path = urllib.parse.unquote(name or "")
    if path in ("", ":memory:"):
        raise EngineConfigError(f"database: {expected}; a database in memory would lose everything, got {database!r}")
    return Path(path)


def _meant(database: str) -> str:
    """The URL of a path without one, or with too few slashes: what comes after two of them is a host."""
    path = database.removeprefix("sqlite:").removeprefix("//")
    return f"; did you mean sqlite:///{path}?" if path and ":" not in path else ""


def flag(name: str, value: bool) -> bool:
    """A checked argument that is true or false.

    Raises:
        EngineConfigError: it is another thing: a text such as "false" would count as true.
    """
    if not isinstance(value, bool):
        raise EngineConfigError(f"{name}: expected True or False, got {value!r}")
    return value


def _whole(name: str, value: int, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise EngineConfigError(f"{name}: expected a whole number from {low:,} to {high:,}, got {value!r}")
    return value


def _retry_interval(value: float | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86_400:
        raise EngineConfigError(f"retry_interval: expected seconds from 0 to 86,400, or None, got {value!r}")
    return round(value * 1000)


def _duration(name: str, value: int | datetime.timedelta) -> int:
    try:
        ms = durations.to_ms(value)
    except TypeError as error:
        raise EngineConfigError(f"{name}: {error}") from None
    if ms < 0:
        raise EngineConfigError(f"{name}: expected a duration that is not negative, got {value!r}")
    return ms


def _lease(value: int | datetime.timedelta) -> int:
    ms = _duration("lease", value)
    if not SHORTEST_LEASE <= ms <= LONGEST_LEASE:
        raise EngineConfigError(
            f"lease: expected {SHORTEST_LEASE:,} to {LONGEST_LEASE:,} milliseconds, or a timedelta, got {value!r}"
        )
    return ms


def _retention(value: int | datetime.timedelta | str | None, *, shared: bool) -> Retention | None:
    if value is None:
        return None
    if value == "default":
        return Retention(KEPT_SHARED if shared else KEPT, chosen=False)
    if isinstance(value, str):
        raise EngineConfigError(f"retention: expected milliseconds, a timedelta, 'default' or None, got {value!r}")
    ms = _duration("retention", value)
    if isinstance(value, int) and 0 < ms < 1_000:  # days, or hours, most likely
        raise EngineConfigError(
            f"retention: {value!r} means {ms} milliseconds, and finished runs would be gone before anyone sees them; "
            f"expected at least 1,000, or say what you mean: timedelta(days={value})"
        )
    return Retention(ms, chosen=True)


def refuse_fork(database: Path | None) -> None:
    """Refuse to open what the parent had open.

    Raises:
        EngineStateError: an engine ran on that file when this process was forked.
    """
    if database is not None and forks.was_left_behind(database):
        raise EngineStateError(
            f"process {os.getpid()} was forked while an engine ran on {database}, and SQLite cannot be used on a file "
            "across a fork: fork before the engine starts, or start processes by the method 'spawn'"
        )
