"""Which distributions are installed: two of them share the import name `inngest`."""

from __future__ import annotations

import importlib.metadata
import warnings


def warn_of_namesake() -> None:
    """Warn if the distribution `inngest` is installed beside `pyngest`: each overwrites files of the other."""
    try:
        version = importlib.metadata.version("inngest")
    except importlib.metadata.PackageNotFoundError:
        return
    warnings.warn(
        f'two distributions provide the package "inngest": pyngest, and inngest {version}, which overwrite files of '
        "each other. Remove the latter: `pip uninstall inngest`, then restore this one: "
        "`pip install --force-reinstall --no-deps pyngest`.",
        RuntimeWarning,
        stacklevel=3,
    )
