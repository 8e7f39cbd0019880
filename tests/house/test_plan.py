from textwrap import dedent

import pytest

from tests.house.plan import ROOT as PACKAGE
from tests.house.plan import Plan, block, differences, read, unknown
from tests.house.tree import ROOT, code, walk

TEXT = f"""
# A house

```
{PACKAGE}
  errors.py        the tree of errors
  engine/          the durable half
    ports.py         what it needs      intake.py executor.py   events come in
    domain/          PURE
      model.py         values, as
                       ports.py would say
    store/           on SQL; see migrations below
      migrations/      one file for each revision
  cli/             the command
```

`other.py` is no part of it.
"""
MODULES = [
    "__init__.py",
    "errors.py",
    "engine/ports.py",
    "engine/intake.py",
    "engine/executor.py",
    "engine/domain/model.py",
    "engine/domain/ports.py",
    "engine/store/migrations/one.py",
    "engine/store/migrations/old/two.py",
    "cli/app.py",
]


def test_a_plan_is_read_by_its_indentation() -> None:
    plan = read(block(TEXT))
    assert plan.files == (
        "errors.py",
        "engine/ports.py",
        "engine/intake.py",
        "engine/executor.py",
        "engine/domain/model.py",
        "engine/domain/ports.py",
    )
    assert plan.folders == ("engine/", "engine/domain/", "engine/store/", "engine/store/migrations/", "cli/")


def test_a_plan_that_is_true_has_no_differences() -> None:
    assert list(differences(read(block(TEXT)), MODULES)) == []


@pytest.mark.parametrize(
    ("gone", "more", "told"),
    [
        ("engine/intake.py", None, "engine/intake.py stands in the plan, and is not there"),
        ("cli/app.py", None, "cli/ stands in the plan, and is not there"),
        (None, "engine/timers.py", "engine/timers.py does not stand in the plan: add `timers.py`"),
        (None, "server/app.py", "server/app.py does not stand in the plan"),
        (
            None,
            "coming.py",
            "coming.py does not stand in the plan: add `coming.py` and what it holds to the first lines",
        ),
    ],
)
def test_what_differs_is_told(gone: str | None, more: str | None, told: str) -> None:
    modules = [name for name in [*MODULES, more] if name is not None and name != gone]
    (found,) = differences(read(block(TEXT)), modules)
    assert found.startswith(told)


def test_a_file_that_is_named_twice_is_told() -> None:
    assert list(differences(Plan(("a.py", "a.py"), ()), ["a.py"])) == [
        "a.py stands in the plan 2 times: once is enough"
    ]


def test_a_folder_whose_files_are_named_covers_no_others() -> None:
    plan = read(dedent("  cli/    the command\n    app.py    commands\n"))
    assert len(list(differences(plan, ["cli/app.py", "cli/output.py"]))) == 1


def test_a_file_that_a_document_names_elsewhere_must_be_there() -> None:
    assert unknown(TEXT, ["src/inngest/other.py"]) == []
    assert unknown(TEXT, ["src/inngest/another.py"]) == ["other.py"]
    assert unknown("See `b/c.py`.", ["a/b/c.py"]) == []


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_the_files_that_a_page_of_the_house_names_are_there(name: str) -> None:
    files = [path.relative_to(ROOT).as_posix() for path in walk(ROOT)]
    assert unknown((ROOT / name).read_text(encoding="utf-8"), files) == [], "write where it is now, or take it off"


def test_the_plan_of_rooms_is_the_tree() -> None:
    package = ROOT / PACKAGE
    modules = [path.relative_to(package).as_posix() for path in code(ROOT) if path.is_relative_to(package)]
    plan = read(block((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")))
    assert plan.files
    assert list(differences(plan, modules)) == [], 'see "Rooms" in ARCHITECTURE.md'
