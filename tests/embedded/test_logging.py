"""`ctx.logger`: what a function logs is logged once, however often it is replayed."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import inngest

from .stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def texts(caplog: pytest.LogCaptureFixture, logger: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == logger]


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_each_line_is_logged_once(stage: Stage, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    entered: list[int] = []

    async def body(ctx: inngest.Context) -> None:
        entered.append(1)
        ctx.logger.info("begins")
        await ctx.step.run("one", lambda: ctx.logger.info("in one"))
        ctx.logger.info("after %s", "one")
        await ctx.step.sleep("nap", 1)
        ctx.logger.info("after nap")
        await ctx.step.run("two", lambda: ctx.logger.info("in two"))
        await ctx.step.sleep("nap", 1)
        ctx.logger.info("ends")

    def plain(ctx: inngest.ContextSync) -> None:
        entered.append(1)
        ctx.logger.info("begins")
        ctx.step.run("one", lambda: ctx.logger.info("in one"))
        ctx.logger.info("after %s", "one")
        ctx.step.sleep("nap", 1)
        ctx.logger.info("after nap")
        ctx.step.run("two", lambda: ctx.logger.info("in two"))
        ctx.step.sleep("nap", 1)
        ctx.logger.info("ends")

    with caplog.at_level(logging.INFO, "inngest"):
        await stage.run(body if kind == "async" else plain)
    assert texts(caplog, "inngest") == ["begins", "in one", "after one", "after nap", "in two", "ends"]
    assert len(entered) == 3


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_a_step_that_is_tried_again_repeats_no_line_from_before_it(
    stage: Stage, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    tries: list[int] = []

    def flaky(log: logging.Logger) -> None:
        tries.append(1)
        log.info("try %d", len(tries))
        if len(tries) < 4:
            raise inngest.RetryAfterError("again", 5, quiet=True)

    async def body(ctx: inngest.Context) -> None:
        ctx.logger.info("begins")
        await ctx.step.run("one", lambda: 1)
        ctx.logger.info("after one")
        await ctx.step.run("two", flaky, ctx.logger)
        ctx.logger.info("after two")

    def plain(ctx: inngest.ContextSync) -> None:
        ctx.logger.info("begins")
        ctx.step.run("one", lambda: 1)
        ctx.logger.info("after one")
        ctx.step.run("two", flaky, ctx.logger)
        ctx.logger.info("after two")

    with caplog.at_level(logging.INFO, "inngest"):
        await stage.run(body if kind == "async" else plain)
    assert texts(caplog, "inngest") == ["begins", "after one", "try 1", "try 2", "try 3", "try 4", "after two"]


async def test_an_attempt_that_is_repeated_logs_again_what_was_new(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(ctx: inngest.Context) -> None:
        ctx.logger.info("begins")
        await ctx.step.run("one", lambda: 1)
        ctx.logger.info("attempt %d", ctx.attempt)
        if ctx.attempt < 2:
            raise inngest.RetryAfterError("again", 0, quiet=True)

    with caplog.at_level(logging.INFO, "inngest"):
        await stage.run(body)
    assert texts(caplog, "inngest") == ["begins", "attempt 0", "attempt 1", "attempt 2"]


async def test_all_methods_are_silent_on_replay_and_all_else_is_the_loggers(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("mine")
    stage.client.set_logger(logger)
    seen: list[object] = []

    async def body(ctx: inngest.Context) -> None:
        for method in ("critical", "debug", "error", "fatal", "info", "warning"):
            getattr(ctx.logger, method)(method)
        ctx.logger.log(logging.INFO, "log")
        try:
            raise ValueError
        except ValueError:
            ctx.logger.exception("exception")
        seen.append((ctx.logger.name, ctx.logger.isEnabledFor(logging.DEBUG), ctx.logger.level))
        await ctx.step.sleep("nap", 1)

    with caplog.at_level(logging.DEBUG, "mine"):
        await stage.run(body)
    assert texts(caplog, "mine") == [
        "critical",
        "debug",
        "error",
        "fatal",
        "info",
        "warning",
        "log",
        "exception",
    ]
    assert seen == [("mine", True, logging.DEBUG)] * 2


async def test_lines_are_those_of_the_code_that_logs(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def body(ctx: inngest.Context) -> None:
        ctx.logger.info("here")

    with caplog.at_level(logging.INFO, "inngest"):
        await stage.run(body)
    (record,) = [record for record in caplog.records if record.getMessage() == "here"]
    assert (record.filename, record.funcName) == ("test_logging.py", "body")


async def test_two_runs_do_not_silence_each_other(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def body(ctx: inngest.Context) -> None:
        ctx.logger.info("begins %s", ctx.event.data["n"])
        await ctx.step.sleep("nap", 1)
        ctx.logger.info("ends %s", ctx.event.data["n"])

    function = stage.function(body)
    with caplog.at_level(logging.INFO, "inngest"):
        async with stage.engine(function) as engine:
            await stage.client.send([inngest.Event(name="test/start", data={"n": n}) for n in range(5)])
            for run in await engine.runs():
                await engine.wait(run.id)
    assert sorted(texts(caplog, "inngest")) == sorted(f"{what} {n}" for n in range(5) for what in ("begins", "ends"))


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_the_tracebacks_of_errors_show_the_users_code_alone(
    stage: Stage, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    def refuse() -> None:
        raise ValueError("refused")

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("charge", refuse)

    def plain(ctx: inngest.ContextSync) -> None:
        ctx.step.run("charge", refuse)

    await stage.run(body if kind == "async" else plain, retries=0)
    of_step, of_body = (caplog.handler.format(record) for record in caplog.records if record.exc_info)
    assert [line.split(", in ")[1] for line in of_step.splitlines() if line.startswith("  File ")] == ["refuse"]
    assert [line.split(", in ")[1] for line in of_body.splitlines() if line.startswith("  File ")] == [
        "body" if kind == "async" else "plain"
    ]


FACTS = ("run_id", "function_id", "step", "attempt")


def carried(record: logging.LogRecord) -> tuple[object, ...]:
    return tuple(getattr(record, name) for name in FACTS)


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_records_carry_the_run_the_function_the_step_and_the_attempt(
    stage: Stage, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    tries: list[int] = []

    def flaky(log: logging.Logger) -> None:
        tries.append(1)
        log.info("in one", extra={"order": 42, "step": "mine"} if len(tries) == 3 else None)
        if len(tries) < 3:
            raise inngest.RetryAfterError("again", 1)

    async def body(ctx: inngest.Context) -> None:
        ctx.logger.info("begins")
        await ctx.step.run("one", flaky, ctx.logger)
        ctx.logger.warning("ends")

    def plain(ctx: inngest.ContextSync) -> None:
        ctx.logger.info("begins")
        ctx.step.run("one", flaky, ctx.logger)
        ctx.logger.warning("ends")

    with caplog.at_level(logging.INFO, "inngest"):
        run = await stage.run(body if kind == "async" else plain)
    named = (run.id, run.function_id)
    own = [record for record in caplog.records if record.name == "inngest"]
    assert [(record.getMessage(), *carried(record)) for record in own if record.levelno == logging.INFO] == [
        ("begins", *named, None, 0),
        ("in one", *named, "one", 0),
        ("in one", *named, "one", 1),
        ("in one", *named, "mine", 2),
    ]
    assert {record.filename for record in own if record.levelno == logging.INFO} == {"test_logging.py"}
    failures = [record for record in own if " raised RetryAfterError" in record.getMessage()]
    assert [carried(record) for record in failures] == [(*named, "one", 0), (*named, "one", 1)]
    (order,) = (record for record in own if hasattr(record, "order"))
    assert vars(order)["order"] == 42
    told = [record for record in caplog.records if record.name == "inngest.engine"]
    assert [record.getMessage() for record in told] == [
        f"run {run.id} of {run.function_id} began",
        f"run {run.id} of {run.function_id} ended: completed",
    ]
    assert [carried(record)[:2] for record in told] == [named, named]


async def test_a_run_that_is_skipped_has_its_end_in_the_log(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.sleep("long", 3_600_000)

    function = stage.function(body, singleton=inngest.Singleton(mode="skip"))
    async with stage.engine(function) as engine:
        with caplog.at_level(logging.INFO, "inngest"):
            await engine.send([inngest.Event(name="test/start"), inngest.Event(name="test/start")])
        second, first = await engine.runs()
    assert (first.status, second.status) == ("RUNNING", "SKIPPED")
    (told,) = [record for record in caplog.records if "skipped" in record.getMessage()]
    assert told.getMessage() == (
        f"run {second.id} of {second.function_id} ended: skipped: singleton: run {first.id} has not ended"
    )
    assert carried(told) == (second.id, second.function_id, None, None)


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_what_the_invocation_itself_warns_of_names_its_run(
    stage: Stage, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    def late() -> None:
        while not inngest.current_step().timeout_requested:
            pass

    async def body(ctx: inngest.Context) -> str:
        await ctx.step.options(timeout=1).run("late", late)
        try:
            await ctx.step.sleep("a moment", 3_600_000)
        except BaseException:
            return "went on"
        return "slept"

    def plain(ctx: inngest.ContextSync) -> str:
        ctx.step.options(timeout=1).run("late", late)
        try:
            ctx.step.sleep("a moment", 3_600_000)
        except BaseException:
            return "went on"
        return "slept"

    run = await stage.run(body if kind == "async" else plain, retries=0)
    named = run.id, run.function_id
    own = [record for record in caplog.records if record.name == "inngest"]
    assert [(record.getMessage().partition(" test-f ")[2].partition(" ")[0], *carried(record)) for record in own] == [
        ("ended", *named, "late", 0),
        ("raised", *named, None, 0),
    ]


async def test_a_handler_that_raises_where_runs_begin_and_end_decides_nothing(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("no disk for logs")

    async def body(ctx: inngest.Context) -> str:
        return "done"

    logger, handler = logging.getLogger("inngest.engine"), Broken()
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        run = await stage.run(body)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert (run.status, run.output) == ("COMPLETED", "done")
    assert "no disk for logs, so this was not logged: run " in capsys.readouterr().err
