"""An app of the tests: programs that answer calls as SDKs do, over a carrier that delivers, loses, or cuts them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from inngest.engine.invokers.ports import Broken, Carried, NotDelivered, RawAnswer, RemoteCall
from inngest.protocol.calls import Call, Mode
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Op, Opcode, OpTarget
from inngest.protocol.requests import Request, Secrets
from inngest.protocol.steps import StepCounter, StepName
from inngest.protocol.wire import calls, operations
from tests.serving.town import Town

Program = Callable[["Steps"], object]
"""The body of a function, entered anew in each call."""

Branch = Callable[["Steps"], object]


class StepFailedError(Exception):
    """A step failed for good, as the body sees it."""


class NoRetryError(Exception):
    """What must not be tried again."""


class _ParkedError(Exception):
    """The body, or a branch of it, can go no further."""

    def __init__(self, *ops: Op) -> None:
        super().__init__()
        self.ops = ops


class _RanError(_ParkedError):
    """A handler ran: its report ends the call."""


@dataclass
class Steps:
    """What a program may ask for, in one call.

    Attributes:
        call: it.
        said: ids of the steps whose handlers ran, in all calls.
    """

    call: Call
    said: list[str]
    counter: StepCounter = field(default_factory=StepCounter)
    grouped: bool = False
    mode: str = ""

    @property
    def data(self) -> object:
        """Of the event."""
        return json.loads(self.call.events[0].data)

    def run(self, step_id: str, handler: Callable[[], object] = lambda: None, once: bool = False) -> object:
        """A step that runs."""
        name = self.counter.name(step_id)
        memo = self._memo(name)
        if memo is not None:
            return _value(memo)
        if self.call.mode is Mode.TARGET and self.call.target != name.hash:
            raise _ParkedError()
        if self.call.mode is Mode.PLAN or ((self.grouped or once) and self.call.mode is not Mode.TARGET):
            raise _ParkedError(Op(Opcode.STEP_PLANNED, name, mode=self.mode, once=once))
        self.said.append(step_id)
        try:
            raise _RanError(Op(Opcode.STEP_RUN, name, data=json.dumps(handler())))
        except (_ParkedError, asyncio.CancelledError):
            raise
        except Exception as error:
            last = self.call.max_attempts is not None and self.call.attempt + 1 >= self.call.max_attempts
            opcode = Opcode.STEP_FAILED if last or isinstance(error, NoRetryError) else Opcode.STEP_ERROR
            raise _RanError(Op(opcode, name, error=ErrorInfo(type(error).__name__, str(error)))) from None

    def sleep(self, step_id: str, ms: int) -> None:
        """A sleep."""
        self._wait(Op(Opcode.SLEEP, self.counter.name(step_id), Opcode.SLEEP, duration=ms))

    def wait_for_event(self, step_id: str, name: str, timeout: int, expression: str | None = None) -> object:
        """A wait for an event."""
        target = OpTarget(name, expression)
        op = Op(Opcode.WAIT_FOR_EVENT, self.counter.name(step_id), Opcode.WAIT_FOR_EVENT, duration=timeout)
        return self._wait(op._replace(target=target))

    def wait_for_signal(self, step_id: str, name: str, timeout: int) -> object:
        """A wait for a signal."""
        op = Op(Opcode.WAIT_FOR_SIGNAL, self.counter.name(step_id), Opcode.WAIT_FOR_SIGNAL, duration=timeout)
        return self._wait(op._replace(target=OpTarget(name)))

    def invoke(self, step_id: str, function_id: str, data: object = None) -> object:
        """An invoked function."""
        target = OpTarget(function_id, data=json.dumps(data or {}))
        return self._wait(Op(Opcode.INVOKE, self.counter.name(step_id), Opcode.INVOKE, target=target))

    def fetch(self, step_id: str, url: str, key: str = "") -> object:
        """A request of the engine; the key is not stored."""
        secrets = Secrets({"authorization": key}) if key else None
        target = OpTarget(f"GET {url}", data=Request(url).to_json(), secrets=secrets)
        return self._wait(Op(Opcode.GATEWAY, self.counter.name(step_id), Opcode.GATEWAY, target=target))

    def parallel(self, *branches: Branch, mode: str = "wait") -> list[object]:
        """Branches side by side: in `wait` mode one discovery follows all of them, in `race` one each."""
        results: list[object] = []
        parked: list[Op] = []
        for branch in branches:
            steps = Steps(self.call, self.said, self.counter, True, "race" if mode == "race" else "")
            try:
                results.append(branch(steps))
            except _RanError:
                raise
            except _ParkedError as stop:
                parked += stop.ops
        if len(results) < len(branches):
            raise _ParkedError(*parked)
        return results

    def first(self, *branches: Branch) -> object:
        """The result of the branch whose last memo came first; the others go on."""
        ended: list[tuple[int, object]] = []
        parked: list[Op] = []
        for branch in branches:
            steps = Steps(self.call, self.said, self.counter, True, "race")
            before = {memo.step.hash: memo.seq for memo in self.call.memos}
            try:
                value = branch(steps)
                ended.append((max(before.values(), default=0), value))
            except _RanError:
                raise
            except _ParkedError as stop:
                parked += stop.ops
        if not ended:
            raise _ParkedError(*parked)
        return ended[0][1]

    def _wait(self, op: Op) -> object:
        memo = self._memo(op.step)
        if memo is not None:
            return _value(memo)
        raise _ParkedError() if self.call.mode is Mode.TARGET else _ParkedError(op._replace(mode=self.mode))

    def _memo(self, name: StepName) -> Memo | None:
        return next((memo for memo in self.call.memos if memo.step.hash == name.hash), None)


def _value(memo: Memo) -> object:
    if memo.error is not None:
        raise StepFailedError(memo.error.message)
    return None if memo.data is None else json.loads(memo.data)


Fault = Callable[[RemoteCall], Carried | None]
"""What becomes of a call, instead of its answer; None: nothing does."""


class ScriptedApps:
    """A carrier to apps in the same process.

    Args:
        programs: bodies, by the id of their function.
        latency: seconds that a call takes.
        version: of requests, that the apps choose; "" if they say none.
    """

    def __init__(self, programs: dict[str, Program], latency: float = 0.001, version: str = "2") -> None:
        self.programs = programs
        self.calls: list[Call] = []  # that were delivered, in order
        self.urls: list[str] = []
        self.said: list[str] = []  # ids of steps whose handlers ran
        self.flying = 0
        self.most = 0  # calls that were under way at a time, at most
        self.before: Fault = lambda _: None  # asked before a call is delivered
        self.after: Fault = lambda _: None  # asked when its handler has run
        self.gates: dict[str, asyncio.Event] = {}  # calls for these steps are answered when theirs is set, by id
        self.delivered = asyncio.Event()
        self.closed = False
        self._latency = latency
        self._version = version

    def targets(self) -> list[str]:
        """The targets of the calls: hashes, and "" for discoveries."""
        return [call.target for call in self.calls]

    async def carry(self, call: RemoteCall) -> Carried:
        await asyncio.sleep(self._latency)
        fault = self.before(call)
        if fault is not None:
            return fault
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            return await self._deliver(call)
        finally:
            self.flying -= 1

    async def _deliver(self, call: RemoteCall) -> Carried:
        url = urlsplit(call.url)
        headers = {name.lower(): value for name, value in call.headers.items()}
        received = calls.decode(call.body, dict(parse_qsl(url.query)), headers)
        assert not received.left_out
        self.calls.append(received.call)
        self.urls.append(call.url)
        self.delivered.set()
        status, headers, body = self._answered(received.call)
        for step_id in list(self.gates):
            if ('"op":"StepRun"' in body and json.dumps(step_id) in body) or self._is_for(received.call, step_id):
                await self.gates[step_id].wait()
        await asyncio.sleep(self._latency)
        fault = self.after(call)
        return RawAnswer(status, headers, body.encode()) if fault is None else fault

    @staticmethod
    def _is_for(call: Call, step_id: str) -> bool:
        return call.target == StepCounter().name(step_id).hash

    def _answered(self, call: Call) -> tuple[int, dict[str, str], str]:
        headers = {"x-inngest-sdk": "scripted:v1"}
        if self._version:
            headers["x-inngest-req-version"] = self._version
        try:
            value = self.programs[call.function_id](Steps(call, self.said))
        except _ParkedError as stop:
            if call.mode is Mode.TARGET and not isinstance(stop, _RanError):
                return 500, {**headers, "x-inngest-no-retry": "false"}, _error("StepUnexpectedError", "not reached")
            if any(op.op is Opcode.STEP_FAILED for op in stop.ops):
                headers["x-inngest-no-retry"] = "true"
            return 206, headers, f"[{','.join(operations.dumps(op) for op in stop.ops)}]"
        except Exception as error:
            final = isinstance(error, NoRetryError)
            headers["x-inngest-no-retry"] = "true" if final else "false"
            return 500, headers, _error(type(error).__name__, str(error))
        return 200, headers, json.dumps(value)

    async def close(self) -> None:
        self.closed = True


def refused(_: RemoteCall) -> Carried:
    """The app is not there."""
    return NotDelivered("connection refused")


def cut(_: RemoteCall) -> Carried:
    """The connection was cut."""
    return Broken("the connection was reset")


def times(count: int, fault: Fault) -> Fault:
    """A fault that happens so often."""
    left = [count]

    def happens(call: RemoteCall) -> Carried | None:
        left[0] -= 1
        return fault(call) if left[0] >= 0 else None

    return happens


def order(memos: Sequence[Memo]) -> list[str]:
    """The ids of steps."""
    return [memo.step.id for memo in memos]


def _error(name: str, message: str) -> str:
    return json.dumps({"code": "unknown", "name": name, "message": message, "stack": None})


def played(town: Town, program: Program, version: str = "2") -> ScriptedApps:
    """The apps of a town: one, whose function has this body."""
    apps = ScriptedApps({"app-f": program}, version=version)
    town.carrier = apps
    return apps


def two_steps(steps: Steps) -> object:
    """A body of two steps in a row."""
    return [steps.run("one", lambda: 1), steps.run("two", lambda: 2)]


def one_step(steps: Steps) -> object:
    """A body of one step."""
    return steps.run("one", lambda: 1)
