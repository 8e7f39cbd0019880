"""Functions of each kind, whose bodies and handlers write into the ledger what they do."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import inngest
from inngest.errors import StepInterruptedError

from .ledger import Pen

KINDS = ("sequential", "plain", "plain-parallel", "gather", "group", "sleeping", "plain-sleeping", "telling", "flaky")
ONCE_KINDS = ("once", "plain-once")
ONCE = "once"
"""Begins the names of steps of which no attempt may begin twice."""

INTERRUPTED = "interrupted"
"""What a body goes on with when such a step was cut."""

NAP = 20
"""Milliseconds that a sleeping function sleeps, each time."""

Values = dict[str, object]


class Gate:
    """Lets handlers through; those from the n-th on, once that is said, stay in until their process is killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: int | None = None

    def hold_from(self, number: int | None) -> None:
        """From this handler on, counted from 1; None lets all through."""
        with self._lock:
            self._left = number

    def holds(self) -> bool:
        """Whether the handler that begins now stays in."""
        with self._lock:
            if self._left is None:
                return False
            self._left -= 1
            return self._left <= 0


class Scene:
    """One invocation, and what it writes."""

    def __init__(self, pen: Pen, gate: Gate, ctx: inngest.Context | inngest.ContextSync) -> None:
        self.key = str(ctx.event.data["key"])
        self.values: Values = {}
        self._pen = pen
        self._gate = gate
        self._ctx = ctx
        self._write("enter")

    def _write(self, what: str, step: str = "", value: object = None) -> None:
        self._pen.write(what, self.key, self._ctx.run_id, step, self._ctx.attempt, value)

    def got(self, step: str, value: object) -> None:
        """The body goes on from a step: the engine has said that it is recorded."""
        self._write("got", step, value)
        self.values[step] = value

    def returns(self) -> Values:
        """What the body returns."""
        values = dict(sorted(self.values.items()))
        self._write("return", value=values)
        return values

    def begin(self, step: str) -> bool:
        """A handler begins; whether it is to stay in."""
        self._write("begin", step)
        held = self._gate.holds()
        if held:
            self._write("held", step)
        return held

    def end(self, step: str) -> str:
        """A handler ends with a value that no other try of any step gives."""
        value = f"{self._pen.process}-{next(_numbers)}"
        self._write("end", step, value)
        return value

    def fails_first(self, step: str) -> None:
        """A handler fails at its first attempt."""
        if self._ctx.attempt == 0:
            self._write("fail", step)
            raise ConnectionError("it fails at its first attempt")


_numbers = itertools.count()


class AsyncScene(Scene):
    """Of an async function."""

    def __init__(self, pen: Pen, gate: Gate, ctx: inngest.Context) -> None:
        super().__init__(pen, gate, ctx)
        self.step = ctx.step
        self.group = ctx.group

    async def run(self, *steps: str, flaky: bool = False) -> None:
        """Steps, one after the other."""
        for step in steps:
            self.got(step, await self.step.run(step, self._handle, step, flaky))

    async def sleep(self, step: str) -> None:
        """A sleep."""
        await self.step.sleep(step, NAP)
        self.got(step, None)

    async def tell(self, step: str) -> None:
        """Send an event that starts another run."""
        self.got(step, await self.step.send_event(step, inngest.Event(name="kill/told", data={"key": told(self.key)})))

    async def run_once(self, *steps: str) -> None:
        """Steps of which no attempt begins twice, one after the other."""
        for step in steps:
            name = f"{ONCE} {step}"
            try:
                value = await self.step.options(on_crash="fail").run(name, self._handle, name, False)
            except StepInterruptedError:
                value = INTERRUPTED
            self.got(name, value)

    async def _handle(self, step: str, flaky: bool) -> str:
        if self.begin(step):
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        if flaky:
            self.fails_first(step)
        return self.end(step)


