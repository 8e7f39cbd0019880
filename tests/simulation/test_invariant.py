"""Concurrency limits by key under random crashes: no key ever has more than its slots, and none is lost.

Fifteen hundred runs; `make limits` takes ten thousand.
"""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from .conftest import Farm
from .corpus.crowding import LIMIT
from .invariant import Observed, observe

RUNS, KEYS = 1_500, 50


@pytest.fixture(scope="module")
def observing(farm: Farm) -> Future[Observed]:
    return farm.submit(observe, RUNS, KEYS, 0)


def test_no_key_exceeds_its_limit_and_no_slot_leaks(observing: Future[Observed], farm: Farm) -> None:
    observed = observing.result()

    farm.tally.observed.extend(observed.lines())
    assert observed.problems == []
    assert (observed.runs, observed.ended) == (RUNS, RUNS)
    assert set(observed.executing.values()) == {LIMIT}, "each of the keys is used up to its limit, and never over it"
    assert len(observed.executing) == KEYS
    assert set(observed.held.values()) == {LIMIT}
    assert observed.leaked == 0
    assert observed.crashes + observed.zombies > 4, "there must be crashes"
