"""A simulated process of an app: the real endpoint of its functions, with its clock, threads and server handed in."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import inngest
from inngest.engine.invokers.ports import RemoteCall
from inngest.protocol.http import HttpRequest, HttpResponse
from inngest.protocol.opcodes import OpTarget, SentEvent
from inngest.runtime.ids import SeededIds
from inngest.runtime.ports import HttpClient
from inngest.sdk.client import bind
from inngest.sdk.function import Function
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request, Response
from inngest.sdk.serving.settings import Settings

from .carried import AppDied, AppStarted, Delivered, Returned
from .history import Entry
from .hosting import Hosted
from .loop import HOST, SimLoop
from .ports import SimClock
from .threads import BatonThreads

URL = "http://app.sim/api/inngest"
FRAMEWORK = "sim"

SOON = 0.2
"""Seconds after which an app registers again, if nobody took its functions."""


class Place(Protocol):
    """The world, as an app sees it."""

    loop: SimLoop
    wall: int
    threads: int

    def note(self, entry: Entry) -> None:
        """Something happened."""
        ...

    def server_of(self, app: App) -> Server:
        """The way from an app to the servers."""
        ...

    def app_died(self, app: App) -> None:
        """An app is gone."""
        ...


class Server(Protocol):
    """The servers, as an app sees them: one of them answers."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """A request to their API."""
        ...

    async def close(self) -> None:
        """Nothing is kept."""
        ...

    async def send_events(self, events: Sequence[SentEvent]) -> list[str]:
        """Events, until they are acknowledged."""
        ...

    async def send_signal(self, signal: OpTarget) -> str | None:
        """A signal, once."""
        ...


class App(Hosted):
    """See the module.

    Args:
        world: where it lives.
        number: never used again, by engines either.
        make: its code, for a client.
        chance: of its own.
    """

    def __init__(
        self,
        world: Place,
        number: int,
        make: Callable[[inngest.Inngest], Sequence[Function[Any]]],
        chance: random.Random,
    ) -> None:
        super().__init__(world.loop, number)
        self._world = world
        self.stays_away = False  # when it has ended
        self._last: dict[str, None] = {}  # calls under way whose attempt is the last
        self._untaken: list[tuple[Hosted | None, asyncio.Future[Response]]] = []  # answers to those, and who asked
        clock = SimClock(world.loop, 0, lambda: world.wall)
        self._ids = SeededIds(chance)
        self._clock = clock
        self.threads = BatonThreads(world.loop, world.threads, lambda: chance.choice((0, 0, 50, 400)))
        client = inngest.Inngest(app_id="sim", is_production=False)
        functions = make(client)
        self._server = world.server_of(self)
        bind(client, _Sink(self))
        http: HttpClient = self._server
        self._handler = Handler(
            client,
            functions,
            FRAMEWORK,
            Settings(),
            http=http,
            clock=lambda _: clock,
            jitter=lambda most: chance.random() * most,
        )

    @property
    def is_indispensable(self) -> bool:
        """Whether a call is under way in it that has no further attempt.

        Its answer is part of that: it does not come to an engine that stands still before that goes on.
        """
        self._untaken = [one for one in self._untaken if not (one[1].done() or one[0] is None or one[0].dead)]
        return bool(self._last or self._untaken)

    def note(self, entry: Entry) -> None:
        """Something happened in it; nothing does when it is gone."""
        if not self.dead:
            self._world.note(entry)

    async def register(self) -> None:
        """Begin, and tell the servers of its functions, until one has taken them."""
        self.note(AppStarted(self.now, self.number))
        while True:
            answer = await self.call(lambda: self._asked(Request("PUT", URL, {}, b"")))
            if answer.status == 200 and b'"ok": true' in answer.body.replace(b'"ok":true', b'"ok": true'):
                return
            await asyncio.sleep(SOON)

    def answer(self, call: RemoteCall, request_id: str, *, last: bool) -> asyncio.Future[Response]:
        """The answer to a call; GoneError if it ends meanwhile. It goes on if nobody waits for that any more.

        Args:
            call: that has come.
            request_id: its id.
            last: whether its attempt is the last.
        """
        if last:
            self._last[request_id] = None

        async def answering() -> Response:
            self.note(Delivered(self.now, self.number, call.run_id, request_id))
            try:
                response = await self._asked(Request("POST", call.url, dict(call.headers), call.body))
            finally:
                self._last.pop(request_id, None)
            self.note(Returned(self.now, self.number, call.run_id, request_id, response.status))
            return response

        answer = self.call(answering, strand=f"{request_id} {call.run_id}")
        if last:
            self._untaken.append((cast("Hosted | None", HOST.get()), answer))
        return answer

    async def _asked(self, request: Request) -> Response:
        response = await self._handler.handle(request, self.threads)
        assert isinstance(response, Response)
        return response

    def crash(self) -> None:
        """End it, between two callbacks or in the middle of one."""
        if self.dead:
            return
        self.note(AppDied(self.now, self.number))
        self.end()
        self._world.app_died(self)

    def abandon(self) -> None:
        """Nothing of it happens any more, as the world is over."""
        self.dead = True
        self.threads.abandon()

    # -- what its code sends

    def with_ids(self, events: Sequence[SentEvent]) -> list[SentEvent]:
        """Events, each with an id: whoever hears of one again knows it."""
        return [one if one.id else one._replace(id=self._ids.ulid(self._clock.now())) for one in events]

    async def deliver(self, events: Sequence[SentEvent]) -> list[str]:
        """Have events stored."""
        return await self._server.send_events(self.with_ids(events))

    async def signal(self, signal: OpTarget) -> str | None:
        """Have a run woken."""
        return await self._server.send_signal(signal)

    def blocking(self, work: Callable[[], Any]) -> Any:
        """Await something on the loop, in a thread."""
        mailbox = self.threads.mailbox()

        async def do() -> None:
            try:
                found: tuple[Any, BaseException | None] = (await work(), None)
            except Exception as error:
                found = (None, error)
            self.threads.send(mailbox, found)

        self._loop.create_task(do())
        value, error = cast("tuple[Any, BaseException | None]", mailbox.get())
        if error is not None:
            raise error
        return value


class _Sink:
    """Where the client of an app sends to."""

    of_this_process = True
    outbox = None

    def __init__(self, app: App) -> None:
        self._app = app

    async def send_events(self, events: Sequence[SentEvent]) -> list[str]:
        return await self._app.deliver(events)

    def send_events_sync(self, events: Sequence[SentEvent]) -> list[str]:
        found: list[str] = self._app.blocking(lambda: self._app.deliver(events))
        return found

    async def send_signal(self, signal: OpTarget) -> str | None:
        return await self._app.signal(signal)

    def send_signal_sync(self, signal: OpTarget) -> str | None:
        found: str | None = self._app.blocking(lambda: self._app.signal(signal))
        return found
