"""Apps of all SDKs, each with a server of its own, from when a test needs it first to the end of the suite; and the
table of who passed what.

A file of its own: pytest looks for it by this name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from .front import Front, listening, serving
from .sdks import ENVIRONMENT, Sdk
from .table import lines, told


class Town:
    """Servers with their apps; each is started when it is needed first."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._fronts: dict[str, Front] = {}

    async def front(self, sdk: Sdk) -> Front:
        """The server to which an SDK's app has told its functions."""
        found = self._fronts.get(sdk.name)
        if found is None:
            found = self._fronts[sdk.name] = await self._stack.enter_async_context(listening(sdk.key))
            told = {**sdk.environ, "INNGEST_BASE_URL": found.url}
            url = await self._stack.enter_async_context(serving(sdk.command, told))
            answer = await found.server.carry("PUT", url, {}, b"")
            assert answer.status == 200, answer
        return found


@pytest.fixture(scope="session")
async def town(anyio_backend: str) -> AsyncIterator[Town]:
    assert ENVIRONMENT.exists(), "the other SDKs are not installed: run this suite by `make test SUITES=interop`"
    async with AsyncExitStack() as stack:
        yield Town(stack)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show which scenario passed by which SDK, whether all did or not."""
    stats = terminalreporter.stats
    reports = [(report, kind == "passed") for kind in ("passed", "failed", "error") for report in stats.get(kind, ())]
    found = [one for report, passed in reports if (one := told(report.nodeid, passed)) is not None]
    if found:
        terminalreporter.section("interop")
    for line in lines(found):
        terminalreporter.write_line(line)
