import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.markdown import dead_links
from tests.house.tree import ROOT, texts


@pytest.mark.parametrize(
    "text",
    [
        "[gone](gone.md)",
        "![gone](gone.svg 'a picture')",
        "[gone]: gone.md",
        "[a](here.md) [b](gone.md#part)",
        "[r](/here.md)",
    ],
)
def test_a_dead_link_is_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "here.md").touch()
    assert len(dead_links(tmp_path / "page.md", text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "[here](here.md#part)",
        "[up](../page/here.md)",
        "[part](#part)",
        "[away](https://example.test/gone.md)",
        "`[code](gone.md)`",
        "```md\n[code](gone.md)\n```\n",
        "[here]: here.md",
    ],
)
def test_a_live_link_is_fine(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "here.md").touch()
    assert dead_links(folder / "page.md", text) == []


def test_every_link_leads_somewhere() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {link}"
        for path, text in texts(ROOT)
        if path.suffix == ".md"
        for link in dead_links(path, text)
    ]
    assert found == []


def pages(nav: object) -> Iterator[str]:
    match nav:
        case str():
            yield nav
        case list():
            for entry in nav:
                yield from pages(entry)
        case dict():
            for entry in nav.values():
                yield from pages(entry)
        case _:
            raise ValueError(f"not a part of a navigation: {nav!r}")


def test_pages_are_found_at_every_depth() -> None:
    nav = [{"Home": "index.md"}, {"How-to": ["howto/index.md", {"Deploy": "howto/deploy.md"}]}]
    assert list(pages(nav)) == ["index.md", "howto/index.md", "howto/deploy.md"]


def test_the_navigation_shows_every_page_once() -> None:
    config = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    docs = ROOT / "docs"
    written = sorted(
        path.relative_to(docs).as_posix()
        for path, _ in texts(ROOT)
        if path.is_relative_to(docs) and path.suffix == ".md"
    )
    assert sorted(pages(config["project"]["nav"])) == written


def test_what_the_architecture_names_is_there() -> None:
    """Its files, and its constants in backticks: a name that was changed is a false trail."""
    told = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")}
    files = {path.name for path in sources}
    assert [name for name in re.findall(r"\b[a-z_]+\.py\b", told) if name not in files] == []
    constants = re.findall(r"`(?:\w+\.)?([A-Z][A-Z_]{2,})`", told)
    assert constants
    assert [name for name in constants if not any(re.search(rf"\b{name}\b", text) for text in sources.values())] == []


def test_the_page_on_installing_has_every_extra_and_only_there_is_said_how() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (ROOT / "docs/howto/install.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*`) \|", page, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert named == {name.replace("_", "-") for name in project["optional-dependencies"]}
    for path in sorted((ROOT / "docs").rglob("*.md")):
        told = re.findall(r"pip install\s+['\"]?pyngest\b", path.read_text(encoding="utf-8"))
        assert len(told) == (path.name == "install.md"), path
