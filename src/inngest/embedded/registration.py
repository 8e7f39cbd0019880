"""Functions of the developer's half as the engine knows them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from inngest.engine.domain.model import FunctionSpec
from inngest.protocol import events, limits
from inngest.protocol.config import TriggerCron
from inngest.sdk.function import FAILURE_RETRIES, Function, FunctionOptions, location_of

from .errors import EngineConfigError


def specs_of(functions: Iterable[Function[object]]) -> list[FunctionSpec]:
    """The registrations of functions: themselves and their failure handlers.

    Raises:
        EngineConfigError: a function asks for what this engine cannot do; nothing is left out in silence.
    """
    found: dict[str, tuple[FunctionSpec, Function[object]]] = {}
    for function in functions:
        refuse_unknown(function.id, function.options)
        for spec in _specs(function):
            if spec.id in found:
                other = location_of(found[spec.id][1].handler)
                raise EngineConfigError(
                    f"functions: the id {spec.id!r} is there twice: by {other}, and again by "
                    f"{location_of(function.handler)}"
                )
            found[spec.id] = (spec, function)
    return [spec for spec, _ in found.values()]


def refuse_unknown(function_id: str, options: FunctionOptions) -> None:
    """Refuse triggers that never come: names that are kept for the engine, which does not send them.

    Raises:
        EngineConfigError: names the trigger.
    """
    for trigger in options.triggers:
        if isinstance(trigger, TriggerCron) or trigger.event in events.SYSTEM:
            continue
        if trigger.event.lower().startswith(limits.RESERVED_EVENT_PREFIX):
            raise EngineConfigError(
                f"functions: {function_id!r} has TriggerEvent(event={trigger.event!r}), but events whose names begin "
                "with 'inngest/' come from the engine, and it sends none with that name: expected one of "
                + ", ".join(events.SYSTEM)
            )


def _specs(function: Function[object]) -> Sequence[FunctionSpec]:
    options = function.options
    names = tuple(trigger.event for trigger in options.triggers if not isinstance(trigger, TriggerCron))
    wire = {"id": function.id, "name": function.name, "retries": options.retries, **options.to_wire()}
    own = _spec(function, function.id, function.name, names, None, wire, options.retries)
    failure_id = function.on_failure_fn_id
    if failure_id is None:
        return [own]
    name = f"{function.name} (failure)"
    wire = {"id": failure_id, "name": name, "retries": FAILURE_RETRIES, "failure_of": function.id}
    return [own, _spec(function, failure_id, name, (), function.id, wire, FAILURE_RETRIES)]


def _spec(
    function: Function[object],
    function_id: str,
    name: str,
    events: tuple[str, ...],
    failure_of: str | None,
    wire: dict[str, object],
    retries: int,
) -> FunctionSpec:
    config = json.dumps(wire, sort_keys=True)
    return FunctionSpec(
        id=function_id,
        app_id=function.client.app_id,
        name=name,
        version=hashlib.sha256(config.encode()).hexdigest()[:16],
        retries=retries,
        events=events,
        failure_of=failure_of,
        config=config,
    )
