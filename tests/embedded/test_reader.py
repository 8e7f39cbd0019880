"""Reading without an engine: beside a live one, after one, as a user that may write nothing. Nothing is written."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import inngest
from inngest.embedded.reader import Reader
from inngest.errors import RunNotFoundError, StoreCorruptError, StoreError, StoreVersionError

NOBODY = 65534


def page(client: inngest.Inngest) -> inngest.Function[str]:
    async def double(n: int) -> int:
        return 2 * n

    @client.create_function(fn_id="page", trigger=inngest.TriggerEvent(event="t/go"))
    async def fn(ctx: inngest.Context) -> str:
        return f"got {await ctx.step.run('double', double, 21)}"

    return fn


def listing(folder: Path) -> dict[str, bytes]:
    """The files of a folder, but for the locks of workers, with what is in them."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


async def one_run(path: Path) -> str:
    fn = page(inngest.Inngest(app_id="shop"))
    async with inngest.Engine([fn], database=f"sqlite:///{path}") as engine:
        await engine.invoke(fn)
        (run,) = await engine.runs()
    return run.id


def unprivileged(work: Callable[[], object]) -> str:
    """What `work` gives in a process that may write nothing, as text."""
    readable, writable = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child of a process with threads: it only reads
        child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            answer = str(work())
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writable, answer.encode())
        os._exit(0)
    os.close(writable)
    os.waitpid(child, 0)
    with os.fdopen(readable) as answers:
        return answers.read()


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A folder that everyone may read and only we may write."""
    if os.getuid() != 0:
        pytest.fail("this suite drops privileges: run it as root, or in a user namespace")
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.getuid() and parent != Path(parent.anchor):
            parent.chmod(parent.stat().st_mode | 0o755)
    return tmp_path


async def test_where_no_engine_is_it_reads_and_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    run_id = await one_run(path)
    before = listing(tmp_path)
    assert set(before) == {"i.db"}
    reader = Reader(path)
    run = reader.run(run_id)
    assert (run.status, run.output, [step.output for step in run.steps]) == ("COMPLETED", "got 42", [42])
    assert [one.id for one in reader.runs()] == [run_id]
    assert reader.functions() == ["shop-page"]
    assert listing(tmp_path) == before


async def test_beside_a_live_engine_it_sees_what_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    fn = page(inngest.Inngest(app_id="shop"))
    async with inngest.Engine([fn], database=f"sqlite:///{path}") as engine:
        await engine.invoke(fn)
        await engine.invoke(fn)
        assert [run.status for run in Reader(path).runs()] == ["COMPLETED", "COMPLETED"]
        assert [run.id for run in Reader(path).runs()] == [run.id for run in await engine.runs()]


async def test_after_a_crash_it_sees_what_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    fn = page(inngest.Inngest(app_id="shop"))
    crashed = tmp_path / "crashed"
    async with inngest.Engine([fn], database=f"sqlite:///{path}") as engine:
        await engine.invoke(fn)
        crashed.mkdir()
        for name in ("i.db", "i.db-wal", "i.db-shm"):  # as a kill leaves them
            shutil.copy(tmp_path / name, crashed / name)
    assert [run.output for run in Reader(crashed / "i.db").runs()] == ["got 42"]


async def test_a_user_that_may_write_nothing_can_read(open_folder: Path) -> None:
    path = open_folder / "i.db"
    await one_run(path)
    assert unprivileged(lambda: Reader(path).runs()[0].output) == "got 42"
    fn = page(inngest.Inngest(app_id="shop"))
    async with inngest.Engine([fn], database=f"sqlite:///{path}") as engine:
        await engine.invoke(fn)
        assert unprivileged(lambda: [run.output for run in Reader(path).runs()]) == "['got 42', 'got 42']"


async def test_a_file_that_may_not_be_read_is_said(open_folder: Path) -> None:
    path = open_folder / "i.db"
    await one_run(path)
    path.chmod(0o600)
    assert unprivileged(lambda: Reader(path).runs()) == f"StoreError: {path} cannot be read: Permission denied"


def test_a_folder_that_may_not_be_searched_is_said(open_folder: Path) -> None:
    path = open_folder / "i.db"
    asyncio.run(one_run(path))
    open_folder.chmod(0o700)
    assert unprivileged(lambda: Reader(path).runs()) == f"StoreError: {path} cannot be read: Permission denied"


async def test_an_engine_that_starts_while_it_reads_makes_it_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "i.db"
    await one_run(path)
    fn = page(inngest.Inngest(app_id="shop"))
    engine = inngest.Engine([fn], database=f"sqlite:///{path}")
    whole = sqlite3.connect
    opened: list[str] = []

    def connect(name: str, **how: object) -> sqlite3.Connection:
        opened.append(str(name).rpartition("?")[2])
        connection = whole(name, **how)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
        if opened == ["immutable=1"]:  # a worker begins just now
            (tmp_path / "i.db-wal").touch()
        assert isinstance(connection, sqlite3.Connection)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)
    assert len(Reader(path).runs()) == 1
    assert opened == ["immutable=1", "mode=ro"]
    monkeypatch.undo()
    async with engine:
        assert len(await engine.runs()) == 1


async def test_what_is_missing_or_no_database_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone.db cannot be read: No such file or directory"):
        Reader(tmp_path / "gone.db").runs()
    (tmp_path / "text.db").write_text("hello" * 1000)
    with pytest.raises(StoreCorruptError, match=r"text.db is not an SQLite database"):
        Reader(tmp_path / "text.db").runs()
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (x)").connection.close()
    with pytest.raises(StoreError, match=r"no engine has ever used the database .*"):
        Reader(tmp_path / "other.db").runs()
    await one_run(tmp_path / "i.db")
    with pytest.raises(RunNotFoundError, match="there is no run '01'"):
        Reader(tmp_path / "i.db").run("01")


@pytest.mark.parametrize(
    ("revision", "min_compatible", "text"),
    [("0000", "0000", "start an engine on it"), ("9999", "9999", "upgrade pyngest")],
)
async def test_another_schema_is_refused(tmp_path: Path, revision: str, min_compatible: str, text: str) -> None:
    path = tmp_path / "i.db"
    await one_run(path)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE inngest_meta SET value = ? WHERE key = 'revision'", (revision,))
    connection.execute("UPDATE inngest_meta SET value = ? WHERE key = 'min_compatible'", (min_compatible,))
    connection.close()
    with pytest.raises(StoreVersionError, match=text):
        Reader(path).runs()
