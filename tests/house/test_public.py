"""What is public is said in one place, and does not change by accident."""

from __future__ import annotations

import re
from enum import Enum

import pytest

import inngest
from tests.house.public import MODULES, SNAPSHOT, described, written
from tests.house.tree import ROOT

PAGE = (ROOT / "docs/reference/public.md").read_text(encoding="utf-8")


class Colour(Enum):
    RED = 1


class Box:
    width: int
    depth: int = 3

    def __init__(self, width: int, *, lid: bool = True) -> None: ...

    @property
    def size(self) -> int:
        return 0

    @classmethod
    def empty(cls) -> Box:
        return cls(0)

    def open(self, *hands: str, **how: object) -> str | None:
        return None

    def _lock(self) -> None: ...


class Crate(Box):
    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def as_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for one in (Box, Crate, Colour):
        monkeypatch.setattr(one, "__module__", "inngest.somewhere")


def test_a_class_is_described_by_its_fields_and_methods() -> None:
    assert list(described("Box", Box)) == [
        "class Box",
        "    __init__(self, width: int, *, lid: bool = True) -> None",
        "    depth: int = 3",
        "    empty(cls) -> Box",
        "    open(self, *hands: str, **how: object) -> str | None",
        "    size: int",
        "    width: int",
    ]
    assert list(described("Colour", Colour)) == ["class Colour(Enum)", "    RED = 1"]


def test_what_a_class_inherits_is_told_where_its_parent_is_not_public() -> None:
    assert list(described("Crate", Crate, {Box})) == ["class Crate(Box)", "    close(self) -> None"]
    assert "    size: int" in described("Crate", Crate)


def test_public_names_and_signatures_are_those_of_the_snapshot() -> None:
    assert written() == SNAPSHOT.read_text(encoding="utf-8"), (
        "the public door has changed: if that is meant, run `python -m tests.house.public`, and tell users of it in "
        "CHANGELOG.md and docs/reference/public.md"
    )


def test_one_page_names_all_that_is_public() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    told = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert [name for name in inngest.__all__ if name not in told] == []
    assert [
        name for name in MODULES if f"`{name}`" not in PAGE and not name.startswith("inngest.experimental.ai.")
    ] == []
    assert [name for name in told if name not in {*MODULES, *inngest.__all__}] == []
