"""The engine's verbs for functions, signals and invocations as commands, by an engine that has no functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import typer
from rich.text import Text

from inngest.cli import arguments, json_shapes, lookup, output, visiting_engine
from inngest.cli.errors import CommandError, Exit
from inngest.embedded.engine import Engine
from inngest.embedded.errors import RunNotCompletedError
from inngest.embedded.reader import Reader
from inngest.embedded.views import Run
from inngest.sdk.errors import EventInvalidError, StepArgumentError

T = TypeVar("T")

# -- functions


def pause(functions: Sequence[str], *, on_event: str, database: str, as_json: bool) -> None:
    """Pause functions."""
    if on_event not in ("queue", "skip"):
        raise CommandError(f"--on-event: expected queue or skip, got {on_event!r}")

    async def act(engine: Engine, function: str) -> None:
        await engine.pause(function, on_event="skip" if on_event == "skip" else "queue")

    _functions(functions, act, "paused", database, as_json)


def resume(functions: Sequence[str], *, database: str, as_json: bool) -> None:
    """Have functions go on."""
    _functions(functions, Engine.resume, "resumed", database, as_json)


def _functions(
    functions: Sequence[str], act: Callable[[Engine, str], Awaitable[None]], did: str, database: str, as_json: bool
) -> None:
    path = arguments.existing_database(database)
    reader = Reader(path)
    for function in functions:
        lookup.check_function("FUNCTION", reader, function)
    paused = reader.paused()

    async def act_on_all(engine: Engine) -> None:
        for function in functions:
            await act(engine, function)

    visiting_engine.on(path, act_on_all, as_json=as_json)
    changed = [function for function in functions if did == "paused" or function in paused]
    if as_json:
        told = {"functions": list(functions)}
        output.print_json(told if did == "paused" else {**told, did: changed})
        return
    for function in functions:
        output.console().print(f"{did if function in changed else 'was not paused'}  {function}")


# -- signals and invocations


def signal(name: str, data: str | None, *, database: str, as_json: bool) -> None:
    """Send a signal."""
    sent = arguments.json_value(data)
    path = arguments.existing_database(database)
    Reader(path).functions()  # what cannot be read is not written
    try:
        run_id = visiting_engine.on(path, lambda engine: engine.send_signal(name, sent), as_json=as_json)
    except StepArgumentError as error:
        raise CommandError(f"the signal cannot be sent: {error.message.partition(': ')[2]}") from None
    if run_id is None:
        raise CommandError(
            f"no run waits for the signal {name!r}: nobody has it", hint="it is not kept", code=Exit.FAILED
        )
    if as_json:
        output.print_json({"signal": name, "run_id": run_id})
    else:
        output.console().print(Text.assemble("woke ", (run_id, "bold")))


def invoke(function: str, data: str | None, *, wait: bool, timeout: str | None, database: str, as_json: bool) -> None:
    """Start a run; with `wait`, print what it gave."""
    if timeout is not None and not wait:
        raise CommandError("--timeout is how long --wait waits: give both")
    limit = arguments.seconds("--timeout", timeout)
    given = arguments.event_data(data)
    path = arguments.existing_database(database)
    reader = Reader(path)
    lookup.check_function("FUNCTION", reader, function)

    async def start(engine: Engine) -> str:
        run_id = await engine.start_run(function, given)
        if not as_json:
            output.console().print(Text.assemble("started ", (function, "bold"), f"  {run_id}"))
        if wait and not as_json:
            output.warning(visiting_engine.unexecuted(reader, run_id))
        if wait:
            await _ended(engine, run_id, function, limit)
        return run_id

    try:
        run_id = visiting_engine.on(path, start, as_json=as_json)
    except EventInvalidError as error:
        raise CommandError(f"the data cannot be sent: {error.message.partition(': ')[2]}") from None
    run, warning = lookup.existing_run(run_id, reader), visiting_engine.unexecuted(reader, run_id)
    if as_json:
        output.print_json({"run": json_shapes.run_shape(run), "warning": warning})
    elif not wait:
        output.warning(warning)
    _judge(run, wait, as_json)


async def _ended(engine: Engine, run_id: str, function: str, limit: float | None) -> None:
    with output.Progress() as progress:
        progress.show(f"waiting for {function}")
        try:
            await engine.wait(run_id, timeout=None if limit is None else round(limit * 1_000))
        except RunNotCompletedError:
            return
        except TimeoutError as error:
            raise CommandError(
                str(error), hint=f"`inngest run {run_id} --why`", code=Exit.TIMEOUT, details={"run_id": run_id}
            ) from None


def _judge(run: Run, wait: bool, as_json: bool) -> None:
    if run.error is not None and not as_json:
        output.failure(f"{run.status.value.lower()}: {run.error.name}: {run.error.message}", f"`inngest run {run.id}`")
    elif wait and not as_json:
        output.console().print(Text.assemble(("✓ ", "green"), output.short_json(run.output, 2_000)))
    if run.error is not None:
        raise typer.Exit(Exit.FAILED)
