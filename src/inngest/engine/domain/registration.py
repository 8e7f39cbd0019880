"""Functions that an app registers, as the engine knows them; or everything that is wrong with them. Pure.

A registration comes from any SDK, of any version: members that nobody knows are ignored. The checks are those of
`protocol.config`, which compile each expression.
"""

from __future__ import annotations

import hashlib
import json
import re
import urllib.parse
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from inngest.protocol import config, events, limits, texts
from inngest.protocol.config import ConfigModel

from .matching import ExpressionError, compiled
from .model import FunctionSpec, Transport

M = TypeVar("M", bound=ConfigModel)

SCHEMES = ("http", "https")
"""Schemes of the URLs at which functions are called."""


class Problem(NamedTuple):
    """Something that is wrong with a registration."""

    function: str  # its id; "#2" of one that has none; "" if it is about the app
    path: str  # of the member: "triggers.0.expression"
    text: str  # why, and what is expected

    def __str__(self) -> str:
        return ": ".join(part for part in (self.function, self.path, self.text) if part)


MAX_PROBLEMS = 100
"""Problems of a registration that are told."""

MAX_TEXT = 300
"""Characters of each part of a problem: of whose it is, of where, and of why."""


def bounded(problems: Sequence[Problem]) -> list[Problem]:
    """The first of many problems, each cut, with how many more there are."""
    told = [
        Problem(*(part if len(part) <= MAX_TEXT else f"{part[: MAX_TEXT - 1]}…" for part in one))
        for one in problems[:MAX_PROBLEMS]
    ]
    more = len(problems) - len(told)
    return [*told, Problem("", "", f"and {more:,} more")] if more else told


class Specs(NamedTuple):
    """The functions of a registration. They count only if there are no problems."""

    functions: Sequence[FunctionSpec]
    problems: Sequence[Problem]


def app_uuid(name: str) -> uuid.UUID:
    """The UUID of an app: the same for the same name, everywhere."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"inngest:app:{texts.escaped(name)}")


def function_uuid(function_id: str) -> uuid.UUID:
    """The UUID of a function ("{app}-{fn}"): the same for the same id, everywhere."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"inngest:function:{texts.escaped(function_id)}")


def checksum_of(app: str, url: str, functions: Sequence[FunctionSpec]) -> str:
    """A text that is the same for the same registration, in whatever order its functions come."""
    given = [app, url, sorted((function.id, function.config, function.url) for function in functions)]
    return hashlib.sha256(json.dumps(given).encode()).hexdigest()


def specs(app: str, functions: Sequence[object]) -> Specs:
    """Read the functions of an app.

    Args:
        app: its name.
        functions: the function objects of the wire, parsed.
    """
    if len(functions) > limits.MAX_FUNCTIONS:
        text = f"there are {len(functions):,}, and an app has at most {limits.MAX_FUNCTIONS:,}: make several apps of it"
        return Specs([], [Problem("", "functions", text)])
    found: dict[str, FunctionSpec] = {}
    problems = [Problem("", "appName", reason) for reason in [_name_problem(app)] if reason]
    for place, wire in enumerate(functions):
        if not isinstance(wire, Mapping):
            problems.append(Problem(f"#{place}", "", f"expected an object, got {wire!r}"))
            continue
        reader = _Reader(app, wire, place)
        spec = reader.spec()
        problems += reader.problems
        if spec.id in found:
            problems.append(Problem(spec.id, "id", "two functions have it"))
        found[spec.id] = spec
    return Specs([_as_failure_handler(one, found) for one in found.values()], problems)


