"""The engine's verbs as commands: beside an engine that runs, without one, and every mistake."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import inngest
from inngest.embedded.reader import Reader

from .conftest import Command, Ran
from .processes import PATIENCE
from .processes import inngest as run_inngest
from .test_terminal import Terminal
from .test_why import Victim, explained

client = inngest.Inngest(app_id="shop")
HOUR = 3_600_000


class Bank:
    """Is closed until it is opened."""

    is_open = False
    seen: asyncio.Event


@client.create_function(fn_id="approve", trigger=inngest.TriggerEvent(event="op/approve"))
async def approve(ctx: inngest.Context) -> object:
    return await ctx.step.wait_for_signal("approved", signal="approve/42", timeout=HOUR)


@client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="op/pay"))
async def pay(ctx: inngest.Context) -> object:
    async def charge() -> str:
        Bank.seen.set()
        if not Bank.is_open:
            raise ConnectionError("the bank is closed")
        return "paid"

    return await ctx.step.run("charge", charge)


@client.create_function(fn_id="hang", trigger=inngest.TriggerEvent(event="op/hang"))
async def hang(ctx: inngest.Context) -> None:
    async def wait() -> None:
        Bank.seen.set()
        await asyncio.Event().wait()

    await ctx.step.run("wait", wait)


@client.create_function(fn_id="echo", trigger=inngest.TriggerEvent(event="op/echo"))
async def echo(ctx: inngest.Context) -> object:
    return ctx.event.data["word"]


@client.create_function(fn_id="refuse", retries=0, trigger=inngest.TriggerEvent(event="op/refuse"))
async def refuse(ctx: inngest.Context) -> None:
    raise ValueError("no stock")


class Office:
    """An engine, and commands on its database in a thread."""

    def __init__(self, engine: inngest.Engine, path: Path, command: Command) -> None:
        self.engine = engine
        self.path = path
        self._command = command

    async def ran(self, *arguments: str) -> Ran:
        return await asyncio.to_thread(self._command, *arguments, "--database", str(self.path))

    async def sent(self, name: str) -> str:
        (event_id,) = await self.engine.send(inngest.Event(name=name))
        (run,) = await self.engine.runs(event_id=event_id)
        return run.id

    async def until(self, run_id: str, rule: str) -> None:
        async with asyncio.timeout(PATIENCE):
            async for found in explained(self.engine, run_id):
                if [one.rule for one in found.reasons] == [rule]:
                    break


@pytest.fixture
async def office(tmp_path: Path, command: Command) -> AsyncGenerator[Office]:
    Bank.is_open, Bank.seen = False, asyncio.Event()
    path = tmp_path / "op.db"
    async with inngest.Engine(client, database=path, retry_interval=3_600) as engine:
        yield Office(engine, path, command)


@pytest.fixture
async def rest(tmp_path: Path) -> Path:
    """A database without an engine, with two runs of a function that wait, and one of another."""
    path = tmp_path / "rest.db"
    async with inngest.Engine(client, database=path) as engine:
        await engine.pause(approve)
        await engine.pause(pay)
        await engine.send([inngest.Event(name=name) for name in ("op/approve", "op/approve", "op/pay")])
    return path


async def test_a_signal_wakes_the_run_that_waits_for_it(office: Office) -> None:
    run_id = await office.sent("op/approve")
    await office.until(run_id, "signal")
    ran = await office.ran("signal", "approve/42", '"yes"', "--json")
    assert (ran.code, ran.json) == (0, {"signal": "approve/42", "run_id": run_id})
    assert await office.engine.wait(run_id, timeout=60_000) == "yes"
    again = await office.ran("signal", "approve/42")
    assert again.code == 1
    assert "no run waits for the signal 'approve/42'" in again.err


async def test_a_run_that_is_cancelled_twice_was_cancelled_once(office: Office) -> None:
    run_id = await office.sent("op/approve")
    await office.until(run_id, "signal")
    ran = await office.ran("cancel", run_id[-12:])
    assert (ran.code, ran.out) == (0, f"{run_id}  cancelled\n")
    with pytest.raises(inngest.errors.RunCancelledError):
        await office.engine.wait(run_id, timeout=60_000)
    shown = (await office.ran("run", run_id)).out
    assert "- approved  waited when the run ended\n" in shown
    (step,) = (await office.ran("run", run_id, "--json")).json["steps"]
    assert [step[key] for key in ("id", "status", "ended_at", "due_at")] == ["approved", "cancelled", None, None]
    listed = (await office.ran("runs", "--status", "cancelled")).out
    assert "RunCancelledError" not in listed  # the status says it
    assert "  cancelled by Engine.cancel\n" in listed
    again = await office.ran("cancel", run_id)
    assert (again.code, again.out) == (1, f"{run_id}  has ended\n")
    as_json = await office.ran("cancel", run_id, "--json")
    assert (as_json.code, as_json.json["runs"]) == (1, [{"id": run_id, "cancelled": False, "why": "has ended"}])


async def test_what_waits_for_its_next_attempt_is_tried_now(office: Office) -> None:
    run_id = await office.sent("op/pay")
    await office.until(run_id, "retry")
    Bank.is_open = True
    ran = await office.ran("retry-now", run_id)
    assert (ran.code, ran.out) == (0, f"{run_id}  retried\n")
    assert await office.engine.wait(run_id, timeout=60_000) == "paid"
    again = await office.ran("retry-now", run_id)
    assert (again.code, again.out) == (1, f"{run_id}  has ended\n")


async def test_a_paused_function_goes_on_when_it_is_resumed(office: Office) -> None:
    assert (await office.ran("pause", "shop-echo")).out == "paused  shop-echo\n"
    started = await office.ran("invoke", "shop-echo", '{"word": "hello"}', "--json")
    assert started.code == 0
    run_id = started.json["run"]["id"]
    assert "has been paused since" in started.json["warning"]
    assert (await office.engine.run(run_id)).status == "QUEUED"
    assert (await office.ran("resume", "shop-echo", "--json")).json == {
        "functions": ["shop-echo"],
        "resumed": ["shop-echo"],
    }
    assert await office.engine.wait(run_id, timeout=60_000) == "hello"
    again = await office.ran("resume", "shop-echo")
    assert (again.code, again.out) == (0, "was not paused  shop-echo\n")
    as_json = await office.ran("resume", "shop-echo", "--json")
    assert as_json.json == {"functions": ["shop-echo"], "resumed": []}


async def test_a_run_that_executes_now_is_said_to_do_so(office: Office) -> None:
    run_id = await office.sent("op/hang")
    await Bank.seen.wait()
    ran = await office.ran("retry-now", run_id)
    assert (ran.code, ran.out) == (1, f"{run_id}  is executing now\n")
    as_json = await office.ran("retry-now", run_id, "--json")
    assert as_json.json["runs"] == [{"id": run_id, "retried": False, "why": "is executing now"}]
    await office.engine.cancel(run_id)


async def test_a_worker_that_died_is_a_warning_for_people_alone(tmp_path: Path, command: Command) -> None:
    for verb in ("retry-now", "cancel"):
        path = tmp_path / f"{verb}.db"
        for _ in range(2):
            victim = Victim(f"sqlite:///{path}", "why/kill")
            victim.kill()
            ran = await asyncio.to_thread(command, verb, victim.run_id, "--database", str(path), "--json")
            assert ran.err == ""
        victim = Victim(f"sqlite:///{path}", "why/kill")
        victim.kill()
        ran = await asyncio.to_thread(command, verb, victim.run_id, "--database", str(path))
        assert re.match(r"warning: a worker died \(session \w+\); its runs are queued again\n", ran.err), ran.err


async def test_an_invocation_gives_its_result_or_why_there_is_none(office: Office) -> None:
    ran = await office.ran("invoke", "shop-echo", '{"word": "hello"}', "--wait")
    assert (ran.code, ran.err) == (0, "")
    assert '✓ "hello"\n' in ran.out
    failed = await office.ran("invoke", "shop-refuse", "--wait", "--json")
    assert failed.code == 1
    assert failed.json["run"]["error"]["message"] == "no stock"
    late = await office.ran("invoke", "shop-approve", "--wait", "--timeout", "0", "--json")
    assert late.code == 4
    assert (await office.engine.run(late.json["run_id"])).function_id == "shop-approve"
    await office.ran("pause", "shop-echo", "--on-event", "skip")
    skipped = await office.ran("invoke", "shop-echo", "{}")
    assert skipped.code == 1
    assert "skipped: " in skipped.err


async def test_nobody_executes_what_is_invoked_without_an_engine(rest: Path, command: Command) -> None:
    ran = await asyncio.to_thread(command, "invoke", "shop-echo", "--database", str(rest))
    assert ran.code == 0
    assert "No living worker has its function shop-echo: start an engine with it" in ran.err


async def test_many_runs_are_cancelled_only_by_who_says_yes(rest: Path, command: Command) -> None:
    asked = ("cancel", "--function", "shop-approve", "--database", str(rest))
    refused = await asyncio.to_thread(command, *asked)
    assert refused.code == 2
    assert "cancel: 2 runs would be meant, and nobody is asked here" in refused.err
    assert "add --yes" in refused.err
    assert {run.status for run in Reader(rest).runs()} == {"QUEUED"}
    for answer, code, status in (("n", 1, "QUEUED"), ("y", 0, "CANCELLED")):
        terminal = Terminal(rest.parent, *asked)
        terminal.until("cancel 2 runs? [y/N]")
        terminal.type(f"{answer}\r")
        assert terminal.exit_code() == code
        assert {run.status for run in Reader(rest).runs(function_id="shop-approve")} == {status}
    assert [run.status for run in Reader(rest).runs(function_id="shop-pay")] == ["QUEUED"]
    none = await asyncio.to_thread(command, *asked, "--yes", "--json")
    assert (none.code, none.json) == (0, {"runs": []})


async def test_only_runs_on_hold_are_meant_by_a_release_of_many(rest: Path, command: Command) -> None:
    ran = await asyncio.to_thread(command, "release", "--function", "shop-approve", "--yes", "--database", str(rest))
    assert (ran.code, ran.out) == (0, "0 released\n")
    assert not any(run.follows for run in Reader(rest).runs())
    one = Reader(rest).runs(function_id="shop-pay")[0].id
    assert (await asyncio.to_thread(command, "release", one, "--database", str(rest))).code == 0
    assert [run.id for run in Reader(rest).runs() if run.follows] == [one]


NOBODY = "01KAQ2V7W6T4M3N8S9E0R5Y1XZ"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("cancel",), 2, "cancel: expected ids of runs, or --function or --event"),
        (("cancel", NOBODY, "--function", "shop-pay"), 2, "cancel: expected ids of runs, or --function or --event"),
        (("cancel", NOBODY, "--status", "queued"), 2, "cancel: expected ids of runs, or --function or --event"),
        (("release", "--function", "shop-pay", "--status", "failed"), 2, "--status: expected queued or running"),
        (("release", "--function", "shop-pay", "--status", "odd"), 2, "--status: expected one of"),
        (("retry-now", "--event", "odd"), 2, "--event: 'odd' is not an id"),
        (("retry-now", "odd!"), 2, "RUN: 'odd!' is not an id"),
        (("cancel", NOBODY), 3, f"there is no run {NOBODY} in "),
        (("cancel", "ZZZZ"), 3, "there is no run whose id ends in ZZZZ"),
        (("cancel", "--function", "shop-pya", "--yes"), 3, "--function: no function 'shop-pya' is known"),
        (("pause", "shop-pay", "shop-pya"), 3, "FUNCTION: no function 'shop-pya' is known"),
        (("pause", "shop-pay", "--on-event", "drop"), 2, "--on-event: expected queue or skip, got 'drop'"),
        (("resume", "shop-pya"), 3, "FUNCTION: no function 'shop-pya' is known"),
        (("signal", ""), 2, "the signal cannot be sent: signal: expected a name"),
        (("signal", "a", "{"), 2, "DATA is not JSON"),
        (("invoke", "shop-pya"), 3, "FUNCTION: no function 'shop-pya' is known"),
        (("invoke", "shop-pay", "[1]"), 2, "DATA is JSON, but not an object: [1]"),
        (("invoke", "shop-pay", '{"x": NaN}'), 2, "the data cannot be sent: "),
        (("invoke", "shop-pay", "--timeout", "5"), 2, "--timeout is how long --wait waits: give both"),
        (("signal", "a", "--database", "gone.db"), 3, "--database: gone.db cannot be read: there is no such file"),
    ],
)
async def test_mistakes_are_named_and_change_nothing(
    rest: Path, command: Command, arguments: tuple[str, ...], code: int, text: str
) -> None:
    database = () if "--database" in arguments else ("--database", str(rest))
    ran = await asyncio.to_thread(command, *arguments, *database)
    assert (ran.code, ran.out) == (code, "")
    assert text in ran.err
    as_json = await asyncio.to_thread(command, *arguments, *database, "--json")
    assert (as_json.code, as_json.err) == (code, "")
    assert text in as_json.json["error"]
    assert {run.status for run in Reader(rest).runs()} == {"QUEUED"}


def test_a_shell_completes_commands(tmp_path: Path) -> None:
    asked = {"_INNGEST_COMPLETE": "complete_bash", "COMP_WORDS": "inngest re", "COMP_CWORD": "1"}
    assert run_inngest(cwd=tmp_path, **asked).stdout.split() == ["resume", "release", "retry-now", "rerun"]
