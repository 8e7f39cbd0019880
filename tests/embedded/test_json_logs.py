"""Log lines as JSON: each says of which run, step and trace it is, whatever logger it comes from."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.logs import JsonFormatter
from inngest.opentelemetry import Tracing
from inngest.protocol import traces
from tests.house.tree import ROOT
from tests.spans import Kept, read

from .stage import Stage

PAGE = (ROOT / "docs" / "reference" / "tracing.md").read_text(encoding="utf-8")
SHOP = logging.getLogger("shop.orders")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, as lines of JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


def read_all(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_lines_of_any_logger_say_of_which_run_and_step_they_are(
    stage: Stage, lines: io.StringIO, kind: str
) -> None:
    def charge(log: logging.Logger) -> None:
        SHOP.info("charging %d", 42)
        log.info("mine")

    async def body(ctx: inngest.Context) -> None:
        SHOP.info("begins")
        await ctx.step.run("charge", charge, ctx.logger)

    def plain(ctx: inngest.ContextSync) -> None:
        SHOP.info("begins")
        ctx.step.run("charge", charge, ctx.logger)

    run = await stage.run(body if kind == "async" else plain)
    SHOP.warning("outside")
    named = {"run_id": run.id, "function_id": "test-f", "trace_id": traces.of_run(run.id, None).trace}
    told = [{name: one for name, one in line.items() if name not in ("at", "level")} for line in read_all(lines)]
    assert [line for line in told if line["logger"] != "asyncio"] == [
        {
            "logger": "inngest.engine",
            "message": f"run {run.id} of test-f began",
            **named,
            "step": None,
            "attempt": None,
        },
        {"logger": "shop.orders", "message": "begins", **named, "step": None, "attempt": 0},
        {"logger": "shop.orders", "message": "charging 42", **named, "step": "charge", "attempt": 0},
        {"logger": "inngest", "message": "mine", **named, "step": "charge", "attempt": 0},
        {
            "logger": "inngest.engine",
            "message": f"run {run.id} of test-f ended: completed",
            **named,
            "step": None,
            "attempt": None,
        },
        {"logger": "shop.orders", "message": "outside"},
    ]


async def test_the_trace_of_a_line_is_that_of_the_runs_spans(stage: Stage, lines: io.StringIO) -> None:
    kept = Kept()
    Tracing(stage.client, provider=kept.provider)

    async def body(ctx: inngest.Context) -> None:
        ctx.logger.info("here")

    function = stage.function(body)
    async with stage.engine(function) as engine:
        with kept.provider.get_tracer("web").start_as_current_span("POST /orders"):
            SHOP.info("outside")
            await engine.invoke(function)
    trace_id = read(kept.one("test-f")).trace_id
    told = {line["message"].split(" ")[0]: line.get("trace_id") for line in read_all(lines)}
    assert told == {"outside": trace_id, "here": trace_id, "run": trace_id}


def test_an_error_has_its_report_and_own_fields_stay(lines: io.StringIO) -> None:
    try:
        raise ValueError("no\nsuch card")
    except ValueError:
        SHOP.exception("it failed", extra={"run_id": "mine"})
    (line,) = read_all(lines)
    assert (line["level"], line["run_id"]) == ("error", "mine")
    assert line["report"].startswith("Traceback (most recent call last):")
    assert line["report"].endswith("ValueError: no\nsuch card")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["at"])


async def test_every_field_is_documented_and_every_documented_one_is_told(stage: Stage, lines: io.StringIO) -> None:
    def refuse() -> None:
        raise inngest.NonRetriableError("no")

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("one", refuse)

    await stage.run(body)
    _, _, below = PAGE.partition("## Log lines")
    rows = re.findall(r"^\| `(\w+)` \|", below, re.MULTILINE)
    assert {name for line in read_all(lines) for name in line} == set(rows)


def test_the_code_of_the_page(tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "page.py").write_text(f'{code}\nlogging.getLogger("shop").info("%s", "said")\n')
    ran = subprocess.run([sys.executable, tmp_path / "page.py"], capture_output=True, text=True, check=True)
    line = json.loads(ran.stdout)
    assert (line["logger"], line["level"], line["message"]) == ("shop", "info", "said")