class _Reader:
    """Reads one function, and notes what is wrong with it."""

    def __init__(self, app: str, wire: Mapping[str, Any], place: int) -> None:
        self._app = app
        self._wire = _members(wire)
        self.problems: list[Problem] = []
        self._id = f"#{place}"
        name = self._text("name")
        self._id = self._text("id") or _slug(name) or self._id
        self._name = name or self._id

    def spec(self) -> FunctionSpec:
        """The function, as far as it can be read."""
        if not self._text("name"):
            self._wrong("name", "a function has a name for people")
        elif reason := texts.problem(self._name):
            self._wrong("name", reason)
        if reason := _name_problem(self._id):
            self._wrong("id", reason)
        url, retries = self._step()
        triggers = self._triggers()
        wire: dict[str, object] = {"id": self._id, "name": self._name, "retries": retries, "triggers": triggers}
        written = json.dumps({**wire, **self._options()}, sort_keys=True)
        return FunctionSpec(
            id=self._id,
            app_id=self._app,
            name=self._name,
            version=_version(written),
            retries=retries,
            events=tuple(str(trigger["event"]) for trigger in triggers if "event" in trigger),
            failure_of=None,
            config=written,
            transport=Transport.HTTP,
            url=url,
            uuid=str(function_uuid(self._id)),
        )

    def _wrong(self, path: str, text: str) -> None:
        self.problems.append(Problem(self._id, path, text))

    def _text(self, member: str) -> str:
        value = self._wire.get(member.lower())
        return value.strip() if isinstance(value, str) else ""

    # -- the step

    def _step(self) -> tuple[str, int]:
        """The URL at which it is called, and how often what fails is tried again."""
        steps = self._wire.get("steps")
        if not isinstance(steps, Mapping) or len(steps) != 1:
            self._wrong("steps", "a function has exactly one step")
            return "", limits.DEFAULT_RETRIES
        ((key, step),) = steps.items()
        path = f"steps.{key}"
        if not isinstance(step, Mapping):
            self._wrong(path, f"expected an object, got {step!r}")
            return "", limits.DEFAULT_RETRIES
        members = _members(step)
        runtime = members.get("runtime")
        url = _members(runtime).get("url") if isinstance(runtime, Mapping) else None
        if reason := _url_problem(url):
            self._wrong(f"{path}.runtime.url", reason)
        return str(url), self._retries(members.get("retries"), f"{path}.retries.attempts")

    def _retries(self, wire: object, path: str) -> int:
        value = _members(wire).get("attempts") if isinstance(wire, Mapping) else wire
        value = self._wire.get("retries") if value is None else value
        if value is None:
            return limits.DEFAULT_RETRIES
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self._wrong(path, f"expected a whole number from 0 to {limits.MAX_RETRIES}, got {value!r}")
            return limits.DEFAULT_RETRIES
        return min(value, limits.MAX_RETRIES)

    # -- what it was configured with, as `FunctionOptions.to_wire` writes it

    def _options(self) -> dict[str, object]:
        batch = self._one("batchEvents", config.Batch)
        single: Mapping[str, ConfigModel | None] = {
            "batchEvents": batch,
            "debounce": self._one("debounce", config.Debounce),
            "priority": self._one("priority", config.Priority),
            "rateLimit": self._one("rateLimit", config.RateLimit),
            "singleton": self._one("singleton", config.Singleton, mode="skip"),
            "throttle": self._one("throttle", config.Throttle),
            "timeouts": self._one("timeouts", config.Timeouts),
        }
        wire: dict[str, object] = {name: model.to_wire() for name, model in single.items() if model is not None}
        if cancel := self._several("cancel", config.Cancel, limits.MAX_CANCELS):
            wire["cancel"] = [one.to_wire() for one in cancel]
        if concurrency := self._concurrency():
            wire["concurrency"] = [one.to_wire() for one in concurrency]
        if idempotency := self._text("idempotency"):
            try:
                compiled(idempotency)
            except ExpressionError as error:
                self._wrong("idempotency", str(error))
            wire["idempotency"] = idempotency
        if batch is not None:
            self._nothing_beside_a_batch(wire)
        return wire

    def _nothing_beside_a_batch(self, wire: Mapping[str, Any]) -> None:
        others = [name for name in _NOT_WITH_BATCHES if name in wire]
        others += ["timeouts.start"] if "start" in wire.get("timeouts", ()) else []
        for name in others:
            self._wrong(name, "it cannot be combined with batchEvents")

    def _triggers(self) -> list[dict[str, object]]:
        given = self._wire.get("triggers")
        if not isinstance(given, Sequence) or isinstance(given, str) or not 1 <= len(given) <= limits.MAX_TRIGGERS:
            self._wrong("triggers", f"a function has 1 to {limits.MAX_TRIGGERS} triggers")
            return []
        found = [self._trigger(one, f"triggers.{place}") for place, one in enumerate(given)]
        return [one.to_wire() for one in found if one is not None]

    def _trigger(self, wire: object, path: str) -> ConfigModel | None:
        members = _members(wire) if isinstance(wire, Mapping) else {}
        kinds = [kind for kind in ("event", "cron") if members.get(kind)]
        if len(kinds) != 1:
            self._wrong(path, f"a trigger has either event or cron, got {wire!r}")
            return None
        return self._model(path, config.TriggerEvent if kinds == ["event"] else config.TriggerCron, members)

    def _concurrency(self) -> list[config.Concurrency]:
        given = self._wire.get("concurrency")
        if isinstance(given, Mapping) and not {"limit", "key", "scope"} & _members(given).keys():
            groups = _members(given)
            given = [*_listed(groups.get("fn")), *_listed(groups.get("step"))]
        self._wire["concurrency"] = [
            {"limit": one} if isinstance(one, int) and not isinstance(one, bool) else one for one in _listed(given)
        ]
        found = self._several("concurrency", config.Concurrency, limits.MAX_CONCURRENCY_LIMITS)
        if sum(one.key is None for one in found) > 1:
            self._wrong("concurrency", "only one limit without a key is allowed")
        return found

    def _one(self, name: str, kind: type[M], **otherwise: object) -> M | None:
        wire = self._wire.get(name.lower())
        if wire is None:
            return None
        if not isinstance(wire, Mapping):
            self._wrong(name, f"expected an object, got {wire!r}")
            return None
        given = _members(wire)
        return self._model(name, kind, {**otherwise, **given}) if given else None

    def _several(self, name: str, kind: type[M], most: int) -> list[M]:
        wires = self._wire.get(name.lower())
        if wires is None:
            return []
        if not isinstance(wires, list | tuple) or len(wires) > most:
            self._wrong(name, f"expected an array of at most {most}")
            return []
        found: list[M | None] = []
        for place, wire in enumerate(wires):
            path = f"{name}.{place}"
            if isinstance(wire, Mapping):
                found.append(self._model(path, kind, _members(wire)))
            else:
                self._wrong(path, f"expected an object, got {wire!r}")
        return [one for one in found if one is not None]

    def _model(self, path: str, kind: type[M], members: Mapping[str, object]) -> M | None:
        made, problems = config.read(kind, {name: value for name, value in members.items() if value != ""})
        for member, reason in problems:
            self._wrong(f"{path}.{member}" if member else path, reason)
        return made


