"""The built documentation loads nothing from outside: `python -m tests.house.offline site`."""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

REMOTE = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
STYLE = re.compile(r"(?:url\(\s*[\"']?|@import\s+[\"'])(?=(?:https?:)?//)", re.IGNORECASE)
LINK_ATTRIBUTES = {"a": {"href"}, "area": {"href"}}  # followed by a person, not loaded
LOADING_ATTRIBUTES = {"action", "background", "data", "href", "poster", "src", "srcset", "xlink:href"}
# For these the theme's script fetches a program from a public host when the page is opened.
FETCHING_CLASSES = {"glightbox", "mermaid", "pyodide"}


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            loading = name in LOADING_ATTRIBUTES and name not in LINK_ATTRIBUTES.get(tag, ())
            if value and loading and any(map(REMOTE.match, value.split(","))):
                self.loads.append(f"<{tag} {name}={value}>")
            if value and name == "class" and (found := FETCHING_CLASSES.intersection(value.split())):
                self.loads.append(f"<{tag} class={found.pop()}>")
            if value and name == "style" and STYLE.search(value):
                self.loads.append(f"<{tag} style={value}>")


def loads(path: Path, text: str) -> Iterator[str]:
    """What a page or a style sheet would load from another host."""
    if path.suffix == ".html":
        page = _Page()
        page.feed(text)
        page.close()
        yield from page.loads
    if path.suffix in {".css", ".html"}:
        for match in STYLE.finditer(text):
            yield text[match.start() : match.end() + 60].split(")", maxsplit=1)[0]


def problems(site: Path) -> Iterator[str]:
    """What is wrong with a built site."""
    files = [path for path in sorted(site.rglob("*")) if path.suffix in {".css", ".html"}]
    if not any(path.name == "index.html" for path in files):
        yield f"{site}: no page was built"
    for path in files:
        for load in loads(path, path.read_text(encoding="utf-8")):
            yield f"{path}: {load}"


def main(site: str) -> int:
    """Print what is wrong; the exit code is 1 where something is."""
    found = list(problems(Path(site)))
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
