"""An app whose functions write into the log what they do, each with checkpoints and without; and its process."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import inngest
import inngest.starlette
from inngest.errors import StepInterruptedError
from inngest.protocol.steps import hash_step_id
from inngest.sdk.serving import checkpoint
from tests.processes import Talk

from .log import CALL, Call, Pen

KINDS = ("chain", "plain", "fan", "race", "napping", "flaky", "family", "once")
ENDINGS = ("", "-reported")
"""Of functions with checkpoints, and of those that have none."""

SIGNING = "00112233445566778899aabbccddeeff"
EVENT = "event-key"
CHILD = "child/"
"""Begins the keys of runs that others invoke."""

REFUSED = "it fails at its first attempt"
ONCE = "once"
INTERRUPTED = "interrupted"
"""What a body goes on with when a step was cut that may run once only."""

_numbers = itertools.count()


class Scene:
    """One entry into a function, and what it writes."""

    def __init__(self, pen: Pen, ctx: inngest.Context | inngest.ContextSync) -> None:
        self.key = str(ctx.event.data["key"])
        self.values: dict[str, object] = {}
        self._pen = pen
        self._ctx = ctx
        self._pen.write("enter", self.key, ctx.run_id)

    def got(self, step: str, value: object) -> None:
        """The body goes on from a step: somebody has said that it is recorded."""
        self._pen.write("got", self.key, self._ctx.run_id, step, value=value)
        self.values[step] = value

    def returns(self) -> dict[str, object]:
        """What the body returns."""
        values = dict(sorted(self.values.items()))
        self._pen.write("return", self.key, self._ctx.run_id, value=values)
        return values

    def handle(self, step: str, flaky: bool = False) -> str:
        """The handler of a step: a value that no other try of any step gives."""
        name = f"{os.getpid()}-{next(_numbers)}"
        known = hash_step_id(step) in CALL.get().known
        self._pen.write("begin", self.key, self._ctx.run_id, step, name, known=known)
        if flaky and self._ctx.attempt == 0:
            self._pen.write("fail", self.key, self._ctx.run_id, step, name)
            raise ConnectionError(REFUSED)
        self._pen.write("end", self.key, self._ctx.run_id, step, name, name)
        return name


class AsyncScene(Scene):
    """Of an async function."""

    def __init__(self, pen: Pen, ctx: inngest.Context) -> None:
        super().__init__(pen, ctx)
        self.ctx = ctx

    async def run(self, *steps: str, flaky: bool = False) -> None:
        """Steps, one after the other."""
        for step in steps:
            self.got(step, await self.ctx.step.run(step, self._handle, step, flaky))

    async def run_once(self, *steps: str) -> None:
        """Steps of which no try begins again, unless it failed."""
        for step in steps:
            name = f"{ONCE} {step}"
            try:
                value = await self.ctx.step.options(on_crash="fail").run(name, self._handle, name)
            except StepInterruptedError:
                value = INTERRUPTED
            self.got(name, value)

    async def sleep(self, step: str) -> None:
        """A short sleep."""
        await self.ctx.step.sleep(step, 20)
        self.got(step, None)

    async def branches(self, mode: inngest.ParallelMode) -> None:
        """Three branches of two steps each."""
        branches = tuple(functools.partial(self.run, f"a{index}", f"b{index}") for index in range(3))
        await self.ctx.group.parallel(branches, parallel_mode=mode)

    async def _handle(self, step: str, flaky: bool = False) -> str:
        await asyncio.sleep(0)
        return self.handle(step, flaky)


Play = Callable[[AsyncScene], Awaitable[object]]


async def _chain(scene: AsyncScene) -> None:
    await scene.run("a", "b", "c", "d", "e")


async def _fan(scene: AsyncScene) -> None:
    await scene.run("first")
    await scene.branches(inngest.ParallelMode.WAIT)
    await scene.run("last")


async def _race(scene: AsyncScene) -> None:
    await scene.branches(inngest.ParallelMode.RACE)
    await scene.run("last")


async def _napping(scene: AsyncScene) -> None:
    for step in ("a", "b", "c"):
        await scene.run(step)
        await scene.sleep(f"nap after {step}")


async def _flaky(scene: AsyncScene) -> None:
    await scene.run("a")
    await scene.run("flaky b", "flaky c", flaky=True)


async def _family(scene: AsyncScene) -> None:
    await scene.run("before")
    data = {"key": f"{CHILD}{scene.key}"}
    child = await scene.ctx.step.invoke_by_id("child", app_id="kill", function_id="chain", data=data)
    scene.got("child", child)
    await scene.run("after")


async def _once(scene: AsyncScene) -> None:
    await scene.run("before")
    await scene.run_once("a", "b")
    await scene.run("after")


PLAYS: dict[str, Play] = {
    "chain": _chain,
    "fan": _fan,
    "race": _race,
    "napping": _napping,
    "flaky": _flaky,
    "family": _family,
    "once": _once,
}


def functions(client: inngest.Inngest, pen: Pen) -> list[inngest.Function[Any]]:
    """All of them."""
    made: list[inngest.Function[Any]] = []
    for ending in ENDINGS:
        options: dict[str, Any] = {"retries": 20, "checkpointing": not ending}
        for kind, play in PLAYS.items():
            name = kind + ending
            of = client.create_function(fn_id=name, trigger=inngest.TriggerEvent(event=f"kill/{name}"), **options)

            async def body(ctx: inngest.Context, play: Play = play) -> object:
                scene = AsyncScene(pen, ctx)
                await play(scene)
                return scene.returns()

            made.append(of(body))
        of_plain = client.create_function(
            fn_id=f"plain{ending}", trigger=inngest.TriggerEvent(event=f"kill/plain{ending}"), **options
        )

        def plain(ctx: inngest.ContextSync) -> object:
            scene = Scene(pen, ctx)
            for step in ("a", "b", "c"):
                scene.got(step, ctx.step.run(step, scene.handle, step))
            return scene.returns()

        made.append(of_plain(plain))
    return made


class Noting:
    """An ASGI application around another one: what runs for a call knows which call that is."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        if scope["type"] == "http" and scope["method"] == "POST":
            body, more = b"", True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body += message.get("body", b"")
                more = message.get("more_body", False)
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            _, _, generation = headers.get("x-inngest-job-id", "").partition(".")
            if generation:
                CALL.set(Call(headers["x-request-id"], int(generation), tuple(json.loads(body)["steps"])))
            parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

            async def again() -> Message:
                return parts.pop() if parts else await receive()

            await self._inner(scope, again, send)
        else:
            await self._inner(scope, receive, send)


def serve(talk: Talk, folder: Path, port: int, server: str, origin: str, patient: bool) -> None:
    """The process of an app: it serves until it is killed, and says when it is there.

    Args:
        talk: with the test.
        folder: where the log is.
        port: at which it listens.
        server: URL of the server, for checkpoints.
        origin: its own URL, as it registers it.
        patient: its calls send a checkpoint until a server is there again, however long that takes to start.
    """
    if patient:
        checkpoint.TRIES, checkpoint.UNREACHABLE = 12, 0
    descriptor = os.open(folder / "app.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(descriptor, 2)
    client = inngest.Inngest(
        app_id="kill", signing_key=SIGNING, event_key=EVENT, api_base_url=server, event_api_base_url=server
    )
    app = Starlette()
    inngest.starlette.serve(app, client, functions(client, Pen(folder / "log.jsonl")), serve_origin=origin)

    class Ready(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            talk.say("ready")

    Ready(uvicorn.Config(Noting(app), port=port, log_level="warning", lifespan="off")).run()
