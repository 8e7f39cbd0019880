"""`inngest run RUN --why`, for each reason as it is printed: the page shows what the command says, word for word."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest import Explanation, Rule
from inngest.embedded.engine import host_of
from inngest.errors import RunCancelledError, RunFailedError, RunSkippedError
from inngest.protocol.steps import hash_step_id
from inngest.protocol.wire import endpoints
from tests.house.tree import ROOT

from . import on_call
from .conftest import Command
from .on_call import client
from .processes import PATIENCE, DevServer, environment, of_type
from .small_app import SmallApp, small_app

PAGE = (ROOT / "docs" / "howto" / "why.md").read_text(encoding="utf-8")
HOUR = 3_600_000


def settled(text: str) -> str:
    """Output without what differs each time: ids, times, ports, the machine and its processes."""
    for pattern, name in (
        (r"\b01[0-9A-HJKMNP-TV-Z]{24}\b", "RUN"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
        (r"\(in [^)]*\)", "(in SPAN)"),
        (r"(127\.0\.0\.1|localhost):\d+", r"\1:PORT"),
        (r"[^ (]+, process \d+", "HOST, process PID"),
    ):
        text = re.sub(pattern, name, text)
    return text.strip()


SHOWN = [settled(block) for block in re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]


async def explained(engine: inngest.Engine, run_id: str) -> AsyncGenerator[Explanation]:
    """What holds a run, again and again."""
    while True:
        yield await engine.explain(run_id)


class OnCall:
    """Who asks.

    Args:
        command: runs commands.
        path: the database.
    """

    def __init__(self, command: Command, path: Path) -> None:
        self._command = command
        self.path = path
        self.database = f"sqlite:///{path}"

    @asynccontextmanager
    async def engine(self, *functions: Any, **options: Any) -> AsyncGenerator[inngest.Engine]:
        """An engine with these functions, or all."""
        async with inngest.Engine(list(functions) or client, database=self.database, **options) as engine:
            yield engine

    async def sent(self, engine: inngest.Engine, name: str, ts: int = 0, **data: object) -> str:
        """The id of the run that an event starts."""
        (event_id,) = await engine.send(inngest.Event(name=name, data=data, ts=ts))
        (run,) = await engine.runs(event_id=event_id)
        return run.id

    async def held(self, engine: inngest.Engine, run_id: str, *rules: Rule, saying: str = "") -> str:
        """What is printed as soon as these rules hold the run."""
        async with asyncio.timeout(PATIENCE):
            async for found in explained(engine, run_id):
                if [one.rule for one in found.reasons] == list(rules) and saying in found.reasons[0].text:
                    break
        return self.printed(run_id)

    def shown(self, run_id: str) -> str:
        """What `inngest run` prints without `--why`."""
        return self._command("run", run_id, "--database", str(self.path)).out

    def printed(self, run_id: str) -> str:
        """What the command prints."""
        ran = self._command("run", run_id, "--why", "--database", str(self.path))
        assert (ran.code, ran.err) == (0, "")
        return ran.out


@pytest.fixture
def on_duty(command: Command, tmp_path: Path) -> OnCall:
    on_call.Gate.entered, on_call.Gate.leave = asyncio.Event(), asyncio.Event()
    return OnCall(command, tmp_path / "shop.db")


def is_on_the_page(text: str) -> None:
    """The page shows this output."""
    assert settled(text) in SHOWN, f"not in docs/howto/why.md as printed:\n{text}"


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("why/sleep", [Rule.SLEEPING]),
        ("why/event", [Rule.EVENT]),
        ("why/signal", [Rule.SIGNAL]),
        ("why/retry", [Rule.RETRY]),
        ("why/body", [Rule.RETRY]),
        ("why/both", [Rule.SLEEPING, Rule.EVENT]),
    ],
)
async def test_what_its_steps_wait_for(on_duty: OnCall, name: str, rules: list[Rule]) -> None:
    async with on_duty.engine() as engine:
        run_id = await on_duty.sent(engine, name, order=42)
        is_on_the_page(await on_duty.held(engine, run_id, *rules))


async def test_each_step_has_its_own_failure(on_duty: OnCall) -> None:
    async with on_duty.engine() as engine:
        text = await on_duty.held(engine, await on_duty.sent(engine, "why/parted"), Rule.RETRY, Rule.RETRY)
        assert 'Step "first" has failed once, with ValueError: of the first. Again at' in text
        assert 'Step "second" has failed once, with ValueError: of the second. Again at' in text


async def test_the_next_attempt_of_the_body_may_come_before_its_sleep_is_over(on_duty: OnCall) -> None:
    async with on_duty.engine() as engine:
        text = await on_duty.held(engine, await on_duty.sent(engine, "why/torn"), Rule.RETRY, Rule.SLEEPING)
        assert "The code between its steps has failed once, with KeyError: 'total'. Again at" in text


async def test_another_run(on_duty: OnCall) -> None:
    async with on_duty.engine() as engine:
        run_id = await on_duty.sent(engine, "why/invoke")
        is_on_the_page(await on_duty.held(engine, run_id, Rule.INVOKE, saying="(RUNNING)"))


@pytest.mark.parametrize(("listens", "said"), [(True, "is under way"), (False, "has failed once")])
async def test_a_request(on_duty: OnCall, listens: bool, said: str) -> None:
    """To who takes it, and never answers; and to where nobody is."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        async with on_duty.engine(drain_timeout=0) as engine:
            url = f"http://127.0.0.1:{server.getsockname()[1]}/invoices"
            run_id = await on_duty.sent(engine, "why/request", url=url)
            is_on_the_page(await on_duty.held(engine, run_id, Rule.REQUEST, saying=said))


