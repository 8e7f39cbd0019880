"""Measures of an engine, as metrics of Prometheus: counts of what happens, and its state.

`inngest.metrics` alone imports it: prometheus_client may be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inngest.engine.domain.model import Changes, Ended, Event, Run, RunStatus
from inngest.engine.errors import StoreError
from inngest.engine.records import Backlog, Claimed, Touched
from inngest.protocol import limits
from inngest.runtime.clock import monotonic

from .host import EngineHost
from .single_flight import SingleFlight

OFTEN: Final = 5.0
"""Seconds for which is told again what waits in the database: to count it reads all jobs."""

PATIENCE: Final = (2.0, 8.0)
"""Seconds for which the database has time to answer: at first, and at most, if it took long the last time. Prometheus
waits for 10 s."""

BUCKETS: Final = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0)
"""Seconds; runs and their waits last for milliseconds, or for days."""


_KINDS: Final[Mapping[str, str]] = {"step": "event", "cancel": "cancelling event", "invoke": "run"}
"""Names for people of what is waited for, where the database has others."""


class Counts:
    """An observer that counts.

    Args:
        registry: where the metrics are registered.
    """

    def __init__(self, registry: prometheus_client.CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> prometheus_client.Counter:
            return prometheus_client.Counter(f"inngest_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, *labels: str) -> prometheus_client.Histogram:
            return prometheus_client.Histogram(f"inngest_{name}", text, labels, registry=registry, buckets=BUCKETS)

        self._events = counter("events", "Events that this worker accepted.")
        self._started = counter("runs_started", "Runs that began to wait for a worker.", "function")
        self._skipped = counter("runs_skipped", "Runs that a limit or a pause kept from beginning.", "function")
        self._ended = counter("runs_ended", "Runs that ended in this worker.", "function", "outcome")
        self._cancelled = counter("runs_cancelled", "Runs that were cancelled, as each worker hears.", "function")
        self._lasted = histogram("run_seconds", "From the first entry of a run until its end.", "function")
        self._waited = histogram("run_queue_seconds", "From the creation of a run until its first entry.", "function")
        self._steps = counter("steps", "Steps that were recorded.", "function", "outcome")
        self._tried = histogram("step_seconds", "From the begin of a step's last attempt until its end.", "function")
        self._failed = counter("attempts_failed", "Attempts that failed, and are followed by another.", "function")
        self.all: Sequence[Collector] = (
            *(self._events, self._started, self._skipped, self._ended, self._cancelled, self._lasted, self._waited),
            *(self._steps, self._tried, self._failed),
        )

    def accepted(self, events: Sequence[Event], started: Sequence[Run], touched: Sequence[Touched]) -> None:
        """See `Observer`."""
        self._events.inc(len(events))
        for run in started:
            which = self._skipped if run.status is RunStatus.SKIPPED else self._started
            which.labels(run.function_id).inc()

    def entered(self, claimed: Claimed) -> None:
        """See `Observer`."""
        run = claimed.run
        if run.started_at in (None, claimed.at):
            self._waited.labels(run.function_id).observe(_seconds(claimed.at - run.created_at))

    def committed(self, run: Run, changes: Changes) -> None:
        """See `Observer`."""
        function = run.function_id
        for memo in changes.memos:
            outcome = "cancelled" if memo.cancelled else "completed" if memo.error is None else "failed"
            self._steps.labels(function, outcome).inc()
            if memo.started_at:
                self._tried.labels(function).observe(_seconds(memo.ended_at - memo.started_at))
        if changes.failed:
            self._failed.labels(function).inc(len(changes.failed))
        if isinstance(changes.transition, Ended):
            self._ended.labels(function, changes.transition.status.value.lower()).inc()
            if run.ended_at is not None:
                self._lasted.labels(function).observe(_seconds(run.ended_at - (run.started_at or run.created_at)))

    def cancelled(self, run: Run) -> None:
        """See `Observer`."""
        self._cancelled.labels(run.function_id).inc()


class State(Collector):
    """A collector of the state at the moment.

    Args:
        host: the engine.
    """

    def __init__(self, host: EngineHost) -> None:
        self._host = host
        self._backlog: Backlog | None = None
        self._ready = False
        self._now = 0  # unix ms, of the backlog
        self._looked_at = float("-inf")
        self._took = 0.0  # the last look, in seconds
        self._reading = SingleFlight(self._read)

    async def look(self) -> None:
        """Read the backlog, unless that was done a moment ago, or the worker is cut off from its database."""
        self._ready = self._host.unready is None
        if not self._ready:
            self._backlog, self._looked_at = None, float("-inf")
            return
        if monotonic() - self._looked_at < max(OFTEN, self._took):
            return
        try:
            await self._reading.result(min(max(PATIENCE[0], 2 * self._took), PATIENCE[1]))
        except (StoreError, TimeoutError):
            self._backlog, self._ready = None, False

    async def _read(self) -> None:
        began, now = monotonic(), self._host.now()
        self._backlog = await self._host.on_its_loop().service.queries.backlog()
        self._now, self._looked_at = now, monotonic()
        self._took = self._looked_at - began

    def collect(self) -> Iterator[Metric]:
        """The metrics: see prometheus_client."""
        running = self._host.running
        yield GaugeMetricFamily(
            "inngest_worker_ready", "1: the worker begins runs; 0: it starts, stops, or is cut off.", int(self._ready)
        )
        if running is not None:
            executor, spending = running.service.executor, running.service.queries.spending
            yield GaugeMetricFamily("inngest_runs_in_flight", "Runs that this worker executes.", len(executor.owned))
            yield CounterMetricFamily(
                "inngest_transactions", "Transactions that this worker wrote, or tried to.", spending.transactions
            )
            yield CounterMetricFamily(
                "inngest_transaction_seconds", "Time that those took, waits included.", spending.seconds
            )
        if self._backlog is not None:
            yield from self._waiting(self._backlog)

    def _waiting(self, backlog: Backlog) -> Iterator[Metric]:
        due = GaugeMetricFamily("inngest_queue_depth", "Runs that wait for a worker.", labels=["function"])
        age = GaugeMetricFamily("inngest_queue_age_seconds", "How long the oldest waits.", labels=["function"])
        held = GaugeMetricFamily("inngest_runs_on_hold", "Runs whose code has changed.", labels=["function"])
        later = GaugeMetricFamily("inngest_runs_resting", "Runs that sleep, wait or retry.", labels=["function"])
        for function, one in sorted(backlog.functions.items()):
            due.add_metric([function], one.due)
            age.add_metric([function], 0 if one.since is None else _seconds(self._now - one.since))
            held.add_metric([function], one.held)
            later.add_metric([function], one.later)
        blocked = GaugeMetricFamily("inngest_lanes_blocked", "Lanes without a free slot.", labels=["function"])
        for function, count in sorted(backlog.blocked.items()):
            blocked.add_metric([function], count)
        waits = GaugeMetricFamily("inngest_waits", "What steps wait for.", labels=["kind"])
        for kind, count in sorted(backlog.waits.items()):
            waits.add_metric([_KINDS.get(kind, kind)], count)
        outbox = GaugeMetricFamily("inngest_outbox", "What was sent in transactions of users.", labels=["state"])
        for state, count in zip(("waiting", "aside"), backlog.outbox, strict=True):
            outbox.add_metric([state], count)
        yield from (due, age, held, later, blocked, waits, outbox)


def _seconds(ms: int) -> float:
    return max(ms, 0) / limits.SECOND
