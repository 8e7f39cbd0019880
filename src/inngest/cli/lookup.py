"""Which run, function or status is meant by what was written on the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from inngest.embedded.errors import RunNotFoundError
from inngest.embedded.reader import SEARCHED, Reader
from inngest.embedded.views import Run, RunStatus

from . import arguments, json_shapes, run_text
from .errors import CommandError, Exit

T = TypeVar("T")

PAGE = 1_000
"""Runs that are read at a time."""

SHOWN = 10
"""Runs that are named when an end of an id fits several."""

NO_RUN = "`inngest runs` lists runs with their ids; --database names another database"


def existing_run(run_id: str, reader: Reader) -> Run:
    """A run, which must be there."""
    return there(lambda: reader.run(run_id), run_id, reader)


def there(look: Callable[[], T], run_id: str, reader: Reader) -> T:
    """The facts about a run, which must be there."""
    try:
        return look()
    except RunNotFoundError:
        raise CommandError(f"there is no run {run_id} in {reader.name}", hint=NO_RUN, code=Exit.UNREACHABLE) from None


def whole_id(what: str, given: str, reader: Reader) -> str:
    """The id of a run, which may be named by the end of it."""
    if len(given) == arguments.WHOLE_ID:
        return given
    found = reader.ending(given, SHOWN + 1)
    if len(found) == 1:
        return found[0].id
    if not found:
        raise CommandError(
            f"there is no run whose id ends in {given} among the newest {SEARCHED:,} in {reader.name}",
            hint=NO_RUN,
            code=Exit.UNREACHABLE,
        )
    listed = [f"{one.id}  {one.function_id}  {run_text.created(one)}" for one in found[:SHOWN]]
    more = ["…"] if len(found) > SHOWN else []
    raise CommandError(
        f"{what}: the ids of several runs end in {given}: give more of it",
        hint="\n".join([*listed, *more]),
        details={"runs": [json_shapes.run_shape(one) for one in found[:SHOWN]]},
    )


def status_named(text: str) -> RunStatus:
    """The status that `--status` names."""
    try:
        return RunStatus(text.upper())
    except ValueError:
        names = ", ".join(status.value.lower() for status in RunStatus)
        raise CommandError(f"--status: expected one of {names}, got {text!r}") from None


def check_function(what: str, reader: Reader, function: str) -> None:
    """Have a function be known; `what` names the argument."""
    known = reader.functions()
    if function not in known:
        listed = ", ".join(known) or "none yet"
        raise CommandError(
            f"{what}: no function {function!r} is known in this database",
            hint=f"known are: {listed}",
            code=Exit.UNREACHABLE,
        )


def chosen(
    reader: Reader, function: str | None, event: str | None, statuses: Sequence[RunStatus], since: str | None = None
) -> list[Run]:
    """The runs of a function, or of an event, the oldest first. Each is there once, though its status may change.

    Args:
        reader: of the database.
        function: as `--function` names it; None: any.
        event: the id of an event, as `--event` gives it; None: any.
        statuses: those that are meant.
        since: how long ago they were created at most, as `--since` gives it.
    """
    event_id = None if event is None else arguments.ulid("--event", event)
    if function is not None:
        check_function("--function", reader, function)
    ago = arguments.seconds("--since", since)
    first = 0.0 if ago is None else max(0, reader.now() / 1_000 - ago)
    found: dict[str, Run] = {}
    for status in statuses:
        before: str | None = None
        while page := reader.runs(event_id=event_id, function_id=function, status=status, limit=PAGE, before=before):
            found.update({run.id: run for run in page if run.created_at.timestamp() >= first})
            before = page[-1].id
            if page[-1].created_at.timestamp() < first:
                break
    return [found[run_id] for run_id in sorted(found)]
