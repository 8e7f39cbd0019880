"""Endpoints whose requests are runs: a program that does what SDKs do with such a request, and with calls for it.

No SDK of this language has them, so this is the SDK: it begins a run with the first step that it reports, tries each
report five times, stops if it is refused, and is called for what a request cannot end with.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from inngest.engine.invokers.ports import RemoteCall
from inngest.protocol import headers
from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.protocol.steps import hash_step_id
from inngest.protocol.wire import endpoints
from inngest.protocol.wire.operations import COMPLETE
from inngest.sdk.serving.messages import Response

from .app import Server
from .carried import REQUEST, AppDied, AppStarted, Delivered, Replied, Returned
from .history import Began, Entry, Finished
from .hosting import Hosted
from .loop import SimLoop
from .scenario import APP, Does, Move, Naps, Program, Together

RETRIES = 20
"""Of each run: a call that is cut counts as a failed attempt, and none is to be the last."""

TRIES = 5
"""Of each report, and of each question about a run."""

UNTOLD = -1
"""The attempt of a step: no server tells an endpoint."""

SDK = {"x-inngest-sdk": "inngest-js:v4.24.0", "x-inngest-req-version": "2"}
"""Headers of who answers a call."""

ON_THE_WAY = ("StepRun", "RunComplete")
"""Reports after which it is the request that is answered with the result; after others it is redirected to a server."""

REFUSED = 400
"""The first status of an answer that takes nothing."""


def is_call(call: RemoteCall) -> bool:
    """Whether a call is one of an endpoint: its head tells what that of a function tells in its body."""
    return urlsplit(call.url).netloc == APP


class Place(Protocol):
    """The world, as such an app sees it."""

    loop: SimLoop
    tries: Counter[tuple[str, str]]

    def note(self, entry: Entry) -> None:
        """Something happened."""
        ...

    def server_of(self, app: EndpointApp) -> Server:
        """The way from an app to the servers."""
        ...

    def app_died(self, app: EndpointApp) -> None:
        """An app is gone."""
        ...


class _StopError(Exception):
    """Nothing more is done for a run here: something was reported after which it goes on elsewhere."""


class _Doing(NamedTuple):
    """A request, or a call: what the code has to go on with."""

    run_id: str
    token: str  # of what it does
    memos: Mapping[str, Any]
    target: str  # hash of the step that it is for; "" of none
    plan: bool  # no step may run at once
    report: Callable[[Sequence[Mapping[str, Any]]], Coroutine[Any, Any, None]]


class EndpointApp(Hosted):
    """See the module.

    Args:
        world: where it lives.
        number: never used again, by engines either.
        programs: the endpoints.
        chance: of its own.
        pause: draws how long a step takes (ms).
    """

    is_indispensable = False

    def __init__(
        self,
        world: Place,
        number: int,
        programs: Sequence[Program],
        chance: random.Random,
        pause: Callable[[], int],
    ) -> None:
        super().__init__(world.loop, number)
        self._world = world
        self._chance = chance
        self._pause = pause
        self._programs = {program.name: program for program in programs}
        self._server = world.server_of(self)
        self.stays_away = False  # when it has ended

    def note(self, entry: Entry) -> None:
        """Something happened in it; nothing does when it is gone."""
        if not self.dead:
            self._world.note(entry)

    async def register(self) -> None:
        """Begin. Endpoints are not registered: their requests make them known."""
        self.note(AppStarted(self.now, self.number))

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

    # -- requests

    def request(self, program: Program, run_id: str) -> asyncio.Future[None]:
        """Answer somebody's request; GoneError if it ends meanwhile."""
        return self.call(lambda: self._request(program, run_id), strand=f"{REQUEST} {run_id}")

    async def _request(self, program: Program, run_id: str) -> None:
        begun = False
        self.note(Delivered(self.now, self.number, run_id, REQUEST))

        async def report(ops: Sequence[Mapping[str, Any]]) -> None:
            nonlocal begun
            path = f"/{run_id}/steps" if begun else ""
            said = {"run_id": run_id, "steps": ops, "ts": 1}
            if not begun:
                data = {"method": "POST", "domain": f"http://{APP}", "path": "/", "fn": program.name, "body": "{}"}
                event = {"name": endpoints.EVENT, "data": data}
                said |= {"event": event, "request_version": 2, "retries": RETRIES}
            answer = await self._asked("POST", f"/v1/checkpoint{path}", said)
            begun = True
            if answer is None or answer.status >= REFUSED:
                self.note(Replied(self.now, self.number, run_id, 500, "null"))
                raise _StopError
            if ops[0]["op"] not in ON_THE_WAY:
                self.note(Replied(self.now, self.number, run_id, 303, "null"))
                raise _StopError

        try:
            value = await self._enter(program, _Doing(run_id, REQUEST, {}, "", plan=False, report=report))
        except _StopError:
            return
        self.note(Replied(self.now, self.number, run_id, 200, json.dumps(value)))

    # -- calls

    def answer(self, call: RemoteCall, request_id: str, *, last: bool) -> asyncio.Future[Response]:
        """The answer to a call; see `App.answer`."""

        async def answering() -> Response:
            self.note(Delivered(self.now, self.number, call.run_id, request_id))
            response = await self._called(call, request_id)
            self.note(Returned(self.now, self.number, call.run_id, request_id, response.status))
            return response

        return self.call(answering, strand=f"{request_id} {call.run_id}")

    async def _called(self, call: RemoteCall, request_id: str) -> Response:
        batch = await self._asked("GET", f"/v0/runs/{call.run_id}/batch")
        memos = await self._asked("GET", f"/v0/runs/{call.run_id}/actions")
        if batch is None or memos is None or max(batch.status, memos.status) >= REFUSED:
            error = {"name": "Error", "message": "nobody tells what was recorded"}
            return Response(500, SDK, json.dumps(error).encode())
        (event,) = json.loads(batch.content)
        said: list[Mapping[str, Any]] = []

        async def report(ops: Sequence[Mapping[str, Any]]) -> None:
            said.extend(ops)
            raise _StopError

        target, plan = call.headers[headers.STEP_ID], call.headers.get(endpoints.FORCE_PLAN) == "true"
        target = "" if target == "step" else target
        doing = _Doing(call.run_id, request_id, json.loads(memos.content), target, plan, report)
        with contextlib.suppress(_StopError):
            await self._enter(self._programs[event["data"]["fn"]], doing)
        return Response(206, SDK, json.dumps(said).encode())

    async def _asked(self, method: str, path: str, said: object = None) -> HttpResponse | None:
        """The answer of a server; None if none has answered to any try."""
        content = None if said is None else json.dumps(said).encode()
        request = HttpRequest(method, f"http://server.sim{path}", SDK, content, 5_000, 1_000_000, redirects=False)
        for tried in range(TRIES):
            try:
                answer = await self._server.send(request)
            except HttpError:
                pass
            else:
                if answer.status < 500:
                    return answer
            await asyncio.sleep(0.1 * 2**tried * self._chance.uniform(0.8, 1.2))
        return None

    # -- its code

    async def _enter(self, program: Program, doing: _Doing) -> object:
        """Do what a program has to do next.

        Raises:
            _StopError: it goes on elsewhere, or later.
        """
        values: list[object] = []
        for move in program.script:
            values += await self._moved(move, doing)
        await doing.report([_end(values)])
        return values

    async def _moved(self, move: Move, doing: _Doing) -> list[object]:
        match move:
            case Naps():
                if hash_step_id(move.step) not in doing.memos:
                    await doing.report([_op("Sleep", move.step, name=f"{move.ms}ms")])
                return []
            case Does():
                return [await self._step(move, doing)]
            case Together():
                return await self._together(move, doing)

    async def _together(self, move: Together, doing: _Doing) -> list[object]:
        missing = [one for one in move.steps if hash_step_id(one.step) not in doing.memos]
        alone = len(missing) == 1 and not doing.plan and not doing.target
        for one in missing:
            if alone or hash_step_id(one.step) == doing.target:
                await self._step(one, doing)
        if missing:
            await doing.report([_op("StepPlanned", one.step) for one in missing])
        return [doing.memos[hash_step_id(one.step)]["data"] for one in move.steps]

    async def _step(self, move: Does, doing: _Doing) -> object:
        """The value of a step, which is there, or is executed and reported."""
        hashed = hash_step_id(move.step)
        if hashed in doing.memos:
            return doing.memos[hashed]["data"]
        if doing.plan or (doing.target and doing.target != hashed):
            await doing.report([_op("StepPlanned", move.step)])
        about = (doing.token, doing.run_id, move.step, UNTOLD)
        self.note(Began(self.now, self.number, *about))
        await asyncio.sleep(self._pause() / 1000)
        self._world.tries[doing.run_id, move.step] += 1
        tried = self._world.tries[doing.run_id, move.step]
        failed = tried <= move.fails
        self.note(Finished(self.now, self.number, *about, "raised" if failed else "returned"))
        if failed:
            await doing.report([_op("StepError", move.step, error={"name": "FlakyError", "message": "not yet"})])
        value = f"{move.value} {tried}"  # it names the try that was recorded
        await doing.report([_op("StepRun", move.step, data=value)])
        return value


def _op(code: str, step: str, **members: Any) -> dict[str, Any]:
    return {"op": code, "id": hash_step_id(step), "name": step, "userland": {"id": step}, **members}


def _end(values: Sequence[object]) -> dict[str, Any]:
    told = {"status": 200, "headers": {}, "body": json.dumps(json.dumps(values)), "version": 2}
    return {"op": "RunComplete", "id": COMPLETE.hash, "data": told}
