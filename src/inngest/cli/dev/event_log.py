"""Everything that happens, as records: dicts with a `type`, in the order in which it became durable
(docs/reference/cli.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from inngest.cli.json_shapes import error_shape
from inngest.embedded.views import hold_of
from inngest.engine.domain.model import Changes, Ended, Event, FailedAttempt, Hold, Released, Run, RunStatus
from inngest.engine.records import Claimed, Touched
from inngest.protocol import codec
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Opcode
from inngest.protocol.wire import endpoints
from inngest.runtime.clock import wall_clock_ms
from inngest.server.run_json import hold_json

from .early import Early, again_at

Record = Mapping[str, object]
Emit = Callable[[Record], None]

INVOKED = "inngest/function.invoked"


class EventLog:
    """An observer that turns what it is told into records.

    Args:
        emit: takes each record.
        now: the engine's time (unix ms).
    """

    def __init__(self, emit: Emit, now: Callable[[], int] = wall_clock_ms) -> None:
        self._emit = emit
        self._now = now
        self._began_at = wall_clock_ms()
        self._taken_up: set[str] = set()  # runs from before this process that it has said go on, until they end
        self._early = Early()

    def accepted(self, events: Sequence[Event], started: Sequence[Run], touched: Sequence[Touched]) -> None:
        """Events, with the runs they started, and those that they woke or cancelled."""
        for event in events:
            runs = [{"run_id": run.id, "function_id": run.function_id} for run in started if run.event_id == event.id]
            self._say(
                "event",
                event_id=event.id,
                name=event.name,
                id=event.key or None,
                data=codec.loads(event.data),
                runs=runs,
                woken=[
                    {"run_id": one.run_id, "cancelled": one.cancelled} for one in touched if one.event_id == event.id
                ],
            )
        requests = {event.id: event.name for event in events if event.name == endpoints.EVENT}
        for run in started:
            if run.event_id in requests:  # its app has begun it, and no worker enters it meanwhile
                self._goes("run.started", run, [requests[run.event_id]], 0)
            if run.status is RunStatus.SKIPPED:
                error = None if run.error is None else ErrorInfo.from_json(run.error)
                self._say("run.skipped", **_names(run), event_id=run.event_id, error=error_shape(error))

    def entered(self, claimed: Claimed) -> None:
        """A run begins, or goes on: by itself, or because somebody said so."""
        run = claimed.run
        for kind, members in self._early.entered(claimed, self._now()):
            self._say(kind, **_names(run), **members)
        restarted = not claimed.begins and self._is_first_time(run)
        names, steps = [event.name for event in claimed.events], len(claimed.memos)
        self._goes("run.started" if claimed.begins else "run.resumed", run, names, steps, restarted=restarted)

    def _goes(self, kind: str, run: Run, events: Sequence[str], steps: int, *, restarted: bool = False) -> None:
        """A run begins, or goes on."""
        self._say(
            kind,
            **_names(run),
            event_id=run.event_id,
            events=events,
            takeovers=run.takeovers,
            steps=steps,
            restarted=restarted,
            origin_id=None if run.origin is None else run.origin.run_id,
        )

    def _is_first_time(self, run: Run) -> bool:
        """Whether a run began before this process, which now takes it up for the first time."""
        if run.started_at is None or run.started_at >= self._began_at or run.id in self._taken_up:
            return False
        self._taken_up.add(run.id)
        return True

    def committed(self, run: Run, changes: Changes) -> None:
        """Steps, attempts, and how the run ended."""
        opened = {step.step.hash: step for step in changes.open}
        for memo in changes.memos:
            self._say(_memo_type(memo), **_names(run), **_memo(memo))
        for failed in changes.failed:
            if failed.step:
                step = opened.get(failed.step)
                name = failed.name if step is None else step.step.text
                self._say("step.retrying", **_names(run), step=name, **_retry(run, failed, again_at(changes, failed)))
        for step in changes.open:
            if step.kind is Opcode.SLEEP:
                self._say("step.sleeping", **_names(run), step=step.step.text, due_at=step.due_at)
        for sent in changes.sent:
            self._say("event.sent", **_names(run), event_id=sent.id, name=sent.name, data=codec.loads(sent.data))
        if isinstance(changes.transition, Ended):
            self._taken_up.discard(run.id)
        self._early.committed(run, changes)
        for kind, members in _transition(run, changes):
            self._say(kind, **_names(run), **members)

    def cancelled(self, run: Run) -> None:
        """A run was cancelled, by whomever."""
        self._taken_up.discard(run.id)
        self._early.forget(run.id)
        error = None if run.error is None else ErrorInfo.from_json(run.error)
        self._say("run.cancelled", **_names(run), duration=_duration(run), output=None, error=error_shape(error))

    def _say(self, record_type: str, **members: object) -> None:
        self._emit({"type": record_type, "at": wall_clock_ms(), **members})


def _names(run: Run) -> dict[str, object]:
    return {"run_id": run.id, "function_id": run.function_id}


def _retry(run: Run, failed: FailedAttempt, due_at: int) -> dict[str, object]:
    return {
        "attempt": failed.attempt,
        "max_attempts": run.retries + 1,
        "error": error_shape(failed.error),
        "due_at": due_at,
        "delay": due_at - failed.ended_at,
    }


def _memo_type(memo: Memo) -> str:
    if memo.cancelled:
        return "step.cancelled"
    return "step.completed" if memo.error is None else "step.failed"


def _memo(memo: Memo) -> dict[str, object]:
    return {
        "step": memo.step.text,
        "kind": memo.kind.value if memo.kind is not None else None,
        "attempt": memo.attempt,
        "duration": memo.ended_at - memo.started_at,
        "output": None if memo.data is None else codec.loads(memo.data),
        "error": error_shape(memo.error),
    }


def _transition(run: Run, changes: Changes) -> Iterator[tuple[str, dict[str, object]]]:
    transition = changes.transition
    if isinstance(transition, Ended):
        output = None if transition.output is None else codec.loads(transition.output)
        error = error_shape(transition.error)
        begun = run if run.started_at is not None else run._replace(started_at=run.created_at)  # with its event
        members: dict[str, object] = {"duration": _duration(begun), "output": output, "error": error}
        if transition.status is RunStatus.FAILED:
            members |= {"attempt": changes.attempt, "max_attempts": run.retries + 1}
        yield _END[transition.status], members
    elif isinstance(transition, Released):
        hold = transition.hold
        if hold is not None and changes.code is not None:  # else it was on hold before, and nothing new shows of it
            yield "run.held", {**_hold(hold), "due_at": transition.due_at}
    if not isinstance(transition, Ended):
        for failed in changes.failed:
            if not failed.step:
                yield "run.retrying", _retry(run, failed, again_at(changes, failed))


def _hold(hold: Hold) -> dict[str, object]:
    members = hold_json(hold_of(hold))
    del members["since"]  # now
    return members


def _duration(run: Run) -> int | None:
    """From its begin to its end; None if it had not begun."""
    return None if run.started_at is None or run.ended_at is None else run.ended_at - run.started_at


_END = {RunStatus.COMPLETED: "run.completed", RunStatus.FAILED: "run.failed"}
