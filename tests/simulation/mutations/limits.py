"""Planted bugs about limits: slots, gates, time and the queue (P1, P7, crons)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from inngest.engine import slots
from inngest.engine.store import claiming, lanes, tables
from inngest.engine.store.statement import Transaction

from .planting import plant

_runs, _steps, _waits, _requests = tables.runs, tables.steps, tables.waits, tables.requests


@plant("P7", "limited", "shared")
def _the_dead_keep_their_slots() -> Iterator[AbstractContextManager[object]]:
    end_session = claiming.end_session

    def keeping(tx: Transaction, *args: Any, **more: Any) -> bool:
        with mock.patch.object(lanes, "give_back"):
            return end_session(tx, *args, **more)

    yield mock.patch.object(claiming, "end_session", keeping)


@plant("P7", "limited-2", "shared-2")
def _claims_do_not_count() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(lanes.Room, "write")


@plant("P7", "shared", "limited")
def _handlers_beside_the_first_need_no_slot() -> Iterator[AbstractContextManager[object]]:
    async def take(_: slots.RunSlots) -> None:
        return

    yield mock.patch.object(slots.RunSlots, "take", take)
    yield mock.patch.object(slots.RunSlots, "give")
