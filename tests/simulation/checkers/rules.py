"""What functions are configured to do with their events, read anew: checkers must not ask the engine's reading of it.

Expressions are not evaluated. What one says is said again by its program (`Program.means`); `event.data.name` needs no
saying.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.simulation.history import Row, State
from tests.simulation.scenario import APP, Meaning, Scenario

_FIELD = re.compile(r"event\.data\.(\w+)")
_LENGTH = re.compile(r"(\d+)([a-z]+)")
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}

COLLECTING = ("debounce", "batchEvents")
REFUSING = ("rateLimit", "idempotency", "singleton")

Data = Mapping[str, Any]


@functools.cache
def ms(text: str | None) -> int | None:
    """Milliseconds of a duration on the wire: `1h30m`."""
    if text is None:
        return None
    parts = _LENGTH.findall(text)
    assert "".join(number + unit for number, unit in parts) == text, f"{text!r} is no duration"
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


@functools.cache
def config_of(text: str) -> Mapping[str, Any]:
    """The wire configuration of a function."""
    config: dict[str, Any] = json.loads(text)
    return config


@functools.lru_cache(maxsize=50_000)
def data_of(text: str) -> Data:
    """The data of an event."""
    data: dict[str, Any] = json.loads(text)
    return data


@dataclass(frozen=True, slots=True)
class Rules:
    """Reads the configuration of the functions of one scenario.

    Args:
        means: by function, then by the text of an expression.
    """

    means: Mapping[str, Mapping[str, Meaning]]

    @classmethod
    def of(cls, scenario: Scenario) -> Rules:
        """Those of a scenario."""
        return cls({f"{APP}-{name}": program.means for program in scenario.programs for name in program.ends})

    def says(self, function_id: str, expression: str, data: Data) -> object:
        """What an expression of a function says about an event's data."""
        meaning = self.means[function_id].get(expression)
        if meaning is not None:
            return meaning(data)
        field = _FIELD.fullmatch(expression)
        assert field is not None, f"no program says what {expression!r} means"
        return data.get(field[1])

    def key(self, function_id: str, gate: Mapping[str, Any], data: Data) -> str | None:
        """The value of a gate's key: "" if it has none, None if the gate does not apply."""
        if "key" not in gate:
            return ""
        value = self.says(function_id, gate["key"], data)
        return None if value is None or value is False else json.dumps(value)

    def starts(self, function: Row, event: Row) -> bool:
        """Whether one of a function's triggers names the event, and its condition holds."""
        name, function_id = str(event["name"]), str(function["id"])
        for trigger in config_of(str(function["config"])).get("triggers", ()):
            if "event" in trigger and _names(trigger["event"], name):
                condition = trigger.get("expression")
                if condition is None or self.says(function_id, condition, data_of(str(event["data"]))) is True:
                    return True
        return False


def _names(pattern: str, name: str) -> bool:
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1]) and not name.startswith("inngest/")
    return pattern == name


def is_gated(function: Row) -> bool:
    """Whether an event that matches may be collected, or refused."""
    config = config_of(str(function["config"]))
    return any(name in config for name in (*COLLECTING, *REFUSING))


def config_for(run: Row, state: State) -> Mapping[str, Any]:
    """The configuration of a run's function."""
    return config_of(str(state.functions[str(run["function_id"])]["config"]))


def data_for(run: Row, state: State) -> Data:
    """The data of a run's event."""
    return data_of(str(state.events[str(run["event_id"])]["data"]))
