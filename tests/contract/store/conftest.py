"""Each test runs on each store."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from inngest.engine.ports import Store
from tests.contract.store import values
from tests.contract.store.stores import PLACES, Place


@pytest.fixture(params=sorted(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A new place."""
    return PLACES[request.param](tmp_path)


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