class PlainScene(Scene):
    """Of a plain function."""

    def __init__(self, pen: Pen, gate: Gate, ctx: inngest.ContextSync) -> None:
        super().__init__(pen, gate, ctx)
        self.step = ctx.step
        self.group = ctx.group

    def run(self, *steps: str) -> None:
        """Steps, one after the other."""
        for step in steps:
            self.got(step, self.step.run(step, self._handle, step))

    def sleep(self, step: str) -> None:
        """A sleep."""
        self.step.sleep(step, NAP)
        self.got(step, None)

    def run_once(self, *steps: str) -> None:
        """Steps of which no attempt begins twice, one after the other."""
        for step in steps:
            name = f"{ONCE} {step}"
            try:
                value = self.step.options(on_crash="fail").run(name, self._handle, name)
            except StepInterruptedError:
                value = INTERRUPTED
            self.got(name, value)

    def _handle(self, step: str) -> str:
        if self.begin(step):
            threading.Event().wait()
        return self.end(step)


def told(key: str) -> str:
    """Key of the event that a step of a telling run sends."""
    return f"{key}/told"


async def sequential(scene: AsyncScene) -> None:
    await scene.run("a", "b", "c", "d")


async def gather(scene: AsyncScene) -> None:
    await asyncio.gather(scene.run("a1", "a2"), scene.run("b1", "b2"), scene.run("c"))
    await scene.run("after")


async def group(scene: AsyncScene) -> None:
    await scene.run("before")
    await scene.group.parallel((lambda: scene.run("a1", "a2"), lambda: scene.run("b1", "b2")))
    await scene.run("after")


async def sleeping(scene: AsyncScene) -> None:
    await scene.run("a")
    await scene.sleep("nap")
    await asyncio.gather(scene.run("b"), scene.sleep("nap beside b"))
    await scene.run("c")


async def telling(scene: AsyncScene) -> None:
    await scene.run("a")
    await scene.tell("tell")
    await scene.run("b")


async def flaky(scene: AsyncScene) -> None:
    await scene.run("a")
    await scene.run("flaky", flaky=True)
    await asyncio.gather(scene.run("flaky too", flaky=True), scene.run("b"))


async def once(scene: AsyncScene) -> None:
    await scene.run_once("a")
    await asyncio.gather(scene.run_once("b1", "b2"), scene.run_once("c"), scene.run("d"))
    await scene.run_once("after")


async def is_told(scene: AsyncScene) -> None:
    await scene.run("hear")


def plain(scene: PlainScene) -> None:
    scene.run("a", "b", "c", "d")


def plain_parallel(scene: PlainScene) -> None:
    scene.group.parallel((lambda: scene.run("a1", "a2"), lambda: scene.run("b1", "b2")))
    scene.run("after")


def plain_once(scene: PlainScene) -> None:
    scene.run_once("a", "b")
    scene.run("c")
    scene.run_once("d")


def plain_sleeping(scene: PlainScene) -> None:
    scene.run("a")
    scene.sleep("nap")
    scene.run("b")


_ASYNC: dict[str, Callable[[AsyncScene], Awaitable[None]]] = {
    "sequential": sequential,
    "gather": gather,
    "group": group,
    "sleeping": sleeping,
    "telling": telling,
    "flaky": flaky,
    "once": once,
    "told": is_told,
}
_PLAIN: dict[str, Callable[[PlainScene], None]] = {
    "plain": plain,
    "plain-parallel": plain_parallel,
    "plain-once": plain_once,
    "plain-sleeping": plain_sleeping,
}


def app(pen: Pen, gate: Gate) -> inngest.Inngest:
    """A client with all of them."""
    client = inngest.Inngest(app_id="kill")

    def create(kind: str) -> Any:
        return client.create_function(fn_id=kind, trigger=inngest.TriggerEvent(event=f"kill/{kind}"), retries=1)

    def enter_async(play: Callable[[AsyncScene], Awaitable[None]]) -> Callable[[inngest.Context], Awaitable[Values]]:
        async def body(ctx: inngest.Context) -> Values:
            scene = AsyncScene(pen, gate, ctx)
            await play(scene)
            return scene.returns()

        return body

    def enter_plain(play: Callable[[PlainScene], None]) -> Callable[[inngest.ContextSync], Values]:
        def body(ctx: inngest.ContextSync) -> Values:
            scene = PlainScene(pen, gate, ctx)
            play(scene)
            return scene.returns()

        return body

    for kind, play in _ASYNC.items():
        create(kind)(enter_async(play))
    for kind, play_plainly in _PLAIN.items():
        create(kind)(enter_plain(play_plainly))
    return client
