"""Apps that serve functions: registered as a whole, and known by their names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from inngest.engine.domain.model import App, FunctionSpec, Registry, Transport
from inngest.engine.records import COUNTED, Archived, Synced

from . import lanes, schedules, sessions
from .as_far import AsFar
from .context import WriteContext
from .core import bindparam, delete, func, null, select, tables, update
from .records import function_row
from .registry import NEXT_GENERATION
from .statement import Statement, Transaction
from .timers import ALWAYS, LANES

AT_ONCE = sessions.AT_ONCE

COUNTED_TOGETHER = 10_000
"""Runs that wait for functions which are archived are counted as far as this, of all functions of a page."""

_apps, _functions, _jobs = tables.apps, tables.functions, tables.jobs
_COLUMNS = App._fields

APPS = Statement(
    "A reader lists the apps by their names.",
    lambda _: select(*(_apps.c[name] for name in _COLUMNS)).order_by(_apps.c.name),
)

APP = Statement(
    "A registration reads what is known of its app.",
    lambda words: words.locking(
        select(*(_apps.c[name] for name in _COLUMNS)).where(_apps.c.name == bindparam("app")), skip=False
    ),
)

WRITE_APP = Statement(
    "A registration writes what is known of its app.",
    lambda words: (insertion := words.insert(_apps)).on_conflict_do_update(
        index_elements=["name"],
        set_={name: insertion.excluded[name] for name in _COLUMNS if name != "name"},
    ),
)

FORGET_APP = Statement(
    "A registration forgets an app of which nothing was known but its URL.",
    lambda _: delete(_apps).where(_apps.c.name == bindparam("url_as_name"), _apps.c.synced_at.is_(null())),
)

NOTE_ERROR = Statement(
    "A sync that failed writes why, for the app of its name and each at its URL.",
    lambda _: (
        update(_apps)
        .where((_apps.c.url == bindparam("of_url")) | (_apps.c.name == bindparam("of_name")))
        .values(error=bindparam("why"))
    ),
)

ARCHIVE = Statement(
    "A registration archives functions of its app that it does not name.",
    lambda words: (
        update(_functions).where(words.any_of(_functions.c.id, "functions")).values(archived_at=bindparam("now"))
    ),
)

WAITING = Statement(
    "A registration counts the runs that wait for a function which it archives.",
    lambda _: select(func.count()).select_from(
        select(_jobs.c.id).where(_jobs.c.function_id == bindparam("function")).limit(bindparam("count")).subquery()
    ),
)

ARCHIVE_APP = Statement(
    "An app is archived.",
    lambda _: (
        update(_apps)
        .where(_apps.c.name == bindparam("app"))
        .values(archived_at=bindparam("now"), checksum=bindparam("nothing"))
    ),
)


def apps(tx: Transaction) -> list[App]:
    """All apps, as far as their rows can be read."""
    return [AsFar(tx.tables).app(row) for row in tx.execute(APPS).fetchall()]


def register(context: WriteContext, app: App, functions: Sequence[FunctionSpec], now: int) -> tuple[Synced, bool]:
    """Make an app and its functions known; archive those of it that are not given.

    As many as a transaction writes; whether more may be left. The app counts as registered with the last page, so that
    one that was cut short is gone on with when it is asked for again.
    """
    known = context.registry
    taken = _taken(context, app, functions, known)
    if taken:
        return Synced(app, modified=False, taken=taken), False
    before = find(context, app.name)
    changed = [one for one in functions if known.functions.get(one.id) != one][:AT_ONCE]
    given = {one.id for one in functions}
    gone = [one.id for one in _of(app.name, known, Transport.HTTP) if one.id not in given][:AT_ONCE]
    write_functions(context, changed, gone, now)
    archived = _archived(context, gone)
    returned = [one.id for one in changed if one.id in known.archived]
    armed = schedules.arm(context.timers, functions, now, AT_ONCE)
    modified = bool(changed or gone) or before is None or before.checksum != app.checksum
    if AT_ONCE in (len(changed), len(gone), armed):
        return Synced(app, modified=True, archived=archived, returned=returned), True
    created = now if before is None else before.created_at or now  # 0 if that is damaged
    written = app._replace(created_at=created, synced_at=now, error=None, archived_at=None)
    write(context, written)
    context.execute(FORGET_APP, {"url_as_name": app.url})
    return Synced(written, modified=modified, archived=archived, returned=returned), False


def _archived(tx: Transaction, function_ids: Sequence[str]) -> list[Archived]:
    """These functions, with how many runs wait for each, as far as they are counted."""
    found, left = [], COUNTED_TOGETHER
    for function_id in function_ids:
        row = tx.execute(WAITING, {"function": function_id, "count": min(COUNTED, left)}).fetchone()
        assert row is not None
        found.append(Archived(function_id, int(row[0])))
        left -= found[-1].waiting
    return found


def find(context: Transaction, name: str) -> App | None:
    """An app by its name."""
    row = context.execute(APP, {"app": name}).fetchone()
    return None if row is None else AsFar(context.tables).app(row)


def _of(app: str, known: Registry, *transports: Transport) -> list[FunctionSpec]:
    """Functions that an app serves in these ways."""
    return [one for one in known.functions.values() if one.app_id == app and one.transport in transports]


def _taken(context: Transaction, app: App, functions: Iterable[FunctionSpec], known: Registry) -> list[str]:
    """Those of the functions that another app has, or a worker in its own process."""
    others: list[str] = []
    local: list[str] = []
    for one in functions:
        there = known.functions.get(one.id)
        if there is None:
            continue
        if there.transport is Transport.LOCAL:
            local.append(one.id)
        elif there.app_id != app.name:
            others.append(one.id)
    if local:
        served = {name for session in sessions.sessions(context) for name in session.functions}
        others += [one for one in local if one in served]
    return others


def write(context: WriteContext, app: App) -> None:
    """Write what is known of an app."""
    context.execute(WRITE_APP, app._asdict())


def write_functions(context: WriteContext, changed: Sequence[FunctionSpec], gone: Sequence[str], now: int) -> None:
    """Write functions that are new or others, and archive some by their ids."""
    for function in changed:
        context.execute(sessions.WRITE_FUNCTION, function_row(function, now))
        left = lanes.reconsider(context, function.id, "", now)
        if left is not None:
            context.timers.put(LANES, function.id, ALWAYS, left)
    if gone:
        context.execute(ARCHIVE, {"functions": json.dumps(list(gone)), "now": now})
    if changed or gone:
        context.execute(NEXT_GENERATION)
        context.registry_changed()


def note_error(context: WriteContext, app: App, now: int) -> None:
    """A sync has failed: of the app that is known by its name or at its URL, else of a new one."""
    if context.execute(NOTE_ERROR, {"of_url": app.url, "of_name": app.name, "why": app.error}).rowcount == 0:
        context.execute(WRITE_APP, app._replace(created_at=now)._asdict())


def archive(context: WriteContext, name: str, now: int) -> tuple[bool | None, bool]:
    """Archive an app and its functions. Whether it was there, None if not; and whether more is left."""
    before = find(context, name)
    if before is None:
        return None, False
    gone = [one.id for one in _of(name, context.registry, Transport.HTTP, Transport.API)][:AT_ONCE]
    write_functions(context, (), gone, now)
    context.execute(ARCHIVE_APP, {"app": name, "now": now, "nothing": ""})
    return before.archived_at is None, len(gone) == AT_ONCE
