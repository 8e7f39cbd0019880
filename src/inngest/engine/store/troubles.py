"""Rows that cannot be read, or done: each is put off, for longer each time, and why is told. It stops nobody else."""

from __future__ import annotations

import logging

from inngest.engine.domain.waiting_facts import Trouble, is_away
from inngest.protocol import limits
from inngest.runtime.careful import CarefulLogger, about_run

from .core import bindparam, delete, select, tables, tuple_
from .records import number_of
from .statement import Statement, Transaction, constant

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

FIRST, LONGEST = limits.SECOND, 10 * limits.MINUTE
"""Milliseconds until a row is tried again: after the first time, and at most. Each time it is twice as long."""

RUN = "run"
"""The kind of trouble with a run that cannot be read; its key is the run's id."""

WAIT, REQUEST, LANE, FUNCTION = "wait", "request", "lane", "function"
"""The kinds of trouble with what a step waits for and with its request (`wait:HASH`, of a run), with a lane, and with a
configuration.
"""

APP = "app"
"""The kind of trouble with an app that cannot be reached."""

_OF_RUN = (RUN, WAIT, REQUEST)

_troubles = tables.troubles
_COLUMNS = (_troubles.c.kind, _troubles.c.error, _troubles.c.tries, _troubles.c.since, _troubles.c.until)

OF_KEY = Statement(
    "A transaction reads the troubles of a key.",
    lambda _: select(*_COLUMNS).where(_troubles.c.key == bindparam("of_key")).order_by(_troubles.c.kind),
)

WRITE = Statement(
    "A transaction writes a trouble, and until when what has it is put off.",
    lambda words: (insertion := words.insert(_troubles)).on_conflict_do_update(
        index_elements=["key", "kind"],
        set_={name: insertion.excluded[name] for name in ("error", "tries", "since", "until")},
    ),
)

BACK = Statement(
    "A worker removes the trouble of an app that has answered.",
    lambda _: delete(_troubles).where(_troubles.c.key == bindparam("of_key"), _troubles.c.kind == constant(APP)),
)

AWAY = Statement(
    "A list of runs reads which apps cannot be reached.",
    lambda _: (
        select(_troubles.c.key, *_COLUMNS)
        .where(
            _troubles.c.key > bindparam("first"), _troubles.c.key < bindparam("last"), _troubles.c.kind == constant(APP)
        )
        .order_by(_troubles.c.key)
    ),
)

OVER = Statement(
    "The pruner removes some troubles that are over.",
    lambda _: (
        delete(_troubles)
        .where(
            tuple_(_troubles.c.key, _troubles.c.kind).in_(
                select(_troubles.c.key, _troubles.c.kind)
                .where(_troubles.c.until < bindparam("before"))
                .limit(bindparam("count"))
            )
        )
        .returning(_troubles.c.key)
    ),
)


def note(tx: Transaction, kind: str, key: str, error: str, now: int) -> int:
    """Write down what is wrong with a row; until when it is to be put off, unix ms."""
    until = _noted(tx, kind, key, error, now).until
    extra = about_run(key if kind.partition(":")[0] in _OF_RUN else None)
    named = key if key.startswith(f"{kind} ") else f"{kind} {key}"
    LOGGER.error("%s is put off for %g s: %s", named, (until - now) / 1000, error, extra=extra)
    return until


def _noted(tx: Transaction, kind: str, key: str, error: str, now: int) -> Trouble:
    before = next((one for one in of_key(tx, key) if one.kind == kind), None)
    if before is not None and now - before.until > LONGEST:
        before = None  # it has worked since
    tries = 1 if before is None else before.tries + 1
    until = now + min(FIRST << min(tries - 1, 20), LONGEST)
    noted = Trouble(kind, error, tries, now if before is None else before.since, until)
    tx.execute(WRITE, {"key": key, **noted._asdict()})
    return noted


def app_is_away(tx: Transaction, app_id: str, error: str, now: int) -> int:
    """An app cannot be reached; since when that is so, unix ms. It is written as often as a row is put off."""
    key = app_key(app_id)
    known = next((one for one in of_key(tx, key) if one.kind == APP), None)
    if known is not None and now < known.until:
        return known.since
    noted = _noted(tx, APP, key, error, now)
    if noted.tries == 1:
        LOGGER.warning("app %s cannot be reached: %s. Its runs wait, and no attempt is counted", app_id, error)
    return noted.since


def app_is_back(tx: Transaction, app_id: str, now: int) -> bool:
    """An app has answered; whether it was away. Nothing is written if not."""
    known = next((one for one in of_key(tx, app_key(app_id)) if one.kind == APP), None)
    if known is not None:
        tx.execute(BACK, {"of_key": app_key(app_id)})
        LOGGER.info("app %s answers again, after %g s", app_id, (now - known.since) / limits.SECOND)
    return known is not None


def apps_away(tx: Transaction, now: int) -> dict[str, Trouble]:
    """The apps that cannot be reached, by their names."""
    found = {
        str(key).removeprefix(app_key("")): Trouble(
            str(kind), str(error), number_of(tries, 1), number_of(since), number_of(until)
        )
        for key, kind, error, tries, since, until in tx.execute(AWAY, {"first": app_key(""), "last": "app!"}).fetchall()
    }
    return {name: trouble for name, trouble in found.items() if is_away(trouble, now)}


def app_key(app_id: str) -> str:
    """The key of an app's troubles."""
    return f"app {app_id}"


def note_once(tx: Transaction, kind: str, key: str, error: str, now: int) -> None:
    """Write down what is wrong with a row that is met again and again, unless that is known for the time being."""
    if not any(one.kind == kind and now < one.until for one in of_key(tx, key)):
        note(tx, kind, key, error, now)


def of_key(tx: Transaction, key: str) -> list[Trouble]:
    """The troubles with rows of a key."""
    return [
        Trouble(str(kind), str(error), number_of(tries, 1), number_of(since), number_of(until))
        for kind, error, tries, since, until in tx.execute(OF_KEY, {"of_key": key}).fetchall()
    ]


def sweep(tx: Transaction, now: int, count: int) -> bool:
    """Forget what has not come again for a day, so many at once; whether there may be more."""
    return len(tx.execute(OVER, {"before": now - limits.DAY, "count": count}).fetchall()) == count
