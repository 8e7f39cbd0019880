import ast

import pytest

from tests.house.shape import floors, imported, lone_protocols, modules
from tests.house.tree import ROOT

SDK = ROOT / "src/inngest/sdk"
MODULES, FLOORS = 30, 12
SERVING_MODULES, SERVING_FLOORS = 20, 6


def parsed(**sources: str) -> dict[str, ast.Module]:
    return {name: ast.parse(source) for name, source in sources.items()}


def test_a_module_stands_on_those_that_it_imports() -> None:
    trees = parsed(
        ground="import os\n",
        middle="from . import ground\n",
        beside="from room.ground import a\n",
        top="def f():\n    from .middle import g\n    from .beside import h\n",
    )
    assert floors(trees, "room") == [{"ground"}, {"middle", "beside"}, {"top"}]


def test_modules_of_folders_are_found_by_both_ways_to_import_them() -> None:
    trees = {**parsed(low="", top="from .in_.low import a\n"), "in_.low": ast.parse("from room import low\n")}
    assert floors(trees, "room") == [{"low"}, {"in_.low"}, {"top"}]


def test_modules_that_import_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="import each other"):
        floors(parsed(a="from .b import x\n", b="from . import a\n"), "room")


def test_the_developers_half_is_small_enough_to_be_read() -> None:
    """Serving stands beside it, in a room of its own: a local step needs none of it."""
    trees = {name: tree for name, tree in modules(SDK).items() if not name.startswith("serving.")}
    assert len(trees) <= MODULES, f"{len(trees)} modules"
    found = floors(trees, "inngest.sdk")
    assert len(found) <= FLOORS, [sorted(floor) for floor in found]


def test_serving_is_a_small_room_and_nothing_beside_it_stands_on_it() -> None:
    trees = modules(SDK)
    within = {name.removeprefix("serving."): tree for name, tree in trees.items() if name.startswith("serving.")}
    assert len(within) <= SERVING_MODULES, f"{len(within)} modules"
    found = floors(within, "inngest.sdk.serving")
    assert len(found) <= SERVING_FLOORS, [sorted(floor) for floor in found]
    beside = {name: tree for name, tree in trees.items() if not name.startswith("serving.")}
    used = {one for name, tree in beside.items() for one in imported(name, tree, "inngest.sdk")}
    assert [one for one in used if one.startswith("inngest.sdk.serving")] == []


PORT = "from typing import Protocol\nclass Port(Protocol):\n    {doc}\n    name: str\n    def go(self) -> None: ...\n"
ONE = "class One:\n    def __init__(self) -> None:\n        self.name = 'one'\n    def go(self) -> None: ...\n"


def test_a_protocol_that_one_class_has_is_found() -> None:
    trees = parsed(port=PORT.format(doc="'''Goes.'''"), one=ONE)
    assert list(lone_protocols(trees)) == ["port: Port, which One alone has"]


@pytest.mark.parametrize(
    "other",
    ["class Two(One):\n    pass\n", "class Two:\n    name = 'two'\n    async def go(self) -> None: ...\n"],
)
def test_a_protocol_that_two_classes_have_is_fine(other: str) -> None:
    assert list(lone_protocols(parsed(port=PORT.format(doc="'''Goes.'''"), one=ONE, two=other))) == []


def test_a_protocol_that_says_why_it_is_one_is_fine() -> None:
    assert (
        list(lone_protocols(parsed(port=PORT.format(doc="'''Goes. A protocol because users have others.'''"), one=ONE)))
        == []
    )


WHOLE = "class Whole(Port, Protocol):\n    '{doc}'\n    def stop(self) -> None: ...\n"
WHOLE_ONE = ONE + "    def stop(self) -> None: ...\n"


def test_a_protocol_says_why_for_those_that_it_consists_of() -> None:
    port, said = PORT.format(doc="'Goes.'"), "Goes, and stops. A protocol because users have others."
    assert list(lone_protocols(parsed(port=port, whole=WHOLE.format(doc=said), one=WHOLE_ONE))) == []
    unsaid = parsed(port=port, whole=WHOLE.format(doc="Goes, and stops."), one=WHOLE_ONE)
    assert list(lone_protocols(unsaid)) == ["port: Port, which One alone has", "whole: Whole, which One alone has"]


def test_a_protocol_of_another_room_is_none_of_this_one() -> None:
    assert list(lone_protocols(parsed(port=PORT.format(doc="'''Goes.'''")))) == []


@pytest.mark.parametrize(
    "room", ["cli", "cron", "embedded", "engine", "expressions", "protocol", "runtime", "sdk", "server"]
)
def test_no_protocol_has_one_implementation_in_its_room(room: str) -> None:
    assert list(lone_protocols(modules(ROOT / "src/inngest" / room))) == []
