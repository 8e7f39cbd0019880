from pathlib import Path

import pytest

import inngest
from tests.house.exports import export_problems

SOURCE = """
from typing import TYPE_CHECKING, Any

from inngest.sdk.client import Inngest
from .sdk.events import Event as Event
from inngest.sdk.logger import _quiet

if TYPE_CHECKING:
    from inngest.embedded import Engine

__all__ = ["Engine", "Event", "Inngest", "version"]
version: str = "1"
"""


def test_a_package_that_exports_all_in_order_is_fine() -> None:
    assert list(export_problems(SOURCE, ["Engine", "Event", "Inngest", "version"])) == []


@pytest.mark.parametrize(
    ("exported", "problem"),
    [
        (["Engine", "Event", "version"], "public but not in __all__: ['Inngest']"),
        (["Engine", "Event", "Gone", "Inngest", "version"], "in __all__ but not bound: ['Gone']"),
        (["Event", "Engine", "Inngest", "version"], "__all__ is not sorted, or names something twice"),
        (["Engine", "Event", "Event", "Inngest", "version"], "__all__ is not sorted, or names something twice"),
    ],
)
def test_a_wrong_export_is_found(exported: list[str], problem: str) -> None:
    assert list(export_problems(SOURCE, exported)) == [problem]


def test_the_package_exports_all_in_order() -> None:
    source = Path(inngest.__file__).read_text(encoding="utf-8")
    assert list(export_problems(source, list(inngest.__all__))) == []


def test_every_export_can_be_imported_and_is_documented() -> None:
    undocumented = [name for name in inngest.__all__ if not (getattr(inngest, name).__doc__ or "").strip()]
    assert undocumented == []


def test_a_name_that_is_loaded_later_is_listed() -> None:
    assert set(inngest.__all__) <= set(dir(inngest))


def test_the_package_says_that_it_is_typed() -> None:
    assert Path(inngest.__file__).with_name("py.typed").is_file()