_NOT_WITH_BATCHES = ("cancel", "debounce", "idempotency", "priority", "rateLimit", "singleton")

_FAILURE_OF = re.compile(r"event\.data\.function_id == '([^'\\]+)'")


def _as_failure_handler(function: FunctionSpec, others: Mapping[str, FunctionSpec]) -> FunctionSpec:
    """A function that handles the failures of another is known by that: nobody asks its expression then.

    Only one can be, of each function; it has no other trigger, and nothing is asked of its starts.
    """
    wire = json.loads(function.config)
    triggers = wire["triggers"]
    if len(triggers) != 1 or triggers[0].get("event") != events.FAILED or _GATED & wire.keys():
        return function
    found = _FAILURE_OF.fullmatch(triggers[0].get("expression", ""))
    if found is None or found[1] not in others or function.id != _handler_id(found[1]):
        return function
    written = json.dumps({**wire, "triggers": [], "failure_of": found[1]}, sort_keys=True)
    return function._replace(events=(), failure_of=found[1], config=written, version=_version(written))


_GATED = frozenset(("batchEvents", "debounce", "idempotency", "rateLimit", "singleton", "timeouts"))


def _handler_id(function_id: str) -> str:
    return f"{function_id}-failure"


def _version(written: str) -> str:
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def _members(wire: Mapping[Any, Any]) -> dict[str, Any]:
    """The members of an object by their names in lower case: SDKs do not agree about these."""
    return {str(name).lower(): value for name, value in wire.items()}


def _listed(value: Any) -> Sequence[Any]:
    """Several as they are, one by itself; null is none."""
    return [one for one in (value if isinstance(value, list | tuple) else [value]) if one is not None]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _name_problem(name: str) -> str | None:
    return texts.problem(name) if name.strip() else "must not be empty"


def _url_problem(url: object) -> str | None:
    if not isinstance(url, str):
        return f"expected the URL at which the function is called, got {url!r}"
    try:
        parsed = urllib.parse.urlsplit(url)
        known = parsed.scheme in SCHEMES and bool(parsed.hostname) and parsed.port != 0
    except ValueError:
        known = False
    if texts.problem(url) is None and known:
        return None
    return f"expected a URL that begins with {' or '.join(f'{scheme}://' for scheme in SCHEMES)}, got {url!r}"
