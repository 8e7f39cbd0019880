"""The URL of a PostgreSQL database: libpq's, the schema of the engine in it, and its modes.

A file of its own: a URL is checked before anything is connected to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote

import psycopg
from psycopg import conninfo

from . import modes
from .modes import Modes

SCHEMA = "inngest"
"""Where the tables are, if the URL does not say it."""

EXPECTED = "expected a URL such as postgresql://user:password@host:5432/database?schema=inngest"

_OWN = ("schema", *modes.WORDS)

_LONGEST_NAME = 63
"""Bytes of a name in PostgreSQL; it cuts longer ones."""

_DEFAULTS: Mapping[str, str | int] = {
    "application_name": "inngest",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


class PostgresUrl(NamedTuple):
    """A URL that was read.

    Attributes:
        conninfo: what the driver connects to; the URL's parameters, or else ours.
        schema: where the tables are.
        modes: how writers are kept apart, and the like.
        shown: the URL as it may be shown, without its password.
        dbname: the name of the database on its server; None if the URL leaves it to the driver.
        names_several: whether it names several servers.
    """

    conninfo: str
    schema: str
    modes: Modes
    shown: str
    dbname: str | None
    names_several: bool


def read(url: str) -> PostgresUrl:
    """Read a URL: `postgresql://[user[:password]@][host[:port],…]/[database][?parameter=value&…]`.

    The parameters `schema` and those of the modes (`guards`, `isolation`, `wake`, `index`) are the engine's, all others
    are libpq's (`sslmode`, `target_session_attrs`, …). The variables `PG*` give all that is not named, as libpq has it.

    Raises:
        ValueError: it is no such URL; the message has no password.
    """
    base, _, query = url.partition("?")
    own, others = _apart([part for part in query.split("&") if part])
    try:
        chosen = modes.read(own)
    except ValueError as error:
        raise ValueError(f"{EXPECTED}; {error}") from None
    schema = own.get("schema", SCHEMA)
    if not re.fullmatch(r"[^\0]+", schema) or len(schema.encode()) > _LONGEST_NAME or schema.startswith("pg_"):
        raise ValueError(
            f"{EXPECTED}; a schema's name has 1 to {_LONGEST_NAME} bytes and does not begin with pg_, "
            f"got {schema!r:.80}"
        )
    base = "postgresql" + base[base.index("://") :]  # without the name of a driver
    try:
        given = conninfo.conninfo_to_dict(base + ("?" + "&".join(others) if others else ""))
    except psycopg.ProgrammingError as error:
        raise ValueError(f"{EXPECTED}; {_without(str(error).strip(), base)}") from None
    for port in str(given.get("port") or "").split(","):
        if port and not (re.fullmatch("0*[1-9][0-9]{0,4}", port) and int(port[-5:]) < 65_536):
            raise ValueError(f"{EXPECTED}; a port is a number from 1 to 65535, got {port!r:.80}")
    dbname = given.get("dbname")
    hosts = str(given.get("host") or given.get("hostaddr") or "")
    return PostgresUrl(
        conninfo.make_conninfo("", **{**_DEFAULTS, **given}),
        schema,
        chosen,
        _shown(given, schema),
        None if dbname is None else str(dbname),
        "," in hosts,
    )


def _apart(parts: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The engine's parameters by their names, and those of others as they are."""
    own: dict[str, str] = {}
    others: list[str] = []
    for part in parts:
        name, _, value = part.partition("=")
        if name not in _OWN:
            others.append(part)
        elif name in own:
            raise ValueError(f"{EXPECTED}, got {name} twice: {own[name]}, {unquote(value)}")
        else:
            own[name] = unquote(value)
    return own, others


def _without(said: str, base: str) -> str:
    """The words of the driver, without the part of the URL that has a password."""
    user = base.partition("://")[2].rpartition("@")[0]
    quoted = said.partition('"')[2].rpartition('"')[0]
    return said.partition(":")[0] if user and quoted and (quoted in user or user in quoted) else said


def _shown(given: Mapping[str, object], schema: str) -> str:
    hosts = str(given.get("host") or given.get("hostaddr") or "localhost").split(",")
    ports = str(given.get("port") or "").split(",")
    where = ",".join(
        f"{quote(host, safe='/:')}{':' + port if port else ''}"
        for host, port in zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=False)
    )
    user = f"{given['user']}@" if given.get("user") else ""
    named = "" if schema == SCHEMA else f"?schema={quote(schema)}"
    return f"postgresql://{user}{where}/{given.get('dbname') or ''}{named}"
