"""The door for unittest: test cases with an engine, and the story of its runs at each failure."""

from __future__ import annotations

import sys
import unittest
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from inngest.embedded.errors import EngineConfigError
from inngest.sdk.client import Inngest
from inngest.sdk.function import Function

from .engine import Engine
from .ledger import Ledger


class EngineMixin:
    """Gives a test case of unittest an engine, beside whatever class it has: that of Django, or of another library.

    ```python
    class PayTest(EngineMixin, django.test.TransactionTestCase):
        functions = [pay]
    ```

    Engine and ledger are made when a test asks for them first, and end with it: stubs that nothing has called fail the
    test, and the ledger is judged. If the test fails, its error has the stories of its runs.

    Attributes:
        functions: what the engine runs, as of `Engine`.
        engine_options: other arguments of `Engine`.
    """

    functions: ClassVar[Sequence[Function[Any] | Inngest] | Inngest | None] = None
    engine_options: ClassVar[Mapping[str, Any]] = {}

    _engine: Engine | None = None
    _ledger: Ledger | None = None
    _failed = False

    @property
    def engine(self) -> Engine:
        """The engine of this test.

        Raises:
            EngineConfigError: the class does not say what it runs.
        """
        if self._engine is None:
            if self.functions is None:
                name = type(self).__name__
                raise EngineConfigError(f"{name}: say what its engine runs: functions = [trial, shop_client]")
            self._engine = engine = Engine(self.functions, **self.engine_options)
            self._case.addCleanup(lambda: engine.close(check=not self._failed))
        return self._engine

    @property
    def ledger(self) -> Ledger:
        """The ledger of this test."""
        if self._ledger is None:
            self._ledger = ledger = Ledger()
            self._case.addCleanup(lambda: None if self._failed else ledger.check())
        return self._ledger

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """See `unittest.TestCase.run`."""
        self._engine, self._ledger, self._failed = None, None, False
        given = self._case.defaultTestResult() if result is None else result
        found = cast("Any", super()).run(_Telling(given, self))
        return result if found is not None else None

    def failed_with(self, error: object) -> None:
        """The test has failed by this: it is told the stories."""
        self._failed = True
        if self._engine is None or not isinstance(error, BaseException) or _tells_by_itself():
            return
        for title, story in self._engine.stories():
            error.add_note(f"------- {title} -------\n{story}")

    @property
    def _case(self) -> unittest.TestCase:
        return cast("unittest.TestCase", self)


class TestCase(EngineMixin, unittest.TestCase):
    """A `unittest.TestCase` with an engine: its verbs are those that end in `_sync`. See `EngineMixin`."""

    __test__ = False  # pytest collects those that derive from it

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.__test__ = True


class AsyncTestCase(EngineMixin, unittest.IsolatedAsyncioTestCase):
    """A `unittest.IsolatedAsyncioTestCase` with an engine. See `EngineMixin`."""

    __test__ = False  # pytest collects those that derive from it

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.__test__ = True


class _Telling:
    """A result that hears of failures, and hands all on."""

    def __init__(self, result: unittest.TestResult, case: EngineMixin) -> None:
        self._result = result
        self._case = case

    def __getattr__(self, name: str) -> Any:
        return getattr(self._result, name)

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802 - the name of unittest
        self._case.failed_with(err[1])
        self._result.addError(test, err)

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802 - likewise
        self._case.failed_with(err[1])
        self._result.addFailure(test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802 - likewise
        if err is not None:
            self._case.failed_with(err[1])
        self._result.addSubTest(test, subtest, err)


def _tells_by_itself() -> bool:
    """Whether pytest runs the test: its plugin tells the stories under it."""
    plugin = sys.modules.get("_inngest_pytest")
    return plugin is not None and plugin.RUNNING
