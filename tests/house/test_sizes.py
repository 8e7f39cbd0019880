from pathlib import Path
from textwrap import dedent

import pytest

from tests.house.sizes import ADAPTER_LIMIT, FILE_LIMIT, FUNCTION_LIMIT, code_lines, too_large
from tests.house.tree import ROOT, code

SAMPLE = dedent(
    '''
    """A module.

    It says much.
    """

    import os  # counted: 7

    VALUE = """counted: 9
    counted: 10
    """


    @decorate(
        "not counted",
    )
    class Box:
        """Not counted."""

        width: int
        """Millimetres; not counted."""

        @property
        async def open(
            self,
            flags: dict[str, int] = {"a": 1},
        ) -> list[int]:
            """Not counted."""
            # nor this
            return [
                1,

                2,
            ]

        def stub(self) -> None: ...
    '''
)


def lines_starting(*starts: str) -> set[int]:
    return {
        number for number, line in enumerate(SAMPLE.splitlines(), start=1) if line.strip() and line.strip() in starts
    }


def test_code_lines_leave_out_blanks_comments_docstrings_signatures_and_decorators() -> None:
    assert code_lines(SAMPLE) == {7, 9, 10, 11} | lines_starting(
        "class Box:", "width: int", "return [", "1,", "2,", "]"
    )


def body(lines: int) -> str:
    return "".join("    x = 1\n" for _ in range(lines))


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("src/inngest/engine/executor.py", FILE_LIMIT),
        ("tests/unit/test_executor.py", FILE_LIMIT),
        ("src/inngest/__init__.py", FILE_LIMIT),
        ("src/inngest/flask.py", ADAPTER_LIMIT),
    ],
)
def test_a_file_over_its_limit_is_found(path: str, lines: int) -> None:
    assert list(too_large(Path(path), "x = 1\n" * lines)) == []
    assert list(too_large(Path(path), "x = 1\n" * (lines + 1))) == [
        f"{path}: {lines + 1} lines of code, at most {lines}"
    ]


@pytest.mark.parametrize("start", ["def f():\n", "async def f(\n    a,\n    b,\n):\n", "@decorate\ndef f():\n"])
def test_a_function_over_its_limit_is_found(start: str) -> None:
    path = Path("src/inngest/engine/executor.py")
    assert list(too_large(path, start + body(FUNCTION_LIMIT))) == []
    assert "f has 51 lines of code, at most 50" in next(too_large(path, start + body(FUNCTION_LIMIT + 1)))


def test_an_inner_function_counts_for_the_outer_one() -> None:
    outer = "def outer():\n    def inner():\n" + body(51).replace("    x", "        x")
    assert [found.split(": ")[1].split()[0] for found in too_large(Path("src/a.py"), outer)] == ["outer", "inner"]


def test_every_file_keeps_the_sizes() -> None:
    found = [
        problem
        for path in code(ROOT)
        for problem in too_large(path.relative_to(ROOT), path.read_text(encoding="utf-8"))
    ]
    assert found == []
