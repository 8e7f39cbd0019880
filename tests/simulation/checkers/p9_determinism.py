"""P9 determinism: what is recorded reads the same in a replay, however the loop turns."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

import inngest
from inngest.embedded.local_invoker import LocalInvoker
from inngest.engine.domain.model import Code
from inngest.engine.store.records import STEP_COLUMNS, entry_of
from inngest.protocol.calls import Call, Completed, EventData, Failed, Outcome, Recorded
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import MARKS, Memo, Op
from inngest.protocol.wire import calls, responses
from inngest.protocol.wire.responses import ReplyKind
from inngest.sdk.function import Function
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request, Response
from inngest.sdk.serving.settings import Settings
from tests.simulation import threads
from tests.simulation.history import Entry, History, Row, State, batch_of, is_memo
from tests.simulation.loop import STRAND, SimLoop, StuckError
from tests.simulation.outside import Actor, Outside
from tests.simulation.ports import SimClock
from tests.simulation.scenario import APP, Scenario
from tests.simulation.threads import BatonThreads

T = TypeVar("T")

LONGEST = 600
"""Seconds of the world after which a replay hangs."""


def check(history: History, scenario: Scenario) -> Iterator[str]:
    """Entering a finished run again, with all its memos, gives what it ended with, and records nothing.

    The code of an app is called for it, with the bytes of a call.
    """
    functions = {name: program for program in scenario.programs if program.replays for name in program.ends}
    client = inngest.Inngest(app_id=APP, is_production=False, checkpointing=False)
    outside = _Hanging(_Nobody(), random.Random("replay"))
    code = [one for program in scenario.programs for one in program.make(client, outside, 0)]
    replay = _ServedReplay if scenario.apps else _Replay
    for run in history.state.runs.values():
        program = functions.get(str(run["function_id"]).removeprefix(f"{APP}-"))
        if program is None or run["status"] not in {"COMPLETED", "FAILED"}:
            continue
        outcome = replay(code, run, history.state).outcome()
        if isinstance(outcome, str):
            yield f"run {run['id']} of {run['function_id']}: its replay {outcome}"
        elif not _same(outcome, run):
            end = run["output"] or run["error"]
            yield f"run {run['id']} of {run['function_id']} ended with {end}, replayed {outcome}"


def _same(outcome: Outcome, run: Row) -> bool:
    if isinstance(outcome, Completed):
        return bool(run["status"] == "COMPLETED" and run["output"] == outcome.data)
    if not isinstance(outcome, Failed) or run["status"] != "FAILED":
        return False
    info = ErrorInfo.from_json(str(run["error"]))
    return (info.name, info.message) == (outcome.error.name, outcome.error.message)


class _Replay:
    """One run, entered again; it is its own recorder."""

    def __init__(self, functions: Sequence[Function[Any]], run: Row, state: State) -> None:
        chance = random.Random(f"replay/{run['id']}")
        self._loop = SimLoop(chance)
        self._recorded: list[str] = []
        rows = [row for (run_id, _), row in state.steps.items() if run_id == run["id"]]
        defers = {str(row["hash"]): not row["cancelled"] for row in rows if row["kind"] == "DeferAdd"}
        rows = [row for row in rows if is_memo(row)]
        entries = [entry_of(tuple(row[name] for name in STEP_COLUMNS)) for row in rows]
        memos = sorted((entry for entry in entries if isinstance(entry, Memo)), key=lambda memo: memo.seq)
        data = [_data(event) for event in batch_of(run, state)]
        attempt, retries = _int(run["attempt"]), _int(run["retries"])
        threaded = Code.from_json(None if run["code"] is None else str(run["code"])).threaded
        self._call = Call(str(run["id"]), str(run["function_id"]), attempt, retries + 1, data, memos, (), defers)
        self._call = self._call._replace(threaded=threaded)
        self._functions = functions
        self._threads = BatonThreads(self._loop, 8, lambda: 0)

    @property
    def slots(self) -> None:
        """A finished run executes nothing."""
        return

    def outcome(self) -> Outcome | str:
        """How it ends, or what it does instead."""
        try:
            outcome = self._loop.drive(self._main())
        except StuckError as error:
            return f"hangs: {error}"
        finally:
            self._loop.end()
            self._threads.abandon()
        self._recorded += [f"{op.op} {op.step.text}" for op in (outcome.ops if outcome else ())]
        return f"records {self._recorded}" if self._recorded else outcome or "hangs"

    async def _main(self) -> Outcome | None:
        STRAND.set("replay")
        task = asyncio.get_running_loop().create_task(self._enter())
        await asyncio.wait([task], timeout=LONGEST)
        return task.result() if task.done() else None

    async def _enter(self) -> Outcome | None:
        invoker = LocalInvoker(self._functions, SimClock(self._loop, 0), self._threads)
        return await invoker.invoke(self._call, self)

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded]:
        """A finished run records nothing."""
        self._recorded += [f"{op.op} {op.step.text}" for op in ops]
        return asyncio.get_running_loop().create_future()


class _ServedReplay(_Replay):
    """The same by a call to the endpoint of an app."""

    async def _enter(self) -> Outcome | None:
        call, clock = self._call, SimClock(self._loop, 0)
        head = calls.Head(
            run_id=call.run_id,
            function_uuid="",
            attempt=call.attempt,
            max_attempts=call.max_attempts or 1,
            request_id="",
            generation=0,
            stack=[memo.step.hash for memo in call.memos],
            defers=call.defers,
            threaded=call.threaded,
        )
        body = calls.encode(head, [calls.event_text(one) for one in call.events], map(calls.memo_text, call.memos))
        client = self._functions[0].client
        handler = Handler(client, self._functions, "sim", Settings(), clock=lambda _: clock, jitter=lambda _: 0.0)
        request = Request("POST", calls.address("http://app.sim/", call.function_id, ""), {}, body)
        answer = await handler.handle(request, self._threads)
        assert isinstance(answer, Response)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        reply = responses.read(answer.status, headers, answer.body, clock.now())
        self._recorded += [f"{op.op} {op.step.text}" for op in reply.ops if op.op not in MARKS]
        if reply.kind is ReplyKind.COMPLETED:
            return Completed(reply.data or "null")
        return Failed(reply.error or ErrorInfo(reply.kind.value, ""), retriable=False)


class _Nobody:
    """A ledger without anything in it."""

    def now(self) -> int:
        return 0

    def owner(self) -> tuple[str, str]:
        raise NotImplementedError

    def note(self, entry: Entry) -> None:
        raise NotImplementedError

    def killed_by_step(self, process: Actor) -> None:
        raise NotImplementedError


class _Hanging(Outside):
    """Handlers that never end: what a finished run has not recorded, it did not wait for."""

    def does(
        self, value: T, *, ms: int | None = None, fails: int = 0, error: Callable[[], BaseException] | None = None
    ) -> Callable[[], Awaitable[T]]:
        async def handler() -> T:
            await asyncio.sleep(2 * LONGEST)
            return value

        return handler

    def does_plain(
        self,
        value: T,
        *,
        ms: int | None = None,
        fails: int = 0,
        error: Callable[[], BaseException] | None = None,
        looks: bool = False,
    ) -> Callable[[], T]:
        def handler() -> T:
            threads.sleep(2_000_000 * LONGEST)
            return value

        return handler


def _data(event: Row) -> EventData:
    return EventData(str(event["key"] or event["id"]), str(event["name"]), str(event["data"]), _int(event["ts"]))


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
