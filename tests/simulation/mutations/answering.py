"""Planted bugs about endpoints, whose requests are runs: who may report, when it is believed, and who takes over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from unittest import mock

from inngest.engine.domain import endpoints
from inngest.engine.domain.model import Run, RunState
from inngest.engine.endpoints import Endpoints
from inngest.protocol.opcodes import Op

from .planting import plant

Bug = Iterator[AbstractContextManager[object]]


@plant("outdated", "endpoints", finders=("outdated", "P4"))
def _a_request_may_report_after_its_run_was_taken_over() -> Bug:
    def always(run: Run, _: object) -> bool:
        return run.ended_at is None

    yield mock.patch.object(endpoints, "in_request", always)


@plant("P10", "endpoints")
def _a_report_of_a_request_is_answered_before_its_commit() -> Bug:
    go_on = Endpoints.go_on
    under_way: set[asyncio.Task[bool]] = set()

    async def at_once(of: Endpoints, run_id: str, ops: Sequence[Op]) -> bool:
        under_way.add(asyncio.get_running_loop().create_task(go_on(of, run_id, ops)))
        return True

    yield mock.patch.object(Endpoints, "go_on", at_once)


@plant("P6", "endpoints")
def _a_request_that_is_silent_keeps_its_run_for_ever() -> Bug:
    due_at = endpoints.due_at

    def never(state: RunState, ops: Sequence[Op], now: int) -> int:
        silent = not state.open and not state.discovery.owed
        return now + 10**9 if silent else due_at(state, ops, now)

    yield mock.patch.object(endpoints, "due_at", never)


@plant("replied", "endpoints", finders=("replied",))
def _what_comes_too_late_is_acknowledged() -> Bug:
    """The request goes on to its end, and answers with what nobody has recorded."""

    def lost(run: Run, state: RunState, ops: Sequence[Op]) -> bool:
        return True

    yield mock.patch.object(endpoints, "repeats", lost)
