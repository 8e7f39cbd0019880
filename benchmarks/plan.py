"""How much is measured: in full, or quickly to see that everything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Sizes of the measurements."""

    quick: bool
    sequence_rounds: int
    warm_up: int  # steps before anything is measured: the write-ahead log gets its length
    repeats: Mapping[int, int]  # steps of a run → how many such runs are one sample
    dbos_every: int  # DBOS takes part in one of so many rounds
    counted: tuple[int, int]  # steps of the two runs whose statements are counted
    dbos_steps: int  # DBOS is asked for runs of at most so many steps
    crowd_rounds: int
    crowd_runs: int
    crowd_callers: int
    latency_rounds: int
    latency_samples: int
    crash_rounds: int
    crash_runs: int
    crash_seconds: float  # of each step
    sleepers: int
    sleepers_over: float  # seconds in which they are started
    sleepers_ms: int
    due_rounds: int
    base_due_rounds: int  # of them, beside an earlier revision
    due_after: float  # seconds that there are to park those who fall due within a second
    startup_rounds: int
    backlog: int  # runs that are blocked behind one key
    limited_samples: int
    limited_seconds: float  # for which a key is drained
    waits: int  # open at a time, where there are many
    few_waits: int
    wait_samples: int
    broad_waits: int  # open at a time, with expressions that no index helps
    broad_rounds: int
    intake_events: int  # of a round
    intake_senders: int
    intake_rounds: int
    crons: int
    cron_minutes: int  # each tick comes with the minute
    waiters: int  # to whom one event is told
    served_rounds: int
    served_steps: int  # of a run of an app
    served_long: int  # of a long one
    served_runs: int  # of five steps, at a time
    served_starts: int  # events to an idle server
    fleet_rounds: int
    fleet_repeats: Mapping[int, int]  # steps of a run on PostgreSQL → how many such runs are one sample
    fleet_samples: int  # wake-ups and claims
    finished: int  # runs that lie there
    kept_runs: int  # that are removed after a second
    rest_seconds: float  # in which nothing happens


FULL = Plan(
    quick=False,
    sequence_rounds=15,
    warm_up=3_000,
    repeats={10: 20, 100: 3, 1_000: 1, 5_000: 1},
    dbos_every=2,
    counted=(100, 5_000),
    dbos_steps=1_000,
    crowd_rounds=7,
    crowd_runs=1_000,
    crowd_callers=100,
    latency_rounds=7,
    latency_samples=100,
    crash_rounds=3,
    crash_runs=200,
    crash_seconds=0.2,
    sleepers=10_000,
    sleepers_over=20.0,
    sleepers_ms=10_000,
    due_rounds=1,
    base_due_rounds=3,
    due_after=30.0,
    startup_rounds=11,
    backlog=100_000,
    limited_samples=200,
    limited_seconds=5.0,
    waits=100_000,
    few_waits=100,
    wait_samples=500,
    broad_waits=20_000,
    broad_rounds=7,
    intake_events=20_000,
    intake_senders=10,
    intake_rounds=5,
    crons=1_000,
    cron_minutes=3,
    waiters=10_000,
    served_rounds=9,
    served_steps=100,
    served_long=1_000,
    served_runs=500,
    served_starts=200,
    fleet_rounds=7,
    fleet_repeats={100: 5, 300: 2, 1_000: 1},
    fleet_samples=200,
    finished=1_000_000,
    kept_runs=1_000_000,
    rest_seconds=60.0,
)

QUICK = Plan(
    quick=True,
    sequence_rounds=1,
    warm_up=100,
    repeats={10: 5, 100: 1, 1_000: 1},
    dbos_every=1,
    counted=(100, 1_000),
    dbos_steps=100,
    crowd_rounds=1,
    crowd_runs=50,
    crowd_callers=25,
    latency_rounds=1,
    latency_samples=20,
    crash_rounds=1,
    crash_runs=40,
    crash_seconds=0.1,
    sleepers=500,
    sleepers_over=2.0,
    sleepers_ms=2_000,
    due_rounds=1,
    base_due_rounds=1,
    due_after=3.0,
    startup_rounds=1,
    backlog=1_000,
    limited_samples=20,
    limited_seconds=1.0,
    waits=1_000,
    few_waits=100,
    wait_samples=20,
    broad_waits=500,
    broad_rounds=2,
    intake_events=2_000,
    intake_senders=5,
    intake_rounds=1,
    crons=50,
    cron_minutes=1,
    waiters=1_000,
    served_rounds=1,
    served_steps=20,
    served_long=100,
    served_runs=50,
    served_starts=20,
    fleet_rounds=1,
    fleet_repeats={100: 1, 300: 1, 1_000: 1},
    fleet_samples=20,
    finished=2_000,
    kept_runs=1_000,
    rest_seconds=2.0,
)
