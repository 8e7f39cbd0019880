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
    """Lets handlers through; those from the n-th on, once that is said, stay in until all are let through again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: int | None = None
        self._open = threading.Event()

    def hold_from(self, number: int | None) -> None:
        """From this handler on, counted from 1; None lets all through."""
        with self._lock:
            self._left = number
            if number is None:
                self._open.set()
                self._open = threading.Event()

    @property
    def opens(self) -> threading.Event:
        """Is set when those that stay in now are let through."""
        return self._open

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
        self._pen = pen.bound()  # its worker may begin anew, and this invocation is of before
        self._gate = gate
        self._ctx = ctx
        self._write("enter")

    def _write(self, what: str, step: str = "", value: object = None) -> None:
        self._pen.write(what, self.key, self._ctx.run_id, step, self._ctx.attempt, value)

    def note(self, what: str, value: object) -> None:
        """Something else is told."""
        self._write(what, value=value)

    def got(self, step: str, value: object) -> None:
        """The body goes on from a step: the engine has said that it is recorded."""
        self._write("got", step, value)
        self.values[step] = value

    def returns(self) -> Values:
        """What the body returns."""
        values = dict(sorted(self.values.items()))
        self._write("return", value=values)
        return values

    def begin(self, step: str) -> threading.Event | None:
        """A handler begins; if it is to stay in, until when."""
        self._write("begin", step)
        opens = self._gate.opens
        if not self._gate.holds():
            return None
        self._write("held", step)
        return opens

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
        self.keys = [str(event.data["key"]) for event in ctx.events]

    async def run(self, *steps: str, flaky: bool = False) -> None:
        """Steps, one after the other."""
        for step in steps:
            self.got(step, await self.step.run(step, self._handle, step, flaky))

    async def sleep(self, step: str) -> None:
        """A sleep."""
        await self.step.sleep(step, NAP)
        self.got(step, None)

    async def tell(self, step: str, kind: str = "told") -> None:
        """Send an event that starts another run."""
        event = inngest.Event(name=f"kill/{kind}", data={"key": told(self.key, kind)})
        self.got(step, await self.step.send_event(step, event))

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
        if (opens := self.begin(step)) is not None:
            while not opens.is_set():  # noqa: ASYNC110 - a thread would outlive a handler that is given up
                await asyncio.sleep(0.01)
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
        if (opens := self.begin(step)) is not None:
            opens.wait()
        return self.end(step)


def told(key: str, kind: str = "told") -> str:
    """Key of the event that a step of a run sends, or with which it invokes another."""
    return f"{key}/{kind}"


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
    for kind, play in _ASYNC.items():
        add(client, kind, pen, gate, play)
    for kind, play_plainly in _PLAIN.items():
        trigger = inngest.TriggerEvent(event=f"kill/{kind}")
        client.create_function(fn_id=kind, trigger=trigger, retries=1)(_plain_body(pen, gate, play_plainly))
    return client


def add(
    client: inngest.Inngest,
    kind: str,
    pen: Pen,
    gate: Gate,
    play: Callable[[AsyncScene], Awaitable[None]],
    **options: Any,
) -> None:
    """Add an async function of a kind to a client."""

    async def body(ctx: inngest.Context) -> Values:
        scene = AsyncScene(pen, gate, ctx)
        await play(scene)
        return scene.returns()

    trigger = inngest.TriggerEvent(event=f"kill/{kind}")
    client.create_function(fn_id=kind, trigger=trigger, retries=1, **options)(body)


def _plain_body(pen: Pen, gate: Gate, play: Callable[[PlainScene], None]) -> Callable[[inngest.ContextSync], Values]:
    def body(ctx: inngest.ContextSync) -> Values:
        scene = PlainScene(pen, gate, ctx)
        play(scene)
        return scene.returns()

    return body
