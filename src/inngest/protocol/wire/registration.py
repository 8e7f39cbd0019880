"""Registrations: what an app says of itself when it tells a server its functions, in the spelling of any SDK.

The objects of the functions are left as they are: `engine/domain/registration.py` reads those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from inngest.protocol import limits, texts

from . import members

MAX_BODY = 8 * limits.MB
"""Bytes of a registration that a server reads."""


class Registration(NamedTuple):
    """The functions of an app, and what it says of itself."""

    app: str  # its name
    url: str  # of its endpoint
    functions: Sequence[object]  # as they were parsed
    sdk: str = ""  # "py:v0.5.19"
    framework: str = ""
    platform: str = ""
    version: str = ""  # of the app
    deploy_id: str = ""


class RegistrationInvalidError(ValueError):
    """A registration lacks what a server needs of it.

    Attributes:
        problems: all of them, each with the member and what is wrong there.
    """

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{member}: {reason}" for member, reason in problems))
        self.problems = tuple(problems)


def read(body: bytes) -> Registration:
    """The registration that an app sends: out of band to `/fn/register`, or in band in its answer.

    Names of members count in lower case and without underscores, and unknown members are ignored.

    Raises:
        BodyInvalidError: it is no JSON object.
        RegistrationInvalidError: something is missing in it.
    """
    wire = members.mapping(members.document(body, "the registration"), "the registration")
    named: dict[str, Any] = {}
    for name, value in wire.items():
        named.setdefault(_bare(name), value)
    problems: list[tuple[str, str]] = []
    app = _needed(named, ("appname", "appid"), "the name of the app", problems)
    url = _needed(named, ("url",), "the URL of its endpoint", problems)
    functions = named.get("functions")
    if not isinstance(functions, list):
        problems.append(("functions", f"expected an array, got {type(functions).__name__}"))
        functions = []
    if problems:
        raise RegistrationInvalidError(problems)
    return Registration(
        app,
        url,
        functions,
        _text(named, "sdk") or _sdk(named),
        _text(named, "framework"),
        _text(named, "platform"),
        _text(named, "appversion"),
        _text(named, "deployid"),
    )


def _bare(name: str) -> str:
    return name.replace("_", "").lower()


def _needed(named: Mapping[str, Any], names: Sequence[str], what: str, problems: list[tuple[str, str]]) -> str:
    found = next((value for name in names if (value := named.get(name)) not in (None, "")), None)
    if not isinstance(found, str) or not found.strip():
        problems.append((names[0], f"expected {what}, got {found!r}"[:200]))
        return ""
    if reason := texts.problem(found):
        problems.append((names[0], f"{reason}: {found!r}"[:200]))
    return found


def _text(named: Mapping[str, Any], name: str) -> str:
    value = named.get(name)
    return value if isinstance(value, str) and texts.problem(value) is None else ""


def _sdk(named: Mapping[str, Any]) -> str:
    language, version = _text(named, "sdklanguage"), _text(named, "sdkversion")
    return f"{language}:v{version}" if language and version else ""
