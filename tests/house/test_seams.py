import subprocess
import sys

import pytest

from tests.house.seams import banned_calls, careless_loggers
from tests.house.tree import ROOT, code

RUNTIME = "src/inngest/runtime/"


@pytest.mark.parametrize("method", ["call_at", "call_later", "run_in_executor"])
def test_a_timer_or_thread_of_the_loop_is_found(method: str) -> None:
    assert list(banned_calls(f"loop = get()\nloop.{method}(1, f)\n")) == [f"2: {method}"]


def test_a_timer_of_the_clock_port_is_fine() -> None:
    assert list(banned_calls("self._clock.call_at(1, f)\n")) == []


def test_only_the_real_ports_use_timers_and_threads_of_the_loop() -> None:
    found = [
        f"{name}:{call}"
        for path in code(ROOT)
        if (name := path.relative_to(ROOT).as_posix()).startswith("src/") and not name.startswith(RUNTIME)
        for call in banned_calls(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_a_logger_that_may_raise_is_found() -> None:
    source = 'import logging\nA = logging.getLogger("a")\nB = CarefulLogger(logging.getLogger("b"))\n'
    assert list(careless_loggers(source)) == ["2: logging.getLogger('a')"]


def test_the_engine_logs_by_loggers_that_raise_nothing() -> None:
    """A handler of the user's that raises where a transaction is written must not decide what is written."""
    found = [
        f"{name}:{logger}"
        for path in code(ROOT)
        if (name := path.relative_to(ROOT).as_posix()).startswith(("src/inngest/engine/", "src/inngest/embedded/"))
        for logger in careless_loggers(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def ruff(path: str, source: str) -> str:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", "--select=TID251"]
    ran = subprocess.run(
        [*command, "--stdin-filename", path, "-"], cwd=ROOT, input=source, capture_output=True, text=True, check=False
    )
    assert ran.returncode in {0, 1}, ran.stderr
    return ran.stdout


BANNED = [
    "import asyncio\nasyncio.timeout(1)\n",
    "import asyncio\nasyncio.to_thread(print)\n",
    "import datetime\ndatetime.datetime.now(tz=datetime.UTC)\n",
    "from datetime import UTC, datetime\ndatetime.now(tz=UTC)\n",
    "import random\nrandom.random()\n",
    "import time\ntime.time()\n",
    "from time import time\ntime()\n",
    "import uuid\nuuid.uuid4()\n",
    "from typing import TYPE_CHECKING\n",
]


@pytest.mark.parametrize("source", BANNED)
def test_ruff_finds_time_chance_and_threads_that_were_not_handed_in(source: str) -> None:
    assert "TID251" in ruff("src/inngest/engine/executor.py", source)


@pytest.mark.parametrize(
    "path", [f"{RUNTIME}clock.py", "tests/unit/test_a.py", "benchmarks/clock.py", "examples/demo/demo.py"]
)
def test_ruff_lets_the_real_ports_and_what_is_outside_the_package_use_them(path: str) -> None:
    assert "TID251" not in ruff(path, "import time\ntime.time()\n")
