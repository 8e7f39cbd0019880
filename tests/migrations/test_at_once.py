"""Several processes open a file at the same moment: a new one, and one that must be migrated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import inngest
from inngest.engine.store.schema import CURRENT
from tests import processes
from tests.migrations import schemas

PROCESSES = 6


def opens(talk: processes.Talk, path: Path) -> None:
    async def main() -> None:
        async with inngest.Engine([], database=f"sqlite:///{path}") as engine:
            await engine.send(inngest.Event(name="opened"))

    talk.say("ready")
    talk.expect("go")
    asyncio.run(main())
    talk.say("done")


def migrates(talk: processes.Talk, path: Path, folder: Path) -> None:
    target = schemas.next_schema(folder)
    talk.say("ready")
    talk.expect("go")
    schemas.prepare(path, target)
    talk.say("done")


def at_once(target: Callable[..., None], *arguments: tuple[object, ...]) -> None:
    """Start a process for each tuple of arguments, let all go at the same moment, and see that all come through."""
    with ExitStack() as stack:
        started = [stack.enter_context(processes.started(target, *one)) for one in arguments]
        for message in ("ready", "done"):
            for process in started:
                process.expect(message)
            if message == "ready":
                for process in started:
                    process.say("go")
        assert [process.join() for process in started] == [0] * len(started)


def test_a_new_file_is_created_once(tmp_path: Path) -> None:
    for number in range(3):
        path = tmp_path / f"{number}.db"
        at_once(opens, *[(path,)] * PROCESSES)
        assert schemas.meta(path)["revision"] == CURRENT.revision
        assert len(schemas.rows(path, "inngest_events")) == PROCESSES


def test_an_old_file_is_migrated_once(tmp_path: Path) -> None:
    path = tmp_path / "inngest.db"
    schemas.prepare(path)
    folders = [tmp_path / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    at_once(migrates, *[(path, folder) for folder in folders])
    assert schemas.meta(path)["revision"] == "0007"
    assert schemas.rows(path, "inngest_apps") == []
