"""What comes from outside: events that are sent, signals, cancellations, pauses; each until it is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Protocol

from inngest.engine.errors import StoreError
from inngest.engine.store import outbox
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.protocol import ulids
from inngest.protocol.opcodes import SentEvent

from .endpoints import EndpointApp
from .faults import Fault, Plan
from .history import Acknowledged, Cancelled, Entry, History, Noticed, Paused, Reran, Signalled, Told
from .hosting import GoneError
from .ports import EPOCH
from .process import Process
from .scenario import APP, Cancelling, Pausing, Posting, Program, Rerunning, Scenario, Send, Signalling


class Outer(Protocol):
    """The world, as clients see it."""

    history: History
    plan: Plan
    wall: int
    faults: random.Random
    outbox: random.Random | None
    scenario: Scenario
    path: Path
    away_until: int

    def note(self, entry: Entry) -> None:
        """Something happened."""
        ...

    def now(self) -> int:
        """Microseconds since the world began."""
        ...

    def fired(self, fault: Fault, process: Process | None) -> None:
        """A fault happens."""
        ...

    def endpoint_app(self) -> EndpointApp | None:
        """An app with endpoints that lives."""
        ...

    async def someone(self) -> Process:
        """An engine that can be asked something, once there is one that knows all functions."""
        ...


class Clients:
    """See the module.

    Args:
        world: whose engines they ask.
        when: draws when things come that come meanwhile.
    """

    def __init__(self, world: Outer, when: random.Random) -> None:
        self._world = world
        self._when = when

    async def sends(self, number: int, send: Send) -> None:
        """Sends one event until it is acknowledged, then waits for all runs that it started."""
        await asyncio.sleep(send.at / 1000)
        if send.program.script:
            await self._ask(number, send.program)
            return
        by_key = self._world.faults.random() < 0.5
        now = EPOCH + self._world.wall + self._world.now() // 1000
        sent = SentEvent(
            send.program.event,
            json.dumps({**send.program.data, "number": number}),
            f"key-{number}" if by_key else "",
            now + send.delay if send.delay else 0,
            "" if by_key else ulids.make(now, number.to_bytes(10, "big")),
        )
        await asyncio.gather(*(self._send(sent) for _ in range(2 if self._world.plan.twice else 1)))
        if self._world.plan.twice:
            self._world.fired(Fault.TWICE, None)
        runs = [
            str(run["id"])
            for run in self._world.history.state.runs.values()
            if (event := self._world.history.state.events[str(run["event_id"])])
            and (event["id"] == sent.id or (by_key and event["key"] == sent.key))
        ]
        await asyncio.gather(*(self._wait(run_id) for run_id in runs))

    async def _ask(self, number: int, program: Program) -> None:
        """Sends a request once an app is there, and waits for its run, if there is one."""
        run_id = ulids.make(EPOCH + self._world.now() // 1000, number.to_bytes(10, "big"))
        while (app := self._world.endpoint_app()) is None:  # noqa: ASYNC110 - a look costs nothing in virtual time
            await asyncio.sleep(0.05)
        with contextlib.suppress(GoneError):
            await app.request(program, run_id)
        if run_id in self._world.history.state.runs:
            await self._wait(run_id)

    async def _send(self, sent: SentEvent) -> None:
        chance = self._world.outbox
        if chance is not None and chance.random() < self._world.scenario.outbox:
            await self._put(sent, chance)
            return
        while True:
            process = await self._world.someone()
            try:
                ids = await process.call(lambda: process.service.intake.send([sent]))  # noqa: B023
            except (GoneError, StoreError):
                await asyncio.sleep(0.1)
            else:
                self._world.note(Acknowledged(self._world.now(), process.number, tuple(ids)))
                return

    async def _put(self, sent: SentEvent, chance: random.Random) -> None:
        """Sends one event in a transaction beside all engines, perhaps after one that is rolled back; then waits until
        an engine has accepted it.
        """
        now = EPOCH + self._world.wall + self._world.now() // 1000
        lost, kept = ([one] for one in (sent._replace(id=ulids.make(now, chance.randbytes(10))), sent))
        kept = outbox.identified(kept, now, lambda now: ulids.make(now, chance.randbytes(10)))
        if chance.random() < 0.3:
            await self._transact(lost, now, "ROLLBACK")
        await self._transact(kept, now, "COMMIT")
        events = self._world.history.state.events
        while kept[0].id not in events:  # noqa: ASYNC110 - a look costs nothing in virtual time
            await asyncio.sleep(0.1)
        if lost[0].id in events:
            self._world.note(Noticed(self._world.now(), f"event {lost[0].id} was rolled back, and is accepted"))

    async def _transact(self, sent: list[SentEvent], now: int, ends: str) -> None:
        while True:
            await self._world.someone()  # there is a file
            if self._world.now() < self._world.away_until:
                await asyncio.sleep(0.1)
                continue
            database = SqliteDatabase(self._world.path)
            with contextlib.closing(sqlite3.connect(self._world.path, timeout=0, isolation_level=None)) as connection:
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.execute(*outbox.stores(database, outbox.rows_of(sent, now)))
                    connection.execute(ends)
                except sqlite3.IntegrityError:
                    return  # it was sent twice, and is there
                except sqlite3.OperationalError:
                    await asyncio.sleep(0.1)
                else:
                    return

    def meanwhile(self, number: int, send: Send) -> Iterator[Coroutine[Any, Any, None]]:
        """What comes from outside for a program."""
        for place, thing in enumerate(send.program.meanwhile):
            at = (send.at + send.delay + self._when.randint(*thing.after)) / 1000
            match thing:
                case Posting():
                    yield self._post(at, number, place, thing)
                case Signalling():
                    yield self._signal(at, f"{thing.name}/{number}", thing.tries)
                case Cancelling():
                    yield self._cancel(at, f"{APP}-{thing.function}", number)
                case Rerunning():
                    yield self._rerun(at, f"{APP}-{thing.function}", number, thing.step)
                case Pausing():
                    yield self._pause(at, self._when.randint(*thing.lasts) / 1000, thing)

    async def _post(self, at: float, number: int, place: int, thing: Posting) -> None:
        await asyncio.sleep(at)
        now = EPOCH + self._world.wall + self._world.now() // 1000
        event_id = ulids.make(now, (1_000 + 10 * number + place).to_bytes(10, "big"))
        data = json.dumps({**thing.data, "number": number})
        sent = SentEvent(f"{APP}/{thing.name}", data, "", 0, event_id)
        await asyncio.gather(*(self._send(sent) for _ in range(2 if self._world.plan.twice else 1)))

    async def _signal(self, at: float, name: str, tries: int) -> None:
        await asyncio.sleep(at)
        while tries:
            process = await self._world.someone()
            try:
                run_id = await process.call(lambda: process.service.control.signal(name, json.dumps({"tries": tries})))  # noqa: B023
            except (GoneError, StoreError):
                await asyncio.sleep(0.1)  # it may have come; then this is another one
                continue
            self._world.note(Signalled(self._world.now(), process.number, name, run_id))
            if run_id is not None:
                return
            tries -= 1
            await asyncio.sleep(0.5)

    async def _cancel(self, at: float, function_id: str, number: int) -> None:
        await asyncio.sleep(at)
        state = self._world.history.state
        found = [str(run["id"]) for run in state.runs.values() if run["function_id"] == function_id]
        for run_id in found:
            event = state.events[str(state.runs[run_id]["event_id"])]
            if json.loads(str(event["data"])).get("number") == number:
                await self._cancel_run(run_id)

    async def _rerun(self, at: float, function_id: str, number: int, step: str | None) -> None:
        await asyncio.sleep(at)
        state = self._world.history.state
        for run in [run for run in state.runs.values() if run["function_id"] == function_id]:
            event = state.events[str(run["event_id"])]
            if run["origin_id"] is None and json.loads(str(event["data"])).get("number") == number:
                await self._rerun_run(str(run["id"]), step)

    async def _rerun_run(self, run_id: str, step: str | None) -> None:
        while True:
            process = await self._world.someone()
            try:
                forked = await process.call(lambda: process.service.control.rerun(run_id, step, None))  # noqa: B023
            except (GoneError, StoreError):
                self._world.note(Reran(self._world.now(), process.number, run_id, None))
            else:
                if forked.run is not None:
                    self._world.note(Reran(self._world.now(), process.number, run_id, forked.run.id))
                    return
            await asyncio.sleep(0.1)

    async def _cancel_run(self, run_id: str) -> None:
        while True:
            process = await self._world.someone()
            try:
                done = await process.call(lambda: process.service.control.cancel(run_id, "by the world"))  # noqa: B023
            except (GoneError, StoreError):
                await asyncio.sleep(0.1)
            else:
                self._world.note(Cancelled(self._world.now(), process.number, run_id, done))
                return

    async def _pause(self, at: float, lasts: float, thing: Pausing) -> None:
        function_id = f"{APP}-{thing.function}"
        await asyncio.sleep(at)
        await self._have(function_id, thing.on_event)
        await asyncio.sleep(lasts)
        await self._have(function_id, None)

    async def _have(self, function_id: str, on_event: str | None) -> None:
        """Have a function paused, or resumed."""
        while True:
            process = await self._world.someone()
            work = process.resumes(function_id) if on_event is None else process.pauses(function_id, on_event)
            try:
                await process.call(work)
            except (GoneError, StoreError):
                await asyncio.sleep(0.1)
            else:
                self._world.note(Paused(self._world.now(), process.number, function_id, on_event))
                return

    async def _wait(self, run_id: str) -> None:
        while True:
            process = await self._world.someone()
            try:
                ended = await process.call(lambda: process.service.ends.wait(run_id))  # noqa: B023
            except (GoneError, StoreError):
                await asyncio.sleep(0.1)
            else:
                self._world.note(Told(self._world.now(), process.number, run_id, ended.status.value, ended.output))
                return
