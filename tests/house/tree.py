"""The files of the repository, without what git ignores."""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("src", "tests", "benchmarks", "examples")


def ignored(gitignore: str) -> list[str]:
    """The name patterns of a .gitignore; it may hold no others, or this reading of it would be wrong."""
    lines = [line.strip() for line in gitignore.splitlines()]
    patterns = [line.rstrip("/") for line in lines if line and not line.startswith("#")]
    if unread := [pattern for pattern in patterns if "/" in pattern or pattern.startswith("!")]:
        raise ValueError(f"only plain names are understood here: {unread}")
    return patterns


def walk(root: Path) -> Iterator[Path]:
    """Every file under `root`, in sorted order, without what its .gitignore names."""
    # Asking git would miss files not yet added, and needs a repository: an unpacked archive has none.
    yield from _walk(root, [".git", *ignored((root / ".gitignore").read_text(encoding="utf-8"))])


def _walk(folder: Path, skip: list[str]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if any(fnmatch(path.name, pattern) for pattern in skip):
            continue
        if path.is_dir():
            yield from _walk(path, skip)
        else:
            yield path


def code(root: Path) -> Iterator[Path]:
    """The hand-written Python files."""
    return (path for path in walk(root) if path.suffix == ".py" and path.relative_to(root).parts[0] in CODE)


def texts(root: Path) -> Iterator[tuple[Path, str]]:
    """Every file that is text, with what it says."""
    for path in walk(root):
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