async def test_changed_code(on_duty: OnCall, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_duty.engine() as engine:
        run_id = await on_duty.sent(engine, "why/changed")
        await on_duty.held(engine, run_id, Rule.EVENT)
    monkeypatch.setattr(on_call.Written, "charging", "bill")
    async with on_duty.engine() as engine:
        await engine.send(inngest.Event(name="order/shipped"))
        is_on_the_page(await on_duty.held(engine, run_id, Rule.ON_HOLD))


async def test_an_endpoint_whose_app_answers(on_duty: OnCall) -> None:
    engine = inngest.Engine([], database=on_duty.database)
    host_of(engine).call_apps()
    request = {"method": "GET", "domain": "http://shop.example", "path": "/", "fn": "ship"}
    ran = {"op": "StepRun", "id": "abc", "displayName": "charge", "data": 1}
    run = {"event": {"name": "inngest/http.request", "data": request}, "steps": [ran]}
    async with engine:
        begun = (
            await host_of(engine)
            .on_its_loop()
            .service.apps.endpoints.begin(endpoints.read_begun(json.dumps(run).encode()), "inngest-js:v4.24.0")
        )
        assert begun is not None
        is_on_the_page(await on_duty.held(engine, begun.run.id, Rule.ANSWERING))


async def test_an_event_from_the_future(on_duty: OnCall) -> None:
    ahead = round(datetime.datetime.now(datetime.UTC).timestamp() * 1000) + HOUR
    async with on_duty.engine() as engine:
        run_id = await on_duty.sent(engine, "why/done", ts=ahead)
        is_on_the_page(await on_duty.held(engine, run_id, Rule.DELAYED))


async def test_the_slots_of_its_limit(on_duty: OnCall) -> None:
    async with on_duty.engine(drain_timeout=0) as engine:
        await on_duty.sent(engine, "why/limit", customer="ann")
        await on_call.Gate.entered.wait()
        first = await on_duty.sent(engine, "why/limit", customer="ann")
        second = await on_duty.sent(engine, "why/limit", customer="ann")
        is_on_the_page(await on_duty.held(engine, first, Rule.CONCURRENCY))
        is_on_the_page(await on_duty.held(engine, second, Rule.CONCURRENCY))


async def test_the_slots_of_a_limit_that_functions_share(on_duty: OnCall) -> None:
    async with on_duty.engine(drain_timeout=0) as engine:
        await on_duty.sent(engine, "why/pay")
        await on_call.Gate.entered.wait()
        run_id = await on_duty.sent(engine, "why/refund")
        is_on_the_page(await on_duty.held(engine, run_id, Rule.CONCURRENCY))


async def test_a_slot_that_a_cancelled_run_keeps(on_duty: OnCall) -> None:
    async with on_duty.engine(drain_timeout=0) as engine:
        cancelled = await on_duty.sent(engine, "why/print")
        await asyncio.to_thread(on_call.Halls.entered.wait)
        await engine.cancel(cancelled)
        run_id = await on_duty.sent(engine, "why/print")
        try:
            is_on_the_page(await on_duty.held(engine, cancelled, Rule.ENDED, Rule.RETURNING))
            is_on_the_page(await on_duty.held(engine, run_id, Rule.CONCURRENCY))
        finally:
            on_call.Halls.leave.set()


async def test_who_comes_first_by_priority_is_before_it(on_duty: OnCall) -> None:
    """Also who came later."""
    async with on_duty.engine(drain_timeout=0) as engine:
        await on_duty.sent(engine, "why/ranked", plan="free")
        await on_call.Gate.entered.wait()
        free = await on_duty.sent(engine, "why/ranked", plan="free")
        business = await on_duty.sent(engine, "why/ranked", plan="business")
        assert "1 run of its lane goes before it" in await on_duty.held(engine, free, Rule.CONCURRENCY)
        assert "it is next in its lane" in await on_duty.held(engine, business, Rule.CONCURRENCY)


async def test_its_throttle(on_duty: OnCall) -> None:
    async with on_duty.engine() as engine:
        await engine.wait(await on_duty.sent(engine, "why/throttle", customer="ann"))
        first = await on_duty.sent(engine, "why/throttle", customer="ann")
        second = await on_duty.sent(engine, "why/throttle", customer="ann")
        is_on_the_page(await on_duty.held(engine, first, Rule.THROTTLE))
        await on_duty.held(engine, second, Rule.THROTTLE)
        turns = [(await engine.explain(run_id)).reasons[0].until for run_id in (first, second)]
        assert turns[0] is not None
        assert turns[1] == turns[0] + datetime.timedelta(minutes=30)


async def test_its_function_is_paused(on_duty: OnCall) -> None:
    async with on_duty.engine() as engine:
        sleeper = await on_duty.sent(engine, "why/sleep")
        await on_duty.held(engine, sleeper, Rule.SLEEPING)
        await engine.pause(on_call.fulfil)
        run_id = await on_duty.sent(engine, "why/sleep")
        is_on_the_page(await on_duty.held(engine, run_id, Rule.PAUSED))
        is_on_the_page(await on_duty.held(engine, sleeper, Rule.PAUSED, Rule.SLEEPING))


async def test_everything_that_holds_it_is_told(on_duty: OnCall) -> None:
    async with on_duty.engine(drain_timeout=0) as engine:
        await on_duty.sent(engine, "why/strict")
        await on_call.Gate.entered.wait()
        run_id = await on_duty.sent(engine, "why/strict")
        await on_duty.held(engine, run_id, Rule.CONCURRENCY, Rule.CONCURRENCY, Rule.THROTTLE)
        await engine.pause(on_call.strict)
        held = (Rule.PAUSED, Rule.CONCURRENCY, Rule.CONCURRENCY, Rule.THROTTLE)
        is_on_the_page(await on_duty.held(engine, run_id, *held))
        shown = on_duty.shown(run_id)
        told = [line.split()[1] for line in shown.splitlines() if line.startswith("now ")]
        assert told == ["Its", "The", "The", "Its"]


async def test_no_worker_has_its_function(on_duty: OnCall) -> None:
    async with on_duty.engine():
        pass
    async with on_duty.engine(on_call.fulfil) as engine:
        run_id = await on_duty.sent(engine, "why/done")
        is_on_the_page(await on_duty.held(engine, run_id, Rule.NO_WORKER))


async def test_workers_are_busy(on_duty: OnCall) -> None:
    async with on_duty.engine(max_runs_in_flight=1, drain_timeout=0) as engine:
        executing = await on_duty.sent(engine, "why/hold")
        await on_call.Gate.entered.wait()
        run_id = await on_duty.sent(engine, "why/done")
        is_on_the_page(await on_duty.held(engine, run_id, Rule.DUE))
        is_on_the_page(await on_duty.held(engine, executing, Rule.EXECUTING, saying='step "copy", since'))


async def test_code_between_steps_hangs(on_duty: OnCall) -> None:
    async with on_duty.engine(drain_timeout=0) as engine:
        run_id = await on_duty.sent(engine, "why/between")
        await on_call.Gate.entered.wait()
        is_on_the_page(await on_duty.held(engine, run_id, Rule.EXECUTING))


async def test_the_attempt_of_a_handler_that_takes_long_is_told_and_then_forgotten(on_duty: OnCall) -> None:
    async with on_duty.engine(on_call.slow) as engine:
        run_id = await on_duty.sent(engine, "why/slow")
        text = await on_duty.held(engine, run_id, Rule.EXECUTING, saying="since")
        assert re.search(r": attempt 2 of step \"upload\", since [-0-9]+ [:0-9]+ UTC\.\n", text)
        shown = on_duty.shown(run_id)
        assert re.search(r"\nnow     It is executing on .*: attempt 2 of step \"upload\", since", shown)
        on_call.Gate.leave.set()
        await engine.wait(run_id)
        assert await on_duty.held(engine, run_id, Rule.ENDED)


class Victim:
    """A process with an engine, which comes into the step "import" of a run."""

    def __init__(self, database: str, *send: str) -> None:
        arguments = [sys.executable, "-m", "tests.cli.on_call", database, *send]
        self._process = subprocess.Popen(arguments, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.run_id = self._process.stdout.readline().strip()

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()
        self._process.wait(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()


async def test_its_worker_has_died(on_duty: OnCall) -> None:
    victim = Victim(on_duty.database, "why/kill")
    victim.kill()
    is_on_the_page(on_duty.printed(victim.run_id))


async def test_three_workers_have_died_on_it(on_duty: OnCall) -> None:
    for event in (["why/kill"], []):
        Victim(on_duty.database, *event).kill()
    third = Victim(on_duty.database)
    async with on_duty.engine(drain_timeout=0) as engine:
        await on_duty.sent(engine, "why/hold")
        await on_call.Gate.entered.wait()
        third.kill()
        is_on_the_page(await on_duty.held(engine, third.run_id, Rule.ALONE))


async def test_it_cannot_be_read(on_duty: OnCall) -> None:
    async with on_duty.engine() as engine:
        run_id = await on_duty.sent(engine, "why/sleep")
        await on_duty.held(engine, run_id, Rule.SLEEPING)
    with contextlib.closing(sqlite3.connect(on_duty.path)) as rows, rows:
        rows.execute("UPDATE inngest_steps SET kind = 'Rest' WHERE run_id = ?", (run_id,))
        rows.execute("UPDATE inngest_jobs SET due_at = 0, score = 0 WHERE run_id = ?", (run_id,))
    async with on_duty.engine() as engine:
        is_on_the_page(await on_duty.held(engine, run_id, Rule.UNREADABLE, saying="tried once"))


def test_its_app_is_away(on_duty: OnCall, command: Command, tmp_path: Path) -> None:
    with DevServer(tmp_path, "--no-discovery", "--database", str(on_duty.path)) as server:
        server.serving()
        with small_app(SmallApp(server=server.url)) as app:
            assert app.register()[0] == 200
        server.send("shop/said")
        run_id = server.expect("run.started")["run_id"]
        assert server.expect("log")["message"].startswith("app shop cannot be reached: http://localhost")
        is_on_the_page(on_duty.printed(run_id))
        listed = command("runs", "--database", str(on_duty.path))
        assert listed.out.splitlines()[1].endswith("  its app shop cannot be reached")
        (away,) = command("runs", "--database", str(on_duty.path), "--json").json["apps_away"]
        assert (away["app"], "ConnectError" in away["error"]) == ("shop", True)
        with small_app(SmallApp(server=server.url, port=app.port)):
            server.expect("run.completed", run_id=run_id)
        while not any(one["message"].startswith("app shop answers again") for one in of_type(server.records, "log")):
            server.expect("log")
        while command("runs", "--database", str(on_duty.path), "--json").json["apps_away"]:
            pass  # it is told as it is written


def test_its_app_has_no_such_function(on_duty: OnCall, tmp_path: Path) -> None:
    missing = {
        "code": "function_not_found",
        "message": "function shop-greet not found",
        "name": "FunctionNotFoundError",
    }
    given = SmallApp(retries=1, answers=[(500, json.dumps(missing).encode())])
    with DevServer(tmp_path, "--no-discovery", "--database", str(on_duty.path)) as server:
        server.serving()
        given.server = server.url
        with small_app(given) as app:
            assert app.register()[0] == 200
            server.send("shop/said")
            run_id = server.expect("run.retrying")["run_id"]
            is_on_the_page(on_duty.printed(run_id))


def test_its_app_has_registered_without_its_function(on_duty: OnCall, tmp_path: Path) -> None:
    rest = {"id": hash_step_id("rest"), "op": "Sleep", "displayName": "rest", "name": "1h", "opts": {"duration": "1h"}}
    given = SmallApp(answers=[(206, json.dumps([rest]).encode())])
    with DevServer(tmp_path, "--no-discovery", "--database", str(on_duty.path)) as server:
        server.serving()
        given.server = server.url
        with small_app(given) as app:
            assert app.register()[0] == 200
            server.send("shop/said")
            run_id = server.expect("step.sleeping")["run_id"]
            app.function = "other"
            assert app.register()[0] == 200
            is_on_the_page(on_duty.printed(run_id))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("why/done", None), ("why/fail", RunFailedError), ("why/sleep", RunCancelledError), ("why/skip", RunSkippedError)],
)
async def test_it_has_ended(on_duty: OnCall, name: str, expected: type[Exception] | None) -> None:
    async with on_duty.engine(drain_timeout=0) as engine:
        if name == "why/skip":
            await on_duty.sent(engine, name)
            await on_call.Gate.entered.wait()
        run_id = await on_duty.sent(engine, name)
        if name == "why/sleep":
            await engine.cancel(run_id)
        if expected is None:
            await engine.wait(run_id)
        else:
            with pytest.raises(expected):
                await engine.wait(run_id)
        is_on_the_page(await on_duty.held(engine, run_id, Rule.ENDED))


async def test_an_event_that_is_collected_has_no_run_yet(on_duty: OnCall, command: Command) -> None:
    options = ("--database", str(on_duty.path))
    async with on_duty.engine() as engine:
        sent = [inngest.Event(name=f"why/{name}", data={"document": "a"}) for name in ("debounce", "batch", "batch")]
        debounced, _, batched = await engine.send(sent)
        for event_id in (debounced, batched):
            is_on_the_page(command("runs", "--event", event_id, *options).out)
        listed = command("runs", "--event", batched, *options, "--json").json
        assert listed["runs"] == []
        (pending,) = listed["pending"]
        assert pending.pop("due_at") is not None
        assert pending == {"function_id": "shop-clicks", "gate": "batch", "key": None, "events": 2}
        (lonely,) = await engine.send(inngest.Event(name="why/crowd"))
        shown = command("runs", "--event", lonely, *options).out
        assert shown == "a batch of shop-crowd holds it, with 1 event so far. Its run begins when it is full.\n"
        await engine.send([inngest.Event(name="why/crowd")] * 2)
        assert "shop-crowd" in command("runs", "--event", lonely, *options).out
        assert command("runs", "--event", lonely, *options, "--json").json["pending"] == []


def test_the_page_shows_every_rule() -> None:
    assert [rule.value for rule in Rule if not any(f"\n  {rule.value}  " in block for block in SHOWN)] == []
