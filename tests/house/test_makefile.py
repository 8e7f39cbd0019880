from tests.house import makefile, markdown
from tests.house.tree import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FIRST_SCREEN = 60  # lines

SAMPLE = """
SUITES := unit
ORDER := unit house
$(DEV): pyproject.toml
test: $(DEV) ## run the tests
lint: $(DEV)
\truff check
"""


def test_targets_are_read_with_their_help() -> None:
    assert makefile.targets(SAMPLE) == {"test": "run the tests", "lint": ""}
    assert makefile.suites(SAMPLE) == ["unit", "house"]


def test_commands_are_read_from_code_and_not_from_prose() -> None:
    text = "Please make sure. `make test` and `make SUITES=unit lint`\n\n```sh\nmake demo\nQUICK=1 make bench\n```\n"
    assert makefile.commands(markdown.code(text)) == {"test", "lint", "demo", "bench"}


def test_every_target_has_help() -> None:
    assert [name for name, text in makefile.targets(MAKEFILE).items() if not text] == []


def test_every_target_is_documented_and_every_documented_one_exists() -> None:
    documented = makefile.commands(markdown.code(README + CONTRIBUTING))
    assert documented == set(makefile.targets(MAKEFILE))


def test_the_first_screen_of_the_readme_shows_how_to_try_and_test() -> None:
    first = "\n".join(README.splitlines()[:FIRST_SCREEN])
    # A fence that the cut leaves open is closed, or its code would be read as prose.
    shown = makefile.commands(markdown.code(first + "\n```\n" * (first.count("```") % 2)))
    assert {"demo", "test"} <= shown <= set(makefile.targets(MAKEFILE))


def test_make_runs_every_suite() -> None:
    written = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert written.difference(makefile.suites(MAKEFILE)) == set()
