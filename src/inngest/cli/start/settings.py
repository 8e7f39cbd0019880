"""The settings of `inngest start`, from a file, the environment and the command line; each mistake names its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar

from inngest.cli import arguments
from inngest.cli.errors import CommandError
from inngest.protocol import limits
from inngest.protocol.wire import signing
from inngest.runtime import egress

from .config_file import ConfigFile

T = TypeVar("T")

MAX_POLL_INTERVAL = 86_400.0

LISTS = ("allow_host", "deny_host", "event_key", "sdk_url", "signing_key")
TEXTS = (
    *("database", "drain_timeout", "host", "json", "lease", "log_format", "max_steps", "poll_interval", "port"),
    *("retention", "retry_interval", "traces"),
)
"""Settings by their names in a file; `--drain-timeout` and `INNGEST_DRAIN_TIMEOUT` are called `drain_timeout` there."""

_NAMED = re.compile(r"([A-Za-z0-9][\w.-]*):(.+)")


class Settings(NamedTuple):
    """The settings, checked."""

    signing_keys: Sequence[str]  # hexadecimal; the first one signs
    event_keys: Mapping[str, str]  # by name
    sdk_urls: Sequence[str]
    host: str
    port: int
    database: str
    poll_interval: float  # seconds; 0: until an app has registered
    retry_interval: float | None  # seconds
    max_steps: int
    drain: float  # seconds
    lease: int  # ms
    retention: int | Literal["default"] | None  # ms
    allow_hosts: Sequence[str]
    deny_hosts: Sequence[str]
    as_json: bool
    traces: bool  # spans are made of runs

    def __repr__(self) -> str:
        return "Settings(…)"  # it holds keys


class Given(NamedTuple):
    """A value, and the place where it was given."""

    value: object
    place: str  # for people: "--port", "INNGEST_PORT", "port in inngest.toml"


def resolve(flags: Mapping[str, object], environment: Mapping[str, str], file: ConfigFile) -> Settings:
    """The settings that count.

    Args:
        flags: those of the command line, by the names of `LISTS` and `TEXTS`; None, or empty, if one is not given.
        environment: its variables.
        file: the settings of a file.

    Raises:
        CommandError: a value cannot be used, or a key is missing. It tells no key.
    """
    given = _given(flags, environment, file)
    return Settings(
        signing_keys=_signing_keys(given.get("signing_key")),
        event_keys=_event_keys(given.get("event_key")),
        sdk_urls=_each("sdk_url", given, _url),
        host=_text("host", given, "127.0.0.1"),
        port=_number("port", given, 0, arguments.MAX_PORT, "8288"),
        database=_text("database", given, arguments.DEFAULT_DATABASE),
        poll_interval=_seconds("poll_interval", given, "0", MAX_POLL_INTERVAL),
        retry_interval=_seconds("retry_interval", given, "", arguments.MAX_RETRY_INTERVAL)
        if "retry_interval" in given
        else None,
        max_steps=_number("max_steps", given, 1, limits.ABSOLUTE_MAX_STEPS, arguments.MAX_STEPS),
        lease=_lease(given),
        retention=_retention(given),
        drain=_seconds("drain_timeout", given, "30s", arguments.MAX_DRAIN),
        allow_hosts=_each("allow_host", given, _rule),
        deny_hosts=_each("deny_host", given, _rule),
        as_json=arguments.is_json(_place("log_format", given), _text("log_format", given, "") or None)
        or _flag("json", given),
        traces=_flag("traces", given),
    )


def _given(flags: Mapping[str, object], environment: Mapping[str, str], file: ConfigFile) -> dict[str, Given]:
    """The values that were given; of two of a name the later place counts."""
    found: dict[str, Given] = {}
    for name, value in file.values.items():
        known = _setting(name)
        if known is None:
            raise CommandError(f"{file.place(name)}: there is no such setting", hint=_meant(name, value))
        if known == "event_key" and isinstance(value, Mapping):
            _check_event_keys(name, value, file)
        found[known] = Given(value, file.place(name))
    for name in (*LISTS, *TEXTS):
        variable = f"INNGEST_{name.upper()}"
        if text := environment.get(variable, ""):
            parts = [part.strip() for part in text.split(",") if part.strip()]
            found[name] = Given(parts if name in LISTS else text, variable)
    for name, value in flags.items():
        if value not in (None, [], (), False):
            found[name] = Given(value, f"--{name.replace('_', '-')}")
    return found


def _setting(name: str) -> str | None:
    """The setting of a name in a file; None if there is none."""
    known = name.replace("-", "_")
    return known if known in (*LISTS, *TEXTS) else None


def _meant(name: str, value: object) -> str:
    """How to mend a name that is none of a setting."""
    names = sorted((*LISTS, *TEXTS))
    if isinstance(value, Mapping):
        return f"settings stand in no table, but for the keys of [event_key]: take the line [{name}] away"
    close = difflib.get_close_matches(name.lower().replace("-", "_"), names, 1)
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(names)}"


def _check_event_keys(table: str, keys: Mapping[str, object], file: ConfigFile) -> None:
    """A table has all that stands below its line, also what was meant as a setting."""
    for name, value in keys.items():
        if _setting(name) is not None or not isinstance(value, str):
            raise CommandError(
                f"{file.place(name, table)}, is below [{table}], and so it is the key of a sender called {name}",
                hint=f"write settings above the line [{table}]; keys are texts, and no sender is called as a setting",
            )


def _lease(given: Mapping[str, Given]) -> int:
    return arguments.lease(_place("lease", given), _text_or_number("lease", given, "") or None)


def _retention(given: Mapping[str, Given]) -> int | Literal["default"] | None:
    return arguments.retention(_place("retention", given), _text_or_number("retention", given, "") or None)


def _signing_keys(given: Given | None) -> Sequence[str]:
    keys = _texts(given)
    if given is None or not keys:
        raise CommandError(
            "a signing key is needed: apps and this server show each other by it who they are",
            hint="set INNGEST_SIGNING_KEY, or name it with --signing-key; `openssl rand -hex 32` makes one",
        )
    for key in keys:
        try:
            signing.hashed(key)
        except ValueError as error:
            raise CommandError(f"{given.place}: {error}", hint="`openssl rand -hex 32` makes one") from None
    return keys


def _event_keys(given: Given | None) -> Mapping[str, str]:
    """Keys by their names; those without one are called "default", "default-2" and so on."""
    if given is not None and isinstance(given.value, Mapping):
        named = [(str(name), value) for name, value in given.value.items()]
    else:
        named = [_named(text, place) for place, text in enumerate(_texts(given), start=1)]
    keys: dict[str, str] = {}
    for name, key in named:
        if not isinstance(key, str) or not key or given is None:
            raise CommandError(f"{'' if given is None else given.place}: the key {name} is no text, or empty")
        if "/" in key:
            raise CommandError(f"{given.place}: the key {name} has a slash, and it is to stand in a path")
        if name in keys:
            raise CommandError(f"{given.place}: two keys are called {name}")
        keys[name] = key
    if not keys:
        raise CommandError(
            "an event key is needed: whoever sends events shows it",
            hint="set INNGEST_EVENT_KEY, or name it with --event-key; with NAME:KEY each sender has one of its own",
        )
    return keys


def _named(text: str, place: int) -> tuple[str, str]:
    found = _NAMED.fullmatch(text)
    if found is None:
        return ("default" if place == 1 else f"default-{place}"), text
    return found[1], found[2]


def _url(text: str, place: str) -> str:
    return arguments.app_url(place, text)


def _rule(text: str, place: str) -> str:
    try:
        egress.rule(text)
    except ValueError as error:
        raise CommandError(f"{place}: {error}") from None
    return text


def _each(name: str, given: Mapping[str, Given], checked: Callable[[str, str], str]) -> Sequence[str]:
    one = given.get(name)
    return [] if one is None else [checked(text, one.place) for text in _texts(one)]


def _texts(given: Given | None) -> list[str]:
    """A list of texts; a single one is a list too."""
    if given is None:
        return []
    values = [given.value] if isinstance(given.value, str) else given.value
    if not isinstance(values, list | tuple) or not all(isinstance(one, str) for one in values):
        raise CommandError(f"{given.place}: expected a text, or a list of texts")
    return list(values)


def _text(name: str, given: Mapping[str, Given], otherwise: str) -> str:
    one = given.get(name)
    if one is None:
        return otherwise
    if not isinstance(one.value, str):
        hint = f'write {name} = "{one.value}"' if isinstance(one.value, int | float) else ""
        raise CommandError(f"{one.place}: expected a text, got {one.value!r:.80}", hint=hint)
    return one.value


def _text_or_number(name: str, given: Mapping[str, Given], otherwise: str) -> str:
    """A number as text: files have numbers as such, the environment and the command line have none."""
    one = given.get(name)
    if one is None:
        return otherwise
    if isinstance(one.value, bool) or not isinstance(one.value, str | int | float):
        raise CommandError(f"{one.place}: expected a text or a number, got {one.value!r:.80}")
    return str(one.value)


def _place(name: str, given: Mapping[str, Given]) -> str:
    return given[name].place if name in given else f"--{name}"


def _number(name: str, given: Mapping[str, Given], least: int, most: int, otherwise: str) -> int:
    return arguments.whole_number(_place(name, given), _text_or_number(name, given, otherwise), least, most)


def _seconds(name: str, given: Mapping[str, Given], otherwise: str, most: float) -> float:
    place, text = _place(name, given), _text_or_number(name, given, otherwise)
    found = arguments.seconds(place, text) or 0.0
    if found > most:
        raise CommandError(f"{place}: expected at most {most:,.0f} s, got {text!r}")
    return found


def _flag(name: str, given: Mapping[str, Given]) -> bool:
    one = given.get(name)
    if one is None or isinstance(one.value, bool):
        return one is not None and bool(one.value)
    text = str(one.value).lower()
    if text not in ("true", "false", "1", "0"):
        raise CommandError(f"{one.place}: expected true or false, got {one.value!r:.80}")
    return text in ("true", "1")
