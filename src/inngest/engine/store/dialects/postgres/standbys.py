"""A standby that is promoted may lack something: an engine that starts says how its server commits.

A file of its own: nothing follows from it for the engine.
"""

from __future__ import annotations

import logging
from typing import Any

import psycopg

from inngest.runtime.careful import CarefulLogger

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

_ASKED = (
    "SELECT current_setting('synchronous_standby_names'), current_setting('synchronous_commit'), "
    "(SELECT count(*) FROM pg_stat_replication)"
)

_WAITS_FOR_NO_STANDBY = ("off", "local")


def tell(connection: psycopg.Connection[Any], name: str, *, named: bool) -> None:
    """Log whether the server waits for its standbys, if it has any.

    Args:
        connection: to the server.
        name: of the database, for people.
        named: whether its URL names several servers, so that one is meant to take the place of another.
    """
    try:
        row = connection.execute(_ASKED, prepare=False).fetchone()
    except psycopg.Error as error:  # a database that is like PostgreSQL
        LOGGER.debug("%s does not say how it commits: %s", name, error)
        return
    assert row is not None
    names, commits, standbys = row
    if not named and not standbys:
        return
    if names and commits not in _WAITS_FOR_NO_STANDBY:
        LOGGER.info(
            "%s commits when its standbys have confirmed it: synchronous_standby_names = '%s', synchronous_commit = %s",
            name,
            names,
            commits,
        )
        return
    say = LOGGER.warning if named else LOGGER.info
    say(
        "%s waits for no standby when it commits (synchronous_standby_names = '%s', synchronous_commit = %s): one that "
        "is promoted may lack what was acknowledged last. Set synchronous_standby_names if that must not be",
        name,
        names,
        commits,
    )
