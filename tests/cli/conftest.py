"""A database with runs of every kind, made once; and the commands, in process."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import inngest
from inngest.cli.app import app
from inngest.embedded.engine import host_of
from inngest.engine.domain.model import Changes, Event, Run
from inngest.engine.records import Claimed, Touched
from inngest.errors import RunFailedError


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output, which must be one JSON value."""
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs a command in an empty folder, as nobody's terminal; whatever it raises but its exit fails the test."""
    monkeypatch.chdir(tmp_path)
    for name in ("INNGEST_DEV", "INNGEST_BASE_URL", "INNGEST_EVENT_API_BASE_URL", "INNGEST_EVENT_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, stdin: bytes | str = "") -> Ran:
        result = CliRunner(env={"COLUMNS": "120"}).invoke(app, arguments, input=stdin, prog_name="inngest")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@dataclass(frozen=True)
class Shop:
    """A database, and the ids of its runs."""

    path: Path
    completed: str
    failed: str
    sleeping: str
    queued: str

    @property
    def option(self) -> tuple[str, str]:
        """For a command line."""
        return ("--database", str(self.path))


def make_client() -> inngest.Inngest:
    client = inngest.Inngest(app_id="shop")
    flaky = iter(range(100))

    def mail() -> str:
        if next(flaky) < 2:
            raise ConnectionError("smtp is [down]\nfor repair")
        return "sent"

    @client.create_function(fn_id="fulfil", trigger=inngest.TriggerEvent(event="shop/order.placed"))
    async def fulfil(ctx: inngest.Context) -> dict[str, object]:
        await ctx.step.run("charge", lambda: {"cents": 4200, "note": "[red]é"})
        await ctx.step.sleep("cool off", 1)
        await ctx.step.run("mail", mail)
        if ctx.event.data.get("sleep"):
            await ctx.step.sleep("long", 86_400_000)
        return {"order": ctx.event.data["order"]}

    @client.create_function(fn_id="refund", retries=1, trigger=inngest.TriggerEvent(event="shop/order.returned"))
    async def refund(ctx: inngest.Context) -> None:
        raise ValueError("no receipt")

    return client


class Slept:
    """An observer that waits for a step to sleep."""

    def __init__(self, step: str) -> None:
        self._step = step
        self.seen = threading.Event()

    def accepted(self, events: Sequence[Event], started: Sequence[Run], touched: Sequence[Touched]) -> None:
        return

    def entered(self, claimed: Claimed) -> None:
        return

    def committed(self, run: Run, changes: Changes) -> None:
        if any(one.step.text == self._step for one in changes.open):
            self.seen.set()

    def cancelled(self, run: Run) -> None:
        return


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Runs that completed, failed, sleep, and wait in the queue."""
    folder = tmp_path_factory.mktemp("shop")
    path = folder / "inngest.db"
    ids: list[str] = []

    def start(engine: inngest.Engine, name: str, **data: object) -> str:
        (event_id,) = engine.send_sync(inngest.Event(name=name, data=data))
        (run,) = engine.runs_sync(event_id=event_id)
        ids.append(run.id)
        return run.id

    engine = inngest.Engine(make_client(), database=f"sqlite:///{path}", retry_interval=0)
    slept = Slept("long")
    host_of(engine).observe(slept)
    with engine:
        engine.wait_sync(start(engine, "shop/order.placed", order=1))
        failing = start(engine, "shop/order.returned")
        with pytest.raises(RunFailedError):
            engine.wait_sync(failing)
        start(engine, "shop/order.placed", order=2, sleep=True)
        assert slept.seen.wait(60)
    with inngest.Engine([], database=f"sqlite:///{path}") as engine:
        start(engine, "shop/order.placed", order=3)
    return Shop(path, *ids)
