"""Targets are imported, and their clients found. A mistake is the user's to mend, and shown as such."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from inngest.sdk.client import Inngest
from inngest.sdk.function import Function

from .fresh_code import load_fresh

_PACKAGE = str(Path(__file__).parents[1]) + os.sep
_HIDDEN = (_PACKAGE, importlib.__file__, "<frozen importlib")

EXPECTED = "expected a file (path/app.py), a module (package.module), or a client in one (package.module:client)"


class TargetError(Exception):
    """A target names nothing that can be run; `hint` says how to mend it."""

    def __init__(self, message: str, hint: str = EXPECTED) -> None:
        super().__init__(message)
        self.hint = hint


class CodeError(Exception):
    """The user's code raised while it was imported; `report` is its traceback, without frames of ours."""

    def __init__(self, target: str, error: BaseException) -> None:
        super().__init__(f"{target} cannot be loaded: {_summary(error)}")
        self.report = report(error)


@dataclass(frozen=True)
class ResolvedTarget:
    """Where a target is."""

    target: str  # as given
    module: str
    attribute: str  # "" for all clients
    root: Path  # must be on the import path
    file: Path | None  # of a target that names one


def locate(target: str) -> ResolvedTarget:
    """Where a target is, without importing it.

    Raises:
        TargetError: it names a file that is not there, or is no name at all.
    """
    path_text, attribute = _split(target)
    if not path_text.endswith(".py") and not any(mark in path_text for mark in ("/", os.sep)):
        if not all(part.isidentifier() for part in path_text.split(".")):
            raise TargetError(f"{target!r} is no target")
        return ResolvedTarget(target, path_text, attribute, Path.cwd(), None)
    path = Path(path_text)
    file = (path / "__init__.py" if path.is_dir() else path).resolve()
    if not file.is_file():
        what = "that folder is no package: it has no __init__.py" if path.is_dir() else "there is no such file"
        raise TargetError(f"{path_text}: {what} (looked in {Path.cwd()})")
    names = [] if file.name == "__init__.py" else [file.stem]
    root = file.parent
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    if not all(name.isidentifier() for name in names) or file.suffix != ".py":
        raise TargetError(f"{path_text} cannot be imported: {'.'.join(names)!r} is no module name, rename it")
    return ResolvedTarget(target, ".".join(names), attribute, root, file)


def _split(target: str) -> tuple[str, str]:
    """A target's module and attribute; the colon of a Windows drive separates nothing."""
    before, colon, after = target.rpartition(":")
    if colon and after.isidentifier() and before:
        return before, after
    return target, ""


def load(places: Sequence[ResolvedTarget]) -> list[Inngest | Function[object]]:
    """Loads the clients and functions that targets name: clients with all their functions, or single functions.

    Raises:
        TargetError: a target is not there, or has nothing to run.
        CodeError: the code raised.
    """
    roots = list(dict.fromkeys((Path.cwd(), *(place.root for place in places))))
    for root in roots:
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))
    load_fresh(roots)
    found: dict[int, Inngest | Function[object]] = {}
    for place in places:
        for one in _find(place, _import(place)):
            found[id(one)] = one
    functions = [one for one in found.values() if isinstance(one, Function) or one.functions]
    if not functions:
        raise TargetError(
            f"{', '.join(place.target for place in places)}: the client has no functions",
            "make one with @client.create_function(…), or name the module that does",
        )
    return functions


def _import(place: ResolvedTarget) -> ModuleType:
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(place.module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{place.module}.".startswith(f"{error.name}."):
            raise TargetError(
                f"there is no module {error.name!r}; looked in {place.root} and the environment"
            ) from None
        raise CodeError(place.target, error) from error
    except (Exception, SystemExit) as error:
        raise CodeError(place.target, error) from error
    loaded = getattr(module, "__file__", None)
    if place.file is not None and (loaded is None or Path(loaded).resolve() != place.file):
        raise TargetError(
            f"{place.target}: another module is called {place.module!r} too: {loaded or 'one of Python itself'}",
            "rename the file",
        )
    return module


def _find(place: ResolvedTarget, module: ModuleType) -> Iterator[Inngest | Function[object]]:
    if place.attribute:
        value = getattr(module, place.attribute, None)
        if not isinstance(value, Inngest | Function):
            given = "nothing of that name" if value is None else f"a {type(value).__name__}"
            raise TargetError(f"{place.target}: expected an inngest.Inngest client, found {given}")
        yield value
        return
    values = list(vars(module).values())
    clients = {id(value): value for value in values if isinstance(value, Inngest)}
    for value in values:
        client = value.client if isinstance(value, Function) else None
        if isinstance(client, Inngest):
            clients.setdefault(id(client), client)
    if not clients and getattr(module, "__file__", None) is None:
        raise TargetError(
            f"{place.target}: the module {place.module!r} is a folder without code of its own",
            f"name a file in it ({place.target}/app.py), or a module in it ({place.target}.app)",
        )
    if not clients:
        raise TargetError(
            f"{place.target}: no client was found in the module {place.module!r}",
            'expected an inngest.Inngest at its top level, such as client = inngest.Inngest(app_id="shop")',
        )
    yield from clients.values()


# -- what the user sees of an error


def report(error: BaseException) -> str:
    """The traceback of an error, with the user's frames only."""
    described = traceback.TracebackException.from_exception(error, compact=True)
    _hide(described)
    return "".join(described.format()).rstrip()


def _hide(described: traceback.TracebackException) -> None:
    kept = [frame for frame in described.stack if not frame.filename.startswith(_HIDDEN)]
    described.stack = traceback.StackSummary.from_list(kept)
    for other in (described.__cause__, described.__context__):
        if other is not None:
            _hide(other)


def _summary(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it ended the process with sys.exit({error.code!r})"
    return f"{type(error).__name__}: {error}".partition("\n")[0]


# -- what to watch


def source_files(extra: Sequence[str] = ()) -> list[str]:
    """The files of the user's code that are loaded: neither the library's nor installed ones."""
    files = {str(Path(file).resolve()) for module in list(sys.modules.values()) if (file := _file_of(module))}
    return sorted(file for file in {*files, *extra} if _is_own(file))


def _file_of(module: ModuleType) -> str | None:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) and file.endswith(".py") else None


def _is_own(file: str) -> bool:
    if file.startswith(_PACKAGE) or any(part in ("site-packages", "dist-packages") for part in Path(file).parts):
        return False
    return not any(Path(file).is_relative_to(root) for root in _LIBRARY)


_LIBRARY = {Path(os.__file__).resolve().parent, Path(importlib.__file__).resolve().parent.parent}


def files_of(error: CodeError) -> list[str]:
    """The files that an error speaks of: they may not be loaded, and must be watched."""
    cause = error.__cause__
    if cause is None:
        return []
    files = [frame.filename for frame in traceback.extract_tb(cause.__traceback__)]
    if isinstance(cause, SyntaxError) and cause.filename:
        files.append(cause.filename)
    return [str(Path(file).resolve()) for file in files if file.endswith(".py") and not file.startswith("<")]
