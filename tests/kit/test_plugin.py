"""The plugin for pytest, in sessions of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = """
import inngest

client = inngest.Inngest(app_id="shop")

async def charge(order):
    return f"receipt for {order}"

@client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="order/placed"))
async def pay(ctx: inngest.Context) -> str:
    return await ctx.step.run("charge", charge, ctx.event.data["order"])
"""
CONFTEST = """
import pytest
from functions import pay

@pytest.fixture
def inngest_functions():
    return [pay]
"""


def run_pytest(folder: Path, *arguments: str, **files: str) -> str:
    """What pytest prints for these files, each given as `name=text`."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:schemathesis", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )
    return result.stdout + result.stderr


def test_async_and_plain_tests_have_an_engine_of_their_own(tmp_path: Path) -> None:
    told = run_pytest(
        tmp_path,
        functions=FUNCTIONS,
        conftest=CONFTEST,
        test_pay="""
import pytest
from functions import pay

pytestmark = pytest.mark.anyio

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.parametrize("order", range(3))
async def test_pay(inngest_engine, order):
    assert await inngest_engine.invoke(pay, data={"order": order}) == f"receipt for {order}"
    assert len(inngest_engine.runs.of(pay)) == 1

@pytest.mark.parametrize("order", range(3))
def test_pay_plainly(inngest_engine, order):
    assert inngest_engine.invoke_sync(pay, data={"order": order}) == f"receipt for {order}"

async def test_nothing(inngest_engine):
    pass
""",
    )
    assert "7 passed" in told


def test_a_failed_test_has_the_story_of_its_runs_under_it(tmp_path: Path) -> None:
    told = run_pytest(
        tmp_path,
        functions=FUNCTIONS,
        conftest=CONFTEST,
        test_pay="""
import inngest.testing
from functions import pay

def test_pay(inngest_engine):
    inngest_engine.stub(pay, "never")
    inngest_engine.invoke_sync(pay, data={"order": 7})
    assert 1 == 2

def test_by_hand():
    with inngest.testing.Engine([pay]) as engine:
        engine.invoke_sync(pay, data={"order": 8})
        engine.expect(pay).failed()

def test_well(inngest_engine):
    inngest_engine.invoke_sync(pay, data={"order": 9})
""",
    )
    assert "2 failed, 1 passed" in told
    assert told.count("inngest: shop-pay, run 1 of 1 (times since the engine began)") == 2
    assert 'charge  StepRun  done -> "receipt for 7"' in told
    assert 'charge  StepRun  done -> "receipt for 8"' in told
    assert "receipt for 9" not in told
    assert "RunAssertionError: shop-pay did not fail: it is over" in told


def test_an_unused_stub_fails_a_test_that_has_passed(tmp_path: Path) -> None:
    told = run_pytest(
        tmp_path,
        functions=FUNCTIONS,
        conftest=CONFTEST,
        test_pay="""
def test_pay(inngest_engine):
    inngest_engine.stub(None, "never")
""",
    )
    assert "1 passed, 1 error" in told
    assert 'UnusedStubError: nothing has called the stub of step "never"' in told


def test_functions_that_are_not_said_are_asked_for(tmp_path: Path) -> None:
    told = run_pytest(tmp_path, test_pay="def test_pay(inngest_engine):\n    pass\n")
    assert "1 error" in told
    assert "inngest_engine does not know your functions. Say which in conftest.py:" in told


def test_nothing_is_imported_before_a_fixture_is_used(tmp_path: Path) -> None:
    told = run_pytest(
        tmp_path,
        "-v",
        test_nothing="""
import sys

def test_nothing():
    assert "_inngest_pytest" in sys.modules
    assert "inngest" not in sys.modules
""",
    )
    assert "1 passed" in told


@pytest.mark.parametrize("name", ["inngest_engine", "inngest_functions"])
def test_the_fixtures_say_what_they_are(tmp_path: Path, name: str) -> None:
    assert name in run_pytest(tmp_path, "--fixtures", "-q")


def test_all_tests_of_a_session_are_replayed(tmp_path: Path) -> None:
    files = {
        "functions": FUNCTIONS.replace('"charge", charge', 'f"charge {next(numbers)}", charge').replace(
            "import inngest\n", "import itertools\nimport inngest\nnumbers = itertools.count()\n"
        ),
        "conftest": CONFTEST,
        "test_pay": """
from functions import pay

def test_pay(inngest_engine):
    run = inngest_engine.begin_sync(pay, data={"order": 7})
    inngest_engine.run_until_idle_sync()
    inngest_engine.expect(run).completed()
""",
    }
    assert "1 passed" in run_pytest(tmp_path, **files)
    told = run_pytest(tmp_path, "--inngest-always-replay", **files)
    assert "1 failed" in told
    assert 'ON HOLD: step "charge 0" was recorded, and the code calls "charge 1" in its place' in told
