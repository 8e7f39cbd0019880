from pathlib import Path
from textwrap import dedent

import pytest

from tests.house.sizes import (
    ADAPTER_LIMIT,
    FILE_LIMIT,
    FUNCTION_LIMIT,
    SMALL_FILE,
    code_lines,
    too_few,
    too_large,
    too_small,
)
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


def test_signatures_count_where_a_file_is_small() -> None:
    assert code_lines(SAMPLE, signatures=True) > code_lines(SAMPLE)
    assert not code_lines(SAMPLE, signatures=True) & lines_starting('"""A module.', "# nor this")


@pytest.mark.parametrize("path", ["src/inngest/engine/executor.py", "tests/unit/test_a.py", "src/inngest/__init__.py"])
@pytest.mark.parametrize("line", ["x = 1\n", "# why\n", "\n"], ids=["code", "a comment", "a blank"])
def test_a_file_over_its_limit_is_found(path: str, line: str) -> None:
    assert list(too_large(Path(path), line * FILE_LIMIT)) == []
    (found,) = too_large(Path(path), line * (FILE_LIMIT + 1))
    assert found.startswith(f"{path}: {FILE_LIMIT + 1} lines, at most {FILE_LIMIT}")


def test_a_door_over_its_limit_is_found() -> None:
    path = Path("src/inngest/flask.py")
    assert list(too_large(path, "x = 1\n" * ADAPTER_LIMIT + "# why\n")) == []
    (found,) = too_large(path, "x = 1\n" * (ADAPTER_LIMIT + 1))
    assert found == f"{path}: {ADAPTER_LIMIT + 1} lines of code, at most {ADAPTER_LIMIT} in a door"


def test_a_small_file_says_why_it_is_one() -> None:
    path, little = Path("src/inngest/sdk/words.py"), "x = 1\n" * (SMALL_FILE - 1)
    assert list(too_small(path, little + "x = 1\n")) == []
    (found,) = too_small(path, f'"""Words."""\n{little}# why\n')
    assert found.startswith(f"{path}: {SMALL_FILE - 1} lines of code: merge it, or say why not")
    assert list(too_small(path, f'"""Words.\n\nA file of its\nown: both use it.\n"""\n{little}')) == []
    assert list(too_small(Path("src/inngest/sdk/__init__.py"), little)) == []


def test_a_small_package_says_why_it_is_one() -> None:
    package = Path("src/inngest/sdk")
    files = {package / name: "" for name in ("__init__.py", "one.py", "two.py")}
    (found,) = too_few(files)
    assert found.startswith(f"{package}: 2 modules: merge it, or say why not")
    assert list(too_few({**files, package / "more/three.py": ""})) == []
    assert list(too_few({**files, package / "__init__.py": '"""A folder of its own: users import it."""'})) == []


@pytest.mark.parametrize("start", ["def f():\n", "async def f(\n    a,\n    b,\n):\n", "@decorate\ndef f():\n"])
def test_a_function_over_its_limit_is_found(start: str) -> None:
    path = Path("src/inngest/engine/executor.py")
    assert list(too_large(path, start + body(FUNCTION_LIMIT))) == []
    assert "f has 51 lines of code, at most 50" in next(too_large(path, start + body(FUNCTION_LIMIT + 1)))


def test_an_inner_function_counts_for_the_outer_one() -> None:
    outer = "def outer():\n    def inner():\n" + body(51).replace("    x", "        x")
    assert [found.split(": ")[1].split()[0] for found in too_large(Path("src/a.py"), outer)] == ["outer", "inner"]


def test_every_file_keeps_the_sizes() -> None:
    sources = {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in code(ROOT)}
    found = [problem for path, source in sources.items() for problem in too_large(path, source)]
    found += [problem for path, source in sources.items() for problem in too_small(path, source)]
    assert [*found, *too_few(sources)] == []
