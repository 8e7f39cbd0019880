"""Decides which runs an event starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from inngest.protocol import limits
from inngest.protocol.opcodes import SentEvent

from . import subscriptions
from .event_view import EventView
from .explaining import text_of
from .function_rules import FunctionRules, rules_of
from .gates import Gates, UndecidedError, any_true, gates_for
from .lanes import position_of
from .model import Event, FunctionSpec, Registry, Run, RunStatus
from .starts import Start


def stored(sent: SentEvent, now: int, new_id: Callable[[int], str]) -> Event:
    """The event as it is stored: with an id, and a time."""
    return Event(sent.id or new_id(now), sent.name, sent.data, sent.ts or now, sent.key, now, sent.extra)


def starts(events: Iterable[Event], registry: Registry, now: int, new_id: Callable[[int], str]) -> list[Start]:
    """The runs that events start, in order; each function once for an event, whichever of its triggers match.

    Those of one event are in the order of the ids of their functions.
    """
    found: list[Start] = []
    for event in events:
        patterns = tuple(_patterns(event.name, registry))
        if not patterns:
            continue
        view = EventView(event, now)
        for function in _listening(patterns, registry):
            paused = registry.paused.get(function.id)
            try:
                if not _matches(rules_of(function.id, function.config), patterns, view):
                    continue
                found.append(_start(function, view, now, new_id, paused=paused, listens=True))
            except UndecidedError as undecided:
                rules = rules_of(function.id, function.config)
                found.append(_bare(function, rules, view, now, new_id, listens=True).skip(undecided.info))
            except Exception as error:
                found.append(_unread(function, event, now, new_id, error))
    return found


def again(
    function: FunctionSpec, event: Event, registry: Registry, now: int, new_id: Callable[[int], str], *, direct: bool
) -> list[Start]:
    """The run of a start that was put off, since its function's configuration could not be read; none if it does not
    match now.

    Raises:
        Exception: it cannot be read yet.
    """
    paused = registry.paused.get(function.id)
    if direct:
        return [start(function, event, now, new_id, paused=paused)]
    found = starts([event], Registry.of(registry.generation, [function], registry.paused), now, new_id)
    for one in found:
        if one.gates is not None and one.gates.unread is not None:
            raise ValueError(one.gates.unread)
    return found


def _unread(
    function: FunctionSpec,
    event: Event,
    now: int,
    new_id: Callable[[int], str],
    error: Exception,
    *,
    direct: bool = False,
) -> Start:
    """The stand-in for a run while its function's configuration cannot be read; it is never stored."""
    run = Run(new_id(now), function.id, "", event.id, RunStatus.QUEUED, now, 0)
    return Start(run, now, "", gates=Gates(event.ts, 0, direct, unread=text_of(error)))


def hearing(event: Event, registry: Registry) -> Sequence[FunctionSpec]:
    """The functions that have a trigger of the event's name, whatever its condition."""
    patterns = tuple(_patterns(event.name, registry))
    return _listening(patterns, registry) if patterns else ()


def any_matches(function: FunctionSpec, view: EventView, registry: Registry) -> bool:
    """Whether a trigger of a function that hears an event matches it.

    Raises:
        UndecidedError: a condition gave neither true nor false.
    """
    return _matches(rules_of(function.id, function.config), tuple(_patterns(view.event.name, registry)), view)


_SEPARATOR = re.compile(r"[/.]")


def _patterns(name: str, registry: Registry) -> Iterator[str]:
    """The triggers that a name matches, as far as there are any: the name itself; `a/*` and `a.*` up to a separator."""
    if name in registry.by_event:
        yield name
    if registry.wild and not name.lower().startswith(limits.RESERVED_EVENT_PREFIX):
        for separator in _SEPARATOR.finditer(name):
            pattern = f"{name[: separator.end()]}*"
            if pattern in registry.by_event:
                yield pattern


def _listening(patterns: Sequence[str], registry: Registry) -> Sequence[FunctionSpec]:
    if len(patterns) == 1:
        return registry.by_event[patterns[0]]
    functions = {function.id: function for pattern in patterns for function in registry.by_event[pattern]}
    return [functions[function_id] for function_id in sorted(functions)]


def _matches(rules: FunctionRules, patterns: Sequence[str], view: EventView) -> bool:
    """Whether one of a function's triggers matches: its name is among the patterns, and its condition holds."""
    if not rules.conditions:
        return True
    own = [pattern for pattern in patterns if pattern in rules.names]
    if any(pattern not in rules.conditions for pattern in own):
        return True
    return any_true("trigger.expression", [one for pattern in own for one in rules.conditions[pattern]], view)


