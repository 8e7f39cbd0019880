"""`inngest release` and `inngest retry-now`, and what `inngest runs` and `inngest run` say of runs on hold."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

import inngest
from tests.embedded.stage import until_held

from .conftest import Command

TRIGGER = inngest.TriggerEvent(event="shop/order.placed")
UNKNOWN = "01KAQ2V7W6T4M3N8S9E0R5Y1XZ"


def functions(first: str) -> inngest.Inngest:
    """An app of two plain functions: the first step of one is called so, the step of the other fails at first."""
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="order", trigger=TRIGGER)
    def order(ctx: inngest.ContextSync) -> str:
        ctx.step.run(first, lambda: None)
        ctx.step.wait_for_event("paid", event="shop/order.paid", timeout=3_600_000)
        return f"{first}, paid"

    @client.create_function(fn_id="flaky", trigger=TRIGGER)
    def flaky(ctx: inngest.ContextSync) -> str:
        def fails() -> str:
            if first == "charge":
                raise inngest.RetryAfterError("later", 3_600_000)
            return "done"

        return ctx.step.run("call", fails)

    return client


@dataclass(frozen=True)
class Held:
    """A database with a run on hold, and one that waits for its next attempt."""

    path: Path
    held: str
    waits: str

    @property
    def option(self) -> tuple[str, str]:
        """Names the database."""
        return "--database", str(self.path)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    path = tmp_path_factory.mktemp("held") / "inngest.db"

    async def make() -> Held:
        async with inngest.Engine(functions("charge"), database=f"sqlite:///{path}") as engine:
            await engine.send(inngest.Event(name="shop/order.placed"))
            runs = {run.function_id: run.id for run in await engine.runs()}
            for run_id in runs.values():
                while not (await engine.run(run_id)).steps:  # noqa: ASYNC110 - the engine tells nobody
                    await asyncio.sleep(0.01)
        async with inngest.Engine(functions("charge card"), database=f"sqlite:///{path}") as engine:
            await engine.send(inngest.Event(name="shop/order.paid"))
            await until_held(engine, runs["shop-order"])
        return Held(path, runs["shop-order"], runs["shop-flaky"])

    return asyncio.run(make())


def test_runs_on_hold_are_shown(command: Command, held: Held) -> None:
    what = 'step "charge" was recorded, and the code calls "charge card" in its place.'
    assert f"on hold: {what}" in command("runs", *held.option).out
    assert f"on hold {what}" in command("run", held.held, *held.option).out
    why = command("run", held.held, "--why", *held.option).out
    assert "on_hold" in why
    assert what[:-1] in why
    found = command("run", held.held, *held.option, "--json").json
    assert (found["hold"]["sign"], found["hold"]["step"], found["hold"]["call"]) == ("called", "charge", "charge card")
    assert (found["follows"], found["unasked"]) == (False, [])


@pytest.mark.parametrize("verb", ["release", "retry-now"])
def test_mistakes_are_told(command: Command, held: Held, verb: str) -> None:
    ran = command(verb, held.held, held.waits, *held.option)
    assert (ran.code, "add --yes" in ran.err) == (2, True)
    ran = command(verb, UNKNOWN, *held.option)
    assert (ran.code, f"there is no run {UNKNOWN}" in ran.err) == (3, True)
    ran = command(verb, held.held, "--database", "nowhere.db")
    assert ran.code == 3
    assert command(verb, "x", *held.option).code == 2


def test_an_operator_decides_for_several_runs(command: Command, held: Held) -> None:
    ran = command("retry-now", held.waits[-8:], *held.option, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["runs"] == [{"id": held.waits, "retried": True, "why": None}]
    nobody = "No living worker has its function shop-flaky: start an engine with it"
    assert nobody in ran.json["warning"]
    ran = command("release", held.held, held.waits, "--yes", *held.option)
    assert ran.code == 0
    assert ran.err.startswith("warning: No living worker has its function shop-order: start an engine with it")
    assert nobody in ran.err
    assert ran.out.splitlines() == [f"{held.held}  released", f"{held.waits}  released"]

    async def go_on() -> list[object]:
        async with inngest.Engine(functions("charge card"), database=f"sqlite:///{held.path}") as engine:
            return [await engine.wait(run_id) for run_id in (held.held, held.waits)]

    assert asyncio.run(go_on()) == ["charge card, paid", "done"]
    shown = command("run", held.held, *held.option).out
    assert "unasked charge" in shown
    ran = command("release", held.held, *held.option)
    assert (ran.code, ran.out) == (1, f"{held.held}  has ended\n")
