"""Lines that functions log."""

from __future__ import annotations

import logging

import pytest

import inngest
from inngest.testing import Engine, RunAssertionError

from . import shop
from .test_replay import made

OTHER = logging.getLogger("tests.kit.shop")


async def body(ctx: inngest.Context) -> None:
    ctx.logger.info("began %s", "well")

    def charge() -> None:
        OTHER.warning("the bank is slow")
        OTHER.debug("nobody hears this")
        ctx.logger.debug("charged")

    await ctx.step.run("charge", charge)
    ctx.logger.info("over")


@pytest.mark.parametrize("always_replay", [False, True])
async def test_lines_are_heard_once_with_where_they_were_logged(always_replay: bool) -> None:
    function = made(body)
    own = function.client.logger
    async with Engine([function], always_replay=always_replay) as engine:
        run = await engine.begin(function)
        await engine.run_until_idle()
        OTHER.warning("in no function")
        assert [(one.level, one.message, one.step, one.logger) for one in engine.logs] == [
            ("info", "began well", None, own.name),
            ("warning", "the bank is slow", "charge", OTHER.name),
            ("debug", "charged", "charge", own.name),
            ("info", "over", None, own.name),
        ]
        assert {(one.run_id, one.function_id) for one in engine.logs} == {(run.id, "test-body")}
        engine.expect(run).completed().logged("began").logged("bank is slow", "warning")
        with pytest.raises(RunAssertionError) as told:
            engine.expect(run).logged("bank", level="error")
        assert str(told.value) == (
            "test-body has not logged 'bank'\n"
            "  expected  error: 'bank'\n"
            "  is        info: began well; warning: the bank is slow; debug: charged; info: over"
        )
    assert function.client.logger is own


async def test_only_lines_of_the_run_itself_count() -> None:
    function = made(body)
    async with Engine([function]) as engine:
        engine.stub(function, "charge", returns=None)
        first, second = await engine.begin(function), await engine.begin(function)
        engine.expect(first).logged("over")
        assert [one.run_id for one in engine.logs] == [first.id] * 2 + [second.id] * 2
        with pytest.raises(RunAssertionError, match="has not logged 'slow'"):
            engine.expect(second).logged("slow")


async def test_what_is_logged_is_logged_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    function = made(body)
    async with Engine([function]) as engine:
        await engine.invoke(function)
    assert [one.message for one in caplog.records if one.levelno >= logging.WARNING] == ["the bank is slow"]
    assert "charged" not in caplog.text


async def test_logging_is_as_it_was_and_arguments_that_do_not_fit_fail_nobody(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wrong(ctx: inngest.Context) -> None:
        OTHER.warning("two of %s and %s", 1)

    monkeypatch.setattr(OTHER, "propagate", False)  # the handler of pytest raises what others print
    factory, handlers = logging.getLogRecordFactory(), list(logging.getLogger().handlers)
    function = made(wrong)
    async with Engine([function]) as first:
        await first.invoke(function)
        assert logging.getLogger().handlers == handlers
        first.expect(function).completed().logged("two of %s and %s")
        async with Engine([shop.pay]) as second:
            await second.settle()
            await first.invoke(function)
            assert len(first.logs) == 2
            assert second.logs == ()
    assert logging.getLogRecordFactory() is factory
    assert "not enough arguments" in capsys.readouterr().err
