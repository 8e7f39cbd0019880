"""Runs of a test's engine, as they are now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar, cast

from inngest.embedded import results
from inngest.embedded.errors import EngineStateError
from inngest.embedded.explanations import Explanation
from inngest.embedded.reader import Reader
from inngest.embedded.views import Run as RunRecord
from inngest.embedded.views import RunStatus, StepRecord
from inngest.engine.domain.model import Ended
from inngest.engine.domain.transitions import FINAL
from inngest.protocol import codec
from inngest.protocol.errors import ErrorInfo
from inngest.sdk.function import Function

from .errors import RunAssertionError
from .logs import Logs
from .story import Story

T = TypeVar("T")


class Facts:
    """The facts about the runs of one engine.

    Args:
        read: reads what is committed, from whatever thread the test has.
        story: what has happened.
        functions: those of the engine, by id.
        began_at: unix ms at which the engine began.
        logs: what functions have logged.
    """

    def __init__(
        self,
        read: Callable[[Callable[[Reader], object]], object],
        story: Story,
        functions: Mapping[str, Function[object]],
        began_at: int,
        logs: Logs,
    ) -> None:
        self._read = read
        self.logs = logs
        self.story = story
        self.functions = functions
        self.began_at = began_at

    def run(self, run_id: str) -> RunRecord:
        """A run with its steps."""
        return cast("RunRecord", self._read(lambda reader: reader.run(run_id)))

    def explain(self, run_id: str) -> Explanation:
        """Why it waits."""
        return cast("Explanation", self._read(lambda reader: reader.explain(run_id)))

    def of(self, function_id: str | None, event_id: str | None = None) -> list[RunRecord]:
        """Runs without their steps, the oldest first; the newest ten thousand."""
        found = self._read(lambda reader: reader.runs(function_id=function_id, event_id=event_id, limit=10_000))
        return list(reversed(cast("list[RunRecord]", found)))

    def now(self) -> int:
        """Unix ms."""
        return cast("int", self._read(lambda reader: reader.now()))


class Run(Generic[T]):
    """A run. Each question is answered by what is recorded then: it changes as the engine goes on.

    Attributes:
        id: ULID.
    """

    def __init__(self, facts: Facts, run_id: str) -> None:
        self._facts = facts
        self.id = run_id

    def __repr__(self) -> str:
        record = self.record
        return f"<run {record.id} of {record.function_id}: {record.status.value}>"

    @property
    def record(self) -> RunRecord:
        """All that is recorded of it."""
        return self._facts.run(self.id)

    @property
    def function_id(self) -> str:
        """`app-function`."""
        return self.record.function_id

    @property
    def status(self) -> RunStatus:
        """Its status."""
        return self.record.status

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.status in FINAL

    @property
    def error(self) -> ErrorInfo | None:
        """Why it failed, or was cancelled or skipped; None if it was not."""
        return self.record.error

    @property
    def output(self) -> T:
        """The value that the function returned.

        Raises:
            RunNotCompletedError: it failed, was cancelled or was skipped.
            EngineStateError: it has not ended.
        """
        record = self.record
        if record.status not in FINAL:
            raise EngineStateError(f"run {self.id} of {record.function_id} has not ended: it has no output")
        ended = Ended(record.status, codec.dumps(record.output), record.error)
        return cast("T", results.result_of(self.id, ended, self._facts.functions.get(record.function_id)))

    @property
    def steps(self) -> Mapping[str, StepRecord]:
        """Its steps that are recorded, by their ids, with `:n` for a repeat, in the order of their commits."""
        return {step.id: step for step in self.record.steps}

    def story(self) -> str:
        """Its story, line by line."""
        return self._facts.story.of(self.id)


class Runs:
    """The runs of a test's engine."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def of(self, fn: Function[T]) -> list[Run[T]]:
        """Those of a function, in the order in which they were created."""
        return [Run(self._facts, one.id) for one in self._facts.of(fn.id)]

    def one(self, fn: Function[T]) -> Run[T]:
        """The only run of a function.

        Raises:
            RunAssertionError: there is none, or several.
        """
        return only(self.of(fn), fn.id)

    def of_event(self, event_id: str) -> list[Run[object]]:
        """Those that an event has started, in the order in which they were created."""
        return [Run(self._facts, one.id) for one in self._facts.of(None, event_id)]

    def all(self) -> list[Run[object]]:
        """All of them, in the order in which they were created."""
        return [Run(self._facts, one.id) for one in self._facts.of(None)]


def only(found: list[Run[T]], function_id: str) -> Run[T]:
    """The only one of these runs.

    Raises:
        RunAssertionError: there is none, or several.
    """
    if len(found) == 1:
        return found[0]
    if not found:
        raise RunAssertionError(f"{function_id} has no run: was its event sent, and does its trigger fit?")
    raise RunAssertionError(f"{function_id} has {len(found)} runs: expect one of runs.of(fn)")
