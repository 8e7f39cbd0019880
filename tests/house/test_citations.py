"""The rule of citations can fail, and is kept.

A file of its own: each house rule has a test of its own.
"""

import re

from tests.house.citations import SECTION, decisions, sections
from tests.house.tree import ROOT, texts


def test_a_section_of_a_document_that_is_elsewhere_is_found() -> None:
    assert list(sections(f"Fine.\nAs protocol {SECTION}4 says.\n")) == [f"2: As protocol {SECTION}4 says."]


def test_decisions_are_found_by_their_numbers() -> None:
    assert list(decisions("See decision 0009, decisions 0010 and 2021.")) == ["0009", "0010"]


def test_no_text_cites_a_section_of_what_the_repository_does_not_hold() -> None:
    found = [f"{path.relative_to(ROOT)}:{cited}" for path, text in texts(ROOT) for cited in sections(text)]
    assert found == [], "say the rule itself: a reader of the repository cannot open what is cited"


def test_every_decision_that_is_cited_is_there() -> None:
    known = {path.name[:4] for path in (ROOT / "docs/decisions").glob("[0-9]*.md")}
    found = [f"{path.relative_to(ROOT)}: {cited}" for path, text in texts(ROOT) for cited in decisions(text)]
    assert [one for one in found if one[-4:] not in known] == []


def test_the_index_of_decisions_names_each_once_and_in_order() -> None:
    index = (ROOT / "docs/decisions/index.md").read_text(encoding="utf-8")
    assert re.findall(r"^- \[.*\]\((.+)\)$", index, re.MULTILINE) == sorted(
        path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md")
    )
