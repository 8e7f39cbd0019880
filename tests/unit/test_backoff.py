"""When a failed attempt is followed by the next."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from inngest.engine.domain.backoff import BACKOFF, JITTER, retry_delay

DAY = 86_400_000
jitters = st.floats(0, 1)
attempts = st.integers(0, 20)
asked = st.none() | st.integers(-10_000, 10 * DAY)


def test_the_table() -> None:
    seconds = [15, 30, 60, 120, 300, 600, 1200, 2400, 3600, 7200, 7200, 7200]
    found = [retry_delay(attempt, jitter=0, interval=None, retry_after=None) for attempt in range(12)]
    assert found == [second * 1000 for second in seconds]
    assert JITTER == 30_000


@given(attempts, jitters)
def test_up_to_thirty_seconds_are_added_by_chance(attempt: int, jitter: float) -> None:
    delay = retry_delay(attempt, jitter=jitter, interval=None, retry_after=None)
    added = delay - BACKOFF[min(attempt, len(BACKOFF) - 1)]
    assert 0 <= added <= 30_000
    assert abs(added - jitter * 30_000) <= 0.5


@given(jitters)
def test_delays_never_shrink(jitter: float) -> None:
    delays = [retry_delay(attempt, jitter=jitter, interval=None, retry_after=None) for attempt in range(21)]
    assert all(before <= after for before, after in pairwise(delays))


@given(attempts, jitters, st.integers(0, DAY))
def test_an_interval_replaces_the_table(attempt: int, jitter: float, interval: int) -> None:
    assert retry_delay(attempt, jitter=jitter, interval=interval, retry_after=None) == interval


@given(attempts, jitters, st.none() | st.integers(0, DAY), st.integers(-10_000, 10 * DAY))
def test_what_the_error_asks_for_comes_first_up_to_a_day(
    attempt: int, jitter: float, interval: int | None, retry_after: int
) -> None:
    delay = retry_delay(attempt, jitter=jitter, interval=interval, retry_after=retry_after)
    assert delay == min(max(retry_after, 0), DAY)
