"""`inngest db erase`: what belongs to a person is erased, by an engine that has no functions; and the audit of that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import typer
from rich.text import Text

from inngest.cli import arguments, output, visiting_engine
from inngest.cli.errors import CommandError, Exit
from inngest.embedded import erasure, leftovers
from inngest.embedded.erasure import AuditRecord, Erased
from inngest.embedded.errors import EngineConfigError, RunsUnderWayError
from inngest.embedded.upkeep import FileUpkeep, Upkeep
from inngest.engine.errors import StoreError
from inngest.protocol import texts
from inngest.server.run_json import iso

NAMED = 20
"""Runs and events that are named."""


class Asked(NamedTuple):
    """The data that are to be erased."""

    where: str
    cancel: bool
    preview: bool
    yes: bool
    search: tuple[str, ...]
    actor: str | None


def erase(asked: Asked, *, database: str, as_json: bool) -> None:
    """Erase it, and say what was, and what is left."""
    where, actor = _checked(asked)
    path = arguments.existing_database(database)
    upkeep = FileUpkeep(path) if isinstance(path, Path) else Upkeep(path)
    found = visiting_engine.on(path, lambda engine: engine.erase(where, preview=True), as_json=as_json)
    if _is_nothing(found) and not as_json:
        output.warning("""nothing matches --where: texts have quotes, and "42" is not 42""")
    if asked.preview:
        _show_preview(found, _searched(upkeep, asked.search), as_json)
        return
    if found.under_way and not asked.cancel:
        raise _refused(found.under_way, found.cancelled)
    if not asked.yes and not _is_nothing(found):
        _confirm(found, as_json)
    try:
        done = visiting_engine.on(
            path, lambda engine: engine.erase(where, cancel=asked.cancel, actor=actor), as_json=as_json
        )
    except RunsUnderWayError as error:  # they have begun since
        raise _refused(error.under_way, error.run_ids) from None
    scrubbed, trouble = _scrubbed(upkeep)
    left = [*_searched(upkeep, asked.search), *done.left, *scrubbed]
    if as_json:
        output.print_json({**_shape(done), "audit_id": done.audit_id, "steps": done.steps, "left": left})
    else:
        _show(done, left)
    if done.under_way or trouble:
        raise typer.Exit(Exit.FAILED)


def _checked(asked: Asked) -> tuple[str, str]:
    for text in asked.search:
        if (wrong := texts.problem(text) if text else "must not be empty") is not None:
            raise CommandError(f"--search: the text {wrong}, got {text!r:.80}", hint="such as --search ada@example.com")
    try:
        return erasure.checked(asked.where, asked.actor)
    except EngineConfigError as error:
        name, _, reason = error.message.partition(": ")
        raise CommandError(f"--{name}: {reason}", hint="""such as --where 'event.data.user_id == "42"'""") from None


def _refused(under_way: tuple[str, ...], run_ids: tuple[str, ...]) -> CommandError:
    some = "; ".join(under_way[:NAMED]) + (f"; and {len(under_way) - NAMED:,} more" if under_way[NAMED:] else "")
    return CommandError(
        f"erase: nothing was changed, since some of it goes on: {some}",
        hint="wait for their ends, or add --cancel, which ends them first",
        code=Exit.FAILED,
        details={"under_way": list(under_way), "runs": list(run_ids)},
    )


def _scrubbed(upkeep: Upkeep) -> tuple[list[str], bool]:
    """The data that stay though no row has them, in sentences; and whether that is so because something went wrong."""
    try:
        return upkeep.scrub(), False
    except StoreError as error:
        how = "`inngest db vacuum --yes` does it" if isinstance(upkeep, FileUpkeep) else "VACUUM does it"
        return [f"bytes of rows that are gone, since they could not be overwritten: {error.message}. {how} later"], True


def _searched(upkeep: Upkeep, texts: tuple[str, ...]) -> list[str]:
    found = (leftovers.searched(text, upkeep.search(text)) for text in texts)
    return [one for one in found if one is not None]


def _is_nothing(found: Erased) -> bool:
    return not (found.events or found.runs or found.memos or found.keys or found.dropped or found.under_way)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _summary(found: Erased) -> str:
    parts = [_counted(found.events, "event"), _counted(found.runs, "run")]
    parts += [] if found.steps is None else [_counted(found.steps, "step")]
    parts += [f"{_counted(found.memos, 'step')} of other runs"] if found.memos else []
    parts += [_counted(found.keys, "key")] if found.keys else []
    return ", ".join(parts)


def _confirm(found: Erased, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        raise CommandError(
            f"erase: {_summary(found)} would be erased for ever, and nobody is asked here", hint="add --yes"
        )
    console = output.console(sys.stderr)
    for text in found.under_way[:NAMED]:
        console.print(f"{text}: it is cancelled")
    try:
        sure = typer.confirm(f"erase {_summary(found)}, for ever?", err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
    if not sure:
        raise CommandError("nothing was done", code=Exit.FAILED)


def _shape(found: Erased) -> dict[str, object]:
    return {
        "events": found.events,
        "runs": found.runs,
        "memos": found.memos,
        "keys": found.keys,
        "dropped": found.dropped,
        "cancelled": list(found.cancelled),
        "others": list(found.others),
        "under_way": list(found.under_way),
    }


def _show_preview(found: Erased, searched: list[str], as_json: bool) -> None:
    left = [*searched, *found.left]
    if as_json:
        output.print_json({"preview": {**_shape(found), "left": left}})
        return
    console = output.console()
    for text in found.under_way[:NAMED]:
        console.print(Text.assemble(("goes on ", "dim"), (text, "yellow")))
    for run_id in found.others[:NAMED]:
        console.print(Text.assemble(("other   ", "dim"), f"run {run_id} has had something of it"))
    for text in left:
        console.print(Text.assemble(("left    ", "dim"), text))
    console.print(f"{_summary(found)} would be erased", style="dim")


def _show(done: Erased, left: list[str]) -> None:
    console = output.console()
    for run_id in done.cancelled:
        console.print(Text.assemble(("cancelled ", "dim"), run_id))
    if done.dropped:
        console.print(
            Text.assemble(("dropped   ", "dim"), f"{_counted(done.dropped, 'event')} that had started nothing")
        )
    for run_id in done.others:
        console.print(
            Text.assemble(("other     ", "dim"), f"run {run_id} had something of it, and only that was erased")
        )
    for text in done.under_way:
        console.print(Text.assemble(("goes on   ", "dim"), (f"{text}: it has begun meanwhile", "yellow")))
    for text in left:
        console.print(Text.assemble(("left      ", "dim"), text))
    console.print(Text.assemble(("erased    ", "green"), f"{_summary(done)}; the audit has it as {done.audit_id}"))


def audit(*, limit: str, database: str, as_json: bool) -> None:
    """Show who erased what."""
    count = arguments.whole_number("--limit", limit, 1, 1_000)
    records = Upkeep(arguments.existing_database(database)).audit(count)
    if as_json:
        output.print_json({"audit": [{**vars(one), "at": iso(one.at)} for one in records]})
        return
    console = output.console()
    for one in records:
        console.print(
            Text.assemble(
                (f"{one.at.astimezone():%Y-%m-%d %H:%M:%S}  ", "dim"),
                (one.action, "bold"),
                f"  {one.target or ''}  ",
                (one.actor, "cyan"),
                f"  {_detail(one)}",
            )
        )
    if not records:
        console.print("nothing was erased on this database", style="dim")


def _detail(record: AuditRecord) -> str:
    told = record.detail
    if not isinstance(told, dict):
        return ""
    counts = [
        _counted(told[name], name[:-1]) for name in ("events", "runs", "steps") if isinstance(told.get(name), int)
    ]
    unfinished = "" if told.get("finished") else "not finished: erase again, and it goes on"
    return ", ".join([*counts, *([unfinished] if unfinished else [])])
