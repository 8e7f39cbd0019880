"""When a failed attempt is followed by the next: a growing delay with jitter, or what the error asks for. Pure."""

from __future__ import annotations

from inngest.protocol.limits import HOUR, MINUTE, RETRY_AFTER_MAX, SECOND

BACKOFF = (
    15 * SECOND,
    30 * SECOND,
    1 * MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    20 * MINUTE,
    40 * MINUTE,
    1 * HOUR,
    2 * HOUR,
)
"""Delay after the failed attempt of each index, in ms; the last repeats."""

JITTER = 30 * SECOND


def retry_delay(attempt: int, *, jitter: float, interval: int | None, retry_after: int | None) -> int:
    """Milliseconds until the attempt after `attempt`.

    Args:
        attempt: index of the attempt that failed, from 0.
        jitter: from 0 to 1; how much of the jitter of up to 30 s is added to the table.
        interval: a fixed delay instead of the table, in ms.
        retry_after: what the error asked for, in ms; it overrides both, up to 24 h.
    """
    if retry_after is not None:
        return min(max(retry_after, 0), RETRY_AFTER_MAX)
    if interval is not None:
        return interval
    return BACKOFF[min(attempt, len(BACKOFF) - 1)] + round(jitter * JITTER)
