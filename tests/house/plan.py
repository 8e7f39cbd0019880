"""The plan of rooms in ARCHITECTURE.md: each module of the package stands in it once, or its folder does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

ROOT = "src/inngest/"
FOLDER = re.compile(r"^( *)(\w+)/(?=\s|$)")
FILE = re.compile(r"(?<![\w./])(?:\w+/)*\w+\.py\b")


class Plan(NamedTuple):
    """What a plan names, as paths below the package."""

    files: tuple[str, ...]  # in order; one that is named twice stands there twice
    folders: tuple[str, ...]  # with a slash at the end


def block(text: str) -> str:
    """The lines of the plan: the code block of a document that begins with the package's folder."""
    return text.partition(f"```\n{ROOT}\n")[2].partition("```")[0]


def read(lines: str) -> Plan:
    """A plan. A line that begins with `name/` opens a folder; the files in deeper lines below it are in that folder."""
    files: list[str] = []
    folders: list[str] = []
    opened: list[tuple[int, str]] = []
    for line in lines.splitlines():
        indent = len(line) - len(line.lstrip())
        while opened and line.strip() and indent <= opened[-1][0]:
            opened.pop()
        if match := FOLDER.match(line):
            folder = f"{opened[-1][1] if opened else ''}{match.group(2)}/"
            folders.append(folder)
            opened.append((indent, folder))
        files += [f"{opened[-1][1] if opened else ''}{name}" for name in FILE.findall(line)]
    return Plan(tuple(files), tuple(folders))


def unknown(text: str, files: Iterable[str]) -> list[str]:
    """Files that a document names outside of its plan, in full or by the end of their path, and that are not there."""
    there = [f"/{name}" for name in files]
    named = dict.fromkeys(FILE.findall(text.replace(block(text), "")))
    return [name for name in named if not any(path.endswith(f"/{name}") for path in there)]


def differences(plan: Plan, modules: Iterable[str]) -> Iterator[str]:
    """How a plan and the modules of the package, as paths below it, differ; each with what to do about it."""
    there = sorted(modules)
    for name, times in Counter(plan.files).items():
        if name not in there:
            yield f"{name} stands in the plan, and is not there: write its new name or place, or take it off"
        elif times > 1:
            yield f"{name} stands in the plan {times} times: once is enough"
    for folder in plan.folders:
        if not any(name.startswith(folder) for name in there):
            yield f"{folder} stands in the plan, and is not there: write its new name or place, or take it off"
    covering = [folder for folder in plan.folders if not any(name.startswith(folder) for name in plan.files)]
    for name in there:
        path = PurePosixPath(name)
        if path.name != "__init__.py" and name not in plan.files and not name.startswith(tuple(covering)):
            where = f"the lines below `{path.parent.name}/`" if str(path.parent) != "." else "the first lines"
            yield f"{name} does not stand in the plan: add `{path.name}` and what it holds to {where}"
