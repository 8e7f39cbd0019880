"""What becomes of a start, by its gates and what is known of their keys."""

from __future__ import annotations

import pytest

from inngest.engine.domain.gates import (
    PAUSED,
    Admission,
    BatchDecision,
    BatchGate,
    BatchState,
    DebounceGate,
    DebounceState,
    GateDecision,
    GateFacts,
    Gates,
    RateGate,
    SingletonGate,
    batched,
    debounced,
    decide,
)
from inngest.protocol import limits

NOW = 1_700_000_000_000
MINUTE = 60_000

OPEN = Gates(ts=NOW, size=10, direct=False)
RATED = OPEN._replace(rate=RateGate(2, MINUTE, "k"))
ONCE = OPEN._replace(idempotency="k")
SKIPS = OPEN._replace(singleton=SingletonGate(False, "k"))
CANCELS = OPEN._replace(singleton=SingletonGate(True, "k"))
USED_UP = "rate_limit: 2 runs have started within 1m"
SAME_KEY = "idempotency: run R1 has the same key"
FULL = GateFacts(rate_start=NOW - MINUTE + 1)
HOLDER = GateFacts(key_holder="R1")
OTHER = GateFacts(unfinished="R1")


@pytest.mark.parametrize(
    ("gates", "facts", "decision"),
    [
        (OPEN, GateFacts(), GateDecision(Admission.CREATED)),
        (OPEN, GateFacts(NOW, "R1", "R1"), GateDecision(Admission.CREATED)),
        (RATED, GateFacts(), GateDecision(Admission.CREATED)),
        (RATED, GateFacts(rate_start=NOW - MINUTE), GateDecision(Admission.CREATED)),
        (RATED, FULL, GateDecision(Admission.DROPPED, USED_UP)),
        (RATED._replace(direct=True), FULL, GateDecision(Admission.SKIPPED, USED_UP)),
        (ONCE, GateFacts(), GateDecision(Admission.CREATED)),
        (ONCE, HOLDER, GateDecision(Admission.DROPPED, SAME_KEY)),
        (ONCE._replace(direct=True), HOLDER, GateDecision(Admission.SKIPPED, SAME_KEY)),
        (OPEN._replace(paused="queue"), GateFacts(), GateDecision(Admission.HELD)),
        (OPEN._replace(paused="skip"), GateFacts(), GateDecision(Admission.SKIPPED, PAUSED)),
        (SKIPS, GateFacts(), GateDecision(Admission.CREATED)),
        (SKIPS, OTHER, GateDecision(Admission.SKIPPED, "singleton: run R1 has not ended")),
        (CANCELS, GateFacts(), GateDecision(Admission.CREATED)),
        (CANCELS, OTHER, GateDecision(Admission.CREATED, cancels="R1")),
        (CANCELS._replace(paused="queue"), OTHER, GateDecision(Admission.HELD, cancels="R1")),
    ],
)
def test_what_becomes_of_a_start(gates: Gates, facts: GateFacts, decision: GateDecision) -> None:
    assert decide(gates, facts, NOW) == decision


@pytest.mark.parametrize("paused", ["skip", "queue"])
def test_what_is_refused_is_refused_also_while_paused(paused: str) -> None:
    both = RATED._replace(paused=paused, singleton=SingletonGate(True, "k"))
    assert decide(both, FULL._replace(unfinished="R1"), NOW) == GateDecision(Admission.DROPPED, USED_UP)


def test_what_is_skipped_by_a_pause_cancels_nobody() -> None:
    assert decide(CANCELS._replace(paused="skip"), OTHER, NOW) == GateDecision(Admission.SKIPPED, PAUSED)


def debounce(event: str, ts: int, first_at: int = NOW) -> DebounceState:
    return DebounceState("app-f", "1", 4, event, ts, first_at)


@pytest.mark.parametrize(
    ("gate", "new", "known", "expected"),
    [
        (DebounceGate(MINUTE, None, "k"), debounce("e1", 5), None, (debounce("e1", 5), NOW + MINUTE)),
        (
            DebounceGate(MINUTE, None, "k"),
            debounce("e2", 6),
            debounce("e1", 5, NOW - 50_000),
            (debounce("e2", 6, NOW - 50_000), NOW + MINUTE),
        ),
        (
            DebounceGate(MINUTE, None, "k"),  # an event that happened before the last one moves the time alone
            debounce("e2", 4),
            debounce("e1", 5, NOW - 50_000),
            (debounce("e1", 5, NOW - 50_000), NOW + MINUTE),
        ),
        (
            DebounceGate(MINUTE, None, "k"),  # of two that happened at once, the later to come counts
            debounce("e2", 5),
            debounce("e1", 5, NOW - 50_000),
            (debounce("e2", 5, NOW - 50_000), NOW + MINUTE),
        ),
        (
            DebounceGate(MINUTE, 90_000, "k"),
            debounce("e2", 6),
            debounce("e1", 5, NOW - 50_000),
            (debounce("e2", 6, NOW - 50_000), NOW + 40_000),
        ),
        (DebounceGate(MINUTE, 30_000, "k"), debounce("e1", 5), None, (debounce("e1", 5), NOW + 30_000)),
    ],
)
def test_a_debounce_is_over_when_no_event_has_come_for_its_period(
    gate: DebounceGate, new: DebounceState, known: DebounceState | None, expected: tuple[DebounceState, int]
) -> None:
    assert debounced(gate, new, known, NOW) == expected


def batch(name: str, held: int, size: int) -> BatchState:
    return BatchState("app-f", "1", 4, name, f"first-of-{name}", held, size)


BY_COUNT = BatchGate(3, None, "k")
BY_TIME = BatchGate(3, MINUTE, "k")
NEW = batch("new", 0, 0)


@pytest.mark.parametrize(
    ("gate", "size", "known", "expected"),
    [
        (BY_COUNT, 10, None, BatchDecision(batch("new", 1, 10), None, False)),
        (BY_TIME, 10, None, BatchDecision(batch("new", 1, 10), NOW + MINUTE, False)),
        (BatchGate(1, None, "k"), 10, None, BatchDecision(batch("new", 1, 10), None, True)),
        (BY_TIME, 10, (batch("old", 1, 10), NOW + 5), BatchDecision(batch("old", 2, 20), NOW + 5, False)),
        (BY_TIME, 10, (batch("old", 2, 20), NOW + 5), BatchDecision(batch("old", 3, 30), NOW + 5, True)),
        (
            BY_TIME,
            10,
            (batch("old", 1, limits.MAX_BATCH_SIZE - 10), NOW + 5),
            BatchDecision(batch("old", 2, limits.MAX_BATCH_SIZE), NOW + 5, False),
        ),
        (
            BY_TIME,
            10,
            (batch("old", 1, limits.MAX_BATCH_SIZE - 9), NOW + 5),
            BatchDecision(batch("new", 1, 10), NOW + MINUTE, False, batch("old", 1, limits.MAX_BATCH_SIZE - 9)),
        ),
    ],
)
def test_a_batch_is_over_when_it_is_full_in_count_or_in_bytes(
    gate: BatchGate, size: int, known: tuple[BatchState, int] | None, expected: BatchDecision
) -> None:
    assert batched(gate, size, NEW, known, NOW) == expected
