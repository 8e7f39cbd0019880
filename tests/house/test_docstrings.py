from textwrap import dedent

import pytest

from tests.house.docstrings import undocumented, verbs_of_ports
from tests.house.tree import ROOT, code

PORT = dedent(
    '''
    class Store(Protocol):
        def read(self) -> str:
            """Reads."""

        def write(self) -> None:
            """Writes."""
    '''
)
STORE = '"""M."""\nclass Disk:\n    """D."""\n    def read(self): ...\n'


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = 1\n", ["the module"]),
        ('"""M."""\ndef f(): ...\n', ["f"]),
        ('"""M."""\nasync def f(): ...\n', ["f"]),
        ('"""M."""\nclass C:\n    x = 1\n', ["C"]),
        ('"""M."""\nclass C:\n    """C."""\n    def f(self): ...\n', ["C.f"]),
        ('"""M."""\ndef _f(): ...\nclass _C:\n    def f(self): ...\n', []),
        ('"""M."""\ndef f():\n    """F."""\n    def g(): ...\n', []),
        ('"""M."""\n@overload\ndef f(x: int): ...\ndef f(x):\n    """F."""\n', []),
        ('"""M."""\nclass C:\n    """C."""\n    @x.setter\n    def x(self, value): ...\n', []),
    ],
)
def test_what_is_public_and_says_nothing_is_found(source: str, found: list[str]) -> None:
    assert list(undocumented(source)) == found


def test_a_class_that_has_all_verbs_of_a_port_need_not_repeat_its_promises() -> None:
    ports = verbs_of_ports([PORT])
    assert list(undocumented(STORE, ports)) == ["Disk.read"]
    assert list(undocumented(f"{STORE}    def write(self): ...\n    def wipe(self): ...\n", ports)) == ["Disk.wipe"]


def test_a_port_without_promises_documents_nothing() -> None:
    assert verbs_of_ports([PORT.replace('"""Writes."""', "...")]) == []


def test_everything_public_has_a_docstring() -> None:
    sources = {
        path.relative_to(ROOT): path.read_text(encoding="utf-8")
        for path in code(ROOT)
        if path.is_relative_to(ROOT / "src")
    }
    ports = verbs_of_ports(sources.values())
    found = [f"{path}: {name}" for path, source in sources.items() for name in undocumented(source, ports)]
    assert found == [], "say what it is for: shape, units, defaults, errors"
