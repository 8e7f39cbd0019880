"""Names: a file is named after what it holds, and these name nothing.

A file of its own: each house rule has one, and its test imports it.
"""

from collections.abc import Iterator
from pathlib import Path

BANNED = {"base", "common", "helper", "helpers", "lib", "manager", "managers", "util", "utils"}


def banned_parts(path: Path) -> Iterator[str]:
    """The words in a path, given from the root, which no file or folder may be named with."""
    for part in path.with_suffix("").parts:
        yield from BANNED.intersection(part.lower().replace("-", "_").split("_"))
