"""Our own server in the process of the tests, with the history of a run in the words of the strict server.

It calls apps over HTTP, and they call its API. Where a run rests, the wall clock is set forward to when it goes on: a
sleep of a day takes no time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from socket import socket
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp import web
from starlette.types import ASGIApp, Receive, Scope, Send

import inngest
from inngest.cli.dev.early import again_at
from inngest.cli.http_server import HttpServer
from inngest.embedded.engine import host_of
from inngest.embedded.settings import Apps
from inngest.embedded.views import StepRecord
from inngest.engine.domain.model import Changes, Ended, Event, Released, Run
from inngest.engine.invokers.http import HttpCarrier
from inngest.engine.invokers.ports import Carried, RemoteCall
from inngest.engine.records import Claimed, Touched
from inngest.protocol.opcodes import REQUESTS, Opcode
from inngest.server.app import create_app
from inngest.server.auth import Keys
from tests.serving.strict_server import Arrivals, History, Result
from tests.wall_clock import WallClock

EVENT_KEY = "k"
MOST_RESTS = 50
"""Of one run: more are a loop."""


class _Seen(NamedTuple):
    """A run was let go, or has ended."""

    run_id: str
    due_at: int | None  # when it goes on by itself
    ended: bool


class Rests:
    """Observes one run: what it waits for when its worker lets it go, and which attempts have failed."""

    def __init__(self) -> None:
        self.run_id = ""
        self.failed: list[tuple[str, str, int]] = []  # as in a history
        self.story: list[str] = []
        self.checkpoints = 0  # that the server was sent
        self.fetched = 0  # how often it was asked for the steps of a run
        self.calls: Counter[str] = Counter()  # that left for the app, by run
        self._at_work: set[str] = set()  # hashes of steps for which others work: the clock is not to overtake them
        self._seen: asyncio.Queue[_Seen] = asyncio.Queue()

    def follow(self, run_id: str) -> None:
        """Observe this run from now on."""
        self.run_id = run_id
        self.failed, self.story = [], []

    async def next(self) -> tuple[int | None, bool]:
        """When the run goes on by itself, and whether it has ended."""
        while True:
            seen = await self._seen.get()
            if seen.run_id == self.run_id:
                return seen.due_at, seen.ended

    def accepted(self, events: Sequence[Event], started: Sequence[Run], touched: Sequence[Touched]) -> None: ...
    def entered(self, claimed: Claimed) -> None: ...
    def cancelled(self, run: Run) -> None: ...

    def committed(self, run: Run, changes: Changes) -> None:
        """See `Observer`."""
        names = {step.step.hash: step.step.text for step in changes.open}
        transition = changes.transition
        memos = [f"{one.step.text} {'failed' if one.error else 'done'}" for one in changes.memos]
        failed = [
            (names.get(one.step, one.name), one.error.name, again_at(changes, one) - one.ended_at)
            for one in changes.failed
        ]
        self.story.append(f"{run.function_id}: {memos}, open {list(names.values())}, failed {failed}, {transition}")
        if run.parent_id is not None:
            return
        self.failed += failed
        self._at_work |= {one.step.hash for one in changes.open if one.kind is Opcode.INVOKE or one.kind in REQUESTS}
        self._at_work -= {one.step.hash for one in changes.memos}
        if isinstance(transition, Ended):
            self._seen.put_nowait(_Seen(run.id, None, ended=True))
        elif isinstance(transition, Released) and not self._at_work:
            self._seen.put_nowait(_Seen(run.id, transition.due_at, ended=False))


class Again(NamedTuple):
    """A run was run again."""

    history: History
    kept: Sequence[str]  # names of the steps that did not run again


class OwnServer:
    """A server of ours that one app has registered with, or that has the functions of one itself.

    Args:
        engine: runs.
        wall: is set forward.
        rests: observes the engine.

    Attributes:
        wall: its clock.
        url: of its API.
    """

    def __init__(self, engine: inngest.Engine, wall: WallClock, rests: Rests, url: str) -> None:
        self._engine, self.wall, self._rests, self.url = engine, wall, rests, url

    @property
    def fetched(self) -> int:
        """How often it was asked for the steps of a run, because a call left them out."""
        return self._rests.fetched

    async def run(self, function_id: str, data: Mapping[str, Any], arrivals: Arrivals) -> History:
        """Run a function to its end; each time it rests, one of what comes to it comes, or the clock is set forward."""
        return await self._followed(await self._engine.start_run(function_id, data), arrivals)

    async def rerun(self, step: str | None = None, given: object = None) -> Again:
        """Run the run that was followed last again, to its end."""
        first = self._rests.run_id
        found = await self._engine.rerun(first, step, given)
        history = await self._followed(found.id, Arrivals())
        run = await self._engine.run(found.id)
        assert run.origin_id == first
        return Again(history, [one.id for one in run.steps if one.kept])

    async def _followed(self, run_id: str, arrivals: Arrivals) -> History:
        self._rests.follow(run_id)
        events, signals = list(arrivals.events), dict(arrivals.signals)
        for _ in range(MOST_RESTS):
            due_at, ended = await self._rests.next()
            if ended:
                break
            if events:
                await self._send(events.pop(0))
            elif signals:
                await self._engine.send_signal(*signals.popitem())
            else:
                assert due_at is not None, self._rests.story
                self.wall.to(due_at)
        return _history(await self._engine.run(self._rests.run_id), self._rests)

    async def _send(self, event: Mapping[str, Any]) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/e/{EVENT_KEY}", json=event) as response,
        ):
            assert response.status == 200, await response.text()


def _history(run: inngest.Run, rests: Rests) -> History:
    steps = [_result(step) for step in run.steps]
    error = "" if run.error is None else run.error.message
    return History(
        run.status.value, run.output, error, steps, rests.failed, rests.calls[run.id], rests.checkpoints, rests.story
    )


def _result(step: StepRecord) -> Result:
    if step.error is not None:
        return Result(step.id, {"name": step.error.name, "message": step.error.message}, failed=True)
    if step.kind == Opcode.GATEWAY.value and isinstance(step.output, dict):
        return Result(step.id, {**step.output, "headers": {}})  # they tell the time
    return Result(step.id, step.output)


Carry = Callable[[HttpCarrier, RemoteCall], Coroutine[Any, Any, Carried]]


def _counting(carry: Carry, rests: Rests) -> Carry:
    """A way to carry calls that counts them."""

    async def counting(carrier: HttpCarrier, call: RemoteCall) -> Carried:
        rests.calls[call.run_id] += 1
        return await carry(carrier, call)

    return counting


Begin = Callable[[HttpCarrier, RemoteCall, Callable[[Carried], object]], Callable[[], object] | None]


def _counting_at_once(begin: Begin, rests: Rests) -> Begin:
    """The same for calls that leave at once: of the others, `carry` is asked."""

    def counting(
        carrier: HttpCarrier, call: RemoteCall, told: Callable[[Carried], object]
    ) -> Callable[[], object] | None:
        begun = begin(carrier, call, told)
        rests.calls[call.run_id] += begun is not None
        return begun

    return counting


class _Counted:
    """The API, which counts checkpoints, and what is fetched."""

    def __init__(self, app: ASGIApp, rests: Rests) -> None:
        self._app, self._rests = app, rests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._rests.checkpoints += scope["type"] == "http" and scope["path"].startswith("/v1/checkpoint/")
        self._rests.fetched += scope["type"] == "http" and scope["path"].endswith("/actions")
        await self._app(scope, receive, send)


@asynccontextmanager
async def other_server() -> AsyncGenerator[str]:
    """What `asks` and `fetches` have our server request; its URL."""
    app = web.Application()
    app.add_routes([web.post("/chat/completions", _answered), web.post("/x", _created)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _answered(_: web.Request) -> web.Response:
    return web.json_response({"answer": "42"})


async def _created(_: web.Request) -> web.Response:
    return web.json_response({}, status=201)


@asynccontextmanager
async def own_server(
    folder: Path, sock: socket, app: str | inngest.Inngest, key: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[OwnServer]:
    """A server with an empty database, until the block ends.

    Args:
        folder: for its database.
        sock: listens, and goes on to.
        app: the URL of an app, which knows the socket's address; or a client, whose functions run in process.
        key: a signing key; "" for a server in development.
        monkeypatch: of the test.
    """
    wall, rests = WallClock(monkeypatch), Rests()
    monkeypatch.setattr(HttpCarrier, "carry", _counting(HttpCarrier.carry, rests))
    monkeypatch.setattr(HttpCarrier, "begin", _counting_at_once(HttpCarrier.begin, rests))
    engine = inngest.Engine([] if isinstance(app, str) else app, database=folder / "own.db", durability="normal")
    host = host_of(engine)
    if isinstance(app, str):
        host.call_apps(Apps(None, key))
    host.observe(rests)
    async with engine:
        keys = Keys([key], {"tests": EVENT_KEY}) if key else None
        async with running(HttpServer(_Counted(create_app(engine, keys=keys), rests)), sock):
            if isinstance(app, str):
                await _registered(app, "cloud" if key else "dev")
            yield OwnServer(engine, wall, rests, f"http://127.0.0.1:{sock.getsockname()[1]}")


@asynccontextmanager
async def running(http: HttpServer, sock: socket) -> AsyncGenerator[None]:
    """A server answers at a socket until the block ends."""
    serving = asyncio.ensure_future(http.serve(sockets=[sock.dup()]))
    try:
        yield
    finally:
        http.should_exit = True
        await serving


async def _registered(app: str, kind: str) -> None:
    headers = {"x-inngest-server-kind": kind}
    async with aiohttp.ClientSession() as session, session.put(app, headers=headers) as response:
        assert response.status == 200, await response.text()
