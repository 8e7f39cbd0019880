"""What is erased is not in the bytes of a file, either.

A file of its own: it is about files of SQLite alone.
"""

from __future__ import annotations

from pathlib import Path

from inngest.embedded.upkeep import FileUpkeep
from tests.embedded import databases
from tests.embedded.erasable import ANN, WHERE, Shop, ended, in_files, run_of


async def test_it_is_nowhere_in_the_file_while_workers_have_it_open(tmp_path: Path) -> None:
    async with Shop().engine(databases.url_in(tmp_path)) as engine:
        await run_of(engine, "order/fails", ANN)
        await ended(engine)
        assert in_files(tmp_path, ANN)
        await engine.erase(WHERE)
        upkeep = FileUpkeep(tmp_path / "inngest.db")
        left = upkeep.scrub()
        assert in_files(tmp_path, ANN) == []
        assert not any("-wal" in one for one in left)
        upkeep.copy(tmp_path / "inngest-copy.db")
        assert any(str(tmp_path / "inngest-copy.db") in one for one in upkeep.scrub())
