"""Spans as tests read them: a provider that keeps them, or writes them into a file, and the tree that they make."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler


class Span(NamedTuple):
    """A span that was told."""

    name: str
    trace_id: str  # hexadecimal, as other ids
    span_id: str
    parent_id: str | None


class Kept:
    """A provider that keeps what it is told.

    Args:
        sampler: None for the SDK's own, which records all.
    """

    def __init__(self, sampler: Sampler | None = None) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """What it was told, in the order in which it ended."""
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        """Those of a name."""
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        """The one of a name."""
        (found,) = self.named(name)
        return found


class Written(SpanExporter):
    """Writes each span as a line, which stays there if the process is killed.

    Args:
        path: of the file, which several processes may write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write them."""
        with self._path.open("ab", buffering=0) as file:
            for span in spans:
                file.write(json.dumps(read(span)._asdict()).encode() + b"\n")
            os.fsync(file.fileno())
        return SpanExportResult.SUCCESS


def writing(path: Path) -> TracerProvider:
    """A provider that writes into a file."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Written(path)))
    return provider


def written(path: Path) -> list[Span]:
    """What was written into a file."""
    return [Span(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def read(span: ReadableSpan) -> Span:
    """A span of the SDK."""
    assert span.context is not None
    parent = None if span.parent is None else f"{span.parent.span_id:016x}"
    return Span(span.name, f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}", parent)


def paths(spans: Iterable[ReadableSpan | Span]) -> list[str]:
    """Each span with the names above it, sorted: "f/charge/charge attempt". A parent that is not there is "?"."""
    known = {span.span_id: span for span in (one if isinstance(one, Span) else read(one) for one in spans)}

    def path(span: Span) -> str:
        if span.parent_id is None:
            return span.name
        parent = known.get(span.parent_id)
        return f"{'?' if parent is None else path(parent)}/{span.name}"

    return sorted(path(span) for span in known.values())
