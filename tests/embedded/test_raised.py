"""Whatever code of users raises, wherever, is a failed attempt: the run goes on or ends, and its slot is given back."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

import inngest
from inngest import Run
from inngest.errors import RunFailedError
from tests import processes
from tests.embedded import databases
from tests.embedded.stage import Stage, failure


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def the_only(runs: list[Run]) -> Run:
    (run,) = runs
    return run


# -- what does not derive from Exception, in every place


class Own(BaseException):
    """As libraries have it."""


def exhausted() -> object:
    return next(iter(()))


def raising(kind: type[BaseException]) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise kind

    return fail


RAISED: dict[str, Callable[[], object]] = {
    **{one.__name__: raising(one) for one in (SystemExit, GeneratorExit, Own, StopAsyncIteration)},
    "CancelledError": raising(asyncio.CancelledError),
    "sys.exit": lambda: sys.exit("bye"),
    "StopIteration": exhausted,
}
NAMES = {"sys.exit": {"SystemExit"}, "StopIteration": {"StopIteration", "RuntimeError"}}
"""Under which name each may be recorded: Python itself gives StopIteration another one in async code."""


class Trap:
    """Raises in one place, as often as it is told to."""

    def __init__(self, place: str, fail: Callable[[], object]) -> None:
        self._place = place
        self._fail = fail
        self.left = 0

    def at(self, place: str) -> None:
        if place == self._place and self.left:
            self.left -= 1
            self._fail()


HOOKS = (
    *("transform_input", "before_execution", "after_execution", "transform_output", "before_response"),
    *("before_send_events", "after_send_events"),
)


def hooked(trap: Trap, base: type[Any]) -> type[Any]:
    """Middleware whose hooks may raise."""

    def hook(name: str) -> Callable[..., object]:
        def plain(_: object, *__: object) -> None:
            trap.at(name)

        async def called(_: object, *__: object) -> None:
            trap.at(name)

        return called if base is inngest.Middleware else plain

    return type("Hooked", (base,), {name: hook(name) for name in HOOKS})


class Keeper:
    """A serializer that may raise."""

    def __init__(self, trap: Trap) -> None:
        self._trap = trap

    def serialize(self, obj: object, typ: object) -> object:
        self._trap.at("serialize")
        return obj

    def deserialize(self, obj: object, typ: object) -> object:
        self._trap.at("deserialize")
        return obj


def async_function(client: inngest.Inngest, trap: Trap) -> inngest.Function[Any]:
    async def charge() -> str:
        trap.at("async handler")
        try:
            return "paid"
        finally:
            trap.at("finally")

    def fetch() -> str:
        trap.at("plain handler")
        return "fetched"

    async def branch() -> str:
        trap.at("branch")
        return "branch"

    async def racer() -> str:
        trap.at("race")
        return "race"

    @client.create_function(
        fn_id="f", trigger=inngest.TriggerEvent(event="f"), retries=0, concurrency=[inngest.Concurrency(limit=1)]
    )
    async def function(ctx: inngest.Context) -> str:
        try:
            await ctx.step.run("charge", charge, output_type=str)
            await ctx.step.run("fetch", fetch)
            await ctx.step.run("threaded", asyncio.to_thread, fetch)
            await ctx.step.send_event("send", inngest.Event(name="other"))
            await ctx.group.parallel((branch, lambda: ctx.step.run("beside", lambda: "beside")))
            await ctx.group.race((racer, lambda: ctx.step.run("racing", lambda: "racing")))
            trap.at("body")
        finally:
            trap.at("finally of the body")
        return "done"

    return function


def plain_function(client: inngest.Inngest, trap: Trap) -> inngest.Function[Any]:
    def charge() -> str:
        trap.at("plain handler")
        return "paid"

    def branch() -> str:
        trap.at("branch")
        return "branch"

    def racer() -> str:
        trap.at("race")
        return "race"

    @client.create_function(
        fn_id="f", trigger=inngest.TriggerEvent(event="f"), retries=0, concurrency=[inngest.Concurrency(limit=1)]
    )
    def function(ctx: inngest.ContextSync) -> str:
        try:
            ctx.step.run("charge", charge, output_type=str)
            ctx.step.send_event("send", inngest.Event(name="other"))
            ctx.group.parallel((branch, lambda: ctx.step.run("beside", lambda: "beside")))
            ctx.group.race((racer, lambda: ctx.step.run("racing", lambda: "racing")))
            trap.at("body")
        finally:
            trap.at("finally of the body")
        return "done"

    return function


PLAIN = ("plain handler", "branch", "race", "body", "finally of the body", "serialize", "deserialize", *HOOKS)
ASYNC = ("async handler", "finally", *PLAIN)
CASES = [
    *(("async", place) for place in ASYNC),
    *(("mixed", place) for place in HOOKS),
    *(("plain", place) for place in PLAIN),
]
"""Functions, with the kind of their middleware, and where something raises in them."""


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(("kind", "place"), CASES)
async def test_what_is_raised_anywhere_is_a_failed_attempt(kind: str, place: str, stage: Stage) -> None:
    """Each is raised once, in a function without retries: its run fails by name, and the next one gets the slot."""
    functions: dict[str, tuple[Trap, inngest.Function[Any]]] = {}
    base = inngest.Middleware if kind == "async" else inngest.MiddlewareSync
    for name, fail in RAISED.items():
        trap = Trap(place, fail)
        client = inngest.Inngest(app_id=f"app-{name}", middleware=[hooked(trap, base)], serializer=Keeper(trap))
        functions[name] = trap, (plain_function if kind == "plain" else async_function)(client, trap)
    given = [function for _, function in functions.values()]
    async with inngest.Engine(given, database=stage.database, retry_interval=0) as engine:
        for name, (trap, function) in functions.items():
            trap.left = 1
            if place != "deserialize":  # a value that the code cannot read puts the run on hold, for a second
                with pytest.raises(RunFailedError) as failed:
                    await engine.invoke(function)
                expected = {"OutputUnserializableError"} if place == "serialize" else NAMES.get(name) or {name}
                assert failed.value.error.name in expected
                assert trap.left == 0
            assert await engine.invoke(function) == "done"


# -- loggers


request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id")


class AddId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise SystemExit(4)


@pytest.mark.parametrize("how", ["filter", "handler"])
@pytest.mark.parametrize("raised_in", ["step", "body"])
async def test_a_logger_that_raises_decides_nothing(
    how: str, raised_in: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.Logger("shop")  # noqa: LOG001 - of this test alone
    if how == "filter":
        logger.addFilter(AddId())
    else:
        logger.addHandler(Broken())
    stage = Stage(tmp_path, inngest.Inngest(app_id="shop", logger=logger))

    async def charge() -> NoReturn:
        raise inngest.NonRetriableError("card declined")

    async def body(ctx: inngest.Context) -> str:
        if raised_in == "body":
            await charge()
        try:
            await ctx.step.run("charge", charge)
        except inngest.StepError as error:
            return f"told: {error.message}"
        raise AssertionError

    run = await stage.run(body, retries=2)

    if raised_in == "step":
        assert run.output == "told: card declined"
        assert [len(one.attempts) for one in run.steps] == [1]
    else:
        assert failure(run) == ("NonRetriableError", "non_retriable_error")
        assert run.attempts == ()
    told = capsys.readouterr().err
    assert f"the logger 'shop' raised {'LookupError' if how == 'filter' else 'SystemExit: 4'}" in told
    assert "card declined" in told


# -- the keyboard


def interrupted(talk: processes.Talk, database: str, kind: str) -> None:
    """A handler raises what Ctrl-C raises."""
    client = inngest.Inngest(app_id="shop")

    def fail() -> str:
        talk.say("begun")
        if talk.hear() == "interrupt":
            raise KeyboardInterrupt
        return "done"

    async def on_loop(ctx: inngest.Context) -> str:
        try:
            return await ctx.step.run("wait", fail)
        finally:
            await ctx.step.run("after", lambda: talk.say("after"))

    def in_thread(ctx: inngest.ContextSync) -> str:
        return ctx.step.run("wait", fail)

    create = client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="f"), retries=0)
    function: inngest.Function[Any] = create(on_loop) if kind == "loop" else create(in_thread)

    async def main() -> None:
        async with inngest.Engine(client, database=database) as engine:
            runs = await engine.runs()
            if not runs:
                await engine.send(inngest.Event(name="f"))
                runs = await engine.runs()
            try:
                talk.say(await engine.wait(runs[0].id))
            except RunFailedError as error:
                talk.say(error.error.name)

    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        talk.say("ended")
    assert function.id


def test_what_the_keyboard_raises_ends_the_loop_and_costs_the_run_nothing(tmp_path: Path) -> None:
    database = databases.url_in(tmp_path)
    with processes.started(interrupted, database, "loop") as first:
        first.expect("begun")
        first.say("interrupt")
        first.expect("ended")
    with processes.started(interrupted, database, "loop") as second:
        second.expect("begun")
        second.say("go on")
        second.expect("after")
        second.expect("done")


def test_in_a_thread_it_is_a_failed_attempt(tmp_path: Path) -> None:
    with processes.started(interrupted, databases.url_in(tmp_path), "thread") as process:
        process.expect("begun")
        process.say("interrupt")
        process.expect("KeyboardInterrupt")


# -- tasks of user code


def exits(talk: processes.Talk, database: str, kind: str) -> None:
    """A task that a body has made, and nobody awaits, calls `sys.exit` the first time; the body has a step after it."""
    client = inngest.Inngest(app_id="shop")

    async def leave() -> None:
        talk.say("begun")
        if talk.hear() == "exit":
            sys.exit(3)

    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="f"), retries=0)
    async def function(ctx: inngest.Context) -> str:
        task = asyncio.ensure_future(leave())
        await asyncio.wait([task])
        return await ctx.step.run("after", lambda: "done")

    async def main() -> None:
        async with inngest.Engine(client, database=database) as engine:
            if not await engine.runs():
                await engine.send(inngest.Event(name="f"))
            (run,) = await engine.runs()
            talk.say(await engine.wait(run.id))

    assert function.id
    if kind == "thread":
        with inngest.Engine(client, database=database) as engine:
            talk.say(engine.invoke_sync(function))
        talk.say("stopped")
    else:
        asyncio.run(main())


def test_an_exit_in_a_task_of_user_code_ends_its_loop_as_a_crash_does(tmp_path: Path) -> None:
    database = databases.url_in(tmp_path)
    with processes.started(exits, database, "loop") as first:
        first.expect("begun")
        first.say("exit")
        assert first.join() == 3
    with processes.started(exits, database, "loop") as second:
        second.expect("begun")
        second.say("go on")
        second.expect("done")
        assert second.join() == 0


def test_an_exit_in_a_task_of_user_code_does_not_end_the_engines_own_loop(tmp_path: Path) -> None:
    with processes.started(exits, databases.url_in(tmp_path), "thread") as process:
        process.expect("begun")
        process.say("exit")
        process.expect("done")
        process.expect("stopped")
        assert process.join() == 0
