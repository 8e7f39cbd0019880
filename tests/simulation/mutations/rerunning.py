"""Planted bugs about reruns: what they keep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from unittest import mock

from inngest.engine.domain import rerun
from inngest.engine.domain.model import Origin
from inngest.engine.records import Fork, Forked
from inngest.engine.store.sql import SqlStore

from .planting import plant


@plant("rerun", "again")
def _a_rerun_keeps_its_step() -> Iterator[AbstractContextManager[object]]:
    before = rerun.before

    def and_itself(origin: Origin, steps: list[rerun.RecordedStep]) -> int:
        return before(origin, steps) + 1

    yield mock.patch.object(rerun, "before", and_itself)


@plant("rerun", "again")
def _a_rerun_is_made_twice() -> Iterator[AbstractContextManager[object]]:
    fork = SqlStore.fork

    async def twice(store: SqlStore, asked: Fork) -> Forked:
        await fork(store, asked._replace(new_id=f"{asked.new_id[:-1]}{'0' if asked.new_id[-1] != '0' else '1'}"))
        return await fork(store, asked)

    yield mock.patch.object(SqlStore, "fork", twice)
