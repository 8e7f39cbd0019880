"""The data that were erased, as a caller sees them, and those that are left."""

from __future__ import annotations

import datetime
import getpass
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from inngest.engine.domain.erasing import Affected, AuditEntry
from inngest.engine.domain.matching import ExpressionError, compiled
from inngest.engine.erasure import Erase, UnderWayError
from inngest.engine.erasure import Erased as Done
from inngest.engine.service import Service
from inngest.protocol import codec, texts

from . import views
from .errors import EngineConfigError, RunsUnderWayError


@dataclass(frozen=True)
class Erased:
    """The data that `Engine.erase` has erased, or would erase."""

    events: int
    runs: int
    memos: int  # steps of other runs, which had waited for these events, or had invoked these runs
    keys: int  # of idempotency, rate limits and singletons
    dropped: int  # events that had started nothing yet, and start nothing any more
    cancelled: tuple[str, ...]  # ids of runs that were cancelled for it; of a preview: that would have to be
    others: tuple[str, ...]  # ids of the other runs: only these steps of them are erased
    under_way: tuple[str, ...]  # of a preview: what goes on; else: what has begun meanwhile, and was not erased
    left: tuple[str, ...]  # what this database may still know of it, in sentences
    audit_id: str | None = None  # of the entry in the audit; None of a preview
    steps: int | None = None  # of the runs; None of a preview: they are not counted


@dataclass(frozen=True)
class AuditRecord:
    """Something that somebody did, as the audit tells it."""

    id: str  # ULID
    at: datetime.datetime  # aware, UTC
    actor: str
    action: str  # "erase"
    target: str | None  # of an erasure: its condition, with its literals masked
    detail: object  # JSON value: of an erasure, what it has erased


def checked(where: object, actor: object) -> tuple[str, str]:
    """The condition of an erasure, and who asks for it.

    Raises:
        EngineConfigError: one of them is wrong.
    """
    if not isinstance(where, str) or not where.strip():
        raise EngineConfigError(
            f"where: expected an expression of the event, such as event.data.user_id == '42', got {where!r:.80}"
        )
    try:
        compiled(where)
    except ExpressionError as error:
        raise EngineConfigError(f"where: {error}") from None
    if actor is None:
        return where, this_user()
    if not isinstance(actor, str) or not actor.strip():
        raise EngineConfigError(f"actor: expected the name of who asks for it, as str, got {actor!r:.80}")
    if (problem := texts.problem(actor)) is not None:
        raise EngineConfigError(f"actor: the name of who asks for it {problem}, got {actor!r:.80}")
    return where, actor


def this_user() -> str:
    """The user of this process, and the machine: for the audit."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container may have a user without a name
        name = "unknown"
    return texts.escaped(f"{name}@{socket.gethostname()}")


async def preview(service: Service, where: str) -> Erased:
    """The data that would be erased."""
    found = await service.control.affected(where)
    return _previewed(found)


async def erase(service: Service, where: str, actor: str, *, cancel: bool) -> Erased:
    """Erase it.

    Args:
        service: of the engine that does it.
        where: the condition of events.
        actor: who asks for it.
        cancel: whether what goes on is cancelled first.

    Raises:
        RunsUnderWayError: something of it goes on, and is not to be cancelled.
    """
    try:
        return _done(await service.control.erase(Erase(where, actor, cancel)))
    except UnderWayError as error:
        runs = [one.run_id for one in error.under_way if one.run_id is not None]
        raise RunsUnderWayError([one.text for one in error.under_way], runs) from None


def _previewed(found: Affected) -> Erased:
    return Erased(
        events=len(found.roots) + len(found.said),
        runs=len(found.new_runs),
        memos=len(found.memos),
        keys=len(found.keys),
        dropped=len({event for one in found.pending for event in one.events}),
        cancelled=tuple(run.id for run in found.running),
        others=tuple(found.others),
        under_way=tuple(one.text for one in found.under_way),
        left=_left(list(found.others), sorted(set(found.sent.values())), found.kept, found.unreadable),
    )


def _done(done: Done) -> Erased:
    counts = done.counts
    return Erased(
        events=counts["events"],
        runs=counts["runs"],
        memos=counts["memos"],
        keys=counts["keys"],
        dropped=counts["dropped"],
        cancelled=tuple(done.cancelled),
        others=tuple(done.others),
        under_way=tuple(one.text for one in done.under_way),
        left=(*_unfinished(done), *_left(done.others, done.sent, done.kept, done.unreadable)),
        audit_id=done.audit_id,
        steps=counts["steps"],
    )


def _unfinished(done: Done) -> list[str]:
    """Whether something stays that is to be erased; what goes on is told by itself."""
    if done.is_whole or done.under_way:
        return []
    return ["others had hold of some of it each time that it was looked for, and that stays: erase again"]


def _left(others: Sequence[str], sent: Sequence[str], kept: Sequence[str], unreadable: int) -> tuple[str, ...]:
    """The data that this database may still know."""
    told: list[str] = []
    if others:
        told.append(
            f"{_several(others, 'other run')} had something of it: their other steps and results may hold what they "
            f"made of it. An event of theirs is named by event.id"
        )
    if sent:
        told.append(
            f"the runs sent events that do not match the condition, and stay as they are: {_several(sent, 'name')}"
        )
    if kept:
        told.append(
            f"code of {_several(kept, 'run')} has not returned, and keeps slots that are named by their keys until then"
        )
    if unreadable:
        told.append(f"{unreadable:,} rows are damaged: nobody can say whether they match, and they stay as they are")
    return tuple(told)


def _several(names: Sequence[str], what: str) -> str:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if names[5:] else "")
    return f"{len(names):,} {what}{'' if len(names) == 1 else 's'} ({shown})"


def record_of(entry: AuditEntry) -> AuditRecord:
    """An entry of the audit."""
    try:
        detail = None if entry.detail is None else codec.loads(entry.detail)
    except ValueError:
        detail = entry.detail
    at = views.optional_time(entry.at)
    assert at is not None
    return AuditRecord(entry.id, at, entry.actor, entry.action, entry.target, detail)