def start(
    function: FunctionSpec, event: Event, now: int, new_id: Callable[[int], str], *, paused: str | None = None
) -> Start:
    """A run of a function that somebody waits for, whatever its triggers: it is not collected with others."""
    return _start(function, EventView(event, now), now, new_id, paused=paused, direct=True)


def collected(
    function: FunctionSpec, event: Event, now: int, new_id: Callable[[int], str], *, paused: str | None = None
) -> Start:
    """The run of an event, or of a batch with it as its first, that has waited until now."""
    return _start(function, EventView(event, now), now, new_id, paused=paused, was_collected=True)


def rerun(function: FunctionSpec, event: Event, now: int, run_id: str, *, paused: bool) -> Start:
    """The run of a function that somebody asks for by a run that there was.

    No gate drops it, collects it with others, or counts it: that was done as the first one came. It waits in its lane
    as any run does, and while the function is paused; the function's time-outs hold for it.
    """
    rules = rules_of(function.id, function.config)
    bare = _bare(function, rules, EventView(event, now), now, lambda _: run_id)._replace(due_at=now, key="")
    held = "queue" if paused else None
    gates = Gates(
        event.ts, 0, True, paused=held, start_timeout=rules.start_timeout, finish_timeout=rules.finish_timeout
    )
    return bare._replace(gates=gates)


def _start(
    function: FunctionSpec,
    view: EventView,
    now: int,
    new_id: Callable[[int], str],
    *,
    paused: str | None,
    direct: bool = False,
    was_collected: bool = False,
    listens: bool = False,
) -> Start:
    rules = rules_of(function.id, function.config)
    bare = _bare(function, rules, view, now, new_id, listens=listens)
    if not rules.gated:
        return bare if paused is None else bare.pause(paused)
    try:
        gates = gates_for(rules, view, direct=direct, paused=paused, collected=was_collected)
    except UndecidedError as undecided:
        return bare.skip(undecided.info)
    return bare._replace(gates=gates)


def _bare(
    function: FunctionSpec,
    rules: FunctionRules,
    view: EventView,
    now: int,
    new_id: Callable[[int], str],
    *,
    listens: bool = False,
) -> Start:
    """A run of a function for an event; an event from the future delays it."""
    event = view.event
    if not isinstance(function.retries, int) or not isinstance(function.version, str):
        raise TypeError(f"its retries or its version cannot be read: {function.retries!r}, {function.version!r}")
    due_at = event.ts if event.ts > now + limits.FUTURE_EVENT_GRACE else now
    position = position_of(function.id, rules.queueing, view)
    cancels = rules.cancellations
    run = Run(
        id=new_id(now),
        function_id=function.id,
        function_version=function.version,
        event_id=event.id,
        status=RunStatus.QUEUED,
        created_at=now,
        retries=function.retries,
        watched=bool(cancels),
        lane=None if position is None or not position.lane.budgets else position.lane.id,
    )
    cancelling = subscriptions.of_cancellations(run.id, cancels, view, now) if cancels else ()
    return Start(run, due_at, event.key, cancelling, position=position, listens=listens)


def invoked(
    function_id: str,
    event: Event,
    registry: Registry,
    now: int,
    new_id: Callable[[int], str],
    *,
    by: tuple[str, str] | None = None,
    heard: bool = True,
) -> list[Start]:
    """The run of a function that is invoked, and those of functions that listen to invocations.

    Args:
        function_id: the invoked function; if it is not known it does not start, and who invokes it waits for it.
        event: `system_events.of_invocation`.
        registry: what is known.
        now: unix ms.
        new_id: makes ULIDs.
        by: the run that invokes it, and the hash of its step.
        heard: whether others are told.
    """
    started: list[Start] = []
    function = registry.functions.get(function_id)
    if function is not None:
        try:
            own = start(function, event, now, new_id, paused=registry.paused.get(function_id))
        except Exception as error:
            own = _unread(function, event, now, new_id, error, direct=True)
        if by is not None:
            own = own._replace(run=own.run._replace(parent_id=by[0], parent_hash=by[1]))
        started.append(own)
    return [*started, *starts([event], registry, now, new_id)] if heard else started


def failure_starts(
    function_id: str, event: Event, registry: Registry, now: int, new_id: Callable[[int], str]
) -> list[Start]:
    """The run of a function's failure handler, if it has one."""
    handler = registry.by_failure.get(function_id)
    if handler is None:
        return []
    try:
        return [_bare(handler, rules_of(handler.id, handler.config), EventView(event, now), now, new_id)]
    except Exception as error:
        return [_unread(handler, event, now, new_id, error, direct=True)]
