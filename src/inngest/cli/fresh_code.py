"""The user's code is loaded as it is now, however quickly it was changed.

Python trusts a compiled file if its source has the same length, and the same time of change in whole seconds. A change
of the same length within the second in which the old text was compiled would load the old text, and a reload is that
quick. So a compiled file of the user's code is trusted only if it is at least `RACY` younger than its source.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path

RACY = 2_000_000_000
"""Nanoseconds after a change of the source within which a compiled file may still be that of the text before."""


class FreshLoader(SourceFileLoader):
    """Loads a module from its source, or from a compiled file that is surely of this source."""

    def get_data(self, path: str) -> bytes:
        """The content of the source, or of the compiled file.

        Raises:
            OSError: the file cannot be read, or the compiled one cannot be trusted; Python then compiles the source.
        """
        if path.endswith(tuple(BYTECODE_SUFFIXES)):
            compiled, source = os.stat(path), os.stat(self.path)
            if compiled.st_mtime_ns - source.st_mtime_ns < RACY:
                raise OSError(f"{path} may have been compiled before {self.path} was changed")
        return super().get_data(path)


def load_fresh(folders: Sequence[Path]) -> None:
    """From now on, modules in these folders and below are loaded as they are now."""
    loaders = (
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (FreshLoader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )
    roots = [folder.resolve() for folder in folders]

    def hook(path: str) -> FileFinder:
        parts = Path(path).resolve()
        installed = {"site-packages", "dist-packages"}.intersection(parts.parts)
        if installed or not any(parts.is_relative_to(root) for root in roots):
            raise ImportError(f"{path} holds no code of the user", path=path)
        if not parts.is_dir():
            raise ImportError("only folders are searched", path=path)
        return FileFinder(path, *loaders)

    sys.path_hooks.insert(0, hook)
    for path in list(sys.path_importer_cache):
        del sys.path_importer_cache[path]
