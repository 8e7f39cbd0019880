"""`inngest db`: the state of a database, a copy of it, a newer schema, and space given back."""

from __future__ import annotations

import datetime
from pathlib import Path

from rich.text import Text

from inngest.cli import arguments, output
from inngest.cli.errors import CommandError, Exit
from inngest.embedded.upkeep import Contents, FileUpkeep, Outbox, Upkeep
from inngest.runtime.clock import wall_clock_ms
from inngest.server.run_json import optional_iso


def status(*, database: str, as_json: bool) -> None:
    """Show what a database holds."""
    upkeep = _upkeep(database)
    found = upkeep.status()
    size, contents = found.size, found.contents
    if as_json:
        output.print_json(
            {
                "database": upkeep.name,
                "schema": found.revision,
                "needs_migration": contents is None,
                "bytes": size.whole,
                "wal_bytes": size.wal,
                "free_bytes": size.free,
                **({} if contents is None else _contents_shape(contents)),
            }
        )
        return
    free = f", {_bytes(size.free)} of it free: `inngest db vacuum` gives it back" if size.free else ""
    wal = f", and {_bytes(size.wal)} beside it" if size.wal else ""
    rows = [("database", upkeep.name), ("schema", found.revision), ("size", f"{_bytes(size.whole)}{wal}{free}")]
    rows += (
        [("contents", "an older schema, which this version cannot read: `inngest db migrate` brings it up to date")]
        if contents is None
        else _rows(contents)
    )
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        output.console().print(Text.assemble((f"{name:<{width}}", "dim"), "  ", text))


def _upkeep(database: str) -> Upkeep:
    """The upkeep of a database."""
    found = arguments.existing_database(database)
    return FileUpkeep(found) if isinstance(found, Path) else Upkeep(found)


def _file(database: str, verb: str) -> Path:
    """The file that is looked after."""
    found = arguments.existing_database(database)
    if isinstance(found, Path):
        return found
    raise CommandError(
        f"--database: `inngest db {verb}` is for files of SQLite",
        hint="PostgreSQL has its own: pg_dump copies, and VACUUM gives space back",
    )


def _rows(contents: Contents) -> list[tuple[str, str]]:
    total = sum(contents.runs.values())
    each = ", ".join(f"{number:,} {status.value.lower()}" for status, number in contents.runs.items())
    oldest = "" if contents.oldest is None else f"; the oldest of {contents.oldest:%Y-%m-%d %H:%M}"
    workers = [
        f"pid {one.pid} on {one.host}" + ("" if one.since is None else f" since {one.since:%Y-%m-%d %H:%M}")
        for one in contents.workers
    ]
    return [
        ("workers", ", ".join(workers) or "none"),
        ("runs", f"{total:,}" + (f": {each}{oldest}" if total else "")),
        ("steps", f"{contents.steps:,}"),
        ("events", f"{contents.events:,}"),
        *_outbox_rows(contents.outbox),
    ]


def _outbox_rows(outbox: Outbox) -> list[tuple[str, str]]:
    """The outbox, if there is anything in it."""
    if not outbox.sends:
        return []
    since = "" if outbox.oldest is None else f", since {outbox.oldest:%Y-%m-%d %H:%M}"
    aside = f"; {outbox.aside:,} put aside: {outbox.trouble}" if outbox.aside else ""
    return [("outbox", f"{outbox.sends:,} not accepted yet{since}{aside}")]


def _contents_shape(contents: Contents) -> dict[str, object]:
    workers = [
        {"host": one.host, "pid": one.pid, "since": optional_iso(one.since), "functions": list(one.functions)}
        for one in contents.workers
    ]
    return {
        "workers": workers,
        "runs": {status.value: number for status, number in contents.runs.items()},
        "steps": contents.steps,
        "events": contents.events,
        "oldest_run": optional_iso(contents.oldest),
        "outbox": {
            "sends": contents.outbox.sends,
            "aside": contents.outbox.aside,
            "oldest": optional_iso(contents.outbox.oldest),
            "trouble": contents.outbox.trouble,
        },
    }


def migrate(*, yes: bool, database: str, as_json: bool) -> None:
    """Bring the schema of a database to that of this version."""
    upkeep = _upkeep(database)
    if not yes and not upkeep.is_current():
        _refuse_workers(upkeep, "migrate", "may know the older schema only, and fail at its next write")
    done = upkeep.migrate()
    if as_json:
        output.print_json({"database": upkeep.name, "before": done.before, "after": done.after})
    elif done.before == done.after:
        output.console().print(f"nothing to do: {upkeep.name} has schema {done.after}")
    else:
        output.console().print(f"migrated  {upkeep.name}  from schema {done.before} to {done.after}")


def vacuum(*, yes: bool, database: str, as_json: bool) -> None:
    """Give back the space of what was removed."""
    path = _file(database, "vacuum")
    upkeep = FileUpkeep(path)
    if not yes:
        _refuse_workers(upkeep, "vacuum", "cannot write until all of the file is written anew")
    before, after = upkeep.compact()
    if as_json:
        told = {"before": before.whole + before.wal, "after": after.whole + after.wal}
        output.print_json({"database": str(path), "bytes": told})
        return
    total = before.whole + before.wal
    output.console().print(f"vacuumed  {path}  from {_bytes(total)} to {_bytes(after.whole + after.wal)}")


def _refuse_workers(upkeep: Upkeep, verb: str, why: str) -> None:
    living = upkeep.workers()
    if not living:
        return
    have, they = ("a worker has", "it") if living == 1 else (f"{living} workers have", "each of them")
    raise CommandError(
        f"{verb}: {have} {upkeep.name} open, and {they} {why}",
        hint="stop the engines first (`inngest db status` names them), or add --yes",
        code=Exit.FAILED,
    )


def backup(target: str, *, database: str, as_json: bool) -> None:
    """Copy a database as it is now."""
    path = _file(database, "backup")
    wanted = Path(target)
    if wanted.is_dir():
        wanted /= f"{path.stem}-{_now():%Y%m%dT%H%M%SZ}{path.suffix}"
    if not wanted.parent.is_dir():
        raise CommandError(
            f"TARGET: expected a file in a folder that exists, got {target!r}", hint=f"mkdir -p {wanted.parent}"
        )
    size = FileUpkeep(path).copy(wanted)
    if as_json:
        output.print_json({"database": str(path), "copy": str(wanted), "bytes": size.whole})
        return
    output.console().print(f"copied  {path}  to {wanted}, {_bytes(size.whole)}")


def _now() -> datetime.datetime:
    return datetime.datetime.fromtimestamp(wall_clock_ms() / 1_000, datetime.UTC)


def _bytes(count: int) -> str:
    """A size for people, in the powers of 1,000 that disks are sold by."""
    if count < 1_000:
        return f"{count} bytes"
    size, units = count / 1_000, ["kB", "MB", "GB", "TB"]
    while size >= 999.95 and len(units) > 1:
        size, units = size / 1_000, units[1:]
    return f"{size:.1f} {units[0]}"
