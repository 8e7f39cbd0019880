"""Test cases of unittest with an engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .test_plugin import FUNCTIONS, run_pytest

CASES = """
import unittest
from functions import pay
from inngest.testing import AsyncTestCase, TestCase

class PlainTest(TestCase):
    functions = [pay]

    def test_pay(self):
        self.assertEqual(self.engine.invoke_sync(pay, data={"order": 1}), "receipt for 1")

    def test_it_has_an_engine_of_its_own(self):
        run = self.engine.begin_sync(pay, data={"order": 2})
        self.assertEqual(len(self.engine.runs.of(pay)), 1)
        self.engine.expect(run).completed()

class AsyncTest(AsyncTestCase):
    functions = [pay]
    engine_options = {"always_replay": True}

    async def test_pay(self):
        self.assertEqual(await self.engine.invoke(pay, data={"order": 3}), "receipt for 3")
"""
FAILING = """
import unittest
from functions import pay
from inngest.testing import AsyncTestCase, TestCase

class PlainTest(TestCase):
    functions = [pay]

    def test_wrong(self):
        self.engine.stub(pay, "never")
        self.engine.invoke_sync(pay, data={"order": 4})
        self.fail("as it says")

    def test_unused(self):
        self.engine.stub(pay, "never")

    def test_twice(self):
        @self.ledger.effect
        def charge(order):
            return order
        def flaky(order):
            charge(order)
            if len(self.ledger.effects) == 1:
                raise ConnectionError("no answer")
        self.engine.stub(pay, "charge", calls=flaky)
        self.engine.invoke_sync(pay, data={"order": 5})

    def test_part(self):
        with self.subTest("part"):
            self.engine.invoke_sync(pay, data={"order": 6})
            self.fail("a part")

class AsyncTest(AsyncTestCase):
    functions = [pay]

    async def test_wrong(self):
        await self.engine.invoke(pay, data={"order": 7})
        self.engine.expect(pay).failed()

class UnsaidTest(TestCase):
    def test_unsaid(self):
        self.engine.invoke_sync(pay)
"""


def run_unittest(folder: Path, **files: str) -> str:
    """What unittest prints for these files, each given as `name=text`."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-W", "error", "-m", "unittest", "-q"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env={"PYTHONPATH": ""})
    return result.stdout + result.stderr


def test_plain_and_async_cases_pass(tmp_path: Path) -> None:
    told = run_unittest(tmp_path, functions=FUNCTIONS, test_pay=CASES)
    assert "Ran 3 tests" in told
    assert told.rstrip().endswith("OK")


def test_a_failure_has_the_stories_and_the_end_is_judged(tmp_path: Path) -> None:
    told = run_unittest(tmp_path, functions=FUNCTIONS, test_pay=FAILING)
    assert "Ran 6 tests" in told
    assert told.rstrip().endswith("FAILED (failures=5, errors=1)")
    assert "AssertionError: as it says\n------- inngest: shop-pay, run 1 of 1 (times since the engine began)" in told
    for order in (4, 6, 7):
        assert f'charge  StepRun  done -> "receipt for {order}"' in told
    assert told.count('nothing has called the stub of step "never"') == 1  # a test that fails by itself is not judged
    assert 'in step "charge" of shop-pay (test_pay.py:' in told
    assert "by attempts 0 and 1" in told
    assert "UnsaidTest: say what its engine runs: functions = [trial, shop_client]" in told


@pytest.mark.parametrize(("text", "told"), [(CASES, "3 passed"), (FAILING, "6 failed")])
def test_pytest_runs_them_and_tells_stories_once(tmp_path: Path, text: str, told: str) -> None:
    printed = run_pytest(tmp_path, functions=FUNCTIONS, test_pay=text)
    assert told in printed
    assert printed.count('done -> "receipt for 4"') == (1 if text is FAILING else 0)
