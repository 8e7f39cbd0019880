"""When a worker tries a run on which workers died, and for how long it claims nothing else."""

from __future__ import annotations

from inngest.engine.quarantine import LONGEST, PATIENCE, TRIAL, TRIES, Quarantine

NOW = 1_000_000
AHEAD = 1_750_000_000_000
"""Unix ms of the engine's clock, when the monotonic one is at 0."""


def busy(one: Quarantine, now: int) -> bool:
    """Whether a worker with something in flight claims nothing else, after a look that saw such a run."""
    one.keep(now, now + AHEAD)
    closed = one.closed(now, idle=False)
    one.seen(now, due=True)
    return closed


def test_a_busy_worker_goes_on_at_first_and_then_holds_back_for_half_a_minute() -> None:
    one = Quarantine()
    assert not busy(one, NOW)
    assert one.waiting
    assert one.changes_at(NOW) == NOW + PATIENCE
    assert not busy(one, NOW + PATIENCE - 1)
    assert busy(one, NOW + PATIENCE)
    assert one.keep(NOW + PATIENCE + 1, NOW) == NOW + PATIENCE + TRIAL + AHEAD
    assert not one.closed(NOW + PATIENCE + 1, idle=True)
    assert not busy(one, NOW + PATIENCE + TRIAL)


def test_each_time_in_vain_it_waits_longer_and_in_the_end_tries_it_beside_others() -> None:
    one, now, pauses = Quarantine(), NOW, []
    busy(one, now)
    for _ in range(TRIES):
        assert not one.desperate
        began = one.changes_at(now)
        assert began is not None
        pauses.append(began - now)
        assert busy(one, began)
        now = began + TRIAL
        assert not busy(one, now)
    assert pauses == [PATIENCE, 2 * TRIAL, 4 * TRIAL]
    assert max(pauses) <= LONGEST
    assert one.desperate


def test_a_run_that_is_gone_holds_back_nothing() -> None:
    one = Quarantine()
    busy(one, NOW)
    assert busy(one, NOW + PATIENCE)
    one.seen(NOW + PATIENCE, due=False)
    assert not one.closed(NOW + PATIENCE, idle=False)
    assert one.keep(NOW + PATIENCE, NOW) is None
    assert one.changes_at(NOW + PATIENCE) is None


def test_nothing_else_is_claimed_while_it_executes_for_half_a_minute_or_until_it_records() -> None:
    one = Quarantine()
    one.begin(NOW)
    assert one.closed(NOW + TRIAL - 1, idle=False)
    assert one.changes_at(NOW) == NOW + TRIAL
    assert not one.closed(NOW + TRIAL, idle=False)
    one.begin(NOW)
    one.end()
    assert not one.closed(NOW + 1, idle=False)
