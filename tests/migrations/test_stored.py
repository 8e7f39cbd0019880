"""A file that an earlier revision stored, with runs in the middle: each goes on under today's, and completes."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

import inngest
from inngest import Run
from inngest.engine.store.schema import CURRENT
from inngest.errors import RunFailedError
from tests import postgres
from tests.migrations import on_postgres, schemas, served
from tests.migrations.shop import EVENTS, STORED, Shop, later, load

REVISIONS = sorted(path.stem for path in STORED.glob("*.sql"))

RESULTS: dict[str, list[object]] = {
    "sleep": ["sleep"],
    "wait": [5],
    "wait-late": [None],
    "debounce": [2],
    "batch": [[1, 2]],
    "lane": ["lane 1", "lane 2", "lane 3"],
    "throttle": [1, 2],
    "paused": [1, 2],
    "retry": ["mended"],
    "child": ["of the child"],
    "parent": ["of the child"],
    "once": ["once"],
    "single": ["single"],
    "under-way": [["before", "under way"]],
}
SINCE: dict[str, dict[str, list[object]]] = {
    "0002": {"changed": ["changed"], "ask": ["nobody answers"]},
    "0003": {"served-sleep": ["served"], "served-call": ["called"]},
}
"""Functions that files have runs of since a revision."""
FIRST_ON_POSTGRES = "0005"
NOW_ONLY = {"inngest_inbox", "inngest_kept_slots", "inngest_parcels", "inngest_troubles"}
"""Tables of what lasts a moment."""


async def _results(engine: inngest.Engine, function: str) -> list[object]:
    """Results of a function's runs, the oldest first."""
    runs: list[Run] = await engine.runs(function=f"shop-{function}")
    return [await engine.wait(run.id) for run in reversed(runs)]


async def _all_complete(engine: inngest.Engine, shop: Shop, revision: str) -> None:
    async with served.serving(engine) as app, engine:
        await app.register(engine)
        await engine.send(inngest.Event(name="wait/paid", data={"id": 1, "amount": 5}))
        await engine.resume("shop-paused")
        for function in ("batch", "debounce"):
            while not await engine.runs(function=f"shop-{function}"):  # noqa: ASYNC110 - a timer starts it
                await asyncio.sleep(0.01)
        expected = RESULTS.copy()
        for since, results in SINCE.items():
            expected |= results if since <= revision else {function: [] for function in results}
        found = {function: await _results(engine, function) for function in expected}
        (failed,) = await engine.runs(function="shop-fail")
        with pytest.raises(RunFailedError, match="no stock"):
            await engine.wait(failed.id)

    assert found == expected
    assert shop.effects == []  # what was recorded before is not done again
    assert sorted(shop.begun) == ["flaky", "lane 1", "lane 2", "lane 3", "under way"]


@pytest.mark.parametrize("revision", REVISIONS)
async def test_every_run_of_a_stored_file_completes(tmp_path: Path, revision: str) -> None:
    path = tmp_path / "inngest.db"
    stored_at = load(revision, path)
    shop = Shop()
    with later(stored_at):
        await _all_complete(shop.engine(path), shop, revision)
    assert schemas.meta(path)["revision"] == CURRENT.revision


@pytest.mark.parametrize("revision", on_postgres.REVISIONS)
async def test_every_run_of_a_stored_database_completes(tmp_path: Path, revision: str) -> None:
    schema = "s" + uuid.uuid4().hex
    on_postgres.load(tmp_path / "inngest.db", load(revision, tmp_path / "inngest.db"), schema)
    shop = Shop()
    await _all_complete(shop.engine(postgres.server().url(schema=schema)), shop, revision)
    assert on_postgres.revision(schema) == CURRENT.revision
    postgres.server().execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_stored_file_has_the_schema_of_a_new_one_when_it_is_migrated(tmp_path: Path, revision: str) -> None:
    load(revision, tmp_path / "stored.db")
    schemas.prepare(tmp_path / "stored.db")
    schemas.prepare(tmp_path / "new.db")
    stored, new = schemas.describe(tmp_path / "stored.db"), schemas.describe(tmp_path / "new.db")
    assert stored == new


def test_each_earlier_revision_has_a_stored_file() -> None:
    scripts = sorted(path.stem.partition("_")[0] for path in CURRENT.versions.glob("[0-9]*.py"))
    assert [*REVISIONS, CURRENT.revision] == scripts
    assert [one for one in REVISIONS if one >= FIRST_ON_POSTGRES] == on_postgres.REVISIONS


@pytest.mark.parametrize(
    ("revision", "missing"),
    [
        ("0001", {"inngest_inbox", "inngest_requests"}),
        ("0002", NOW_ONLY | {"inngest_woken"}),
        ("0003", NOW_ONLY | {"inngest_woken"}),
        ("0004", NOW_ONLY | {"inngest_woken", "inngest_metadata", "inngest_cancellations"}),
        ("0005", NOW_ONLY | {"inngest_woken", "inngest_metadata", "inngest_cancellations"}),
    ],
)
def test_a_stored_file_has_rows_of_each_kind(tmp_path: Path, revision: str, missing: set[str]) -> None:
    path = tmp_path / "inngest.db"
    load(revision, path)
    empty = {table for table in schemas.describe(path) if not schemas.rows(path, table)}
    assert empty == missing
    newer = {function for since, results in SINCE.items() if since > revision for function in results}
    assert {name for name, _ in EVENTS} - newer <= {row[1] for row in schemas.rows(path, "inngest_events")}
