"""The strict server itself: which calls its rules make due, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Op, Opcode, OpTarget
from inngest.protocol.steps import StepName, hash_step_id
from inngest.protocol.wire import calls, operations
from inngest.protocol.wire.responses import Answer, Reply, ReplyKind

from .strict_rules import DISCOVERY, Due, StrictRun, Violation
from .strict_server import Arrivals, Result, StrictServer

NOW = 1_000_000
ERROR = ErrorInfo("Flaky", "no")


def _name(text: str) -> StepName:
    return StepName(text, 0, hash_step_id(text))


def _ran(text: str) -> Op:
    return Op(Opcode.STEP_RUN, _name(text), data="1")


def _planned(text: str, mode: str = "") -> Op:
    return Op(Opcode.STEP_PLANNED, _name(text), mode=mode)


def _raised(text: str) -> Op:
    return Op(Opcode.STEP_ERROR, _name(text), error=ERROR)


class Driven:
    """A run whose calls are answered one by one."""

    def __init__(self, most: int = 2) -> None:
        self.run = StrictRun("run", "app-f", most, ["{}"])
        self.now = NOW

    def leaves(self) -> list[tuple[str, int, bool]]:
        """The calls that leave now."""
        due = self.run.due(self.now)
        self.run.flying.update(call.target for call in due)
        return [(self.run.names.get(call.target, ""), call.attempt, call.plan) for call in due]

    def gets(self, target: str, *ops: Op, attempt: int = 0, **members: Any) -> None:
        """A call is answered."""
        hashed = hash_step_id(target) if target else DISCOVERY
        reply = Reply(members.pop("kind", ReplyKind.REPORTED), ops, version=2, **members)
        self.run.report(Due(hashed, attempt, False), frozenset(self.run.done), reply, self.now)


def test_a_step_that_ran_is_followed_by_a_discovery() -> None:
    driven = Driven()
    assert driven.leaves() == [("", 0, False)]
    assert driven.leaves() == []
    driven.gets("", _ran("a"))
    assert driven.leaves() == [("", 0, False)]
    driven.gets("", kind=ReplyKind.COMPLETED, data="2")
    assert (driven.leaves(), driven.run.output) == ([], "2")


def test_a_group_that_waits_is_discovered_once_and_one_that_races_after_each() -> None:
    for mode, after_one in (("wait", []), ("race", [("", 0, True)])):
        driven = Driven()
        driven.leaves()
        driven.gets("", _planned("a", mode), _planned("b", mode))
        assert driven.leaves() == [("a", 0, False), ("b", 0, False)]
        driven.gets("a", _ran("a"))
        assert driven.leaves() == after_one
        driven.gets("b", _ran("b"))
        assert driven.leaves() == ([("", 0, False)] if mode == "wait" else [])


def test_an_older_version_is_discovered_after_each() -> None:
    driven = Driven()
    driven.run.version = 1
    driven.leaves()
    driven.gets("", _planned("a"), _planned("b"))
    driven.leaves()
    driven.gets("a", _ran("a"))
    assert driven.leaves() == [("", 0, True)]


def test_an_error_counts_on_the_body_or_on_the_step_that_was_called() -> None:
    driven = Driven(most=3)
    driven.leaves()
    driven.gets("", _raised("a"))
    assert driven.leaves() == []
    driven.now += 15_000
    assert driven.leaves() == [("", 1, False)]
    driven.gets("", _planned("b"), _planned("c"), attempt=1)
    driven.leaves()
    driven.gets("b", _raised("b"), retry_after=5_000)
    driven.gets("c", _ran("c"))
    assert driven.leaves() == []
    driven.now += 5_000
    assert driven.leaves() == [("b", 1, False)]
    assert driven.run.failed == [("a", "Flaky", 15_000), ("b", "Flaky", 5_000)]


@pytest.mark.parametrize(
    ("op", "attempt", "no_retry"),
    [(_raised("a"), 1, False), (_raised("a"), 0, True), (Op(Opcode.STEP_FAILED, _name("a")), 0, False)],
)
def test_the_last_error_is_the_result_of_the_step(op: Op, attempt: int, no_retry: bool) -> None:
    driven = Driven()
    driven.leaves()
    driven.gets("", op, attempt=attempt, no_retry=no_retry)
    assert "error" in json.loads(f"{{{driven.run.done[hash_step_id('a')]}}}")[hash_step_id("a")]
    assert driven.leaves() == [("", 0, False)]


def test_the_body_fails_by_its_last_attempt_or_for_good() -> None:
    for attempt, no_retry, ended in ((0, False, False), (1, False, True), (0, True, True)):
        driven = Driven()
        driven.leaves()
        driven.gets("", kind=ReplyKind.FAILED, error=ERROR, attempt=attempt, no_retry=no_retry)
        assert driven.run.has_ended is ended


def test_an_app_that_answers_with_nothing_fails_in_the_end() -> None:
    driven = Driven(most=1)
    for _ in range(4):
        driven.now += 60_000
        assert driven.leaves() == [("", 0, False)]
        driven.gets("")
    assert driven.run.error is not None
    assert driven.run.error.name == "Idle"


def test_a_broken_answer_is_an_attempt_of_a_new_generation() -> None:
    driven = Driven()
    driven.leaves()
    driven.gets("", kind=ReplyKind.BROKEN, error=ERROR)
    assert (driven.run.generation, driven.run.attempt) == (2, 1)


def test_a_result_that_comes_twice_counts_once_and_is_refused_if_the_call_had_it() -> None:
    driven = Driven()
    driven.leaves()
    driven.run.checkpoint([_ran("a")])
    driven.run.report(Due(DISCOVERY, 0, False), frozenset(), Reply(ReplyKind.REPORTED, [_ran("a")]), NOW)
    assert list(driven.run.done) == [hash_step_id("a")]
    with pytest.raises(Violation, match="a ran again"):
        driven.gets("", _ran("a"))


def test_an_id_that_is_not_that_of_its_name_is_refused() -> None:
    with pytest.raises(Violation, match="not the SHA-1"):
        Driven().gets("", _ran("a")._replace(step=StepName("a", 1, hash_step_id("a"))))


# -- the whole, with an app in memory


class App:
    """An app that runs one step after the other, and then returns.

    Args:
        reports: what it does, in order.
    """

    def __init__(self, *reports: Op) -> None:
        self._reports = reports
        self.registered = {
            "appname": "app",
            "url": "http://app.example/",
            "functions": [
                {
                    "id": "app-f",
                    "steps": {"step": {"retries": {"attempts": 1}, "runtime": {"url": "http://app.example/?x=1"}}},
                }
            ],
        }
        self.sdk = "inngest-py:v0"

    async def carry(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        call = calls.decode(body, {"fnId": "app-f"}, headers).call
        known = {memo.step.hash for memo in call.memos}
        ops: Sequence[Op] = [op for op in self._reports if op.step.hash not in known][:1]
        named = {"x-inngest-sdk": self.sdk, "x-inngest-req-version": "2"}
        if not ops:
            return Answer(200, named, json.dumps(len(known)).encode())
        return Answer(206, named, f"[{operations.dumps(ops[0])}]".encode())


def _server_of(app: App) -> StrictServer:
    server = StrictServer(app.carry)
    server.register(json.dumps(app.registered).encode())
    return server


async def test_time_goes_forward_where_nothing_happens() -> None:
    day = Op(Opcode.SLEEP, _name("nap"), Opcode.SLEEP, duration=86_400_000)
    wait = Op(Opcode.WAIT_FOR_EVENT, _name("w"), Opcode.WAIT_FOR_EVENT, target=OpTarget("e"), duration=86_400_000)
    server = _server_of(App(_ran("a"), day, wait, wait._replace(step=_name("v"))))
    history = await server.run("app-f", {}, Arrivals([{"name": "e", "data": {}}]))
    assert (history.status, history.output, history.calls) == ("COMPLETED", 4, 5)
    assert history.steps == [
        Result("a", 1),
        Result("nap", None),
        Result("w", {"name": "e", "data": {}}),
        Result("v", None),
    ]
    assert server.skipped > 2 * 86_000_000


async def test_an_answer_has_to_say_whose_it_is() -> None:
    app = App(_ran("a"))
    app.sdk = ""
    with pytest.raises(Violation, match="whose it is"):
        await _server_of(app).run("app-f", {})


async def test_a_checkpoint_of_an_older_call_is_refused() -> None:
    server = _server_of(App())
    task = asyncio.create_task(server.run("app-f", {}))
    await task
    (run_id,) = server.runs
    body = json.dumps({"run_id": run_id, "generation_id": 1, "steps": []}).encode()
    assert server.checkpoint(run_id, body)[0] == 409
    server.runs[run_id].output = None
    assert server.checkpoint(run_id, body)[0] == 200
    assert server.checkpoint(run_id, body.replace(b'"generation_id": 1', b'"generation_id": 0'))[0] == 409
    server.runs["other"] = server.runs[run_id]
    with pytest.raises(Violation, match="is sent to other"):
        server.checkpoint("other", body)
