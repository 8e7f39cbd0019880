"""Each test runs on each store."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from inngest.engine.ports import Store
from tests.contract.store import values
from tests.contract.store.stores import PLACES, Place, kinds

OF_WHO_HEARS = {"test_what_others_wrote_is_noticed_once"}
"""Not told where nobody hears of others: there they look once a second, whether something was written or not."""

SILENT = {"postgres-polling", "postgres-pooled", "postgres-pooled-serializable"}
"""Such places."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test that has a place, which no other fixture makes, is told on several."""
    if "told_on" in metafunc.fixturenames:
        name = f"{metafunc.function.__module__}.{metafunc.function.__name__}"
        told = [kind for kind in kinds(name) if kind not in SILENT or metafunc.function.__name__ not in OF_WHO_HEARS]
        metafunc.parametrize("told_on", told)


@pytest.fixture
def place(told_on: str, tmp_path: Path) -> Place:
    """A new place."""
    return PLACES[told_on](tmp_path)


@pytest.fixture
async def store(place: Place) -> AsyncGenerator[Store]:
    """A store on a new place, with a worker, and functions of which `app-a` is started by `go`."""
    opened = place.store()
    await opened.open(values.NOW)
    functions = [values.function("a", "go"), values.function("b", "both"), values.function("c", "both", "c")]
    await opened.register(functions, replace_app=None, now=values.NOW)
    await opened.begin_session(values.session())
    yield opened
    await opened.close()


@pytest.fixture
async def other(place: Place, store: Store) -> AsyncGenerator[Store]:
    """Another store on the same place, with a worker named `other`: another process, as far as can be seen."""
    opened = place.store()
    await opened.open(values.NOW)
    await opened.begin_session(values.session("other"))
    yield opened
    await opened.close()
