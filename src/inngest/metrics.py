"""Metrics of an engine for Prometheus: of its runs, of the backlog in its database, and of its worker.

```python
metrics = inngest.metrics.Metrics(engine)

@app.get("/metrics")
async def show() -> fastapi.Response:
    return fastapi.Response(await metrics.text(), media_type=metrics.content_type)
```
"""

from __future__ import annotations

from typing import Final

from inngest.embedded.engine import Engine, host_of

try:
    import prometheus_client

    from inngest.embedded.measures import Counts, State
except ImportError as error:
    raise ImportError(
        "inngest.metrics needs prometheus_client: pip install 'pyngest[metrics]'", name="prometheus_client"
    ) from error

__all__ = ["Metrics"]


class Metrics:
    """The metrics of an engine. The page *Metrics* of the documentation lists their names.

    Each worker tells its own work, and the backlog of the whole database.

    Args:
        engine: that is measured, from now on.
        registry: where the metrics are registered; None: in one of their own. Two engines cannot share one.

    Raises:
        ValueError: the registry has metrics of these names.
    """

    content_type: Final = prometheus_client.CONTENT_TYPE_LATEST

    def __init__(self, engine: Engine, registry: prometheus_client.CollectorRegistry | None = None) -> None:
        self.registry = prometheus_client.CollectorRegistry() if registry is None else registry
        self._counts = Counts(self.registry)
        self._state = State(host_of(engine))
        self.registry.register(self._state)
        self._forget = host_of(engine).observe(self._counts)

    async def text(self) -> bytes:
        """All metrics of the registry, in the format of Prometheus.

        The backlog is read if that was last done more than 5 s ago. If it cannot be read, its metrics are missing, and
        `inngest_worker_ready` is 0.
        """
        await self._state.look()
        return prometheus_client.generate_latest(self.registry)

    def close(self) -> None:
        """Measure no more, and take the metrics out of their registry."""
        self._forget()
        for collector in (*self._counts.all, self._state):
            self.registry.unregister(collector)
