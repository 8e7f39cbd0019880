"""The network between engines and apps: calls to apps, and what apps ask servers, late, lost, twice, or cut.

A call comes to any app that lives, and a request of an app to any engine. What crosses is what would: bytes. They are
read by the real endpoint of the app, and by the real routes of the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import urlsplit

from starlette.routing import Router

from inngest.embedded.host import EngineHost
from inngest.engine.errors import StoreError
from inngest.engine.invokers.ports import Broken, Carried, Doubtful, NotDelivered, RawAnswer, RemoteCall
from inngest.engine.service import Service
from inngest.protocol import headers
from inngest.protocol.calls import Advice
from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.protocol.opcodes import Op, OpTarget, SentEvent
from inngest.sdk.errors import SendEventsError
from inngest.server.checkpoints import Checkpoints
from inngest.server.endpoints import Endpoints
from inngest.server.registering import Registering
from inngest.server.state_api import StateApi

from . import endpoints
from .app import App
from .carried import REQUEST, Answered, Called, CheckpointAnswered, Checkpointed, CheckpointHeard
from .faults import HARMLESS, HARMLESS_TO_DISCOVERIES, ON_CALLS, ON_CHECKPOINTS, Fault
from .history import Entry
from .hosting import GoneError
from .loop import SimLoop
from .process import Process

WAYS = (0, 50, 300, 2_000, 30_000)
"""Microseconds that something takes through the network."""

LATE = (0.5, 3.0, 9.0, 25.0)
"""Seconds by which answers, and copies of checkpoints, come late."""

RESETS = (0.0, 0.001, 0.02, 0.5, 2.0)
"""Seconds after which a connection is cut, if there was no answer before."""

STALE = (0.0, 0.001, 0.02, 0.1)
"""Seconds after which a kept connection is lost as a call leaves: later it would count as cut."""

CHECKPOINT = "/v1/checkpoint"
"""Where reports come."""

RESULTS = ("StepRun", "StepFailed")
"""Reports of steps that have ended."""

AGAIN = 0.1
"""Seconds until events are sent again."""


Served = App | endpoints.EndpointApp


class Realm(Protocol):
    """The world, as the network sees it."""

    loop: SimLoop

    def note(self, entry: Entry) -> None:
        """Something happened."""
        ...

    def fired(self, fault: Fault, process: Process | None) -> None:
        """A fault happens."""
        ...

    def line(self) -> float:
        """How likely it is by now that something happens to what crosses the network."""
        ...

    def keeps(self) -> bool:
        """Whether a connection is kept as a call leaves."""
        ...

    def doubles(self) -> bool:
        """Whether a checkpoint comes twice at a time."""
        ...

    def engines(self) -> Sequence[Process]:
        """Those that live."""
        ...

    def apps(self) -> Sequence[Served]:
        """Those that live."""
        ...


class Network:
    """See the module.

    Args:
        world: what it connects.
        chance: draws ways, and what happens on them.
    """

    def __init__(self, world: Realm, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.checkpoints = 0  # that were delivered so far
        self.late: list[asyncio.Task[object]] = []  # what crosses by itself, or has

    async def way(self) -> None:
        """Something crosses."""
        await asyncio.sleep(self.chance.choice(WAYS) / 1e6)

    def fault(self, kinds: Sequence[Fault], process: Process | None) -> Fault | None:
        """What happens on the way, if anything does."""
        if self.chance.random() >= self.world.line():
            return None
        fault = self.chance.choice(kinds)
        self.world.fired(fault, process)
        return fault

    def app(self) -> Served | None:
        """The app that a call comes to; None if nobody listens."""
        living = self.world.apps()
        return self.chance.choice(living) if living else None

    def engine(self) -> Process | None:
        """The engine that a request comes to; None if nobody listens."""
        living = self.world.engines()
        return self.chance.choice(living) if living else None

    def later(self, work: Coroutine[Any, Any, object]) -> None:
        """Something crosses by itself, whatever becomes of who sent it."""
        crossing = self.world.loop.create_task(work, context=contextvars.Context())
        self.late = [*(one for one in self.late if not one.done()), crossing]


class _Sent(NamedTuple):
    """A call that has left."""

    request_id: str
    target: str  # hash of the step that it is for; "" of a discovery
    last: bool  # whether its attempt is


class SimCarrier:
    """Carries the calls of one engine.

    Args:
        network: through which.
    """

    process: Process

    def __init__(self, network: Network) -> None:
        self._network = network

    async def carry(self, call: RemoteCall) -> Carried:
        sent = self._leaves(call)
        carried: Carried | None = None
        try:
            carried = await self._carried(call, sent)
            return carried
        finally:
            self._comes_back(call, sent, carried)

    def _leaves(self, call: RemoteCall) -> _Sent:
        process, request_id = self.process, call.headers[headers.REQUEST_ID.lower()]
        ctx = _of_endpoint(call) if endpoints.is_call(call) else json.loads(call.body)["ctx"]
        target = "" if ctx["step_id"] == "step" else ctx["step_id"]
        process.note(
            Called(
                process.now,
                process.number,
                process.tokens.get(call.run_id, ""),
                call.run_id,
                request_id,
                ctx["generation_id"],
                target,
                ctx["attempt"],
                tuple(ctx["stack"]["stack"]),
            )
        )
        return _Sent(request_id, target, ctx["attempt"] + 1 >= ctx["max_attempts"])

    def _comes_back(self, call: RemoteCall, sent: _Sent, carried: Carried | None) -> None:
        """What has become of a call; None: it was given up."""
        process, how = self.process, "given up"
        if carried is not None:
            how = str(carried.status) if isinstance(carried, RawAnswer) else _HOW[type(carried)]
        process.note(Answered(process.now, process.number, call.run_id, sent.request_id, how))

    async def _carried(self, call: RemoteCall, sent: _Sent) -> Carried:
        network, (request_id, target, last) = self._network, sent
        # A run whose last attempt is cut has failed, and rightly so: nobody could tell its end from others.
        harmless = HARMLESS if target else HARMLESS_TO_DISCOVERIES
        fault = network.fault(harmless if last else ON_CALLS, self.process)
        await network.way()
        if fault is Fault.UNDELIVERED:
            return NotDelivered("nobody could be reached")
        if fault is Fault.VANISHED:
            return Broken("it was lost on the way there")
        app = network.app()
        if fault is Fault.DOUBTFUL and (app is None or network.chance.random() < 0.5):
            return Doubtful("the kept connection was closed")
        if app is None:
            return NotDelivered("connection refused")
        answering = app.answer(call, request_id, last=last)
        if fault is Fault.DOUBTFUL:
            await asyncio.sleep(network.chance.choice(STALE))
            return Doubtful("the kept connection was lost, and the call goes on")
        if fault is Fault.RESET:
            await asyncio.wait([answering], timeout=network.chance.choice(RESETS))
            return Broken("the connection was reset")
        try:
            response = await answering
        except GoneError:
            return Broken("the app has died")
        if fault is Fault.UNHEARD:
            return Broken("the answer was lost on the way back")
        if fault is Fault.OVERDUE:
            await asyncio.sleep(network.chance.choice(LATE))
        await network.way()
        body = response.body
        if fault is Fault.CUT:
            body = body[: network.chance.randrange(len(body))]
        return RawAnswer(response.status, {name.lower(): value for name, value in response.headers.items()}, body)

    async def close(self) -> None:
        """Nothing is kept."""


class KeepingCarrier(SimCarrier):
    """The same with connections that are kept: a call that finds one leaves in the turn in which it is begun."""

    def begin(self, call: RemoteCall, told: Callable[[Carried], object]) -> Callable[[], object] | None:
        """See `BriefCarrier.begin`."""
        if call.method != "POST" or not self._network.world.keeps():
            return None
        sent = self._leaves(call)
        on_its_way = asyncio.get_running_loop().create_task(self._carried(call, sent))

        def over(task: asyncio.Task[Carried]) -> None:
            carried = None if task.cancelled() else task.result()
            self._comes_back(call, sent, carried)
            if carried is not None:
                told(carried)

        on_its_way.add_done_callback(over)
        return on_its_way.cancel


def _of_endpoint(call: RemoteCall) -> dict[str, Any]:
    """What the head of a call of an endpoint tells of it: not its attempt, and no memos."""
    step_id, generation = call.headers[headers.STEP_ID], int(call.headers[headers.GENERATION_ID])
    told = {"attempt": endpoints.UNTOLD, "max_attempts": endpoints.RETRIES, "stack": {"stack": ()}}
    return {"step_id": step_id, "generation_id": generation, **told}


_HOW = {NotDelivered: "not delivered", Doubtful: "doubtful", Broken: "broken"}


class SimServer:
    """The way of one app to the servers.

    Args:
        network: through which.
        app: whose.
    """

    def __init__(self, network: Network, app: Served) -> None:
        self._network = network
        self._app = app

    async def send(self, request: HttpRequest) -> HttpResponse:
        if CHECKPOINT not in request.url:
            return await self._asked(request)
        about = json.loads(request.content or b"")
        network, run_id, call = self._network, about["run_id"], about.get("request_id", REQUEST)
        fault = network.fault(ON_CHECKPOINTS, None)
        if fault is Fault.CHECKPOINT_LOST:
            await network.way()
            raise HttpError("it was lost on the way there")
        if fault is Fault.CHECKPOINT_LATE:
            network.later(self._comes_late(request, request.timeout / 1000))
            await asyncio.sleep(request.timeout / 1000)
            raise HttpError("no answer in time")
        if fault is Fault.CHECKPOINT_TWICE:
            network.later(self._comes_late(request, 0.0))
        if network.world.doubles():
            network.later(self._comes_too(request))
        answer = await self._asked(request)
        if fault is Fault.CHECKPOINT_UNHEARD:
            raise HttpError("the answer was lost on the way back")
        self._app.note(CheckpointHeard(self._app.now, self._app.number, run_id, call, answer.status))
        return answer

    async def close(self) -> None:
        """Nothing is kept."""

    async def send_events(self, events: Sequence[SentEvent]) -> list[str]:
        """Events, until they are acknowledged."""
        while True:
            await self._network.way()
            engine = self._network.engine()
            with contextlib.suppress(GoneError, StoreError):
                if engine is not None:
                    intake = engine.service.intake
                    return await engine.call(lambda: intake.send(events))  # noqa: B023
            await asyncio.sleep(AGAIN)

    async def send_signal(self, signal: OpTarget) -> str | None:
        """A signal, once: nobody can tell two of one name apart."""
        await self._network.way()
        engine = self._network.engine()
        try:
            if engine is not None:
                return await engine.call(lambda: engine.service.control.signal(signal.name, signal.data))
        except (GoneError, StoreError) as error:
            raise SendEventsError(str(error), []) from None
        raise SendEventsError("nobody listens", [])

    async def _comes_late(self, request: HttpRequest, seconds: float) -> None:
        await asyncio.sleep(seconds + self._network.chance.choice(LATE))
        await self._comes_too(request)

    async def _comes_too(self, request: HttpRequest) -> None:
        with contextlib.suppress(HttpError):
            await self._asked(request)

    async def _asked(self, request: HttpRequest) -> HttpResponse:
        network = self._network
        await network.way()
        engine = network.engine()
        if engine is None:
            raise HttpError("connection refused")
        try:
            answer = await engine.call(lambda: _served(engine, request, network))
        except GoneError:
            raise HttpError("the server has died") from None
        await network.way()
        return answer


# -- in the process of an engine


async def _served(engine: Process, request: HttpRequest, network: Network) -> HttpResponse:
    """The answer of a server to a request."""
    if CHECKPOINT not in request.url:
        return await _routed(engine, request)
    about = json.loads(request.content or b"")
    network.checkpoints += 1
    which = (engine.number, about["run_id"], about.get("request_id", REQUEST), network.checkpoints)
    hashes = tuple(str(step["id"]) for step in about["steps"])
    results = tuple(str(step["id"]) for step in about["steps"] if step["op"] in RESULTS)
    engine.note(Checkpointed(engine.now, *which, hashes, results))
    answer = await _routed(engine, request)
    engine.note(CheckpointAnswered(engine.now, *which, answer.status))
    return answer


class _Host:
    """An engine, as the routes of a server know it."""

    def __init__(self, engine: Process) -> None:
        self.service: Service = engine.service

    def on_its_loop(self) -> _Host:
        return self

    async def checkpoint(self, run_id: str, generation: int, ops: Sequence[Op]) -> Advice:
        return await self.service.apps.checkpoint(run_id, generation, ops)


async def _routed(engine: Process, request: HttpRequest) -> HttpResponse:
    """The answer of the real routes; 503 if nothing was stored, as of the real server."""
    host = cast("EngineHost", _Host(engine))
    routes = Router(
        [
            *Registering(host, "dev").routes,
            *Checkpoints(host).routes,
            *Endpoints(host, None).routes,
            *StateApi(host).routes,
        ]
    )
    parts = urlsplit(request.url)
    scope = {
        "type": "http",
        "method": request.method,
        "path": parts.path,
        "query_string": parts.query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.items()],
        "root_path": "",
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": request.content or b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    try:
        await routes(scope, receive, send)
    except StoreError:
        return HttpResponse(503, [], b"{}")
    told = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    return HttpResponse(sent[0]["status"], told, b"".join(one.get("body", b"") for one in sent[1:]))
