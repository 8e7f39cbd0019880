"""Traces of runs for OpenTelemetry: of engines, of functions behind HTTP, and of the events that clients send.

```python
tracing = inngest.opentelemetry.Tracing(engine)
```
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inngest.embedded.engine import Engine, host_of
from inngest.embedded.host import EngineHost
from inngest.protocol.calls import Call
from inngest.protocol.opcodes import SentEvent
from inngest.runtime.ports import Recorder, TracedRecorder
from inngest.sdk.client import Inngest, trace, tracing_of

try:
    from opentelemetry.trace import TracerProvider

    from inngest.embedded.tracing import EngineTracing
    from inngest.runtime.spans import ServedSpans, SpanMaker, quietly, with_current_parent
except ImportError as error:
    raise ImportError(
        "inngest.opentelemetry needs opentelemetry-api: pip install 'pyngest[otel]'", name="opentelemetry"
    ) from error

__all__ = ["Tracing"]


class Tracing:
    """Makes spans of runs, their invocations, steps and attempts. The page *Tracing* of the documentation lists names.

    Args:
        of: an engine: what its runs do, from its next start on. Or a client: what its functions do in whatever engine
            of this process runs them, and behind `serve`; and events that it sends are of the trace that is current.
        provider: of opentelemetry-sdk, which says where spans go; None: the one that is set for the process.

    Raises:
        TypeError: `of` is neither; or the provider is none whose spans can be given ids, or none is set.
    """

    def __init__(self, of: Engine | Inngest, *, provider: TracerProvider | None = None) -> None:
        if not isinstance(of, Engine | Inngest):
            raise TypeError(f"of: expected an inngest.Engine or an inngest.Inngest, got {of!r:.80}")
        maker = SpanMaker(provider)
        self._forget: list[Callable[[], object]] = []
        if maker.off:
            return
        if isinstance(of, Engine):
            host = host_of(of)
            self._forget.append(host.trace(EngineTracing(host, maker)))
        else:
            tracing = _ClientTracing(maker, self._forget)
            trace(of, tracing)
            self._forget.append(lambda: trace(of, None) if tracing_of(of) is tracing else None)

    def close(self) -> None:
        """Make no more spans. Runs that are under way end without them."""
        while self._forget:
            self._forget.pop()()


class _ClientTracing:
    """See `inngest.sdk.client.ClientTracing`."""

    def __init__(self, maker: SpanMaker, forget: list[Callable[[], object]]) -> None:
        self._maker = maker
        self._forget = forget

    def sent(self, events: Sequence[SentEvent]) -> Sequence[SentEvent]:
        return quietly(lambda: with_current_parent(events)) or events

    def entered(self, call: Call, app_id: str, recorder: Recorder) -> TracedRecorder:
        return ServedSpans(self._maker, call, app_id, recorder)

    def starts(self, engine: object) -> None:
        assert isinstance(engine, EngineHost)
        self._forget.append(engine.trace(EngineTracing(engine, self._maker)))
